//! The way of a request through this API.

use http::{HeaderMap, Method, Response, header, request::Parts};
use serde_json::json;

use super::{
    Endpoint, Quirk, errors::Refusal, mfa, rules, rules::MFA_CODE, sign_in, state::Shared,
    tokens::Presented,
};
use crate::testing::server::{Arrived, Desk, Refused, Reply, Site, bearer, json_text, path};

impl Site for Shared {
    type Endpoint = Endpoint;
    type Odd = Quirk;
    /// Who makes the call; none where no token is sent.
    type Verdict = Result<Option<String>, Refusal>;

    fn desk(&self) -> &Desk<Endpoint, Quirk> {
        &self.desk
    }

    fn endpoint(&self, head: &Parts) -> Endpoint {
        Endpoint::of(head)
    }

    fn admit(&self, endpoint: Endpoint, head: &Parts) -> Result<(), Refused> {
        self.state().counts.arrived(endpoint);
        let kept = rules::check(self, endpoint, head);
        kept.map_err(|refusal| Box::new(refusal.write(&self.settings, endpoint)))
    }

    fn settle(&self, endpoint: Endpoint, head: &Parts) -> Self::Verdict {
        match endpoint.is_sign_in_traffic() {
            true => Ok(None),
            false => self.who(&head.headers),
        }
    }

    fn process(&self, mut request: Arrived<'_, Self>) -> Response<Reply> {
        let endpoint = request.endpoint;
        let user = std::mem::replace(&mut request.verdict, Ok(None));
        let answered = user.and_then(|user| self.answer(user, request));
        answered.unwrap_or_else(|refusal| refusal.write(&self.settings, endpoint))
    }

    fn ordered(&self, endpoint: Endpoint, _: &Parts, status: u16) -> Response<Reply> {
        let refusal = match status {
            401 if !endpoint.is_sign_in_traffic() => Refusal::token_invalid(),
            _ => Refusal::plain(status, "As ordered."),
        };
        refusal.write(&self.settings, endpoint)
    }

    fn most_bytes(&self, endpoint: Endpoint) -> usize {
        match endpoint {
            Endpoint::Api => 64 << 20,
            _ => 64 << 10,
        }
    }

    fn answered(&self, endpoint: Endpoint, answer: &Response<Reply>) {
        if endpoint == Endpoint::Api && answer.status() == 401 {
            self.state().counts.unauthorized += 1;
        }
    }
}

impl Shared {
    fn answer(
        &self,
        user: Option<String>,
        request: Arrived<'_, Self>,
    ) -> Result<Response<Reply>, Refusal> {
        let Arrived {
            endpoint,
            head,
            ref body,
            odd,
            ..
        } = request;
        let known = user.as_deref();
        match endpoint {
            Endpoint::AccessTokens => sign_in::access_tokens(self, body, odd),
            Endpoint::RefreshTokens => sign_in::refresh_tokens(self, body, odd),
            Endpoint::Token => sign_in::token(self, body, odd),
            Endpoint::Types => mfa::types(self, known),
            Endpoint::Trigger | Endpoint::Activate | Endpoint::Verify | Endpoint::Deactivate => {
                mfa::change(self, endpoint, known, head, body)
            }
            Endpoint::Revoke => {
                let known = known.ok_or_else(Refusal::token_missing)?;
                sign_in::revoke(self, known, head.uri.path())
            }
            Endpoint::CompanyUser => {
                let known = known.ok_or_else(Refusal::token_missing)?;
                sign_in::company_user(self, known, body, odd)
            }
            Endpoint::Api => self.call(user, request),
        }
    }

    /// Answers an API call.
    fn call(
        &self,
        user: Option<String>,
        request: Arrived<'_, Self>,
    ) -> Result<Response<Reply>, Refusal> {
        let Arrived { head, body, .. } = request;
        match &user {
            Some(user) => mfa::guard(self, user, head)?,
            None if self
                .settings
                .open
                .iter()
                .any(|open| open == mfa::resource(head)) => {}
            None => return Err(Refusal::token_missing()),
        }
        let asks = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
        self.state().counts.api_ok += 1;
        self.desk.effected(Endpoint::Api, head);
        if !asks || !body.is_empty() {
            self.desk
                .upload(head, &[MFA_CODE], body.clone(), request.trailers);
        }
        if asks {
            let (method, path) = (head.method.as_str(), path(head));
            let told = json!({ "ok": true, "account": user, "method": method, "path": path });
            return Ok(json_text(200, told.to_string()));
        }
        let mut response = Response::new(Reply::new(body));
        if let Some(kind) = head.headers.get(header::CONTENT_TYPE) {
            let kind = kind.clone();
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        Ok(response)
    }

    /// Returns who makes a call.
    fn who(&self, headers: &HeaderMap) -> Result<Option<String>, Refusal> {
        if !headers.contains_key(header::AUTHORIZATION) {
            return Ok(None);
        }
        let Some(token) = bearer(headers) else {
            return Err(Refusal::token_invalid());
        };
        let now = self.now();
        let mut state = self.state();
        match state.tokens.present_access(token, now) {
            Presented::Valid(username) => return Ok(Some(username)),
            Presented::Unknown => state.counts.unknown_tokens += 1,
            Presented::Dead { .. } | Presented::Reused => {}
        }
        Err(Refusal::token_invalid().repeating(token))
    }
}
