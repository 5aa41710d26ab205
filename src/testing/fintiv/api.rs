//! The API behind the sign-on.

use http::{Method, Response, request::Parts};
use serde_json::{Value, json};

use super::{
    Denial, Endpoint, TokenIn,
    endpoint::BASE,
    envelope::{self, Context, Refusal, TENANT_NAME},
    state::Shared,
};
use crate::testing::server::{Arrived, Reply, bearer, path};

const CONTEXT: &str = "contextRequest";
const TOKEN: &str = "token";

/// Returns who makes a call, as far as its head tells; none where the path is open and no token is
/// sent.
pub(super) fn authorize(shared: &Shared, head: &Parts) -> Result<Option<String>, Refusal> {
    let token = match &shared.settings.token_in {
        // Settled when the body is there.
        TokenIn::Body => return Ok(None),
        TokenIn::Bearer => bearer(&head.headers),
        TokenIn::Header(name) => head.headers.get(name).and_then(|value| value.to_str().ok()),
    };
    who(shared, head, token)
}

/// Answers an API call of `user`.
pub(super) fn call(
    shared: &Shared,
    user: Option<String>,
    request: Arrived<'_, Shared>,
) -> Result<Response<Reply>, Refusal> {
    let Arrived {
        head, body, odd, ..
    } = request;
    let tenant = &shared.settings.tenant;
    let sent = match body.is_empty() {
        true => Value::Null,
        false => {
            serde_json::from_slice(&body).or_else(|_| breach(shared, "the body is not JSON"))?
        }
    };
    let user = match (&shared.settings.token_in, sent.get(CONTEXT)) {
        (TokenIn::Body, context) => {
            let token = context.and_then(|context| context.get(TOKEN)?.as_str());
            let user = who(shared, head, token)?;
            let told = context.and_then(|context| context.get(TENANT_NAME));
            if told.is_some_and(|told| told != tenant) {
                return breach(shared, "the tenant does not exist");
            }
            user
        }
        (_, Some(context)) if context.get(TOKEN).is_some() => {
            return breach(shared, "a token is in the body");
        }
        _ => user,
    };
    let state = &mut *shared.state();
    match &user {
        Some(_) => state.counts.api_ok += 1,
        None => state.counts.open_calls += 1,
    }
    shared.desk.effected(Endpoint::Api, head);
    if !asks(&head.method) || !body.is_empty() {
        let secret = shared.settings.token_in.header().cloned();
        shared
            .desk
            .upload(head, secret.as_slice(), body, request.trailers);
    }
    let told = json!({ "account": user, "method": head.method.as_str(), "path": path(head) });
    Ok(envelope::write(
        Context::success(tenant),
        &told,
        odd.as_ref(),
    ))
}

fn asks(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Returns whose token it is.
fn who(shared: &Shared, head: &Parts, token: Option<&str>) -> Result<Option<String>, Refusal> {
    let settings = &shared.settings;
    let state = &mut *shared.state();
    let below = head.uri.path().strip_prefix(BASE);
    let is_open = below.is_some_and(|path| settings.open.iter().any(|open| open == path));
    let held = match token {
        None if is_open => return Ok(None),
        None => None,
        Some(token) => state.tokens.get(token),
    };
    match held {
        Some(held) if held.is_valid(shared.desk.now()) => return Ok(Some(held.username.clone())),
        Some(_) => {}
        None => state.counts.unknown_tokens += u64::from(token.is_some()),
    }
    state.counts.denied += 1;
    let text = "No valid authorization provided";
    let text = match token.filter(|_| settings.echo_secrets) {
        Some(token) => format!("{text}: {token}"),
        None => text.to_owned(),
    };
    Err(match settings.denial {
        Denial::Status => Refusal::Status(401, text),
        Denial::Envelope => {
            Refusal::failure(Context::new(&settings.tenant, "SECURITY", Some(&text)))
        }
    })
}

fn breach<T>(shared: &Shared, sentence: &str) -> Result<T, Refusal> {
    shared.desk.violate(Endpoint::Api, sentence);
    let context = Context::validation(&shared.settings.tenant, sentence);
    Err(Refusal::failure(context))
}
