//! The rules a request has to keep.

use http::{Method, header, request::Parts};
use serde::{Deserialize, de::DeserializeOwned};

use super::{Endpoint, sessions::Sessions};
use crate::testing::server::{
    CREDENTIALS, accepts_json, address_tells, essence, read_fields, twice,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    pub(super) email: String,
    pub(super) password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirm {
    pub(super) token: String,
    pub(super) code: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refresh {
    #[serde(rename = "refreshToken")]
    pub(super) token: String,
}

/// A broken rule: the status it is refused with, and a sentence without secrets.
pub(super) type Breach = (u16, String);

/// Checks everything but the body. The first breach is the one that counts.
pub(super) fn check_head<'a>(
    endpoint: Endpoint,
    head: &Parts,
    sessions: &Sessions,
    passwords: impl Iterator<Item = &'a String>,
) -> Result<(), Breach> {
    if address_tells(head, sessions.tokens()) {
        return breach(400, "a token is in the address");
    }
    if address_tells(head, passwords) {
        return breach(400, "a password is in the address");
    }
    if twice(&head.headers, &[header::AUTHORIZATION]).is_some() {
        return breach(400, "there are two Authorization headers");
    }
    if endpoint == Endpoint::Api {
        return Ok(());
    }
    if head.uri.query().is_some() {
        return breach(400, "the address has a query");
    }
    if head.method != Method::POST {
        return breach(405, "the method is not POST");
    }
    if !endpoint.is_sign_in_traffic() {
        return Ok(());
    }
    if let Some(name) = CREDENTIALS
        .iter()
        .find(|name| head.headers.contains_key(*name))
    {
        return breach(400, &format!("a credential is sent along, in `{name}`"));
    }
    if essence(&head.headers).as_deref() != Some("application/json") {
        return breach(415, "the Content-Type is not application/json");
    }
    if !accepts_json(&head.headers) {
        return breach(406, "the Accept header does not admit application/json");
    }
    Ok(())
}

/// Reads the body of a request: an object of these fields, all strings, and no others.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Breach> {
    read_fields(body).or_else(|sentence| breach(400, sentence))
}

fn breach<T>(status: u16, sentence: &str) -> Result<T, Breach> {
    Err((status, sentence.to_owned()))
}
