//! The sign-on against scripted servers: every call is counted.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, Method, Request};
use http_body_util::Full;
use serde_json::{Value, json};
use tower::{ServiceExt, service_fn};

use super::{Fintiv, FintivBuilder, Status, StatusClass, TokenPlacement};
use crate::{
    Error, ErrorKind, Placement, Reason, Renewal, Renewed, Token,
    providers::common::script::{Act, NewYear, Server, answer, refuse, with},
};

mod answers;
mod requests;
mod secrets;
mod sessions;
mod settings;

const BASE: &str = "https://api-dev.fintiv.co:8080/auth";
const USER: &str = "cashier@bar.com";
const PASSWORD: &str = "Secret123";
const KEY: &str = "0a1b2c3d-key";

fn builder(server: &Server) -> FintivBuilder {
    let server = server.clone();
    let client = service_fn(move |request: Request<Full<Bytes>>| server.clone().serve(request));
    Fintiv::builder(client, BASE)
        .api_key(KEY)
        .credentials(USER, PASSWORD)
        .clock(NewYear::default())
}

async fn sign_on(fintiv: Fintiv) -> Result<Renewed, Error> {
    fintiv.oneshot(Renewal::new(Reason::Missing)).await
}

/// The token that `server` gives.
async fn token(server: &Server) -> Token {
    let renewed = sign_on(builder(server).build().unwrap()).await.unwrap();
    renewed.credential().clone()
}

/// How a sign-on fails, which is tried once.
async fn failure(act: Act) -> Error {
    let server = Server::new([act]);
    let error = sign_on(builder(&server).build().unwrap()).await;
    assert_eq!(server.count(), 1);
    error.expect_err("a failure")
}

fn envelope(code: &str, message: &str) -> Value {
    json!({
        "contextResponse": {
            "tenantName": "JANUS",
            "statusCode": code,
            "statusMessage": message,
            "additionalStatusCode": null,
            "additionalStatusMessage": null,
        },
        "responseData": null,
    })
}

fn signed_on(token: &str) -> Act {
    let mut body = envelope("SUCCESS", "ok");
    body["contextResponse"]["token"] = token.into();
    answer(200, body)
}
