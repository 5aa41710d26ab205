//! A token endpoint that takes a refresh token once, and punishes whoever presents it twice; and an
//! API.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use tokio::time::Instant;
use tower_reauth::replay::ReplayBody;

pub(crate) type Body = ReplayBody<Full<Bytes>>;

/// How long access tokens live.
const LIFETIME: Duration = Duration::from_secs(20);

#[derive(Clone, Default)]
pub(crate) struct Server {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    log: Log,
    /// The number of the last token.
    last: u64,
    access: HashMap<String, Instant>,
    /// Those that were issued, and whether they have come already.
    refresh: HashMap<String, bool>,
    at_once: usize,
}

#[derive(Clone, Default)]
pub(crate) struct Log {
    pub(crate) sign_ins: u64,
    pub(crate) renewals: u64,
    pub(crate) came_twice: u64,
    /// So many requests for a token were there at the same time, at most.
    pub(crate) most_at_once: usize,
    /// How often the call with this number did what it was for.
    pub(crate) effects: HashMap<String, usize>,
}

/// A request for a token that is at the server. Gone when its client is.
pub(crate) struct Asking(Server);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.state().at_once -= 1;
    }
}

impl Server {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn log(&self) -> Log {
        self.state().log.clone()
    }

    /// Forgets access tokens, as a server does that keeps them in memory.
    pub(crate) fn restart(&self) {
        self.state().access.clear();
    }

    pub(crate) fn asking(&self) -> Asking {
        let mut state = self.state();
        state.at_once += 1;
        state.log.most_at_once = state.log.most_at_once.max(state.at_once);
        Asking(self.clone())
    }

    pub(crate) async fn answer(&self, request: Request<Body>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        if head.uri.path() == "/token" {
            return self.token(std::str::from_utf8(&body).unwrap());
        }
        let header = head.headers.get(header::AUTHORIZATION);
        let token = header.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let mut state = self.state();
        let is_good = token.is_some_and(|token| {
            let end = state.access.get(token);
            end.is_some_and(|end| Instant::now() < *end)
        });
        if !is_good {
            return answer(StatusCode::UNAUTHORIZED, "{}".into());
        }
        let id = String::from_utf8(body.to_vec()).unwrap();
        *state.log.effects.entry(id.clone()).or_default() += 1;
        answer(StatusCode::OK, format!(r#"{{"id":"{id}"}}"#))
    }

    fn token(&self, form: &str) -> Response<Full<Bytes>> {
        let mut state = self.state();
        let field = |name: &str| {
            let mut fields = form.split('&').filter_map(|field| field.split_once('='));
            fields
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.to_owned())
        };
        if field("grant_type").as_deref() == Some("refresh_token") {
            let refresh = field("refresh_token").unwrap();
            match state.refresh.get_mut(&refresh) {
                Some(has_come) if !*has_come => *has_come = true,
                found => {
                    if found.is_some() {
                        state.log.came_twice += 1;
                        // Whoever it was, nobody goes on with this grant.
                        state.access.clear();
                        state
                            .refresh
                            .values_mut()
                            .for_each(|has_come| *has_come = true);
                    }
                    return answer(
                        StatusCode::BAD_REQUEST,
                        r#"{"error":"invalid_grant"}"#.into(),
                    );
                }
            }
            state.log.renewals += 1;
        } else {
            state.log.sign_ins += 1;
        }
        state.last += 1;
        let number = state.last;
        state
            .access
            .insert(format!("a{number}"), Instant::now() + LIFETIME);
        state.refresh.insert(format!("r{number}"), false);
        let seconds = LIFETIME.as_secs();
        answer(
            StatusCode::OK,
            format!(
                r#"{{"access_token":"a{number}","token_type":"Bearer","expires_in":{seconds},"refresh_token":"r{number}"}}"#
            ),
        )
    }
}

pub(crate) fn answer(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json");
    response.body(Full::new(body.into())).unwrap()
}
