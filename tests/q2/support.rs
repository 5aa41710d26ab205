//! What these tests share: an API that answers when the test says so, a receiver that gets what the
//! test sends, and keys.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_test::task::Spawn;
use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_reauth::{
    BoxError, Code, CodeRequest, Error,
    providers::q2::{NewAuth, Q2, Q2Builder, VerifiedAuth, Webhook, WebhookBuilder},
};

pub(crate) const BASE: &str = "https://api.q2open.io/v1";
pub(crate) const API_KEY: &str = "dc220490-e6ee-11e5-8a94-e7385a8d929e";
pub(crate) const PASSWORD: &str = "Sup3r-5ecret!";

pub(crate) type Client = BoxCloneSyncService<Request<Full<Bytes>>, Response<Full<Bytes>>, BoxError>;
type Result_ = Result<Response<Full<Bytes>>, BoxError>;

/// The API's end: the calls that came.
pub(crate) struct Server {
    calls: mpsc::UnboundedReceiver<Call>,
}

/// A call that waits for its answer.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    /// The body, if it is JSON.
    pub(crate) body: Value,
    answer: oneshot::Sender<Result_>,
}

/// A client of Q2, a receiver, the API and what was asked of people.
pub(crate) struct Desk {
    pub(crate) q2: Q2,
    pub(crate) webhook: Webhook,
    pub(crate) server: Server,
    pub(crate) prompts: Prompts,
}

/// What people were asked.
#[derive(Clone, Default)]
pub(crate) struct Prompts(Arc<Mutex<Vec<CodeRequest>>>);

/// Counts.
#[derive(Clone, Default)]
pub(crate) struct Count(Arc<AtomicUsize>);

// === impl Server ===

pub(crate) fn server() -> (Client, Server) {
    let (sender, calls) = mpsc::unbounded_channel();
    let client = service_fn(move |request: Request<Full<Bytes>>| {
        let sender = sender.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.expect("never fails").to_bytes();
            let (answer, answered) = oneshot::channel();
            let call = Call {
                method: head.method,
                uri: head.uri,
                headers: head.headers,
                body: serde_json::from_slice(&body).unwrap_or(Value::Null),
                answer,
            };
            sender.send(call).ok();
            answered
                .await
                .unwrap_or_else(|_| Err("the connection was cut".into()))
        }
    });
    (BoxCloneSyncService::new(client), Server { calls })
}

impl Server {
    pub(crate) async fn next(&mut self) -> Call {
        self.calls.recv().await.expect("the client lives")
    }

    /// The call that is waiting, if there is one.
    pub(crate) fn waiting(&mut self) -> Option<Call> {
        self.calls.try_recv().ok()
    }
}

impl Call {
    /// Answers 200 with `body`.
    pub(crate) fn ok(self, body: Value) {
        self.status(200, body);
    }

    /// Answers as the API does when an auth is queued.
    pub(crate) fn queued(self) {
        self.ok(json!({
            "success": true,
            "message": "Auth has been queued and will respond via webhooks.",
            "authId": "a1",
        }));
    }

    pub(crate) fn done(self) {
        self.ok(json!({"success": true}));
    }

    pub(crate) fn status(self, status: u16, body: Value) {
        let response = Response::builder()
            .status(status)
            .header("request-id", "req-7")
            .body(Full::from(body.to_string()))
            .unwrap();
        self.answer(Ok(response));
    }

    pub(crate) fn answer(self, answer: Result_) {
        // The caller may have given up.
        self.answer.send(answer).ok();
    }

    /// Ends the connection without an answer.
    pub(crate) fn cut(self) {
        drop(self.answer);
    }

    pub(crate) fn path(&self) -> &str {
        self.uri.path()
    }
}

// === impl Desk ===

/// A desk whose people answer at once: `1234` to a code, `Rex` to a question.
pub(crate) fn desk() -> Desk {
    desk_with(|builder| builder)
}

pub(crate) fn desk_with(adapt: impl FnOnce(Q2Builder) -> Q2Builder) -> Desk {
    let prompts = Prompts::default();
    let asked = prompts.clone();
    let codes = service_fn(move |request: CodeRequest| {
        let asked = asked.clone();
        async move {
            let code = match request.question() {
                Some(_) => Code::answer("Rex the dog"),
                None => Code::new("1234"),
            };
            asked.0.lock().unwrap().push(request);
            Ok::<_, BoxError>(code?)
        }
    });
    let (client, server) = server();
    let builder = Q2::builder(client, BASE)
        .api_key(API_KEY)
        .code_service(codes);
    let q2 = adapt(builder).build().unwrap();
    Desk {
        webhook: open(&q2).build().unwrap(),
        q2,
        server,
        prompts,
    }
}

impl Desk {
    /// Begins an auth, as far as its request.
    pub(crate) fn begin(&self) -> Spawn<impl Future<Output = Result<VerifiedAuth, Error>> + use<>> {
        begin(&self.q2)
    }

    /// Sends an event to the receiver and returns what it answers.
    pub(crate) async fn send(&self, event: Value) -> StatusCode {
        send(&self.webhook, event).await
    }
}

pub(crate) fn begin(q2: &Q2) -> Spawn<impl Future<Output = Result<VerifiedAuth, Error>> + use<>> {
    let q2 = q2.clone();
    let mut task = tokio_test::task::spawn(async move { q2.create_auth(new_auth()).await });
    tokio_test::assert_pending!(task.poll());
    task
}

pub(crate) fn new_auth() -> NewAuth {
    NewAuth::new("c1", "co1")
        .field("username", "test")
        .field("password", PASSWORD)
}

/// A person who types when told to.
pub(crate) fn slow() -> (
    Arc<Notify>,
    impl Fn(CodeRequest) -> Pin<Box<dyn Future<Output = Result<Code, BoxError>> + Send>>
    + Clone
    + Send
    + Sync
    + 'static,
) {
    let typed = Arc::new(Notify::new());
    let told = Arc::clone(&typed);
    let service = move |_| {
        let told = Arc::clone(&told);
        Box::pin(async move {
            told.notified().await;
            Ok(Code::new("9999")?)
        }) as Pin<Box<dyn Future<Output = Result<Code, BoxError>> + Send>>
    };
    (typed, service)
}

/// A receiver that takes what anybody sends.
pub(crate) fn open(q2: &Q2) -> WebhookBuilder {
    q2.webhook().insecure_unverified()
}

pub(crate) async fn send(webhook: &Webhook, event: Value) -> StatusCode {
    let request = Request::post("/events")
        .header("content-type", "application/json")
        .body(Full::<Bytes>::from(event.to_string()))
        .unwrap();
    call(webhook, request).await.status()
}

pub(crate) async fn call<B>(webhook: &Webhook, request: Request<B>) -> Response<Full<Bytes>>
where
    B: http_body::Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    webhook
        .clone()
        .oneshot(request)
        .await
        .expect("it never fails")
}

// === impl Prompts ===

impl Prompts {
    pub(crate) fn all(&self) -> Vec<CodeRequest> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

// === impl Count ===

impl Count {
    pub(crate) fn add(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

// === events, as the vendor's documentation shows them ===

/// An event about the client `c1` and the company `co1` that names no auth.
pub(crate) fn of_client(id: &str, kind: &str, data: Value) -> Value {
    let mut data = data;
    data["company"] = json!({"_id": "co1", "name": "Time Warner Cable"});
    json!({"event": {
        "_id": id, "type": kind, "created": "2016-04-20T16:51:12Z", "clientId": "c1",
        "partnerId": "p1", "identifier": "me",
        "payload": {"resource": {"type": "client", "id": "c1"}, "data": data},
    }})
}

/// An event about the auth `auth`.
pub(crate) fn of_auth(id: &str, kind: &str, auth: &str, data: Value) -> Value {
    let mut event = of_client(id, kind, data);
    event["event"]["payload"]["resource"] = json!({"type": "auth", "id": auth});
    event
}

pub(crate) fn created() -> Value {
    of_auth(
        "e-created",
        "auth.created",
        "a1",
        json!({"auth": {"_id": "a1"}}),
    )
}

pub(crate) fn success() -> Value {
    let mut event = of_client("e-success", "auth.success", json!({}));
    event["event"]["payload"]["data"] = json!({"auth": {
        "_id": "a1", "items": ["swap"], "company": {"_id": "co1", "name": "X"},
        "status": {"type": "verified"},
    }});
    event
}

pub(crate) fn failed() -> Value {
    let reason = json!({"reason": {"message": "You may want to double check your information."}});
    of_client("e-failed", "auth.failed", reason)
}

pub(crate) fn questions(id: &str, token: &str) -> Value {
    let data = json!({"token": token, "method": "questions",
        "mfa": [{"question": "What was your first pet?", "identifier": "Bk0zwVx1Z"}]});
    of_client(id, "auth.mfa-required", data)
}

pub(crate) fn choices(id: &str, token: &str) -> Value {
    let data = json!({"token": token, "method": "code", "mfa": [
        {"mask": "t...t@unbill.us", "type": "email", "identifier": "m1", "label": "Email: t...t@unbill.us"},
        {"mask": "xxx-xxx-1234", "type": "phone", "identifier": "m2", "label": "Phone: xxx-xxx-1234"},
    ]});
    let mut event = of_client(id, "auth.mfa-required", data);
    // The sample has none of these.
    for name in ["clientId", "partnerId", "identifier"] {
        event["event"].as_object_mut().unwrap().remove(name);
    }
    event
}
