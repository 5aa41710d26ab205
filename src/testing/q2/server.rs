//! The handle of a running simulator.

use std::{fmt, io, net::SocketAddr, sync::Arc};

use super::{
    Builder, Counts, Delivered, Delivery, Endpoint, Event, Forgery, courier, post,
    site::Front,
    state::{Shared, State},
    submissions::Submitted,
};
use crate::testing::{
    Fault,
    server::{Listening, controls},
};

/// A running simulator of Q2 Open, and its controls.
///
/// See the [module](super) for what it does. It stops when it is dropped.
///
/// # Example
///
/// ```
/// use tower_reauth::testing::q2::{Delivery, Simulator};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let server = Simulator::builder().start().await?;
/// // .. start the receiver, tell where it listens, then let the outcome come before the answer:
/// server.set_webhook("http://127.0.0.1:8080/q2");
/// server.script("auth.success", Delivery::BeforeAnswer);
/// # Ok(())
/// # }
/// ```
pub struct Simulator {
    shared: Arc<Shared>,
    listening: Listening,
    _tasks: Tasks,
}

/// Ends what goes on between requests when it is dropped.
struct Tasks(Arc<Shared>);

impl Simulator {
    /// Returns a builder with the defaults: the documented behaviour, and
    /// [assumptions](super#what-the-documentation-does-not-say) where there is none.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(super) async fn start(shared: Shared) -> io::Result<Self> {
        let shared = Arc::new(shared);
        let listening = Listening::start(Arc::new(Front(shared.clone()))).await?;
        shared.state().base_url = listening.base_url();
        Ok(Self {
            _tasks: Tasks(shared.clone()),
            shared,
            listening,
        })
    }

    /// Returns the base of the API as the vendor writes it, `http://127.0.0.1:PORT/v1`, without a
    /// slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}/v1", self.listening.base_url())
    }

    /// Returns where the public keys are: `http://127.0.0.1:PORT/v1/partner/public-keys`.
    #[must_use]
    pub fn keys_url(&self) -> String {
        format!("{}/partner/public-keys", self.base_url())
    }

    /// Returns the address that the simulator listens at.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// Sets where events are delivered from now on.
    ///
    /// # Panics
    ///
    /// Panics if `url` is not the address of a host under `http`.
    pub fn set_webhook(&self, url: impl AsRef<str>) {
        let url = post::webhook_url(url.as_ref());
        self.shared.state().webhook = Some(url);
    }

    /// Delivers no more events: they still come about, and nobody hears of them.
    pub fn disable_webhook(&self) {
        self.shared.state().webhook = None;
    }

    /// Queues `delivery` for the next event of the type `kind` that has none yet.
    ///
    /// # Panics
    ///
    /// Panics if it is a forgery and events are not [signed](Builder::sign_events).
    pub fn script(&self, kind: impl AsRef<str>, delivery: Delivery) {
        if matches!(delivery, Delivery::Forged(_)) {
            self.assert_signed();
        }
        self.shared.state().outbox.script(kind.as_ref(), delivery);
    }

    /// Returns how many deliveries still wait for an event of the type `kind`.
    #[must_use]
    pub fn scripts_left(&self, kind: &str) -> usize {
        self.shared.state().outbox.scripts_left(kind)
    }

    /// Waits for an event that is [held](Delivery::Held), and returns the oldest that this function
    /// has not returned before. It is delivered when the test [does it](Self::deliver).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped no event is lost.
    pub async fn next_held(&self) -> Event {
        self.when(|state| state.outbox.take_held()).await
    }

    /// Delivers `event` once and at once, with what the settings add, and returns the status that
    /// the webhook answers with, if it answers.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the event may have been delivered or not.
    pub async fn deliver(&self, event: &Event) -> Option<u16> {
        courier::attempt(&self.shared, event, None).await
    }

    /// Delivers `event` as [`deliver`](Self::deliver) does, but with a forged signature.
    ///
    /// # Panics
    ///
    /// Panics if events are not [signed](Builder::sign_events).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the event may have been delivered or not.
    pub async fn deliver_forged(&self, event: &Event, forgery: Forgery) -> Option<u16> {
        self.assert_signed();
        courier::attempt(&self.shared, event, Some(forgery)).await
    }

    /// Returns the attempts to deliver an event, in the order in which they ended. The newest 1024
    /// are kept.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivered> {
        self.shared.state().outbox.delivered()
    }

    /// Waits until this many attempts to deliver an event are over, all since the start told.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn wait_for_deliveries(&self, count: usize) {
        self.when(|state| (state.outbox.attempts() >= count).then_some(()))
            .await;
    }

    /// Publishes one more key. There are two at most, and the older one signs: so events are signed
    /// with the new one after the second call, if there was one key before.
    ///
    /// # Panics
    ///
    /// Panics if events are not [signed](Builder::sign_events).
    pub fn rotate_keys(&self) {
        self.assert_signed();
        self.shared.state().keys.add();
    }

    /// Publishes the older of two keys no more, so that the newer one signs. With one key it does
    /// nothing.
    pub fn retire_key(&self) {
        self.shared.state().keys.retire();
    }

    /// Returns the newest code that was sent to the end user `client_id`, if there is any.
    #[must_use]
    pub fn latest_code(&self, client_id: &str) -> Option<String> {
        self.shared.mail.latest(client_id)
    }

    /// Waits for a code sent to the end user `client_id` that this function has not returned
    /// before, and returns the oldest such.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped no code is lost.
    pub async fn next_code(&self, client_id: &str) -> String {
        self.shared.mail.next(client_id).await
    }

    /// Lets the end user `client_id` approve (or decline) what the phone asks, and returns whether
    /// it asked anything. The events that come of it go out as usual.
    #[must_use]
    pub fn answer_prompt(&self, client_id: &str, approved: bool) -> bool {
        let mut state = self.shared.state();
        let Some(work) = state.auths.prompt(client_id, approved) else {
            return false;
        };
        let events = self.shared.work(&mut state, work);
        drop(state);
        let batch = courier::sort(&self.shared, events);
        let shared = self.shared.clone();
        self.shared
            .spawn(async move { courier::send(&shared, batch).await });
        true
    }

    /// Returns the requests to create an auth that could be read, oldest first, whether they were
    /// processed or not. The newest 1024 are kept.
    #[must_use]
    pub fn submitted(&self) -> Vec<Submitted> {
        self.shared.state().submissions.to_vec()
    }

    /// Forgets which credentials were submitted, so that submitting them once more is no violation:
    /// what comes next is meant.
    pub fn forget_submissions(&self) {
        self.shared.state().submissions.forget();
    }

    /// Returns how often everything happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let connections = self.shared.desk.connections();
        Counts {
            violations: self.shared.desk.violated(),
            connections: connections.accepted,
            open_connections: connections.open,
            ..self.shared.state().counts
        }
    }

    /// Stops the simulator: closes every connection and the port, and waits until they are closed.
    /// Events that have not gone out by then do not.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the simulator stops all the same.
    pub async fn shutdown(self) {
        self.listening.shutdown().await;
    }

    /// Waits until `found` finds something.
    async fn when<T>(&self, mut found: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let mut changed = std::pin::pin!(self.shared.changed.notified());
            // Listen before looking, so that a change that comes in between is not missed.
            changed.as_mut().enable();
            if let Some(found) = found(&mut self.shared.state()) {
                return found;
            }
            changed.await;
        }
    }

    fn assert_signed(&self) {
        let signature = &self.shared.settings.webhooks.signature;
        assert!(
            signature.is_some(),
            "events are not signed: see `sign_events`"
        );
    }
}

controls!(Simulator, Endpoint, Fault);

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator")
            .field("address", &self.address())
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.stop();
    }
}
