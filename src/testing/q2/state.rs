//! What the requests and deliveries of a simulator share.

use std::{
    collections::HashSet,
    convert::Infallible,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::{Response, Uri, header, request::Parts};
use tokio::{sync::Notify, task::JoinSet};

use super::{
    Counts, Endpoint,
    answer::Refusal,
    auth::Work,
    auths::Auths,
    courier::{self, Token},
    delivery::Outbox,
    settings::Settings,
    signing_keys::SigningKeys,
    strict::{self, Breach},
    submissions::Submissions,
};
use crate::testing::server::{Desk, Mail, Reply, bearer};

pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) desk: Desk<Endpoint, Infallible>,
    pub(super) state: Mutex<State>,
    /// The codes sent to end users, by client.
    pub(super) mail: Mail,
    /// Told each time an event is held or an attempt to deliver one is over.
    pub(super) changed: Notify,
    /// What goes on between requests. Ends with the simulator.
    tasks: Mutex<JoinSet<()>>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) auths: Auths,
    pub(super) submissions: Submissions,
    pub(super) outbox: Outbox,
    pub(super) keys: SigningKeys,
    pub(super) webhook: Option<Uri>,
    pub(super) webhook_token: Option<Token>,
    pub(super) counts: Counts,
    /// The secrets of forms that came in.
    pub(super) credentials: HashSet<String>,
    /// Where the simulator listens.
    pub(super) base_url: String,
}

// === impl Shared ===

impl Shared {
    pub(super) fn new(settings: Settings, desk: Desk<Endpoint, Infallible>, state: State) -> Self {
        Self {
            settings,
            desk,
            state: Mutex::new(state),
            mail: Mail::default(),
            changed: Notify::new(),
            tasks: Mutex::new(JoinSet::new()),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets something go on by itself, for as long as the simulator lives.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Ends what goes on by itself, which holds this.
    pub(super) fn stop(&self) {
        self.tasks().abort_all();
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a request in or refuses it.
    pub(super) fn admit(&self, endpoint: Endpoint, head: &Parts) -> Result<(), Refusal> {
        let key = &self.settings.api_key;
        let mut state = self.state();
        state.counts.arrived(endpoint);
        let secrets = [key].into_iter().chain(&state.credentials);
        let kept = strict::check_head(endpoint, head, secrets.chain(state.auths.tokens()));
        kept.map_err(|breach| self.breached(endpoint, breach))?;
        if endpoint == Endpoint::PublicKeys && self.settings.open_keys {
            return Ok(());
        }
        match bearer(&head.headers) {
            None => {
                let breach = (401, "the API key is missing".to_owned());
                return Err(self.breached(endpoint, breach));
            }
            Some(other) if other != key => {
                state.counts.wrong_keys += 1;
                let refusal = Refusal::new(401, "The API key is not valid.");
                return Err(refusal.repeating([other.to_owned()]));
            }
            Some(_) => {}
        }
        if let Some(signing) = &self.settings.request_signing {
            let checked = signing.check(head, key, self.desk.now().wall);
            checked.map_err(|breach| self.breached(endpoint, breach))?;
        }
        Ok(())
    }

    /// Counts a violation and returns what it is refused with.
    pub(super) fn breached(&self, endpoint: Endpoint, (status, sentence): Breach) -> Refusal {
        self.desk.violate(endpoint, &sentence);
        let refusal = Refusal::new(status, sentence);
        match endpoint.method() {
            Some(method) if status == 405 => refusal.header(header::ALLOW, method.as_str()),
            _ => refusal,
        }
    }

    /// Writes a refusal as this simulator words it.
    pub(super) fn refuse(&self, refusal: Refusal) -> Response<Reply> {
        refusal.write(self.settings.errors, self.settings.echo_secrets)
    }

    /// Lets the company's site do its work, and returns the events that come of it at once.
    pub(super) fn work(self: &Arc<Self>, state: &mut State, work: Work) -> Vec<super::Event> {
        if self.settings.verification.is_zero() {
            return state.auths.finish(&work, &self.settings.rules);
        }
        let shared = self.clone();
        let done = self.desk.clock().sleep(self.settings.verification);
        self.spawn(async move {
            done.await;
            let events = shared.state().auths.finish(&work, &shared.settings.rules);
            let batch = courier::sort(&shared, events);
            courier::send(&shared, batch).await;
        });
        Vec::new()
    }
}
