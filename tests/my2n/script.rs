//! A server that is played by the test: each request is kept, and answered as the test says.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_reauth::{
    Error, Reason, Renewal, Renewed, Session,
    providers::my2n::{ApiVersion, My2n, My2nBuilder},
    replay::ReplayBody,
};

pub(crate) const API: &str = "https://api.example.com/middleware/api/partner/v1";
pub(crate) const LOGIN: &str = "https://auth.example.com";
pub(crate) const USER: &str = "machine@example.com";
pub(crate) const PASSWORD: &str = "Pa55-w0rd!";

pub(crate) type Body = Full<Bytes>;
pub(crate) type Client<B = ReplayBody<Body>> =
    BoxCloneSyncService<Request<B>, Response<Body>, BoxError>;

/// A request as it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Which request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    V1,
    Init,
    Submit,
    Logout,
    Call,
}

type Play = dyn Fn(&Seen) -> Response<Body> + Send + Sync;

#[derive(Clone)]
pub(crate) struct Script {
    play: Arc<Play>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

// === impl Seen ===

impl Seen {
    pub(crate) fn step(&self) -> Step {
        match self.uri.path() {
            path if path.ends_with("/self-service/login/api") => Step::Init,
            path if path.ends_with("/self-service/login") => Step::Submit,
            path if path.ends_with("/self-service/logout/api") => Step::Logout,
            path if path.ends_with("/auth") => Step::V1,
            _ => Step::Call,
        }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a body of JSON")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

// === impl Script ===

impl Script {
    pub(crate) fn new(play: impl Fn(&Seen) -> Response<Body> + Send + Sync + 'static) -> Self {
        Self {
            play: Arc::new(play),
            seen: Arc::default(),
        }
    }

    /// A server on which all goes well, but where `play` has an answer of its own.
    pub(crate) fn but(
        play: impl Fn(&Seen) -> Option<Response<Body>> + Send + Sync + 'static,
    ) -> Self {
        Self::new(move |seen| play(seen).unwrap_or_else(|| well(seen)))
    }

    pub(crate) fn client<B>(&self) -> Client<B>
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let script = self.clone();
        BoxCloneSyncService::new(service_fn(move |request: Request<B>| {
            let script = script.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map_err(Into::into)?.to_bytes();
                let seen = Seen {
                    method: head.method,
                    uri: head.uri,
                    headers: head.headers,
                    body,
                };
                script.seen.lock().unwrap().push(seen.clone());
                Ok((script.play)(&seen))
            }
        }))
    }

    pub(crate) fn builder(&self) -> My2nBuilder {
        let client = self.client::<ReplayBody<Body>>();
        My2n::builder(client, API)
            .login_base_url(LOGIN)
            .credentials(USER, PASSWORD)
    }

    pub(crate) fn v1(&self) -> My2n {
        self.builder().api_version(ApiVersion::V1).build().unwrap()
    }

    pub(crate) fn v2(&self) -> My2n {
        self.builder().api_version(ApiVersion::V2).build().unwrap()
    }

    pub(crate) fn auto(&self) -> My2n {
        self.builder().build().unwrap()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn steps(&self) -> Vec<Step> {
        self.seen().iter().map(Seen::step).collect()
    }

    pub(crate) fn count(&self, step: Step) -> usize {
        self.steps().iter().filter(|other| **other == step).count()
    }

    /// A client that is kept signed in by `session`.
    pub(crate) fn signed_in(&self, session: &Session) -> Client<Body> {
        signed_in_over(self.client(), session)
    }
}

/// `client`, kept signed in by `session`.
pub(crate) fn signed_in_over(client: Client, session: &Session) -> Client<Body> {
    whole(session.layer().layer(client))
}

/// A client of one type whose answers have been read to their end.
pub(crate) fn whole<S, R>(client: S) -> Client<Body>
where
    S: Service<Request<Body>, Response = Response<R>, Error = BoxError, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    R: http_body::Body<Data = Bytes, Error = BoxError> + Send + 'static,
{
    BoxCloneSyncService::new(client.and_then(|response: Response<R>| async move {
        let (head, body) = response.into_parts();
        let body = BodyExt::collect(body).await?.to_bytes();
        Ok(Response::from_parts(head, Full::new(body)))
    }))
}

/// What the servers answer when all goes well.
pub(crate) fn well(seen: &Seen) -> Response<Body> {
    match seen.step() {
        Step::V1 => answer(200, r#"{"accessToken":"v1-token"}"#),
        Step::Init => answer(200, &flow("f-1")),
        Step::Submit => answer(200, r#"{"session_token":"v2-token"}"#),
        Step::Logout => answer(204, ""),
        Step::Call => answer(200, r#"{"id":1}"#),
    }
}

pub(crate) fn flow(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","type":"api","ui":{{"action":"https://evil.example.com/","nodes":[]}}}}"#
    )
}

pub(crate) fn answer(status: u16, body: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

pub(crate) fn call() -> Request<Body> {
    Request::get(format!("{API}/users/current"))
        .body(Body::default())
        .unwrap()
}

/// Asks for a token, as a session does that has none.
pub(crate) async fn sign_in(my2n: &My2n) -> Result<Renewed, Error> {
    my2n.clone().oneshot(Renewal::new(Reason::Missing)).await
}
