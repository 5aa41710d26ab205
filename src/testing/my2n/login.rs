//! The login host: flows, and the end of sessions.

use http::{Response, request::Parts};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Endpoint, Quirk,
    errors::{self, Message, Refusal},
    rules,
    state::{Flow, FlowState, Session, Shared, State},
};
use crate::testing::server::{Arrived, Reply, Site, essence, json_text, read_fields, respond};

/// The body of a submit. Kratos tells missing fields one by one, so none is demanded here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Submitted {
    identifier: Option<String>,
    password: Option<String>,
    method: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Logout {
    session_token: String,
}

pub(super) fn init(
    shared: &Shared,
    head: &Parts,
    body: &[u8],
    quirk: Option<Quirk>,
) -> Result<Response<Reply>, Refusal> {
    let state = &mut *shared.state();
    if !body.is_empty() {
        shared
            .desk
            .violate(Endpoint::Init, "a body is sent where none belongs");
    }
    if rules::has_session(state, &head.headers, shared.desk.now()) {
        return Err(Refusal::error(
            400,
            Some("session_already_available"),
            "A valid session was detected and thus login is not possible.",
        ));
    }
    let flow = shared.flow(state);
    state.counts.inits_ok += 1;
    let mut told = errors::describe(shared, &flow);
    if let (Some(Quirk::NoFlowId), Some(told)) = (quirk, told.as_object_mut()) {
        told.remove("id");
    }
    Ok(json_text(200, told.to_string()))
}

pub(super) fn submit<S>(
    shared: &Shared,
    request: &Arrived<'_, S>,
) -> Result<Response<Reply>, Refusal>
where
    S: Site<Odd = Quirk>,
{
    let (now, headers) = (shared.desk.now(), &request.head.headers);
    let state = &mut *shared.state();
    let flow = find(shared, state, request.head)?;
    let failed = |message: Message| Err(Refusal::flow(shared, &flow, &message));
    if rules::has_session(state, headers, now) {
        return failed(Message::generic(
            "A valid session was detected and thus login is not possible. Did you forget to set \
             `?refresh=true`?",
        ));
    }
    if rules::is_from_browser(headers) {
        return failed(Message::generic(
            "The HTTP Request Header included the \"Cookie\" or \"Origin\" key, indicating that \
             this request was made by a Browser. The flow however was initiated as an API request.",
        ));
    }
    let breach = |sentence: &str, message| {
        shared.desk.violate(Endpoint::Submit, sentence);
        failed(message)
    };
    if essence(headers).as_deref() != Some("application/json") {
        let message = Message::generic("Unable to decode body because of its HTTP Content-Type.");
        return breach("the Content-Type is not application/json", message);
    }
    let fields: Submitted = match read_fields(&request.body) {
        Ok(fields) => fields,
        Err(sentence) => return breach(sentence, Message::generic("Unable to decode the body.")),
    };
    let present = |field: Option<String>| field.filter(|text| !text.is_empty());
    let Some(identifier) = present(fields.identifier) else {
        return breach("the identifier is missing", Message::missing("identifier"));
    };
    let Some(password) = present(fields.password) else {
        return breach("the password is missing", Message::missing("password"));
    };
    if fields.method.as_deref() != Some("password") {
        let message = Message::generic("Could not find a strategy to log you in with.");
        return breach("the method is not `password`", message);
    }

    if let Err(message) = admit(shared, state, &identifier, &password) {
        state.counts.rejected += 1;
        return match shared.settings.wrong_password {
            400 => failed(message),
            status => Err(Refusal::error(status, None, &message.into_text())),
        };
    }
    if request.odd == Some(Quirk::BrowserNeeded) {
        let page = format!("{}/ui/second-factor", shared.login_url());
        return Err(Refusal::error(
            422,
            Some("browser_location_change_required"),
            "In order to complete this flow please redirect the browser.",
        )
        .with("redirect_browser_to", page));
    }
    if let Some(flow) = state.flows.get_mut(&flow.id) {
        flow.state = FlowState::Used;
    }
    let session = shared.session(state, &identifier);
    state.counts.submits_ok += 1;
    let told = describe(shared, &session, &identifier, request.odd);
    Ok(json_text(200, told.to_string()))
}

pub(super) fn logout(
    shared: &Shared,
    head: &Parts,
    body: &[u8],
) -> Result<Response<Reply>, Refusal> {
    let breach = |status, sentence: &str| {
        shared.desk.violate(Endpoint::Logout, sentence);
        Err(Refusal::error(status, None, sentence))
    };
    if !shared.settings.logout {
        return Err(Refusal::error(404, None, "There is no such endpoint."));
    }
    if essence(&head.headers).as_deref() != Some("application/json") {
        return breach(400, "the Content-Type is not application/json");
    }
    let logout: Logout = match read_fields(body) {
        Ok(logout) => logout,
        Err(sentence) => return breach(400, sentence),
    };
    let now = shared.desk.now();
    let state = &mut *shared.state();
    let held = state.sessions.get_mut(&logout.session_token);
    let Some(held) = held.filter(|held| held.is_valid(now)) else {
        let mut reason = "The provided session token is invalid.".to_owned();
        if shared.settings.echo_secrets {
            reason = format!("{reason} You sent: {}", logout.session_token);
        }
        return Err(Refusal::error(403, None, &reason));
    };
    held.revoked = true;
    state.counts.logouts_ok += 1;
    Ok(respond::<&str, &str>(204, None, Reply::new("")))
}

/// Returns the flow that a submit names, if it can lead to a session.
fn find(shared: &Shared, state: &mut State, head: &Parts) -> Result<Flow, Refusal> {
    let query = head.uri.query().unwrap_or_default();
    let mut fields = form_urlencoded::parse(query.as_bytes());
    let id = fields
        .next()
        .filter(|(name, id)| name == "flow" && is_uuid(id));
    let Some((_, id)) = id.filter(|_| fields.next().is_none()) else {
        let sentence = "the query is not a `flow` and its UUID";
        shared.desk.violate(Endpoint::Submit, sentence);
        let reason = "The flow query parameter is missing or malformed.";
        return Err(Refusal::error(400, None, reason));
    };
    let flow = state.flows.get(&*id).cloned();
    let reason = "Unable to locate the resource";
    match flow {
        None => {
            state.counts.unknown_flows += 1;
            Err(Refusal::error(404, None, reason))
        }
        Some(flow) if flow.state == FlowState::Used => {
            let sentence = "a flow that led to a session is submitted again";
            shared.desk.violate(Endpoint::Submit, sentence);
            Err(Refusal::error(404, None, reason))
        }
        Some(flow) if flow.state == FlowState::Replaced => {
            state.counts.dead_flows += 1;
            let next = shared.flow(state);
            let reason = "The flow has been replaced by another.";
            let id = Some("self_service_flow_replaced");
            Err(Refusal::error(410, id, reason).use_flow(&next))
        }
        Some(flow) if shared.desk.now().monotonic >= flow.expires => {
            state.counts.dead_flows += 1;
            let next = shared.flow(state);
            let since = shared.desk.now().monotonic - flow.expires;
            let reason = "The self-service flow expired, initialize a new one.";
            let id = Some("self_service_flow_expired");
            Err(Refusal::error(410, id, reason)
                .with("expired_at", shared.write(flow.expires_at))
                // As Go writes a duration.
                .with("since", u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
                .use_flow(&next))
        }
        Some(flow) => Ok(flow),
    }
}

/// Checks credentials at the new login service, which knows migrated accounts.
fn admit(shared: &Shared, state: &State, name: &str, password: &str) -> Result<(), Message> {
    let settings = &shared.settings;
    let account = state
        .accounts
        .get(name)
        .filter(|account| account.migrated || settings.v2_before_migration);
    let message = match account {
        None if settings.tells_unknown_accounts => Message::no_such_account(),
        Some(account) if account.password == password && account.unverified => {
            Message::unverified()
        }
        Some(account) if account.password == password => return Ok(()),
        _ => Message::bad_credentials(),
    };
    Err(match settings.echo_secrets {
        true => message.repeating(password),
        false => message,
    })
}

/// Writes the answer to a login that succeeded.
fn describe(shared: &Shared, session: &Session, name: &str, quirk: Option<Quirk>) -> Value {
    let issued_at = shared.write(session.issued_at);
    let mut told = json!({
        "session_token": session.token,
        "session": {
            "id": session.id,
            "active": true,
            "issued_at": issued_at,
            "authenticated_at": issued_at,
            "authenticator_assurance_level": "aal1",
            "authentication_methods": [
                { "method": "password", "aal": "aal1", "completed_at": issued_at }
            ],
            "identity": { "schema_id": "default", "traits": { "email": name } },
        },
        "continue_with": [],
    });
    if shared.settings.tells_expiry && quirk != Some(Quirk::NoExpiry) {
        let expires_at = match quirk {
            Some(Quirk::PastExpiry) => session.issued_at - std::time::Duration::from_secs(3600),
            _ => session.expires_at,
        };
        told["session"]["expires_at"] = shared.write(expires_at).into();
    }
    match quirk {
        Some(Quirk::NoToken) => {
            told.as_object_mut()
                .map(|told| told.remove("session_token"));
        }
        Some(Quirk::NullSession) => told["session"] = Value::Null,
        Some(Quirk::TokenAlone) => told = json!({ "session_token": session.token }),
        _ => {}
    }
    told
}

/// Whether `text` is a UUID with hyphens.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
