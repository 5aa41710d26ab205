//! The token endpoint (RFC 6749) and the revocation endpoint (RFC 7009).

use std::{collections::BTreeSet, sync::Arc};

use http::{HeaderMap, Response, request::Parts};
use serde_json::{Value, json};

use super::{
    Endpoint, Quirk, RefreshTokens, TokenRequest,
    answer::{self, Granted, Refusal},
    form::{Client, Form},
    state::{Shared, State},
    tokens::{Access, Grant, Presented},
};
use crate::testing::server::Reply;

/// How many token requests are kept.
const MOST_REQUESTS: usize = 1024;

/// What a request may be granted: the family of the tokens, and what this access token opens of it.
struct Allowed {
    grant: Arc<Grant>,
    access: Access,
    /// The refresh token that was presented.
    presented: Option<String>,
    /// Whether this grant comes with a refresh token.
    lasting: bool,
}

pub(super) fn token(
    shared: &Shared,
    head: &Parts,
    body: &[u8],
    quirk: Option<&Quirk>,
) -> Result<Response<Reply>, Refusal> {
    let (form, client) = shared.read(Endpoint::Token, head, body)?;
    note(&mut shared.state(), &form, client.as_ref());
    let client = shared.authenticate(Endpoint::Token, client.as_ref())?;
    match quirk {
        Some(Quirk::Error(error)) => return Err(Refusal::new(error, "As ordered.")),
        Some(Quirk::ErrorIn200(error)) => {
            return Err(Refusal::new(error, "As ordered.").status(200));
        }
        _ => {}
    }
    let allowed = match form.get("grant_type") {
        Some("client_credentials") => client_credentials(shared, &form, &client),
        Some("refresh_token") => refresh_token(shared, &form, &client),
        Some("password") if !shared.settings.users.is_empty() => password(shared, &form, &client),
        Some(_) => Err(Refusal::new(
            "unsupported_grant_type",
            "There is no such grant here.",
        )),
        None => Err(shared.breached(Endpoint::Token, "there is no grant_type")),
    }?;
    let granted = issue(shared, &allowed, quirk);
    let body = granted.write(&shared.settings, quirk);
    let form = matches!(quirk, Some(Quirk::Form)) || shared.in_form(&head.headers);
    Ok(answer::write(200, [], &body, form))
}

pub(super) fn revoke(
    shared: &Shared,
    head: &Parts,
    body: &[u8],
) -> Result<Response<Reply>, Refusal> {
    let (form, client) = shared.read(Endpoint::Revoke, head, body)?;
    let client = shared.authenticate(Endpoint::Revoke, client.as_ref())?;
    let Some(token) = form.get("token") else {
        return Err(shared.breached(Endpoint::Revoke, "there is no token"));
    };
    let now = shared.desk.now();
    let mut state = shared.state();
    match state.tokens.revoke(token, &client, now.monotonic) {
        Some(lived) => state.counts.tokens_revoked += u64::from(lived),
        None => {
            let sentence = "a token of another client is revoked";
            return Err(shared.breached(Endpoint::Revoke, sentence));
        }
    }
    state.counts.revocations_ok += 1;
    // RFC 7009, section 2.2: the same for a token that there never was.
    Ok(Response::new(Reply::new("")))
}

/// Writes a refusal of one of the two.
pub(super) fn refuse(shared: &Shared, headers: &HeaderMap, refusal: Refusal) -> Response<Reply> {
    refusal.write(&shared.settings, shared.in_form(headers))
}

fn client_credentials(shared: &Shared, form: &Form, client: &str) -> Result<Allowed, Refusal> {
    if shared.state().clients.get(client) == Some(&None) {
        let why = "A public client acts for nobody but its users.";
        return Err(Refusal::new("unauthorized_client", why));
    }
    let access = asked(shared, form)?;
    let grant = shared.state().tokens.grant(client, None, access.clone());
    shared.state().counts.client_credentials_ok += 1;
    Ok(Allowed {
        grant,
        access,
        presented: None,
        lasting: shared.settings.client_refresh,
    })
}

fn password(shared: &Shared, form: &Form, client: &str) -> Result<Allowed, Refusal> {
    let (Some(user), Some(password)) = (form.get("username"), form.get("password")) else {
        return Err(shared.breached(Endpoint::Token, "there is no username or no password"));
    };
    let access = asked(shared, form)?;
    if shared.settings.users.get(user).map(String::as_str) != Some(password) {
        let refusal = Refusal::new("invalid_grant", "The name or the password is wrong.");
        return Err(refusal.repeating(Some(password)));
    }
    let grant = shared
        .state()
        .tokens
        .grant(client, Some(user), access.clone());
    shared.state().counts.passwords_ok += 1;
    Ok(Allowed {
        grant,
        access,
        presented: None,
        lasting: true,
    })
}

fn refresh_token(shared: &Shared, form: &Form, client: &str) -> Result<Allowed, Refusal> {
    let Some(token) = form.get("refresh_token") else {
        return Err(shared.breached(Endpoint::Token, "there is no refresh_token"));
    };
    let now = shared.desk.now().monotonic;
    let grace = shared.settings.reuse_grace;
    let mut state = shared.state();
    let presented = state.tokens.present_refresh(token, client, grace, now);
    let (grant, whole) = match presented {
        Presented::Valid(grant, access) => (grant, access),
        Presented::Repeated(grant, access) => {
            state.counts.repeated_refresh_tokens += 1;
            (grant, access)
        }
        refused => {
            drop(state);
            return Err(dead(shared, &refused).repeating(Some(token)));
        }
    };
    drop(state);
    let access = narrowed(shared, form, &whole)?;
    shared.state().counts.refreshes_ok += 1;
    Ok(Allowed {
        grant,
        access,
        presented: Some(token.to_owned()),
        lasting: true,
    })
}

/// Counts a refresh token that is not good, and returns what it is refused with.
fn dead(shared: &Shared, presented: &Presented) -> Refusal {
    let violate = |sentence| shared.desk.violate(Endpoint::Token, sentence);
    let counts = &mut shared.state().counts;
    match presented {
        Presented::Reused => {
            counts.reused_refresh_tokens += 1;
            violate("a spent refresh token is used again");
        }
        Presented::Dead { again } => {
            counts.dead_refresh_tokens += 1;
            if *again {
                violate("a dead refresh token is used again after its refusal");
            }
        }
        Presented::Foreign => violate("a refresh token of another client is used"),
        _ => counts.unknown_tokens += 1,
    }
    Refusal::new("invalid_grant", "The refresh token is not good.")
}

/// Issues what is allowed, and spends the refresh token that was presented, if that is the way.
fn issue(shared: &Shared, allowed: &Allowed, quirk: Option<&Quirk>) -> Granted {
    let now = shared.desk.now().monotonic;
    let way = match quirk {
        Some(Quirk::RefreshToken(way)) => *way,
        _ => shared.settings.refresh_tokens,
    };
    let mut state = shared.state();
    let lifetime = state.access_lifetime;
    let expires = now.saturating_add(lifetime);
    let access = state
        .tokens
        .issue_access(&allowed.grant, allowed.access.clone(), expires);
    state.counts.tokens_issued += 1;
    let refresh = match (way, &allowed.presented) {
        _ if !allowed.lasting => None,
        (RefreshTokens::Omitted, _) => None,
        (RefreshTokens::Empty, _) => Some(String::new()),
        (RefreshTokens::Same, Some(presented)) => Some(presented.clone()),
        (RefreshTokens::Rotated | RefreshTokens::Same, presented) => {
            if let Some(presented) = presented {
                state.tokens.spend(presented, now);
            }
            let expires = now.saturating_add(shared.settings.refresh_lifetime);
            Some(state.tokens.issue_refresh(&allowed.grant, expires))
        }
    };
    Granted {
        access,
        refresh,
        lifetime: lifetime.as_secs(),
        scope: Vec::from_iter(allowed.access.scopes.iter().map(String::as_str)).join(" "),
    }
}

/// Returns what a form asks for, or what it gets if it asks for nothing.
fn asked(shared: &Shared, form: &Form) -> Result<Access, Refusal> {
    let settings = &shared.settings;
    let scopes = match scopes(shared, form)? {
        Some(scopes) => scopes,
        None => settings.scopes.first().cloned().into_iter().collect(),
    };
    if !scopes.iter().all(|scope| settings.scopes.contains(scope)) {
        return Err(Refusal::new("invalid_scope", "There is no such scope."));
    }
    let resources = resources(shared, form)?;
    Ok(Access { scopes, resources })
}

/// Returns what a form asks for of what was granted.
fn narrowed(shared: &Shared, form: &Form, whole: &Access) -> Result<Access, Refusal> {
    let scopes = scopes(shared, form)?.unwrap_or_else(|| whole.scopes.clone());
    if !scopes.is_subset(&whole.scopes) {
        let sentence = "a refresh asks for more scope than was granted";
        shared.desk.violate(Endpoint::Token, sentence);
        return Err(Refusal::new("invalid_scope", sentence));
    }
    let mut resources = resources(shared, form)?;
    if resources.is_empty() {
        resources = whole.resources.clone();
    }
    if !resources.is_subset(&whole.resources) {
        let why = "The resource was not granted.";
        return Err(Refusal::new("invalid_target", why));
    }
    Ok(Access { scopes, resources })
}

fn scopes(shared: &Shared, form: &Form) -> Result<Option<BTreeSet<String>>, Refusal> {
    let scopes = form.scopes();
    let scopes = scopes.map_err(|sentence| shared.breached(Endpoint::Token, sentence))?;
    Ok(scopes.map(|scopes| scopes.into_iter().collect()))
}

/// Returns the resources that a form names (RFC 8707, section 2). A server that has none does not
/// know the parameter.
fn resources(shared: &Shared, form: &Form) -> Result<BTreeSet<String>, Refusal> {
    if shared.settings.resources.is_empty() {
        return Ok(BTreeSet::new());
    }
    // By hand, as `http::Uri` knows no URI without a host: `urn:example:api` is one.
    let absolute = |resource: &String| {
        let scheme = resource
            .split_once(':')
            .map(|(scheme, rest)| (scheme.as_bytes(), rest));
        let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        resource
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#')
            && scheme.is_some_and(|(scheme, rest)| {
                scheme.first().is_some_and(u8::is_ascii_alphabetic)
                    && scheme.iter().all(is_letter)
                    && !rest.is_empty()
            })
    };
    if !form.resources.iter().all(absolute) {
        let sentence = "a resource is not an absolute URI without a fragment";
        shared.desk.violate(Endpoint::Token, sentence);
        return Err(Refusal::new("invalid_target", sentence));
    }
    let known = |resource: &String| {
        let mut resources = shared.settings.resources.iter();
        resources.any(|(uri, _)| uri == resource)
    };
    if !form.resources.iter().all(known) {
        let why = "There is no such resource.";
        return Err(Refusal::new("invalid_target", why));
    }
    Ok(form.resources.iter().cloned().collect())
}

fn note(state: &mut State, form: &Form, client: Option<&Client>) {
    state.requests.push_back(TokenRequest {
        grant_type: form.get("grant_type").unwrap_or_default().to_owned(),
        client_id: client.map(|client| client.id.clone()),
        client_auth: client.map(|client| client.by),
        scope: form.get("scope").map(str::to_owned),
        resources: form.resources.clone(),
        parameters: form.names(),
    });
    if state.requests.len() > MOST_REQUESTS {
        state.requests.pop_front();
    }
}

/// Answers in the words of the endpoint with a status that was ordered.
pub(super) fn ordered(status: u16) -> Refusal {
    let error = match status {
        401 => "invalid_client",
        500.. => "server_error",
        _ => "invalid_request",
    };
    Refusal::new(error, "As ordered.").status(status)
}

/// Returns the body that tells whom an API call was let through for.
pub(super) fn caller(grant: &Grant, access: &Access) -> Value {
    json!({
        "client": grant.client,
        "user": grant.user,
        "scope": Vec::from_iter(access.scopes.iter().map(String::as_str)).join(" "),
    })
}
