//! An API that wants codes, and somebody who gives them.
#![allow(unreachable_pub, reason = "a binary of its own")]

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, Method, Request, Response, StatusCode, response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_reauth::{
    BoxError, Code, CodeRequest, Error, ErrorKind,
    layers::{Mfa, mfa::MfaBuilder},
    replay::NotReplayed,
};

use crate::common::{Body, ORIGIN, collected, status};

pub const HEADER: HeaderName = HeaderName::from_static("x-code");

/// The finished client.
pub type Client = BoxCloneSyncService<Request<Body>, Response<Bytes>, BoxError>;

/// An API that wants a code for all but `GET`, the newest that was given.
#[derive(Clone, Default)]
pub struct Api {
    inner: Arc<ApiInner>,
}

#[derive(Default)]
struct ApiInner {
    valid: Mutex<Option<String>>,
    latency: Mutex<Duration>,
    /// The code of each request, in the order in which they came.
    codes: Mutex<Vec<Option<String>>>,
    /// What is answered first, whatever the code.
    ordered: Mutex<VecDeque<(StatusCode, &'static str)>>,
}

/// Somebody who is asked for codes, and gives `c1`, `c2` and so on, each of which makes the one
/// before worthless.
#[derive(Clone, Default)]
pub struct Person {
    inner: Arc<PersonInner>,
}

#[derive(Default)]
struct PersonInner {
    api: Api,
    latency: Mutex<Duration>,
    lifetime: Mutex<Option<Duration>>,
    acts: Mutex<VecDeque<Act>>,
    asked: Mutex<Vec<CodeRequest>>,
    /// How many are being asked, and how many were at once at most.
    present: AtomicUsize,
    most: AtomicUsize,
}

/// What a person does in place of what is usual.
pub enum Act {
    Give(&'static str),
    Fail(Error),
    FailOtherwise,
    Hang,
    Panic,
}

/// Counts a person in as long as he is asked.
struct Present(Arc<PersonInner>);

// === impl Api ===

impl Api {
    pub fn latency(&self, latency: Duration) {
        *self.inner.latency.lock().unwrap() = latency;
    }

    /// Only this code is good from now on; or none is.
    pub fn accept(&self, code: Option<&str>) {
        *self.inner.valid.lock().unwrap() = code.map(str::to_owned);
    }

    /// Answers this before anything else.
    pub fn order(&self, status: StatusCode, body: &'static str) {
        self.inner.ordered.lock().unwrap().push_back((status, body));
    }

    pub fn sends(&self) -> usize {
        self.inner.codes.lock().unwrap().len()
    }

    /// The code of each request so far, `-` for none, and forgets them.
    pub fn codes(&self) -> String {
        let codes = std::mem::take(&mut *self.inner.codes.lock().unwrap());
        let codes = codes.into_iter().map(|code| code.unwrap_or("-".into()));
        codes.collect::<Vec<_>>().join(" ")
    }

    async fn answer<B>(self, request: Request<B>) -> Result<Response<Body>, BoxError>
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
    {
        let value = request.headers().get(HEADER);
        assert!(value.is_none_or(http::HeaderValue::is_sensitive));
        let code = value.map(|value| value.to_str().unwrap().to_owned());
        self.inner.codes.lock().unwrap().push(code.clone());
        let is_protected = request.method() != Method::GET;
        // What counts is what is good when the request comes.
        let good = self.inner.valid.lock().unwrap().clone();
        request.into_body().collect().await.map_err(Into::into)?;
        let latency = *self.inner.latency.lock().unwrap();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let ordered = self.inner.ordered.lock().unwrap().pop_front();
        let (code, body) = match (ordered, code) {
            (Some(ordered), _) => ordered,
            (None, _) if !is_protected => (StatusCode::OK, "free"),
            (None, None) => (StatusCode::FORBIDDEN, "5900"),
            (None, code) if code == good => (StatusCode::OK, "done"),
            _ => (StatusCode::FORBIDDEN, "5901"),
        };
        let mut answer = status(code);
        *answer.body_mut() = Full::from(body);
        Ok(answer)
    }

    pub fn service<B>(&self) -> BoxCloneSyncService<Request<B>, Response<Body>, BoxError>
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let api = self.clone();
        BoxCloneSyncService::new(service_fn(move |request| api.clone().answer(request)))
    }

    pub fn client(&self, mfa: &Mfa) -> Client {
        let stack = mfa.layer().layer(self.service::<Body>());
        BoxCloneSyncService::new(stack.and_then(collected))
    }

    /// Somebody whose codes are good here.
    pub fn person(&self) -> Person {
        Person {
            inner: Arc::new(PersonInner {
                api: self.clone(),
                ..PersonInner::default()
            }),
        }
    }
}

// === impl Person ===

impl Person {
    /// Takes so long for each code.
    pub fn latency(self, latency: Duration) -> Self {
        *self.inner.latency.lock().unwrap() = latency;
        self
    }

    pub fn lifetime(self, lifetime: Duration) -> Self {
        *self.inner.lifetime.lock().unwrap() = Some(lifetime);
        self
    }

    /// Does this next, once.
    pub fn then(&self, act: Act) {
        self.inner.acts.lock().unwrap().push_back(act);
    }

    /// How often he was asked.
    pub fn asked(&self) -> usize {
        self.inner.asked.lock().unwrap().len()
    }

    pub fn attempts(&self) -> Vec<u32> {
        let asked = self.inner.asked.lock().unwrap();
        asked.iter().map(CodeRequest::attempt).collect()
    }

    pub fn is_present(&self) -> bool {
        self.inner.present.load(Ordering::SeqCst) > 0
    }

    /// Over how many prompts he sat at once at most.
    pub fn most(&self) -> usize {
        self.inner.most.load(Ordering::SeqCst)
    }

    async fn give(self, request: CodeRequest) -> Result<Code, BoxError> {
        let _present = Present::new(&self.inner);
        let number = {
            let mut asked = self.inner.asked.lock().unwrap();
            asked.push(request);
            asked.len()
        };
        let latency = *self.inner.latency.lock().unwrap();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let act = self.inner.acts.lock().unwrap().pop_front();
        let code = match act {
            Some(Act::Give(code)) => code.to_owned(),
            Some(Act::Fail(error)) => return Err(error.into()),
            Some(Act::FailOtherwise) => return Err("the mailbox is gone".into()),
            Some(Act::Hang) => std::future::pending().await,
            Some(Act::Panic) => panic!("no code"),
            None => {
                let code = format!("c{number}");
                self.inner.api.accept(Some(&code));
                code
            }
        };
        let code = Code::new(code)?;
        Ok(match *self.inner.lifetime.lock().unwrap() {
            Some(lifetime) => code.with_lifetime(lifetime),
            None => code,
        })
    }

    pub fn service(&self) -> BoxCloneSyncService<CodeRequest, Code, BoxError> {
        let person = self.clone();
        BoxCloneSyncService::new(service_fn(move |request| person.clone().give(request)))
    }

    pub fn mfa(&self) -> Mfa {
        self.builder().build().unwrap()
    }

    pub fn builder(&self) -> MfaBuilder {
        bare().code_service(self.service())
    }
}

impl Present {
    fn new(person: &Arc<PersonInner>) -> Self {
        let present = person.present.fetch_add(1, Ordering::SeqCst) + 1;
        person.most.fetch_max(present, Ordering::SeqCst);
        Self(Arc::clone(person))
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.present.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A builder for this API, without a code service.
pub fn bare() -> MfaBuilder {
    let challenge = |_: &response::Parts, body: &[u8]| {
        let (kind, code) = match body {
            b"5900" => (ErrorKind::CodeRequired, "5900"),
            b"5901" => (ErrorKind::CodeRejected, "5901"),
            _ => return None,
        };
        Some(Error::new(kind, "as the server says").code(code))
    };
    Mfa::builder(HEADER, challenge).origin(ORIGIN)
}

pub fn post() -> Request<Body> {
    Request::post(format!("{ORIGIN}/password"))
        .body(Body::from("new"))
        .unwrap()
}

/// Makes a call, and returns what the caller gets.
pub async fn call(client: &Client, request: Request<Body>) -> Response<Bytes> {
    client.clone().oneshot(request).await.unwrap()
}

/// The status, and what the error in the extensions says.
pub fn outcome<R>(response: &Response<R>) -> (u16, Option<(ErrorKind, Option<&str>)>) {
    let error = response.extensions().get::<Error>();
    let error = error.map(|error| (error.kind(), error.provider_code()));
    (response.status().as_u16(), error)
}

pub fn error<R>(response: &Response<R>) -> Error {
    let error = response.extensions().get::<Error>();
    error.expect("an error in the extensions").clone()
}

pub fn why<R>(response: &Response<R>) -> Option<NotReplayed> {
    response.extensions().get::<NotReplayed>().copied()
}

pub const DONE: (u16, Option<(ErrorKind, Option<&str>)>) = (200, None);

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}
