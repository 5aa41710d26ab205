//! The gateway itself: handlers that call out through one stack, which is in the router's state.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use http::{HeaderMap, Request, StatusCode, header};
use serde::{Deserialize, Serialize};
use tower::ServiceExt;
use tower_reauth::{
    BoxError, Error, ErrorKind,
    clients::{BoxClient, HttpClient, boxed},
    providers::q2::{AuthFailure, NewAuth, Q2, Webhook},
};

/// What all handlers share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Gateway {
    /// Signed in at the API; its bodies are axum's own, so they stream through.
    api: BoxClient<Body>,
    api_url: Arc<str>,
    q2: Q2,
}

/// What a caller is told when there is no answer of the API to hand on.
struct Failure {
    status: StatusCode,
    /// In seconds.
    retry_after: Option<u32>,
    text: String,
}

#[derive(Deserialize)]
struct NewCard {
    client_id: String,
    company_id: String,
    username: String,
    password: String,
}

#[derive(Serialize)]
struct Card {
    auth_id: Option<String>,
}

/// Creates the routes. Q2 sends its events to `/q2/events`.
pub(crate) fn router(gateway: Gateway, events: Webhook) -> Router {
    Router::new()
        .route("/accounts", get(accounts))
        .route("/document", put(document))
        .route("/cards", post(verify_card))
        .with_state(gateway)
        .route_service("/q2/events", events)
}

// === impl Gateway ===

impl Gateway {
    /// Creates the state around a client that is signed in at the API.
    pub(crate) fn new(client: impl HttpClient<Body>, api_url: &str, q2: Q2) -> Self {
        Self {
            api: boxed(client),
            api_url: api_url.into(),
            q2,
        }
    }

    /// Calls the API and hands its answer on, as it streams in.
    ///
    /// If our caller hangs up, axum drops the handler, and with it the request. A sign-in or renewal
    /// that it was waiting for goes on, and the next caller finds its token.
    async fn call(&self, request: Request<Body>) -> Result<Response, Failure> {
        let response = self.api.clone().oneshot(request).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            // The layers could not mend it. It is no fault of our caller's, whatever it is.
            let error = response.extensions().get::<Error>().cloned();
            return Err(error.map_or_else(Failure::refused, Failure::from));
        }
        let (head, body) = response.into_parts();
        let mut answer = Response::new(Body::new(body));
        *answer.status_mut() = head.status;
        if let Some(kind) = head.headers.get(header::CONTENT_TYPE) {
            answer
                .headers_mut()
                .insert(header::CONTENT_TYPE, kind.clone());
        }
        Ok(answer)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.api_url)
    }
}

async fn accounts(State(gateway): State<Gateway>) -> Result<Response, Failure> {
    let request = Request::get(gateway.url("/api/v2/accounts"));
    gateway
        .call(request.body(Body::empty()).map_err(BoxError::from)?)
        .await
}

/// The upload streams through. It is kept up to 8 MiB, in case that it has to be sent again.
async fn document(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let mut request = Request::put(gateway.url("/api/v2/document"));
    if let Some(kind) = headers.get(header::CONTENT_TYPE) {
        request = request.header(header::CONTENT_TYPE, kind);
    }
    gateway
        .call(request.body(body).map_err(BoxError::from)?)
        .await
}

/// Waits until Q2 has tried the login, and has told so by an event.
async fn verify_card(
    State(gateway): State<Gateway>,
    Json(card): Json<NewCard>,
) -> Result<(StatusCode, Json<Card>), Failure> {
    let auth = NewAuth::new(card.client_id, card.company_id)
        .field("username", card.username)
        .field("password", card.password);
    let auth = gateway.q2.create_auth(auth).await?;
    let auth_id = auth.auth_id().map(str::to_owned);
    Ok((StatusCode::CREATED, Json(Card { auth_id })))
}

// === impl Failure ===

impl Failure {
    fn refused() -> Self {
        Self {
            status: StatusCode::BAD_GATEWAY,
            retry_after: None,
            text: "the API refuses this gateway".into(),
        }
    }
}

impl From<BoxError> for Failure {
    fn from(error: BoxError) -> Self {
        Error::from_boxed(error).into()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = AuthFailure::of(&error);
        let status = match (failure, error.kind()) {
            (Some(AuthFailure::AlreadyWaiting | AuthFailure::Hold { .. }), _) => {
                StatusCode::CONFLICT
            }
            // The credentials of our caller, and not those of the gateway.
            (Some(_), ErrorKind::Rejected | ErrorKind::CodeRejected) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            (_, ErrorKind::Timeout) => StatusCode::GATEWAY_TIMEOUT,
            (_, ErrorKind::RateLimited | ErrorKind::Locked) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_GATEWAY,
        };
        let text = match failure {
            Some(AuthFailure::Hold {
                text: Some(text), ..
            }) => text.as_str().to_owned(),
            // It names no secret.
            _ => error.to_string(),
        };
        Self {
            status,
            retry_after: error.retry_after_hint().map(seconds),
            text,
        }
    }
}

/// Rounded up, so that nobody comes too early.
fn seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.text).into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
