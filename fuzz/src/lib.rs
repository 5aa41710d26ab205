//! What the fuzzers share: a server that answers with what the fuzzer makes up, on virtual time.

use std::{
    cell::RefCell,
    error::Error as StdError,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use tower::{Service, service_fn};
use tower_reauth::{BoxError, Error, Session, providers::q2::Q2, replay::ReplayBody};

/// What must never be in an error, whatever a server says.
pub const PASSWORD: &str = "p4ssw0rd-Zx9-of-the-user";

/// So often a server is asked for one token, at most: a flow of two steps, twice, and a code.
const MOST_CALLS: usize = 8;

/// One answer for every request.
#[derive(Clone)]
pub struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

#[derive(Clone, Default)]
pub struct Calls(Arc<AtomicUsize>);

const STATUSES: [u16; 16] = [
    200, 201, 400, 401, 403, 404, 409, 410, 422, 429, 500, 503, 204, 302, 303, 206,
];

// === impl Answer ===

impl Answer {
    /// The first byte chooses the status and the header whose value comes next, up to a line feed;
    /// then comes the body.
    pub fn of(data: &[u8]) -> Option<Self> {
        let (&first, rest) = data.split_first()?;
        let status = StatusCode::from_u16(STATUSES[usize::from(first & 15)]).ok()?;
        let name = match first >> 4 {
            0..=7 => None,
            8 => Some(header::RETRY_AFTER),
            9 => Some(header::CONTENT_TYPE),
            10 => Some(header::WWW_AUTHENTICATE),
            11 => Some(header::DATE),
            12 => Some(header::LOCATION),
            13 => Some(header::CONTENT_ENCODING),
            14 => Some(HeaderName::from_static("grpc-status")),
            _ => Some(HeaderName::from_static("request-id")),
        };
        let mut headers = Vec::new();
        let mut body = rest;
        if let Some(name) = name {
            let end = rest.iter().position(|byte| *byte == b'\n')?;
            headers.push((name, HeaderValue::from_bytes(&rest[..end]).ok()?));
            body = &rest[end + 1..];
        }
        if headers
            .iter()
            .all(|(name, _)| *name != header::CONTENT_TYPE)
        {
            let json = HeaderValue::from_static("application/json");
            headers.push((header::CONTENT_TYPE, json));
        }
        Some(Self {
            status,
            headers,
            body: Bytes::copy_from_slice(body),
        })
    }

    pub fn response(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body.clone()));
        *response.status_mut() = self.status;
        for (name, value) in &self.headers {
            response.headers_mut().append(name, value.clone());
        }
        response
    }

    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The server that gives this answer to whatever it is asked.
    pub fn server(
        &self,
        calls: &Calls,
    ) -> impl Service<
        Request<ReplayBody<Full<Bytes>>>,
        Response = Response<Full<Bytes>>,
        Error = BoxError,
        Future: Send,
    >
    + Clone
    + Send
    + Sync
    + 'static
    + use<> {
        let (answer, calls) = (self.clone(), calls.clone());
        service_fn(move |_: Request<ReplayBody<Full<Bytes>>>| {
            calls.0.fetch_add(1, Ordering::Relaxed);
            let response = answer.response();
            async move { Ok::<_, BoxError>(response) }
        })
    }
}

// === impl Calls ===

impl Calls {
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A client of Q2 whose API is asked for nothing.
pub fn q2() -> Q2 {
    let server = Answer::of(b"\0")
        .expect("an answer")
        .server(&Calls::default());
    Q2::builder(server, "https://api.example.com/v1")
        .api_key("key-of-the-partner")
        .build()
        .expect("the settings are right")
}

/// Signs `session` in: a token is one that can be sent, and an error shows no secret.
pub fn sign_in(session: &Session, calls: &Calls) {
    match block_on(session.token()) {
        Ok(current) => {
            let token = current.token().expose();
            assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
        }
        Err(error) => shows_no_secret(&error),
    }
    assert!(calls.count() <= MOST_CALLS, "{} calls", calls.count());
}

/// Looks through all that an error can be made to say.
pub fn shows_no_secret(error: &Error) {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut below = error.source();
    while let Some(error) = below {
        text.push_str(&format!("{error} {error:?}"));
        below = error.source();
    }
    assert!(!text.contains(PASSWORD), "{text}");
}

/// Runs on this thread's runtime, on virtual time: what sleeps is woken at once.
pub fn block_on<F: Future>(future: F) -> F::Output {
    thread_local! {
        static RUNTIME: RefCell<tokio::runtime::Runtime> = RefCell::new(
            tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .expect("a runtime"),
        );
    }
    RUNTIME.with_borrow(|runtime| runtime.block_on(future))
}
