//! The stack: client, provider, session, layers. This is what a program of your own would do.
//!
//! What differs from provider to provider is in `providers/`.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower::{Layer, Service};
use tower_reauth::{
    BoxError, Error, Session, SessionBuilder, clients::reqwest_middleware::MiddlewareLayer,
    store::StoreKey,
};

use crate::{
    args::Given,
    body::CallBody,
    call::{self, Caller},
    client::{Clients, Counting},
    settings::Settings,
    store,
    usage::Usage,
};

/// What a provider makes its stack of.
pub(crate) struct Setup<'a, B> {
    pub(crate) given: &'a Given,
    pub(crate) settings: Settings,
    pub(crate) clients: Clients<B>,
}

/// A signed-in client, ready to call.
pub(crate) struct Stack {
    /// Whose events count, and which is signed out at the end.
    pub(crate) session: Option<Session>,
    pub(crate) caller: Caller,
    pub(crate) meters: Meters,
    /// What to print before the first result.
    pub(crate) listening: Option<String>,
    /// What people should know before it begins.
    pub(crate) notes: Vec<String>,
}

/// What no session tells.
#[derive(Clone, Default)]
pub(crate) struct Meters {
    pub(crate) mfa_rounds: Meter,
    pub(crate) upgrades: Meter,
    pub(crate) normalized: Meter,
}

/// A count that goes on elsewhere.
#[derive(Clone)]
pub(crate) struct Meter(Arc<dyn Fn() -> u64 + Send + Sync>);

/// A count of our own.
#[derive(Clone, Default)]
pub(crate) struct Counter(Arc<AtomicU64>);

impl<B: CallBody> Setup<'_, B> {
    /// Builds the session, whose token is kept under `key` if there is a store.
    pub(crate) fn session(
        &self,
        mut session: SessionBuilder,
        key: StoreKey,
    ) -> Result<Session, Usage> {
        if let Some(store) = store::of(self.given, key)? {
            session = session.store(store);
        }
        if let Some(margin) = self.settings.renew_ahead {
            session = session.renew_ahead(margin);
        }
        Ok(session.build().map_err(Error::from)?)
    }

    /// Builds the stack of `layer` around the client.
    pub(crate) fn stack<L, R>(self, session: Option<Session>, layer: L, meters: Meters) -> Stack
    where
        L: Layer<Counting<B>> + MiddlewareLayer,
        L::Service: Service<Request<B>, Response = Response<R>, Error: Into<BoxError>>
            + Clone
            + Send
            + Sync
            + 'static,
        <L::Service as Service<Request<B>>>::Future: Send,
        R: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let service = self.clients.stacked(layer);
        Stack {
            session,
            caller: call::caller(self.settings, service),
            meters,
            listening: None,
            notes: Vec::new(),
        }
    }
}

// === impl Meter ===

impl Meter {
    pub(crate) fn new(read: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    pub(crate) fn read(&self) -> u64 {
        (self.0)()
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self::new(|| 0)
    }
}

// === impl Counter ===

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn meter(&self) -> Meter {
        let counter = self.clone();
        Meter::new(move || counter.0.load(Ordering::Relaxed))
    }
}
