//! What the requests of a simulator share.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderMap, HeaderName, Method, header, request::Parts};

use super::{
    ClientAuth, Counts, Endpoint, Quirk, TokenRequest,
    answer::{self, Refusal},
    form::{Client, Form},
    settings::Settings,
    tokens::Tokens,
};
use crate::testing::server::{CREDENTIALS, Desk, address_tells, essence, twice};

/// Parameters that belong into the form and never into the address.
const NOT_IN_ADDRESSES: [&str; 9] = [
    "access_token",
    "client_id",
    "client_secret",
    "grant_type",
    "password",
    "refresh_token",
    "scope",
    "token",
    "username",
];

pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) desk: Desk<Endpoint, Quirk>,
    pub(super) state: Mutex<State>,
}

pub(super) struct State {
    /// Secrets by id; none for a public client.
    pub(super) clients: HashMap<String, Option<String>>,
    pub(super) access_lifetime: Duration,
    pub(super) tokens: Tokens,
    pub(super) counts: Counts,
    pub(super) requests: VecDeque<TokenRequest>,
    pub(super) put_off: Option<PutOff>,
}

/// A time in which no token is to be had.
pub(super) struct PutOff {
    pub(super) status: u16,
    /// On the monotonic clock.
    pub(super) until: Duration,
    /// Whether somebody was refused because of it, and so knows of it.
    pub(super) told: bool,
}

// === impl Shared ===

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a request to the authorization server in or refuses it.
    pub(super) fn admit(&self, endpoint: Endpoint, head: &Parts) -> Result<(), Refusal> {
        if endpoint == Endpoint::Token {
            self.put_off()?;
        }
        let kept = match self.is_told(head) {
            true => Err("a token or a secret is in the address"),
            false => check_head(head),
        };
        kept.map_err(|sentence| {
            self.breached(endpoint, sentence)
                .status(status_of(sentence))
        })
    }

    /// Whether a secret is where all the world can see it.
    pub(super) fn is_told(&self, head: &Parts) -> bool {
        let state = self.state();
        let secrets = state.clients.values().flatten();
        let passwords = self.settings.users.values();
        address_tells(head, secrets.chain(passwords).chain(state.tokens.all()))
    }

    /// Counts a violation and returns what it is refused with.
    pub(super) fn breached(&self, endpoint: Endpoint, sentence: &str) -> Refusal {
        self.desk.violate(endpoint, sentence);
        Refusal::new("invalid_request", sentence)
    }

    /// Whether an answer is to be a form.
    pub(super) fn in_form(&self, headers: &HeaderMap) -> bool {
        self.settings.forms && !answer::asks_for_json(headers)
    }

    /// Reads the form of a request, and who sends it.
    pub(super) fn read(
        &self,
        endpoint: Endpoint,
        head: &Parts,
        body: &[u8],
    ) -> Result<(Form, Option<Client>), Refusal> {
        let read = Form::read(body).and_then(|form| {
            let client = form.client(&head.headers)?;
            Ok((form, client))
        });
        read.map_err(|sentence| self.breached(endpoint, sentence))
    }

    /// Returns the id of a client that is who it says.
    pub(super) fn authenticate(
        &self,
        endpoint: Endpoint,
        client: Option<&Client>,
    ) -> Result<String, Refusal> {
        let refusal = |why: &str| {
            self.state().counts.unknown_clients += 1;
            let refusal = Refusal::new("invalid_client", why);
            match client.map(|client| client.by) {
                Some(ClientAuth::Basic) => {
                    refusal.header("www-authenticate", r#"Basic realm="token""#)
                }
                _ => refusal,
            }
        };
        let Some(client) = client else {
            return Err(refusal("The client does not say who it is."));
        };
        let secret = self.state().clients.get(&client.id).cloned();
        let Some(secret) = secret else {
            self.note_raw(endpoint, client);
            return Err(refusal("There is no such client.").repeating(client.secret.as_deref()));
        };
        let public = secret.is_none();
        if !public && !self.settings.client_auth.contains(&client.by) {
            return Err(refusal(
                "The client has to authenticate itself in another way.",
            ));
        }
        if secret != client.secret {
            self.note_raw(endpoint, client);
            let refusal = refusal("The client is not who it says.");
            return Err(refusal.repeating(client.secret.as_deref()));
        }
        Ok(client.id.clone())
    }

    /// Tells of a client that would be known if Basic were read as it is.
    fn note_raw(&self, endpoint: Endpoint, client: &Client) {
        let Some((id, secret)) = &client.raw else {
            return;
        };
        if self.state().clients.get(id) == Some(&Some(secret.clone())) {
            let sentence = "what stands in Basic is not form-urlencoded";
            self.desk.violate(endpoint, sentence);
        }
    }

    /// Refuses a token request in a time in which there are none to be had.
    fn put_off(&self) -> Result<(), Refusal> {
        let now = self.desk.now();
        let mut state = self.state();
        let state = &mut *state;
        let Some(put_off) = &mut state.put_off else {
            return Ok(());
        };
        let left = put_off.until.saturating_sub(now.monotonic);
        if left.is_zero() {
            return Ok(());
        }
        state.counts.put_off += 1;
        if std::mem::replace(&mut put_off.told, true) {
            let sentence = "a token is asked for before the time to come again";
            self.desk.violate(Endpoint::Token, sentence);
        }
        let refusal = Refusal::new("temporarily_unavailable", "Please come again later.");
        let refusal = refusal.status(put_off.status);
        Err(match self.settings.retry_after.value(now, left) {
            Some(value) => refusal.header("retry-after", value),
            None => refusal,
        })
    }
}

const NOT_POST: &str = "the method is not POST";
const TOLD: &str = "a parameter is in the address that belongs into the form";

/// Checks the head of a request to the authorization server.
fn check_head(head: &Parts) -> Result<(), &'static str> {
    let query = head.uri.query().unwrap_or_default();
    let mut names = form_urlencoded::parse(query.as_bytes());
    if names.any(|(name, _)| NOT_IN_ADDRESSES.contains(&&*name)) {
        return Err(TOLD);
    }
    if head.method != Method::POST {
        return Err(NOT_POST);
    }
    let single: [HeaderName; 2] = [header::AUTHORIZATION, header::CONTENT_TYPE];
    if twice(&head.headers, &single).is_some() {
        return Err("there are two Authorization or Content-Type headers");
    }
    let strange =
        |name: &HeaderName| *name != header::AUTHORIZATION && head.headers.contains_key(name);
    if CREDENTIALS.iter().any(strange) {
        return Err("a credential is sent along that is not the client's");
    }
    if essence(&head.headers).as_deref() != Some("application/x-www-form-urlencoded") {
        return Err("the Content-Type is not application/x-www-form-urlencoded");
    }
    Ok(())
}

fn status_of(sentence: &str) -> u16 {
    if sentence == NOT_POST { 405 } else { 400 }
}
