//! The provider against scripted servers: every call is counted.

use std::{fmt::Write as _, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneSyncService};

use super::{Glue, GlueBuilder, MfaErrorCode};
use crate::{
    BoxError, Code, CodeRequest, Error, ErrorKind, Reason, Renewal, Renewed, Session, Token,
    layers::Mfa,
    providers::common::script::{Act, NewYear, Person, Server, answer, refuse, with},
    replay::ReplayBody,
    token::ExposeSecret,
};

mod answers;
mod codes;
mod refresh;
mod secrets;
mod settings;
mod sign_in;
mod sign_out;
mod types;

const USERNAME: &str = "spencor.hopkin@spryker.com";
const PASSWORD: &str = "change123";
const BASE: &str = "https://glue.mysprykershop.com";

type Client =
    BoxCloneSyncService<Request<ReplayBody<Full<Bytes>>>, Response<Full<Bytes>>, BoxError>;

trait Scripted {
    fn client(&self) -> Client;

    fn json(&self, number: usize) -> Value;

    fn header(&self, number: usize, name: &str) -> String;

    fn builder(&self) -> GlueBuilder {
        Glue::builder(self.client(), BASE)
            .credentials(USERNAME, PASSWORD)
            .clock(NewYear::default())
    }

    fn glue(&self) -> Glue {
        self.builder().build().unwrap()
    }
}

impl Scripted for Server {
    fn client(&self) -> Client {
        let server = self.clone();
        let client = service_fn(move |request: Request<ReplayBody<Full<Bytes>>>| {
            let server = server.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = Full::from(body.collect().await?.to_bytes());
                let answer = server.serve(Request::from_parts(head, body)).await?;
                let (head, body) = answer.into_parts();
                let body = Full::from(body.collect().await?.to_bytes());
                Ok::<_, BoxError>(Response::from_parts(head, body))
            }
        });
        BoxCloneSyncService::new(client)
    }

    /// The body of the request with this number, from 0, as JSON.
    fn json(&self, number: usize) -> Value {
        serde_json::from_str(&self.seen.lock().unwrap()[number].body).unwrap()
    }

    /// A header of the request with this number, or `-`.
    fn header(&self, number: usize, name: &str) -> String {
        let seen = self.seen.lock().unwrap();
        let value = seen[number].headers.get(name);
        value.map_or("-".into(), |value| value.to_str().unwrap().into())
    }
}

trait WithPerson {
    fn person(self, person: &Person) -> GlueBuilder;
}

impl WithPerson for GlueBuilder {
    fn person(self, person: &Person) -> GlueBuilder {
        let person = person.clone();
        self.code_service(service_fn(move |request| person.clone().give(request)))
    }
}

// === what to send ===

/// As the Glue REST API has it.
fn failure(status: u16, code: &str, detail: &str) -> Act {
    answer(
        status,
        json!({"errors": [{"status": status, "code": code, "detail": detail}]}),
    )
}

fn attributes(number: u32) -> Value {
    json!({
        "tokenType": "Bearer",
        "expiresIn": 28800,
        "accessToken": format!("access-{number}"),
        "refreshToken": format!("refresh-{number}"),
        "idCompanyUser": null,
    })
}

fn tokens(number: u32) -> Act {
    let data = json!({"type": "access-tokens", "id": null, "attributes": attributes(number)});
    answer(201, json!({"data": data}))
}

// === what to ask ===

async fn first(glue: &Glue) -> Result<Renewed, Error> {
    glue.clone().oneshot(Renewal::new(Reason::Missing)).await
}

async fn again(glue: &Glue, previous: &Token) -> Result<Renewed, Error> {
    let renewal = Renewal::new(Reason::Expiring).with_previous(previous.clone());
    glue.clone().oneshot(renewal).await
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

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
