//! The MFA endpoints, and the check of codes.

use http::{HeaderMap, Method, Response, request::Parts};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Endpoint,
    codes::{Presented, TypeStatus},
    errors::Refusal,
    rules::MFA_CODE,
    sign_in,
    state::{Shared, State},
};
use crate::testing::server::{Reply, respond};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kind {
    #[serde(rename = "type")]
    name: Option<String>,
}

/// Lists the types that the shop knows, with what they are to an account.
pub(super) fn types(shared: &Shared, username: Option<&str>) -> Result<Response<Reply>, Refusal> {
    let Some(username) = username else {
        return Err(match shared.settings.backend {
            false => Refusal::new(400, "5905", "No customer identifier provided."),
            true => Refusal::new(400, "5908", "No user identifier provided."),
        });
    };
    let state = shared.state();
    let account = state.accounts.get(username);
    let types = shared.settings.types.iter().map(|name| {
        let status = account.map_or(TypeStatus::Deactivated, |account| account.mfa.status(name));
        let number = shared.settings.numeric_type_status;
        let attributes = json!({ "type": name, "status": describe(status, number) });
        json!({ "type": "multi-factor-auth-types", "id": null, "attributes": attributes })
    });
    let told = json!({ "data": types.collect::<Vec<_>>() });
    let headers = [("content-type", "application/vnd.api+json")];
    Ok(respond(200, headers, Reply::new(told.to_string())))
}

/// Answers the four endpoints that take a type.
pub(super) fn change(
    shared: &Shared,
    endpoint: Endpoint,
    username: Option<&str>,
    head: &Parts,
    body: &[u8],
) -> Result<Response<Reply>, Refusal> {
    let kind: Kind = sign_in::read(shared, endpoint, body)?;
    let Some(username) = username else {
        return Err(match shared.settings.backend {
            false => Refusal::new(400, "5907", "Customer not found."),
            true => Refusal::new(400, "5909", "User not found."),
        });
    };
    if endpoint == Endpoint::Trigger && shared.settings.trigger_fails {
        return Err(Refusal::plain(500, "Internal Server Error"));
    }
    let Some(kind) = kind.name.filter(|name| !name.is_empty()) else {
        return Err(Refusal::new(400, "5902", "MFA type is missing."));
    };
    let state = &mut *shared.state();
    let mfa = state.accounts.get(username).map(|account| &account.mfa);
    let active = mfa.is_some_and(|mfa| mfa.is_active());
    let known = shared.settings.types.contains(&kind);
    let status = mfa.map_or(TypeStatus::Deactivated, |mfa| mfa.status(&kind));
    let wanted = match endpoint {
        Endpoint::Trigger | Endpoint::Deactivate => status == TypeStatus::Activated,
        Endpoint::Verify => status != TypeStatus::Deactivated,
        _ => true,
    };
    if !known || !wanted {
        return Err(Refusal::new(400, "5906", "MFA type is not found."));
    }
    let brings = matches!(endpoint, Endpoint::Activate | Endpoint::Verify);
    if brings && status == TypeStatus::Activated {
        return Err(Refusal::new(400, "5904", "MFA type is already activated."));
    }
    let sends = matches!(endpoint, Endpoint::Trigger | Endpoint::Activate);
    match endpoint {
        Endpoint::Trigger => {}
        // The first type is activated without a code of another.
        Endpoint::Activate if !active => {}
        Endpoint::Activate => check(shared, state, endpoint, username, &head.headers, None)?,
        // Of the very type that is verified or deactivated.
        _ => {
            let of = Some((&*kind, status));
            check(shared, state, endpoint, username, &head.headers, of)?;
        }
    }
    if sends && state.undeliverable {
        let text = "Something went wrong while sending your code.";
        return Err(Refusal::new(400, "5910", text));
    }
    if sends {
        shared.send_code(state, username, &kind);
    }
    let (status, counted) = match endpoint {
        Endpoint::Trigger => (None, &mut state.counts.triggers_ok),
        Endpoint::Activate => (Some(TypeStatus::Pending), &mut state.counts.activations_ok),
        Endpoint::Verify => (
            Some(TypeStatus::Activated),
            &mut state.counts.verifications_ok,
        ),
        _ => (
            Some(TypeStatus::Deactivated),
            &mut state.counts.deactivations_ok,
        ),
    };
    *counted += 1;
    if let (Some(status), Some(account)) = (status, state.accounts.get_mut(username)) {
        account.mfa.set(&kind, status);
    }
    Ok(respond::<&str, &str>(204, None, Reply::new("")))
}

/// Asks a call for its code if it needs one.
pub(super) fn guard(shared: &Shared, username: &str, head: &Parts) -> Result<(), Refusal> {
    let asks = matches!(head.method, Method::GET | Method::OPTIONS);
    if asks
        || !shared
            .settings
            .protected
            .contains(&resource(head).to_owned())
    {
        return Ok(());
    }
    let state = &mut *shared.state();
    let account = state.accounts.get(username);
    if !account.is_some_and(|account| account.mfa.is_active()) {
        return Ok(());
    }
    check(shared, state, Endpoint::Api, username, &head.headers, None)
}

/// Returns the resource type that a call is for: the last one in its path, whose segments are types
/// and ids in turn.
pub(super) fn resource(head: &Parts) -> &str {
    let segments: Vec<_> = head.uri.path().trim_matches('/').split('/').collect();
    segments[(segments.len() - 1) & !1]
}

/// Presents the code of a request: of an active type, or of this type with this status.
fn check(
    shared: &Shared,
    state: &mut State,
    endpoint: Endpoint,
    username: &str,
    headers: &HeaderMap,
    of: Option<(&str, TypeStatus)>,
) -> Result<(), Refusal> {
    let code = headers.get(MFA_CODE).and_then(|code| code.to_str().ok());
    let Some(code) = code.filter(|code| !code.is_empty()) else {
        state.counts.missing_codes += 1;
        return Err(Refusal::code_missing());
    };
    let most = shared.settings.attempts;
    let account = state.accounts.get_mut(username);
    let presented = account.map_or(Presented::Unknown, |account| {
        account.mfa.present(code, of, most, shared.now())
    });
    match presented {
        Presented::Good => return Ok(()),
        Presented::Unknown => state.counts.unknown_codes += 1,
        Presented::Dead => {}
        Presented::Superseded { blocked, knowingly } => {
            state.counts.superseded_codes += 1;
            state.counts.blocked_codes += u64::from(blocked);
            if knowingly {
                let sentence = "an old code is sent although a newer one was accepted";
                shared.desk.violate(endpoint, sentence);
            }
        }
    }
    state.counts.refused_codes += 1;
    if let Some(call) = headers.get("idempotency-key") {
        let refused = (call.as_bytes().to_vec(), code.to_owned());
        if !state.refused.insert(refused) {
            let sentence = "a call is sent again with the code that it was refused with";
            shared.desk.violate(endpoint, sentence);
        }
    }
    Err(Refusal::code_invalid().repeating(code))
}

fn describe(status: TypeStatus, as_number: bool) -> Value {
    match (status, as_number) {
        (TypeStatus::Deactivated, false) => "deactivated".into(),
        (TypeStatus::Pending, false) => "activation is pending".into(),
        (TypeStatus::Activated, false) => "activated".into(),
        (TypeStatus::Deactivated, true) => 0.into(),
        (TypeStatus::Pending, true) => 1.into(),
        (TypeStatus::Activated, true) => 2.into(),
    }
}
