//! The token service against scripted servers: every call is counted.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use serde_json::{Value, json};
use tower::{ServiceExt, service_fn};

use super::{BackOffice, BackOfficeBuilder};
use crate::{
    BoxError, Clock, Code, CodeRequest, Error, ErrorKind, Reason, Renewal, Renewed, SystemClock,
    Token, renew::SignInTraffic, token::ExposeSecret,
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

/// What the server does when it is asked next.
enum Act {
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Sends the head and this much of the body, then nothing more.
    HangAfter(u16, Vec<(&'static str, String)>, String),
    /// Sends the head after this time, and no body.
    HangLate(Duration),
    /// Sends the head and this much of the body, then breaks off.
    BreakAfter(u16, String),
    /// Sends this chunk for ever.
    Endless(u16, &'static [u8]),
    Refuse(BoxError),
    Hang,
    /// Answers after this time.
    Later(Duration, u16, String),
}

/// A request as the server saw it.
#[derive(Debug)]
struct Seen {
    path: String,
    method: Method,
    headers: HeaderMap,
    body: String,
    marked: bool,
}

/// A server that follows a script, and answers 418 when that has ended.
#[derive(Clone, Default)]
struct Server {
    acts: Arc<Mutex<VecDeque<Act>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    frames: Arc<Mutex<usize>>,
}

type TestBody = UnsyncBoxBody<Bytes, BoxError>;

impl Server {
    fn new(acts: impl IntoIterator<Item = Act>) -> Self {
        let server = Self::default();
        server.then(acts);
        server
    }

    fn then(&self, acts: impl IntoIterator<Item = Act>) {
        self.acts.lock().unwrap().extend(acts);
    }

    fn builder(&self) -> BackOfficeBuilder {
        let server = self.clone();
        let client = service_fn(move |request: Request<Full<Bytes>>| server.clone().serve(request));
        BackOffice::builder(client, "https://host.name")
            .credentials(EMAIL, PASSWORD)
            .clock(NewYear::default())
    }

    fn back_office(&self) -> BackOffice {
        self.builder().build().unwrap()
    }

    async fn serve(self, request: Request<Full<Bytes>>) -> Result<Response<TestBody>, BoxError> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        self.seen.lock().unwrap().push(Seen {
            path: head.uri.to_string(),
            method: head.method,
            headers: head.headers,
            body: String::from_utf8(body.to_vec())?,
            marked: head.extensions.get::<SignInTraffic>().is_some(),
        });
        let act = self.acts.lock().unwrap().pop_front();
        let answer = |status: u16, headers: Vec<(&str, String)>, body: TestBody| {
            let mut answer = Response::builder().status(status);
            for (name, value) in headers {
                answer = answer.header(name, value);
            }
            Ok(answer.body(body).unwrap())
        };
        match act {
            None => answer(418, vec![], full("")),
            Some(Act::Answer(status, headers, body)) => answer(status, headers, full(&body)),
            Some(Act::HangAfter(status, headers, body)) => {
                answer(status, headers, then(&body, None))
            }
            Some(Act::HangLate(wait)) => {
                tokio::time::sleep(wait).await;
                answer(200, vec![], then("{", None))
            }
            Some(Act::BreakAfter(status, body)) => {
                answer(status, vec![], then(&body, Some("cut off".into())))
            }
            Some(Act::Endless(status, chunk)) => {
                let frames = self.frames.clone();
                let stream = tokio_stream::StreamExt::map(
                    tokio_stream::iter(std::iter::repeat(chunk)),
                    move |chunk| {
                        *frames.lock().unwrap() += 1;
                        Ok::<_, BoxError>(Frame::data(Bytes::from_static(chunk)))
                    },
                );
                answer(status, vec![], StreamBody::new(stream).boxed_unsync())
            }
            Some(Act::Refuse(error)) => Err(error),
            Some(Act::Hang) => std::future::pending().await,
            Some(Act::Later(wait, status, body)) => {
                tokio::time::sleep(wait).await;
                answer(status, vec![], full(&body))
            }
        }
    }

    /// The endpoints asked so far, by the last part of their path.
    fn calls(&self) -> String {
        let mut calls = String::new();
        for seen in self.seen.lock().unwrap().iter() {
            let _ = write!(calls, "{} ", seen.path.rsplit('/').next().unwrap());
        }
        calls.trim_end().into()
    }

    fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// A field of the request with this number, from 0.
    fn sent(&self, number: usize, field: &str) -> String {
        let seen = self.seen.lock().unwrap();
        let body: Value = serde_json::from_str(&seen[number].body).unwrap();
        body[field].as_str().unwrap().into()
    }
}

/// A clock that says 2022-01-01T00:00:00Z when it is made, as the samples do.
#[derive(Debug, Default)]
struct NewYear(SystemClock);

impl Clock for NewYear {
    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_640_995_200) + self.0.monotonic()
    }

    fn sleep(&self, wait: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.0.sleep(wait)
    }
}

/// A code service that gives one code after another, and notes what it was asked.
#[derive(Clone, Default)]
struct Person {
    codes: Arc<Mutex<VecDeque<(Duration, &'static str)>>>,
    asked: Arc<Mutex<Vec<CodeRequest>>>,
}

impl Person {
    fn new(codes: impl IntoIterator<Item = &'static str>) -> Self {
        Self::slow(codes.into_iter().map(|code| (0, code)))
    }

    fn slow(codes: impl IntoIterator<Item = (u64, &'static str)>) -> Self {
        let person = Self::default();
        let codes = codes.into_iter();
        let codes = codes.map(|(seconds, code)| (Duration::from_secs(seconds), code));
        person.codes.lock().unwrap().extend(codes);
        person
    }

    async fn give(self, request: CodeRequest) -> Result<Code, BoxError> {
        self.asked.lock().unwrap().push(request);
        let next = self.codes.lock().unwrap().pop_front();
        let (wait, code) = next.ok_or("the mailbox is empty")?;
        tokio::time::sleep(wait).await;
        Ok(Code::new(code)?)
    }

    fn attempts(&self) -> Vec<u32> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(CodeRequest::attempt).collect()
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

fn answer(status: u16, body: impl ToString) -> Act {
    Act::Answer(status, vec![], body.to_string())
}

fn with(status: u16, name: &'static str, value: &str) -> Act {
    Act::Answer(status, vec![(name, value.into())], String::new())
}

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

fn refuse(text: &'static str) -> Act {
    Act::Refuse(Box::new(io::Error::new(
        io::ErrorKind::ConnectionRefused,
        text,
    )))
}

fn full(body: &str) -> TestBody {
    Full::new(Bytes::copy_from_slice(body.as_bytes()))
        .map_err(Into::into)
        .boxed_unsync()
}

fn then(body: &str, error: Option<BoxError>) -> TestBody {
    let data = Ok(Frame::data(Bytes::copy_from_slice(body.as_bytes())));
    let first = tokio_stream::once(data);
    match error {
        Some(error) => {
            let rest = tokio_stream::once(Err(error));
            StreamBody::new(tokio_stream::StreamExt::chain(first, rest)).boxed_unsync()
        }
        None => {
            let rest = tokio_stream::pending();
            StreamBody::new(tokio_stream::StreamExt::chain(first, rest)).boxed_unsync()
        }
    }
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
