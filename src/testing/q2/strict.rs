//! The rules a request has to keep.

use http::{header, request::Parts};
use serde::de::DeserializeOwned;

use super::{Endpoint, forgery::FORGED_KEYS};
use crate::testing::server::{address_tells, essence, read_fields, twice};

/// A broken rule: the status it is refused with, and a sentence without secrets.
pub(super) type Breach = (u16, String);

/// Checks everything but the API key, the signature and the body. The first breach is the one that
/// counts.
pub(super) fn check_head<'a>(
    endpoint: Endpoint,
    head: &Parts,
    secrets: impl Iterator<Item = &'a String>,
) -> Result<(), Breach> {
    if address_tells(head, secrets) {
        return breach(
            400,
            "the API key, a credential or a token is in the address",
        );
    }
    if twice(&head.headers, &[header::AUTHORIZATION]).is_some() {
        return breach(400, "there are two Authorization headers");
    }
    if head.uri.path() == FORGED_KEYS {
        return breach(404, "a key is fetched from where a forged event says");
    }
    let Some(method) = endpoint.method() else {
        return Ok(());
    };
    if head.uri.query().is_some() {
        return breach(400, "the address has a query");
    }
    if head.method != method {
        return breach(405, &format!("the method is not {method}"));
    }
    let is_json = || essence(&head.headers).is_some_and(|kind| kind == "application/json");
    if endpoint.takes_json() && !is_json() {
        return breach(415, "the Content-Type is not application/json");
    }
    Ok(())
}

/// Reads the body of a request: an object of these fields, and no others.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Breach> {
    read_fields(body).or_else(|sentence| breach(400, sentence))
}

pub(super) fn breach<T>(status: u16, sentence: &str) -> Result<T, Breach> {
    Err((status, sentence.to_owned()))
}
