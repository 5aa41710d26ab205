//! One login, of version 1 or of version 2.

use std::future::ready;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header::ACCEPT};
use secrecy::ExposeSecret;

use super::{
    ApiVersion,
    answer::{self, LoggedIn, Timing},
    said::Said,
    service::Inner,
    verdict::{Answer, Endpoint},
};
use crate::{
    Error, ErrorKind, Renewal, Renewed, Token,
    providers::common::{
        advice::Secrets,
        dates,
        exchange::{Exchange, Reply, json, post},
        retry_after::retry_after,
        turn::unless_abandoned,
    },
};

impl Inner {
    /// Signs in with version 1.
    pub(super) async fn log_in_v1(&self, renewal: &Renewal) -> Result<Renewed, Error> {
        let endpoint = Endpoint::LoginV1;
        // Nobody is signed in who has just signed out.
        unless_abandoned(renewal, ready(())).await?;
        let body = json(&[
            ("username", self.username.expose_secret()),
            ("password", self.password.expose_secret()),
        ]);
        let request = post(self.settings.uri(endpoint)?.clone(), Some(body));
        let reply = self.send(endpoint, request, &self.secrets()).await?;
        let mut answer = answer::logged_in_v1(&reply.body, endpoint.name(), self.settings.v1_ttl)?;
        if self.settings.version == ApiVersion::Auto && self.settings.login_base_url.is_none() {
            answer.warning = Some(not_ready_for_v2());
        }
        Ok(renewed(answer))
    }

    /// Signs in with version 2: begins a flow and submits the credentials to it. If the flow is
    /// gone by then, one more is begun.
    pub(super) async fn log_in_v2(&self, renewal: &Renewal) -> Result<Renewed, Error> {
        unless_abandoned(renewal, ready(())).await?;
        match self.run_flow(renewal).await {
            Err(error) if error.kind() == ErrorKind::FlowExpired => {}
            result => return result,
        }
        unless_abandoned(renewal, ready(())).await?;
        self.run_flow(renewal)
            .await
            .map_err(|error| match error.kind() {
                ErrorKind::FlowExpired => twice(error),
                _ => error,
            })
    }

    async fn run_flow(&self, renewal: &Renewal) -> Result<Renewed, Error> {
        let endpoint = Endpoint::InitFlow;
        let request = get(self.settings.uri(endpoint)?.clone());
        let reply = self.send(endpoint, request, &self.secrets()).await?;
        let flow = answer::flow(&reply.body, endpoint.name())?;

        let endpoint = Endpoint::SubmitFlow;
        unless_abandoned(renewal, ready(())).await?;
        let uri = with_flow(self.settings.uri(endpoint)?, &flow)?;
        let body = json(&[
            ("identifier", self.username.expose_secret()),
            ("password", self.password.expose_secret()),
            ("method", "password"),
        ]);
        let request = post(uri, Some(body));
        let reply = self.send(endpoint, request, &self.secrets()).await?;
        let timing = Timing::new(
            &reply.headers,
            self.clock.wall(),
            self.settings.clock_skew,
            self.settings.fallback_ttl,
        );
        answer::logged_in_v2(&reply.body, endpoint.name(), timing).map(renewed)
    }

    /// Ends the session of `token` at the server.
    pub(super) async fn log_out(&self, token: &Token) -> Result<(), Error> {
        if !token.placement().is_bearer() {
            return Ok(());
        }
        let endpoint = Endpoint::Logout;
        let mut secrets = self.secrets();
        secrets.add_token(token);
        let body = json(&[("session_token", token.expose())]);
        let mut request = post(self.settings.uri(endpoint)?.clone(), Some(body));
        *request.method_mut() = Method::DELETE;
        self.send(endpoint, request, &secrets).await.map(drop)
    }

    /// Sends one request, and returns the answer if it is not a failure.
    async fn send(
        &self,
        endpoint: Endpoint,
        request: Request<Bytes>,
        secrets: &Secrets,
    ) -> Result<Reply, Error> {
        if endpoint != Endpoint::Logout {
            self.lockout.check(&*self.clock, endpoint.name())?;
        }
        let exchange = Exchange {
            name: endpoint.name(),
            clock: &*self.clock,
            timeout: self.settings.request_timeout,
            max_answer: self.settings.max_answer,
            secrets,
        };
        let reply = exchange.send(self.client.clone(), request).await?;
        let answer = Answer {
            endpoint,
            status: reply.status,
            headers: &reply.headers,
            body: &reply.body,
        };
        let said = if answer.status.is_success() {
            Said::default()
        } else {
            Said::read(answer.body, secrets)
        };
        let classifier = self.settings.classifier.as_ref();
        let overridden = classifier.and_then(|judge| judge(&answer));
        match overridden.or_else(|| answer.default_verdict(&said)) {
            None => Ok(reply),
            Some(kind) => Err(self.failure(&answer, kind, said)),
        }
    }

    /// Makes the error for an answer that is a failure, and begins a lock-out if it says so.
    fn failure(&self, answer: &Answer<'_>, kind: ErrorKind, said: Said) -> Error {
        let wait = retry_after(answer.headers, dates::wall(self.clock.wall()), kind);
        let wait = match kind {
            ErrorKind::RateLimited | ErrorKind::Locked => {
                let wait = wait.unwrap_or(self.settings.lockout);
                if answer.endpoint != Endpoint::Logout {
                    self.lockout.begin(&*self.clock, kind, wait);
                }
                Some(wait)
            }
            ErrorKind::Transport => wait,
            _ => None,
        };
        let name = answer.endpoint.name();
        let status = answer.status.as_u16();
        let advice = answer.advice(kind, &said);
        let mut message = format!("the {name} failed ({status}): {advice}");
        if let Some(text) = said.text {
            message.push_str("; the server says: ");
            message.push_str(&text);
        }
        let mut error = Error::with_message(kind, message);
        if let Some(code) = said.code {
            error = error.code(code);
        }
        match wait {
            Some(wait) => error.retry_after(wait),
            None => error,
        }
    }

    fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add_secret(&self.username);
        secrets.add_secret(&self.password);
        secrets
    }
}

fn renewed(LoggedIn { token, warning }: LoggedIn) -> Renewed {
    // There is nothing like a refresh token: each renewal presents the password.
    let renewed = Renewed::new(token).signed_in(true);
    match warning {
        Some(warning) => renewed.with_warning(warning),
        None => renewed,
    }
}

/// Makes a `GET` that asks for JSON. Without `Accept` the login service answers some failures with
/// a redirect to a web page.
fn get(uri: Uri) -> Request<Bytes> {
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = uri;
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(ACCEPT, json);
    request
}

/// Adds the parameter `flow`, which needs no escape.
fn with_flow(uri: &Uri, flow: &str) -> Result<Uri, Error> {
    let mark = if uri.query().is_some() { '&' } else { '?' };
    format!("{uri}{mark}flow={flow}")
        .parse()
        .map_err(|error: http::uri::InvalidUri| {
            let message = "the address of the login (v2) cannot take the parameter `flow`";
            Error::with_message(ErrorKind::Config, message).caused_by(error)
        })
}

fn twice(why: Error) -> Error {
    let message = "the login flow was gone when the credentials were submitted (404: it does not \
                   exist, 410: it has expired), and so was a second one: renew() tries again; if it \
                   goes on, check that both steps reach the same login service";
    Error::with_message(ErrorKind::FlowExpired, message).caused_by(why)
}

fn not_ready_for_v2() -> Error {
    let message = "login_base_url() is not set, so the sign-in will fail as soon as the account is \
                   migrated to Auth v.2: set it";
    Error::with_message(ErrorKind::Config, message)
}
