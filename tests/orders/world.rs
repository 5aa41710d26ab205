//! An API that refuses what it is told to refuse, and counts.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response, StatusCode, response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use tower::{ServiceExt, service_fn};
use tower_reauth::{
    BoxError, Code, CodeRequest, Error, ErrorKind, Renewal, Session, Token,
    layers::{
        Mfa,
        normalize::{self, End, Failure, Verdict},
    },
    replay::{NotReplayed, Released, ResendBody},
};

use crate::stack::{AnyBody, ResBody, Service};

const OURS: &str = "https://api.example.com/orders";
const FOREIGN: &str = "https://other.example.net/orders";
const OTP: HeaderName = HeaderName::from_static("x-otp");

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scenario {
    /// The token that the session begins with is refused.
    pub(crate) dead_token: bool,
    pub(crate) refuses_tokens: bool,
    /// The refusal of a token hides behind a 200.
    pub(crate) behind_200: bool,
    pub(crate) wants_code: bool,
    pub(crate) refuses_codes: bool,
    /// The body is a stream that can be sent once.
    pub(crate) one_shot: bool,
    /// The request goes to another origin, with our credentials put in by the caller.
    pub(crate) foreign: bool,
    /// Our origin sends the client to another.
    pub(crate) redirects: bool,
}

pub(crate) struct World {
    scenario: Scenario,
    pub(crate) session: Session,
    pub(crate) mfa: Mfa,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    sends: AtomicU64,
    renewals: AtomicU64,
    prompts: AtomicU64,
    leaks: Mutex<Vec<String>>,
}

impl World {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let counts = Arc::new(Counts::default());
        let renewing = Arc::clone(&counts);
        let tokens = service_fn(move |_: Renewal| {
            let number = renewing.renewals.fetch_add(1, Ordering::Relaxed) + 2;
            async move { Token::new(format!("a{number}")) }
        });
        let session = Session::builder(tokens)
            .origin("https://api.example.com")
            .token(Token::new("a1").unwrap())
            .build()
            .unwrap();
        let asking = Arc::clone(&counts);
        let codes = service_fn(move |_: CodeRequest| {
            asking.prompts.fetch_add(1, Ordering::Relaxed);
            async { Code::new("123456") }
        });
        let challenge = |_: &response::Parts, body: &[u8]| {
            (body == b"otp").then(|| Error::new(ErrorKind::CodeRequired, "a code is needed"))
        };
        let mfa = Mfa::builder(OTP, challenge)
            .origin("https://api.example.com")
            .code_service(codes)
            .build()
            .unwrap();
        Self {
            scenario,
            session,
            mfa,
            counts,
        }
    }

    pub(crate) fn api(&self) -> Service {
        let (scenario, counts) = (self.scenario, Arc::clone(&self.counts));
        service_fn(move |request: Request<AnyBody>| {
            let counts = Arc::clone(&counts);
            async move {
                counts.sends.fetch_add(1, Ordering::Relaxed);
                let (head, body) = request.into_parts();
                // A body that must not be sent twice says so when it is read.
                let body = body.collect().await?.to_bytes();
                let is_ours = head.uri.host() == Some("api.example.com");
                if !is_ours {
                    counts.look_for_leaks(&head.headers);
                }
                let (status, text) = scenario.answer(is_ours, &head.headers);
                if is_ours && !scenario.redirects {
                    assert_eq!(body, "{}", "the body that was sent");
                }
                let mut response = Response::new(ResBody::new(
                    Full::from(text).map_err(|never| match never {}),
                ));
                *response.status_mut() = status;
                if status.is_redirection() {
                    let location = FOREIGN.parse().unwrap();
                    response.headers_mut().insert("location", location);
                }
                Ok::<_, BoxError>(response)
            }
        })
        .boxed_clone()
    }

    pub(crate) async fn call(&self, service: Service) -> Response<ResBody> {
        if self.scenario.redirects || self.scenario.foreign {
            // There is a code that could leak.
            self.mfa.set(Code::new("123456").unwrap());
        }
        let uri = if self.scenario.foreign { FOREIGN } else { OURS };
        let mut request = Request::post(uri);
        if self.scenario.foreign {
            request = request
                .header("authorization", "Bearer a1")
                .header(OTP, "123456");
        }
        let body = if self.scenario.one_shot {
            AnyBody::new(OneShot(Full::from("{}")))
        } else {
            AnyBody::new(Full::from("{}"))
        };
        service.oneshot(request.body(body).unwrap()).await.unwrap()
    }

    /// Lets what goes on in the background end.
    pub(crate) async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.session.settled().await;
    }

    pub(crate) fn sends(&self) -> u64 {
        self.counts.sends.load(Ordering::Relaxed)
    }

    pub(crate) fn renewals(&self) -> u64 {
        self.counts.renewals.load(Ordering::Relaxed)
    }

    pub(crate) fn prompts(&self) -> u64 {
        self.counts.prompts.load(Ordering::Relaxed)
    }

    pub(crate) fn leaks(&self) -> Vec<String> {
        self.counts.leaks.lock().unwrap().clone()
    }
}

impl Counts {
    fn look_for_leaks(&self, headers: &HeaderMap) {
        for (name, value) in headers {
            let text = value.to_str().unwrap();
            if text.contains("a1") || text.contains("a2") || text.contains("123456") {
                self.leaks.lock().unwrap().push(format!("{name}: {text}"));
            }
        }
    }
}

impl Scenario {
    fn answer(&self, is_ours: bool, headers: &HeaderMap) -> (StatusCode, &'static str) {
        let token = headers.get("authorization").map(|value| value.as_bytes());
        let is_good = match token {
            Some(b"Bearer a1") => !self.dead_token,
            Some(b"Bearer a2") => true,
            _ => false,
        };
        if self.redirects && is_ours {
            return (StatusCode::FOUND, "");
        }
        if self.redirects {
            return (StatusCode::OK, "elsewhere");
        }
        if !is_good || self.refuses_tokens {
            return match self.behind_200 {
                true => (StatusCode::OK, "SECURITY"),
                false => (StatusCode::UNAUTHORIZED, "no"),
            };
        }
        let code = headers.get(OTP).map(|value| value.as_bytes());
        if self.wants_code && (code != Some(b"123456") || self.refuses_codes) {
            return (StatusCode::FORBIDDEN, "otp");
        }
        (StatusCode::OK, "done")
    }
}

/// A body that is gone when it was sent.
struct OneShot(Full<Bytes>);

impl Body for OneShot {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.0)
            .poll_frame(cx)
            .map_err(|never| match never {})
    }
}

impl ResendBody for OneShot {
    fn try_copy(&self) -> Option<Self> {
        None
    }

    fn poll_released(&mut self, _: &mut Context<'_>) -> Poll<Released> {
        Poll::Ready(Released::NotReplayable)
    }

    fn not_replayed(&self) -> NotReplayed {
        NotReplayed::NotCopyable
    }
}

/// The API's way of hiding refusals: a 200 that says `SECURITY`.
#[derive(Clone, Copy)]
pub(crate) struct Envelope;

#[derive(Clone, Debug)]
pub(crate) struct Hidden;

impl From<Hidden> for Error {
    fn from(_: Hidden) -> Self {
        Self::with_message(ErrorKind::Provider, "the token was refused behind a 200")
    }
}

impl normalize::Envelope for Envelope {
    type Reader = Self;

    fn reader<B>(&self, _: &Request<B>) -> Option<Self> {
        Some(Self)
    }
}

impl normalize::Reader for Envelope {
    type Error = Hidden;

    fn head(&mut self, response: &response::Parts) -> Verdict<Hidden> {
        match response.status {
            StatusCode::OK => Verdict::More,
            _ => Verdict::Pass,
        }
    }

    fn body(&mut self, start: &[u8]) -> Verdict<Hidden> {
        if start == b"SECURITY" {
            Verdict::Fail(Failure::new(StatusCode::UNAUTHORIZED, Hidden))
        } else if b"SECURITY".starts_with(start) {
            Verdict::More
        } else {
            Verdict::Pass
        }
    }

    fn end(&mut self, _: &[u8], _: End<'_>) -> Option<Failure<Hidden>> {
        None
    }
}
