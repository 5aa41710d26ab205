//! What these tests share: a server, and the whole stack over it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_reauth::{
    BoxError, Session,
    inspect::PeekBody,
    providers::fintiv::{Fintiv, FintivBuilder, FintivLayer},
    replay::ReplayBody,
};

pub(crate) const BASE: &str = "https://api-dev.fintiv.co:8080/auth";
pub(crate) const KEY: &str = "0a1b2c3d";

pub(crate) type Sent = ReplayBody<Full<Bytes>>;
pub(crate) type Pieces =
    StreamBody<tokio_stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, BoxError>>>>;
pub(crate) type Answer = Response<Pieces>;
pub(crate) type Plain = BoxCloneSyncService<Request<Sent>, Answer, BoxError>;
pub(crate) type Client =
    BoxCloneSyncService<Request<Full<Bytes>>, Response<PeekBody<PeekBody<Pieces>>>, BoxError>;

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A server that gives `t1`, `t2` and so on to who signs on, and answers calls as it is told: at the
/// end with `SUCCESS`.
#[derive(Clone, Default)]
pub(crate) struct Server {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    seen: Mutex<Vec<Seen>>,
    sign_ons: Mutex<Vec<Seen>>,
    answers: Mutex<VecDeque<(u16, String)>>,
    sign_on_answers: Mutex<VecDeque<(u16, String)>>,
    /// Tokens up to this number are refused.
    revoked: Mutex<usize>,
}

// === impl Server ===

impl Server {
    /// Answers the next call so.
    pub(crate) fn answers(self, status: u16, body: impl ToString) -> Self {
        self.inner
            .answers
            .lock()
            .unwrap()
            .push_back((status, body.to_string()));
        self
    }

    /// Answers the next sign-on so.
    pub(crate) fn answers_sign_on(self, status: u16, body: impl ToString) -> Self {
        let mut answers = self.inner.sign_on_answers.lock().unwrap();
        answers.push_back((status, body.to_string()));
        drop(answers);
        self
    }

    /// Refuses the tokens given so far, with `SECURITY` inside a `200`.
    pub(crate) fn revoke(&self) {
        *self.inner.revoked.lock().unwrap() = self.sign_ons();
    }

    pub(crate) fn sign_ons(&self) -> usize {
        self.inner.sign_ons.lock().unwrap().len()
    }

    /// The calls, sign-ons excepted.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.inner.seen.lock().unwrap().clone()
    }

    pub(crate) fn sends(&self) -> usize {
        self.inner.seen.lock().unwrap().len()
    }

    pub(crate) fn plain(&self) -> Plain {
        let server = self.clone();
        Plain::new(service_fn(move |request| server.clone().answer(request)))
    }

    async fn answer<B>(self, request: Request<B>) -> Result<Answer, BoxError>
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
    {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(Into::into)?.to_bytes();
        let seen = Seen {
            uri: head.uri,
            headers: head.headers,
            body,
        };
        let inner = &self.inner;
        if seen.uri.path().ends_with("/signon") {
            let mut sign_ons = inner.sign_ons.lock().unwrap();
            sign_ons.push(seen);
            let answer = inner.sign_on_answers.lock().unwrap().pop_front();
            let token = format!("t{}", sign_ons.len());
            let (status, body) = answer.unwrap_or_else(|| (200, signed_on(&token)));
            return Ok(whole(status, &body));
        }
        let token = token_of(&seen);
        inner.seen.lock().unwrap().push(seen);
        if let Some((status, body)) = inner.answers.lock().unwrap().pop_front() {
            return Ok(whole(status, &body));
        }
        let is_good = token.is_some_and(|number| number > *inner.revoked.lock().unwrap());
        let code = if is_good { "SUCCESS" } else { "SECURITY" };
        Ok(whole(200, &envelope(code, "as it is").to_string()))
    }
}

/// The number of the token in a request, wherever it is.
fn token_of(seen: &Seen) -> Option<usize> {
    let body: Option<Value> = serde_json::from_slice(&seen.body).ok();
    let header = seen.headers.get("authorization").map(HeaderValue::as_bytes);
    let token = match header.and_then(|value| value.strip_prefix(b"Bearer ")) {
        Some(token) => String::from_utf8(token.to_vec()).ok()?,
        None => body?["contextRequest"]["token"].as_str()?.to_owned(),
    };
    token.strip_prefix('t')?.parse().ok()
}

pub(crate) fn envelope(code: &str, message: &str) -> Value {
    json!({
        "contextResponse": {
            "tenantName": "JANUS",
            "statusCode": code,
            "statusMessage": message,
            "additionalStatusCode": null,
            "additionalStatusMessage": null,
        },
        "responseData": {"pinValidated": false},
    })
}

fn signed_on(token: &str) -> String {
    let mut body = envelope("SUCCESS", "signed on");
    body["contextResponse"]["token"] = token.into();
    body.to_string()
}

/// An answer in one piece.
pub(crate) fn whole(status: u16, body: &str) -> Answer {
    pieces(status, [Bytes::copy_from_slice(body.as_bytes())])
}

/// An answer in pieces.
pub(crate) fn pieces(status: u16, pieces: impl IntoIterator<Item = Bytes>) -> Answer {
    let frames = pieces.into_iter().map(|piece| Ok(Frame::data(piece)));
    let frames: Vec<_> = frames.collect();
    let response = Response::builder().status(status);
    let response = response.header("content-type", "application/json");
    response
        .body(StreamBody::new(tokio_stream::iter(frames)))
        .unwrap()
}

// === clients ===

pub(crate) fn builder(server: &Server) -> FintivBuilder {
    Fintiv::builder(server.plain(), BASE)
        .api_key(KEY)
        .tenant("JANUS")
        .credentials("cashier", "Secret123")
}

/// The whole stack over `server`, with the usual settings.
pub(crate) fn client(server: &Server) -> (Client, Session) {
    client_of(&builder(server).build().unwrap(), server)
}

pub(crate) fn client_of(fintiv: &Fintiv, server: &Server) -> (Client, Session) {
    let session = fintiv.session().build().unwrap();
    (stacked(fintiv.layer(&session), server.plain()), session)
}

pub(crate) fn stacked(layer: FintivLayer, plain: Plain) -> Client {
    Client::new(layer.layer(plain))
}

/// Sends a call, and reads its answer.
pub(crate) async fn send(client: &Client, request: Request<Full<Bytes>>) -> Response<Bytes> {
    let response = client.clone().oneshot(request).await.expect("a response");
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    Response::from_parts(head, body)
}

pub(crate) fn post(body: &'static str) -> Request<Full<Bytes>> {
    Request::post(format!("{BASE}/changepassword"))
        .header("content-type", "application/json")
        .body(Full::from(body))
        .unwrap()
}

/// What an answer becomes, whatever service there is.
pub(crate) async fn through<L>(layer: L, answer: Answer) -> (StatusCode, Response<Bytes>)
where
    L: Layer<Plain>,
    L::Service: Service<Request<Sent>, Response = Response<PeekBody<Pieces>>, Error = BoxError>,
{
    let answer = Arc::new(Mutex::new(Some(answer)));
    let plain = Plain::new(service_fn(move |_: Request<Sent>| {
        let answer = answer.lock().unwrap().take().expect("asked once");
        async move { Ok(answer) }
    }));
    let request = Request::get(format!("{BASE}/user")).body(Sent::from(Bytes::new()));
    let response = layer.layer(plain).oneshot(request.unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status, Response::from_parts(head, body))
}
