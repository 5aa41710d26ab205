//! Those who call, and what they see.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tower::{BoxError, ServiceExt, util::BoxCloneSyncService};
use tower_reauth::Error;

const CALLERS: usize = 4;

/// Longer than a renewal that fails at its deadline, and a call that waits for it.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Clone, Default)]
pub(crate) struct Seen {
    told: Arc<Mutex<Calls>>,
}

#[derive(Clone, Default)]
pub(crate) struct Calls {
    pub(crate) calls: u64,
    pub(crate) failed: u64,
    pub(crate) dropped: u64,
    all_is_well: bool,
}

impl Seen {
    pub(crate) fn told(&self) -> Calls {
        self.told.lock().unwrap().clone()
    }

    /// No call fails from now on.
    pub(crate) fn all_is_well_now(&self) {
        self.told.lock().unwrap().all_is_well = true;
    }

    fn next(&self) -> u64 {
        let mut told = self.told.lock().unwrap();
        told.calls += 1;
        told.calls
    }

    fn failed(&self, how: &str) {
        let mut told = self.told.lock().unwrap();
        told.failed += 1;
        assert!(!told.all_is_well, "a call fails though all is well: {how}");
    }
}

/// Has everybody call for `lasting`.
pub(crate) async fn call<B>(
    api: &BoxCloneSyncService<Request<Full<Bytes>>, Response<B>, BoxError>,
    seen: &Seen,
    lasting: Duration,
) where
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug> + Send + 'static,
{
    let end = Instant::now() + lasting;
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (api, seen) = (api.clone(), seen.clone());
        callers.spawn(async move {
            while Instant::now() < end {
                sleep(Duration::from_millis(fastrand::u64(0..4000))).await;
                let id = seen.next().to_string();
                // Some leave in the middle.
                if fastrand::u32(0..8) == 0 {
                    let patience = Duration::from_millis(fastrand::u64(0..60));
                    if timeout(patience, one(api.clone(), &id, &seen))
                        .await
                        .is_err()
                    {
                        seen.told.lock().unwrap().dropped += 1;
                    }
                    continue;
                }
                let is_over = timeout(PATIENCE, one(api.clone(), &id, &seen)).await;
                if is_over.is_err() {
                    // Only the API hangs as long as it likes.
                    seen.failed("it hangs");
                }
            }
        });
    }
    while let Some(ended) = callers.join_next().await {
        if let Err(error) = ended {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

async fn one<B>(
    api: BoxCloneSyncService<Request<Full<Bytes>>, Response<B>, BoxError>,
    id: &str,
    seen: &Seen,
) where
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug>,
{
    let request = Request::post("https://api.example.com/effects").header("x-call", id);
    let request = request.body(Full::new(Bytes::copy_from_slice(id.as_bytes())));
    match api.oneshot(request.unwrap()).await {
        Ok(response) => {
            let status = response.status();
            let error = response.extensions().get::<Error>().cloned();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            match status {
                // The answer is that to this very call.
                StatusCode::OK => assert_eq!(body, format!(r#"{{"id":"{id}"}}"#)),
                // Refused, sent again and refused once more, or with the reason why there is no
                // other token.
                StatusCode::UNAUTHORIZED => seen.failed(&format!("{error:?}")),
                StatusCode::SERVICE_UNAVAILABLE => seen.failed("503"),
                other => panic!("nobody answered with {other}"),
            }
        }
        Err(error) => seen.failed(&format!("{error:?}")),
    }
}
