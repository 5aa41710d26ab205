//! The stack: client, provider, session, layers. This is what a program of your own would do.
//!
//! What differs from provider to provider is in `providers/`.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use http::Request;
use http_body::Body;
use tower::ServiceBuilder;
use tower_reauth::{BoxError, Session, SessionBuilder, replay::ReplayBody};

use crate::{
    args::Given,
    call::{self, Caller, Sends},
    client,
    providers::Setup,
    settings::Settings,
    usage::Usage,
};

/// A signed-in client, ready to call.
pub(crate) struct Stack {
    pub(crate) session: Session,
    pub(crate) caller: Caller,
    pub(crate) traffic: Arc<Traffic>,
}

/// What no session tells, counted as it passes.
#[derive(Default)]
pub(crate) struct Traffic {
    /// Codes that were sent to the server.
    pub(crate) mfa_rounds: AtomicU64,
}

impl Stack {
    /// Builds the stack for calls with bodies of type `B`.
    pub(crate) fn new<B>(given: &Given, mut settings: Settings) -> Result<Self, Usage>
    where
        B: Body<Data = Bytes> + From<Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let roots = std::mem::take(&mut settings.extra_roots);
        let client = client::new::<B>(&settings.uri, roots)?;
        let setup = Setup {
            settings,
            client,
            traffic: Arc::default(),
        };
        given.provider.stack(setup)
    }
}

impl<B> Setup<B>
where
    B: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    /// Builds the session, and the usual layers of it around the client.
    pub(crate) fn signed_in(self, mut session: SessionBuilder) -> Result<Stack, Usage> {
        if let Some(margin) = self.settings.renew_ahead {
            session = session.renew_ahead(margin);
        }
        let session = session.build().map_err(tower_reauth::Error::from)?;
        let service = ServiceBuilder::new()
            .layer(session.layer())
            // Innermost, so that it sees each send.
            .map_request(Sends::count::<ReplayBody<B>> as fn(Request<_>) -> Request<_>)
            .service(self.client);
        Ok(Stack {
            session,
            caller: call::caller(self.settings, service),
            traffic: self.traffic,
        })
    }
}

// === impl Traffic ===

impl Traffic {
    pub(crate) fn mfa_rounds(&self) -> u64 {
        self.mfa_rounds.load(Ordering::Relaxed)
    }
}
