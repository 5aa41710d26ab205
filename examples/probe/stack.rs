//! The stack: client, provider, session, layers. This is what a program of your own would do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use http_body::Body;
use tower::{ServiceBuilder, service_fn, util::MapRequest};
use tower_reauth::{
    BoxError, Session, SessionBuilder, providers::back_office::BackOffice, replay::ReplayBody,
};

use crate::{
    call::{self, Caller, Sends},
    client::{self, HttpClient},
    codes,
    settings::Settings,
    usage::Usage,
};

/// A signed-in client, ready to call.
pub(crate) struct Stack {
    pub(crate) session: Session,
    pub(crate) caller: Caller,
    pub(crate) traffic: Arc<Traffic>,
}

/// What the sign-in sends, as it passes on its way to the client.
#[derive(Default)]
pub(crate) struct Traffic {
    confirms: AtomicU64,
}

impl Stack {
    /// Builds the stack for calls with bodies of type `B`.
    pub(crate) fn new<B>(mut settings: Settings) -> Result<Self, Usage>
    where
        B: Body<Data = Bytes> + From<Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let roots = std::mem::take(&mut settings.extra_roots);
        let client: HttpClient<B> = client::new(&settings.uri, roots)?;
        let traffic = Arc::new(Traffic::default());

        // One client for both: the sign-in goes through a clone of it, below the layers.
        let mut session = back_office(&settings, client.clone(), &traffic)?;
        if let Some(margin) = settings.renew_ahead {
            session = session.renew_ahead(margin);
        }
        let session = session.build().map_err(tower_reauth::Error::from)?;
        let service = ServiceBuilder::new()
            .layer(session.layer())
            // Innermost, so that it sees each send.
            .map_request(Sends::count::<ReplayBody<B>> as fn(Request<_>) -> Request<_>)
            .service(client);
        Ok(Self {
            session,
            caller: call::caller(settings, service),
            traffic,
        })
    }
}

fn back_office<B>(
    settings: &Settings,
    client: HttpClient<B>,
    traffic: &Arc<Traffic>,
) -> Result<SessionBuilder, Usage>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    // An exchange may outlive the call that waits for it, and should not be cut off before.
    const LEAST: Duration = Duration::from_secs(30);
    let traffic = Arc::clone(traffic);
    let client = MapRequest::new(client, move |request: Request<ReplayBody<B>>| {
        traffic.note(request.uri().path());
        request
    });
    let back_office = BackOffice::builder(client, settings.base_url.as_str())
        .credentials(settings.username.clone(), settings.password.clone())
        .code_service(service_fn(codes::get))
        .request_timeout(settings.timeout.max(LEAST))
        .build()?;
    Ok(back_office.session())
}

// === impl Traffic ===

impl Traffic {
    fn note(&self, path: &str) {
        if path.ends_with("/2fa/confirm") {
            self.confirms.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns how many codes were sent to the server.
    pub(crate) fn confirms(&self) -> u64 {
        self.confirms.load(Ordering::Relaxed)
    }
}
