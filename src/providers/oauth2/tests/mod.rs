//! The token service against scripted servers: every call is counted.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use tower::{ServiceExt, service_fn};

use super::{ClientAuth, OAuth2, OAuth2Builder};
use crate::{
    Error, ErrorKind, Reason, Renewal, Renewed, Token,
    providers::common::script::{Act, Server, answer, refuse, with},
    token::ExposeSecret,
};

mod answers;
mod refresh;
mod refusals;
mod requests;
mod secrets;
mod sessions;
mod settings;
mod sign_out;
mod vectors;

const ID: &str = "s6BhdRkqt3";
const SECRET: &str = "7Fjfp0ZBr1KtDRbnfVdmIw";
const URL: &str = "https://auth.example.com/token";

trait Scripted {
    /// A builder with a client that may sign in as itself.
    fn builder(&self) -> OAuth2Builder {
        self.bare().client_secret(SECRET).client_credentials()
    }

    /// A builder for a user's refresh token alone.
    fn for_user(&self, refresh: &str) -> OAuth2 {
        self.bare().refresh_token(refresh).build().unwrap()
    }

    fn bare(&self) -> OAuth2Builder;
}

impl Scripted for Server {
    fn bare(&self) -> OAuth2Builder {
        let server = self.clone();
        let http = service_fn(move |request: Request<Full<Bytes>>| server.clone().serve(request));
        OAuth2::builder(http, URL).client_id(ID)
    }
}

// === what to send ===

/// Tokens of this number, with a refresh token.
fn tokens(number: u32) -> Value {
    json!({
        "access_token": format!("access-{number}"),
        "token_type": "Bearer",
        "expires_in": 3600,
        "refresh_token": format!("refresh-{number}"),
    })
}

/// `tokens(1)`, but for this field.
fn tokens_but(field: &str, value: Value) -> Act {
    let mut tokens = tokens(1);
    tokens[field] = value;
    answer(200, tokens)
}

fn tokens_without(field: &str) -> Act {
    let mut tokens = tokens(1);
    tokens.as_object_mut().unwrap().remove(field);
    answer(200, tokens)
}

fn oops(status: u16, code: &str) -> Act {
    answer(status, json!({"error": code}))
}

// === what to ask ===

async fn first(oauth2: &OAuth2) -> Result<Renewed, Error> {
    oauth2.clone().oneshot(Renewal::new(Reason::Missing)).await
}

async fn again(oauth2: &OAuth2, previous: &Token) -> Result<Renewed, Error> {
    let renewal = Renewal::new(Reason::Expiring).with_previous(previous.clone());
    oauth2.clone().oneshot(renewal).await
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

/// The grants that were asked for, and what was presented for them.
fn grants(server: &Server) -> String {
    let seen = server.seen.lock().unwrap();
    let grants = seen.iter().map(|seen| {
        let fields: Vec<_> = form_urlencoded::parse(seen.body.as_bytes()).collect();
        let field = |name| fields.iter().find(|(known, _)| known == name);
        match (field("refresh_token"), field("token"), field("grant_type")) {
            (Some((_, refresh)), _, _) => refresh.to_string(),
            (_, Some((_, token)), _) => format!("-{token}"),
            (_, _, Some((_, grant))) => grant.to_string(),
            _ => "nothing".into(),
        }
    });
    grants.collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn assert_fails(result: Result<Renewed, Error>, kind: ErrorKind, text: &str) -> Error {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error:?}");
    assert!(error.to_string().contains(text), "{error}");
    error
}
