use std::{sync::Arc, time::Duration};

use tower_layer::Layer;

use super::{StoreKey, Stored, TokenStore, link::Link};
use crate::{Clock, SystemClock};

/// Layer that keeps the tokens of a token service in a store, and renews once for all who share it.
///
/// See the [module docs](super) for more details.
///
/// | setting | default |
/// | --- | --- |
/// | [`lease_ttl`](Self::lease_ttl) | 60 s |
/// | [`fail_open`](Self::fail_open) | off: without the store no token is renewed |
/// | [`lost_answer`](Self::lost_answer) | [`LostAnswer::PresentOnce`] |
/// | [`clock`](Self::clock) | [`SystemClock`]; a session's own in a session |
#[derive(Clone, Debug)]
#[must_use]
pub struct StoreLayer {
    store: Arc<dyn TokenStore>,
    key: StoreKey,
    clock: Option<Arc<dyn Clock>>,
    lease_ttl: Duration,
    fail_open: bool,
    lost_answer: LostAnswer,
}

/// What to do with a refresh token that somebody presented who did not live to see the answer.
///
/// Nobody knows then whether the server has spent it. A server that detects reuse ends the whole
/// sign-in when a spent one comes again; a server that does not have seen it gives a new pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LostAnswer {
    /// Present it once more, by whoever comes next. If the answer is lost again, sign in.
    #[default]
    PresentOnce,
    /// Never present it again: sign in.
    SignIn,
    /// Present it as often as it takes, for servers that allow that (FAPI 2.0 asks it of them).
    PresentAgain,
}

// === impl StoreLayer ===

impl StoreLayer {
    /// Creates a layer that keeps tokens in `store`, under `key`.
    pub fn new(store: impl TokenStore, key: StoreKey) -> Self {
        Self::shared(Arc::new(store), key)
    }

    /// Creates a layer over a store that is used elsewhere as well.
    pub fn shared(store: Arc<dyn TokenStore>, key: StoreKey) -> Self {
        Self {
            store,
            key,
            clock: None,
            lease_ttl: Duration::from_secs(60),
            fail_open: false,
            lost_answer: LostAnswer::default(),
        }
    }

    /// Sets how long a lease lasts whose holder has died unseen.
    ///
    /// It must be longer than a renewal may take (a session's
    /// [`flight_timeout`](crate::SessionBuilder::flight_timeout)), or two may renew at once: the
    /// store then keeps the first result, and the second holder takes that over.
    pub fn lease_ttl(mut self, ttl: Duration) -> Self {
        self.lease_ttl = ttl;
        self
    }

    /// Renews without the store if it cannot be reached, and saves the token when it is back.
    ///
    /// Several processes may then present the same refresh token. By default a renewal fails
    /// instead, as [`ErrorKind::Store`](crate::ErrorKind::Store), and the token in hand is used as
    /// long as it lives.
    pub fn fail_open(mut self) -> Self {
        self.fail_open = true;
        self
    }

    /// Sets what to do with a refresh token whose presenter died before it had the answer.
    pub fn lost_answer(mut self, policy: LostAnswer) -> Self {
        self.lost_answer = policy;
        self
    }

    /// Sets the time source, for tests.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Creates the link of one session, whose clock is `clock` unless the layer has its own.
    pub(crate) fn link(&self, clock: &Arc<dyn Clock>) -> Arc<Link> {
        let clock = self.clock.as_ref().unwrap_or(clock);
        Arc::new(Link::new(
            Arc::clone(&self.store),
            self.key.clone(),
            Arc::clone(clock),
            (self.lease_ttl, self.fail_open, self.lost_answer),
        ))
    }
}

impl<S> Layer<S> for StoreLayer {
    type Service = Stored<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let system: Arc<dyn Clock> = Arc::new(SystemClock::new());
        Stored::new(inner, self.link(&system))
    }
}
