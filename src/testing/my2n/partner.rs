//! The API host: the v1 login, and the API behind either.

use http::{HeaderMap, Method, Response, header, request::Parts};
use serde::Deserialize;
use serde_json::json;

use super::{Endpoint, Quirk, endpoint::BASE, errors::Refusal, rules::API_KEY, state::Shared};
use crate::testing::server::{Arrived, Reply, Site, bearer, essence, json_text, path, read_fields};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    username: String,
    password: String,
}

pub(super) fn login(
    shared: &Shared,
    head: &Parts,
    body: &[u8],
    quirk: Option<Quirk>,
) -> Result<Response<Reply>, Refusal> {
    let breach = |status, sentence: &str| {
        shared.desk.violate(Endpoint::LoginV1, sentence);
        Err(Refusal::error(status, None, sentence))
    };
    if essence(&head.headers).as_deref() != Some("application/json") {
        return breach(415, "the Content-Type is not application/json");
    }
    let login: Login = match read_fields(body) {
        Ok(login) => login,
        Err(sentence) => return breach(400, sentence),
    };
    let state = &mut *shared.state();
    let account = state.accounts.get(&login.username);
    if account.is_some_and(|account| account.migrated) {
        state.counts.conflicts += 1;
        return Err(Refusal::error(
            409,
            None,
            "The user has been migrated: use Auth v.2.",
        ));
    }
    if account.is_none_or(|account| account.password != login.password) {
        state.counts.rejected += 1;
        let reason = "The username or the password is wrong.";
        return Err(shared.repeating(401, reason, &login.password));
    }
    let token = shared.api_key(state, &login.username);
    state.counts.v1_logins_ok += 1;
    let told = match quirk {
        Some(Quirk::NoToken) => json!({}),
        _ => json!({ "accessToken": token }),
    };
    Ok(json_text(200, told.to_string()))
}

/// Returns who makes an API call.
pub(super) fn authorize(shared: &Shared, headers: &HeaderMap) -> Result<String, Refusal> {
    let now = shared.desk.now();
    let state = &mut *shared.state();
    let key = headers.get(API_KEY).and_then(|key| key.to_str().ok());
    let (token, held) = match (key, bearer(headers)) {
        (Some(key), _) => (key, state.api_keys.get(key)),
        (None, Some(token)) => (token, state.sessions.get(token)),
        (None, None) => return Err(Refusal::no_session()),
    };
    let Some(held) = held else {
        state.counts.unknown_tokens += 1;
        return Err(shared.dead_session(token));
    };
    if !held.is_valid(now) {
        return Err(shared.dead_session(token));
    }
    let mfa = key.is_none()
        && state
            .accounts
            .get(&held.username)
            .is_some_and(|user| user.mfa);
    match shared.settings.mfa {
        401 if mfa => Err(Refusal::no_session()),
        status if mfa => Err(Refusal::error(
            status,
            Some("session_aal2_required"),
            "The session does not fulfill the requested Authenticator Assurance Level.",
        )),
        _ => Ok(held.username.clone()),
    }
}

/// Answers an API call that `username` makes.
pub(super) fn call<S: Site>(
    shared: &Shared,
    username: &str,
    request: Arrived<'_, S>,
) -> Response<Reply> {
    let Arrived { head, body, .. } = request;
    let asks = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
    shared.state().counts.api_ok += 1;
    shared.desk.effected(Endpoint::Api, head);
    if !asks || !body.is_empty() {
        shared
            .desk
            .upload(head, &[], body.clone(), request.trailers);
    }
    if head.method == Method::GET && head.uri.path() == format!("{BASE}/users/current") {
        let id = shared
            .state()
            .accounts
            .get(username)
            .map(|user| user.id.clone());
        return json_text(200, json!({ "id": id, "username": username }).to_string());
    }
    if asks {
        let (method, path) = (head.method.as_str(), path(head));
        let told = json!({ "ok": true, "account": username, "method": method, "path": path });
        return json_text(200, told.to_string());
    }
    let mut response = Response::new(Reply::new(body));
    if let Some(kind) = head.headers.get(header::CONTENT_TYPE) {
        let kind = kind.clone();
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}

impl Shared {
    /// Refuses a credential that is not good, or no more.
    fn dead_session(&self, token: &str) -> Refusal {
        let mut refusal = self.repeating(401, NO_SESSION, token);
        refusal.body["error"]["id"] = "session_inactive".into();
        refusal
    }

    /// Refuses what was sent, and repeats it if the simulator is set to.
    pub(super) fn repeating(&self, status: u16, reason: &str, secret: &str) -> Refusal {
        match self.settings.echo_secrets {
            true => Refusal::error(status, None, &format!("{reason} You sent: {secret}")),
            false => Refusal::error(status, None, reason),
        }
    }
}

const NO_SESSION: &str = "No valid session credentials found in the request.";

impl Refusal {
    /// What the API says where no good credential is: the same for whatever is the matter.
    pub(super) fn no_session() -> Self {
        Self::error(401, Some("session_inactive"), NO_SESSION)
    }
}
