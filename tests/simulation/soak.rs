//! Ten thousand who wait, and a day of traffic: nothing is left over, and nothing grows.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tokio::{runtime::Handle, task::JoinSet, time::sleep};
use tower::{BoxError, Layer, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_reauth::{Renewal, Session, Token, inspect::PeekBody, replay::ReplayBody};

type Api = BoxCloneSyncService<Request<Full<Bytes>>, Response<PeekBody<Full<Bytes>>>, BoxError>;

const LIFETIME: Duration = Duration::from_secs(300);

/// A session whose token service takes five seconds, an API behind it, and how many tokens there
/// were.
fn api() -> (Api, Arc<AtomicUsize>) {
    let tokens = Arc::new(AtomicUsize::new(0));
    let service = {
        let tokens = Arc::clone(&tokens);
        service_fn(move |_: Renewal| {
            let number = tokens.fetch_add(1, Ordering::Relaxed);
            async move {
                sleep(Duration::from_secs(5)).await;
                Ok::<_, BoxError>(Token::new(format!("t{number}"))?.with_lifetime(LIFETIME))
            }
        })
    };
    let session = Session::builder(service)
        .origin("https://api.example.com")
        .build()
        .unwrap();
    let server = service_fn(|_: Request<ReplayBody>| async {
        Ok::<_, BoxError>(Response::new(Full::default()))
    });
    (Api::new(session.layer().layer(server)), tokens)
}

async fn call(api: Api) -> StatusCode {
    let request = Request::get("https://api.example.com/").body(Full::default());
    api.oneshot(request.unwrap()).await.unwrap().status()
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

#[tokio::test(start_paused = true)]
async fn of_ten_thousand_who_wait_nothing_is_left() {
    let (api, tokens) = api();
    let mut stay = JoinSet::new();
    let mut leave = JoinSet::new();
    for _ in 0..5000 {
        stay.spawn(call(api.clone()));
        leave.spawn(call(api.clone()));
    }
    sleep(Duration::from_secs(1)).await;
    leave.shutdown().await;
    assert_eq!(tasks(), 5001, "those who stay, and the renewal");
    while let Some(status) = stay.join_next().await {
        assert_eq!(status.unwrap(), StatusCode::OK);
    }
    assert_eq!(tokens.load(Ordering::Relaxed), 1);
    assert_eq!(tasks(), 1, "the schedule of the token");
    drop(api);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_day_of_traffic_leaves_no_more_than_its_first_hour() {
    let (api, tokens) = api();
    call(api.clone()).await;
    for _ in 0..24 {
        for _ in 0..360 {
            assert_eq!(call(api.clone()).await, StatusCode::OK);
            sleep(Duration::from_secs(10)).await;
        }
        // The schedule of the token, and a renewal that may be under way.
        assert!(tasks() <= 2, "{} tasks", tasks());
    }
    // A renewal each 270 s: a tenth before the end, when the next call comes.
    let tokens = tokens.load(Ordering::Relaxed);
    assert!((300..=320).contains(&tokens), "{tokens} tokens");
    drop(api);
    sleep(LIFETIME).await;
    assert_eq!(tasks(), 0);
}
