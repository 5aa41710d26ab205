//! The way of a request through either host.

use std::sync::Arc;

use http::{Response, header, request::Parts};

use super::{
    Endpoint, Quirk, endpoint::Which, errors::Refusal, login, partner, rules, state::Shared,
};
use crate::testing::server::{Arrived, Desk, Refused, Reply, Site, json_text, respond};

/// One of the two hosts.
pub(super) struct Host {
    pub(super) which: Which,
    pub(super) shared: Arc<Shared>,
}

impl Site for Host {
    type Endpoint = Endpoint;
    type Odd = Quirk;
    /// Who makes an API call.
    type Verdict = Result<String, Refusal>;

    fn desk(&self) -> &Desk<Endpoint, Quirk> {
        &self.shared.desk
    }

    fn endpoint(&self, head: &Parts) -> Endpoint {
        Endpoint::of(self.which, head)
    }

    fn admit(&self, endpoint: Endpoint, head: &Parts) -> Result<(), Refused> {
        self.shared.state().counts.arrived(endpoint);
        let kept = rules::check(&self.shared, endpoint, head);
        kept.map_err(|refusal| Box::new(self.refuse(endpoint, head, &refusal)))
    }

    fn settle(&self, endpoint: Endpoint, head: &Parts) -> Self::Verdict {
        match endpoint {
            Endpoint::Api => partner::authorize(&self.shared, &head.headers),
            _ => Ok(String::new()),
        }
    }

    fn process(&self, mut request: Arrived<'_, Self>) -> Response<Reply> {
        let Arrived { endpoint, head, .. } = request;
        let (shared, body, odd) = (&*self.shared, &request.body, request.odd);
        let answered = match endpoint {
            Endpoint::LoginV1 => partner::login(shared, head, body, odd),
            Endpoint::Init => login::init(shared, head, body, odd),
            Endpoint::Submit => login::submit(shared, &request),
            Endpoint::Logout => login::logout(shared, head, body),
            Endpoint::Elsewhere => {
                let html = "<!DOCTYPE html><html><body><form></form></body></html>";
                let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
                return respond(200, kind, Reply::new(html));
            }
            Endpoint::Api => std::mem::replace(&mut request.verdict, Ok(String::new()))
                .map(|username| partner::call(shared, &username, request)),
        };
        answered.unwrap_or_else(|refusal| self.refuse(endpoint, head, &refusal))
    }

    fn ordered(&self, endpoint: Endpoint, head: &Parts, status: u16) -> Response<Reply> {
        let refusal = match (endpoint, status) {
            (Endpoint::Api, 401) => Refusal::no_session(),
            _ => Refusal::error(status, None, "As ordered."),
        };
        self.refuse(endpoint, head, &refusal)
    }

    fn most_bytes(&self, endpoint: Endpoint) -> usize {
        match endpoint {
            Endpoint::Api => 64 << 20,
            _ => 64 << 10,
        }
    }

    fn answered(&self, endpoint: Endpoint, answer: &Response<Reply>) {
        if endpoint == Endpoint::Api && answer.status() == 401 {
            self.shared.state().counts.unauthorized += 1;
        }
    }
}

impl Host {
    /// Writes a refusal: in JSON, or at the login host as the way to a web page if nothing says
    /// that JSON is wanted.
    fn refuse(&self, endpoint: Endpoint, head: &Parts, refusal: &Refusal) -> Response<Reply> {
        let shared = &self.shared;
        if self.which == Which::Login && !rules::wants_json(&head.headers) {
            shared.state().counts.redirects += 1;
            let page = format!("{}/ui/{}", shared.login_url(), refusal.page);
            return respond(303, [(header::LOCATION, page)], Reply::new(""));
        }
        let mut response = json_text(refusal.status, refusal.body.to_string());
        let headers = response.headers_mut();
        if let Some(method) = endpoint.method().filter(|_| refusal.status == 405) {
            let method = http::HeaderValue::from_static(method);
            headers.insert(header::ALLOW, method);
        }
        if shared.settings.challenge && endpoint == Endpoint::Api && refusal.status == 401 {
            let challenge = http::HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
