//! The tokens, codes and servers that layers are tried with.

use bytes::Bytes;
use http::{HeaderName, Request, Response, StatusCode, header, response};
use http_body_util::Full;
use tower::{service_fn, util::BoxCloneSyncService};
use tower_reauth::{
    Code, CodeRequest, Error, ErrorKind, Renewal, Session, Token, layers::Mfa, replay::ReplayBody,
};

use crate::sweep::{Body, Log, answer, takes_a_while};

pub(crate) const ORIGIN: &str = "https://api.example.com";

pub(crate) fn request() -> Request<Body> {
    plain_request().map(|_| ReplayBody::from("hello"))
}

/// A request as those have it who know nothing of layers.
pub(crate) fn plain_request() -> Request<Full<Bytes>> {
    let request = Request::post("https://api.example.com/call");
    request.body(Full::from("hello")).unwrap()
}

/// Notes `word` when it is asked, takes its time, and answers with what `answer` makes of the log.
fn asked<Q: 'static, R: 'static>(
    log: &Log,
    word: &'static str,
    answer: impl Fn(&Log) -> Result<R, Error> + Clone + Send + Sync + 'static,
) -> BoxCloneSyncService<Q, R, Error> {
    let log = log.clone();
    BoxCloneSyncService::new(service_fn(move |_: Q| {
        let (log, answer) = (log.clone(), answer.clone());
        async move {
            log.add(word);
            takes_a_while().await;
            answer(&log)
        }
    }))
}

/// What is asked for tokens: `t2`, and `t3` …, or nothing but a refusal.
pub(crate) fn tokens(log: &Log, is_refused: bool) -> BoxCloneSyncService<Renewal, Token, Error> {
    asked(log, "token", move |log| {
        if is_refused {
            return Err(Error::new(ErrorKind::Rejected, "no"));
        }
        Ok(Token::new(format!("t{}", log.count("token") + 1)).unwrap())
    })
}

/// A session that may have a token to begin with.
pub(crate) fn session(log: &Log, token: Option<&str>, is_refused: bool) -> Session {
    let mut builder = Session::builder(tokens(log, is_refused)).origin(ORIGIN);
    if let Some(token) = token {
        builder = builder.token(Token::new(token).unwrap());
    }
    builder.build().unwrap()
}

/// Accepts `t2` alone.
pub(crate) fn second_token(request: &Request<()>, _: usize) -> Response<Full<Bytes>> {
    match request.headers().get(header::AUTHORIZATION) {
        Some(value) if value == "Bearer t2" => answer(200, "{}"),
        _ => answer(401, "{}"),
    }
}

/// A person whose code is always the same.
pub(crate) fn codes(log: &Log) -> BoxCloneSyncService<CodeRequest, Code, Error> {
    asked(log, "code", |_| Ok(Code::new("123456").unwrap()))
}

/// Accepts that code alone.
pub(crate) fn with_code(request: &Request<()>, _: usize) -> Response<Full<Bytes>> {
    match request.headers().get("x-code") {
        Some(code) if code == "123456" => answer(200, "{}"),
        _ => answer(403, "code, please"),
    }
}

/// What attaches it.
pub(crate) fn mfa_and_codes(log: &Log) -> Mfa {
    let challenge = |head: &response::Parts, _: &[u8]| {
        let is_one = head.status == StatusCode::FORBIDDEN;
        is_one.then(|| Error::new(ErrorKind::CodeRequired, "a code is wanted"))
    };
    Mfa::builder(HeaderName::from_static("x-code"), challenge)
        .origin(ORIGIN)
        .code_service(codes(log))
        .build()
        .unwrap()
}
