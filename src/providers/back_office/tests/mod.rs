//! The token service against scripted servers: every call is counted.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use tower::{ServiceExt, service_fn};

use super::{BackOffice, BackOfficeBuilder};
use crate::{
    BoxError, Code, CodeRequest, Error, ErrorKind, Reason, Renewal, Renewed, Token,
    providers::common::script::{Act, NewYear, Person, Server, answer, refuse, with},
    token::ExposeSecret,
};

mod answers;
mod codes;
mod limits;
mod overtaken;
mod refresh;
mod requests;
mod secrets;
mod sessions;
mod settings;
mod sign_out;

const EMAIL: &str = "foo@bar.com";
const PASSWORD: &str = "Secret123";
const FLOW: &str = "b2fcf999-2b0b-451d-9888-094a79117aa5";

trait Scripted {
    fn builder(&self) -> BackOfficeBuilder;

    fn back_office(&self) -> BackOffice {
        self.builder().build().unwrap()
    }
}

impl Scripted for Server {
    fn builder(&self) -> BackOfficeBuilder {
        let server = self.clone();
        let client = service_fn(move |request: Request<Full<Bytes>>| server.clone().serve(request));
        BackOffice::builder(client, "https://host.name")
            .credentials(EMAIL, PASSWORD)
            .clock(NewYear::default())
    }
}

trait WithPerson {
    fn person(self, person: &Person) -> BackOfficeBuilder;
}

impl WithPerson for BackOfficeBuilder {
    fn person(self, person: &Person) -> BackOfficeBuilder {
        let person = person.clone();
        self.code_service(service_fn(move |request| person.clone().give(request)))
    }
}

// === what to send ===

fn issued(token: &str) -> Value {
    json!({
        "token": token,
        "createdAt": "2022-01-01T00:00:00+00:00",
        "expiresAt": "2022-01-01T10:00:00+00:00",
    })
}

fn pair(number: u32) -> Value {
    json!({
        "accessToken": issued(&format!("access-{number}")),
        "refreshToken": issued(&format!("refresh-{number}")),
    })
}

fn signed_in(number: u32) -> Act {
    let mut body = pair(number);
    body["2faRequired"] = false.into();
    answer(200, body)
}

fn two_factor(expires_at: &str) -> Act {
    let details = json!({"token": FLOW, "provider": "email", "expiresAt": expires_at});
    answer(200, json!({"2faRequired": true, "2faDetails": details}))
}

/// As in the vendor's sample: expired on arrival.
fn sample_two_factor() -> Act {
    two_factor("2022-01-01T00:00:00+00:00")
}

// === what to ask ===

async fn first(back_office: &BackOffice) -> Result<Renewed, Error> {
    back_office
        .clone()
        .oneshot(Renewal::new(Reason::Missing))
        .await
}

async fn again(back_office: &BackOffice, previous: &Token) -> Result<Renewed, Error> {
    let renewal = Renewal::new(Reason::Expiring).with_previous(previous.clone());
    back_office.clone().oneshot(renewal).await
}

fn held(refresh: &str) -> Token {
    Token::new("access-0")
        .unwrap()
        .with_refresh_token(refresh)
        .unwrap()
}

fn refresh_of(renewed: &Renewed) -> Option<&str> {
    let refresh = renewed.credential().refresh_token();
    refresh.map(|refresh| refresh.expose_secret())
}

fn access_of(renewed: &Renewed) -> &str {
    renewed.credential().expose()
}

#[track_caller]
fn assert_fails(result: Result<Renewed, Error>, kind: ErrorKind, text: &str) -> Error {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error:?}");
    assert!(error.to_string().contains(text), "{error}");
    error
}
