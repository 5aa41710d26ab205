//! A run through everything that knows a secret.

use std::{
    fmt::Debug,
    future::Future,
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
    request, response,
};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use tower::{Layer, Service, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_reauth::{
    BoxError, Code, CodeRequest, Error, ErrorKind, ExposeSecret, Renewal, Renewed, SecretString,
    Session, Token,
    layers::{
        Bearer, BearerLayer, RecoverLayer, RefreshLayer,
        recover::{BoxFuture, Challenge, Outcome, Prepared, Recovery},
        refresh::{RefreshAttempt, RefreshRecovery},
    },
    providers::back_office::{BackOffice, BackOfficeBuilder},
    replay::{ReplayBody, ReplayLayer},
    testing::back_office::{Endpoint, ErrorShape, Fault, Limits, Simulator},
};

use crate::search::{Evidence, Secrets};

pub(crate) type HttpClient = Client<HttpConnector, ReplayBody<Full<Bytes>>>;

/// Notes the secrets of sign-in traffic on its way through `client`.
pub(crate) fn tapped(
    client: HttpClient,
    secrets: Secrets,
) -> BoxCloneSyncService<Request<Full<Bytes>>, Response<Full<Bytes>>, BoxError> {
    BoxCloneSyncService::new(service_fn(move |request: Request<Full<Bytes>>| {
        let (client, secrets) = (client.clone(), secrets.clone());
        async move {
            let sent = request.body().clone().collect().await?.to_bytes();
            secrets.message(&sent);
            let response = client.request(request.map(ReplayBody::new)).await?;
            let (head, body) = response.into_parts();
            let body = body.collect().await?.to_bytes();
            secrets.message(&body);
            Ok(Response::from_parts(head, Full::new(body)))
        }
    }))
}

/// A recovery that looks at everything, and changes nothing.
#[derive(Clone)]
pub(crate) struct Onlooker {
    pub(crate) evidence: Evidence,
}

impl Recovery for Onlooker {
    type Attempt = ();

    fn prepare(&self, _: &mut request::Parts) -> Prepared<()> {
        let prepared = Prepared::Ready(());
        self.evidence.debug("Prepared", &prepared);
        prepared
    }

    fn is_challenge(&self, _: &(), response: &response::Parts) -> bool {
        response.status == StatusCode::UNAUTHORIZED
    }

    fn recover(&self, challenge: Challenge<()>) -> BoxFuture<Outcome> {
        assert!(challenge.response().headers.contains_key(WWW_AUTHENTICATE));
        assert!(challenge.request().headers.contains_key(AUTHORIZATION));
        self.evidence.debug("Challenge", &challenge);
        let outcome = Outcome::GiveUp(Error::new(ErrorKind::Provider, "no"));
        self.evidence.debug("Outcome", &outcome);
        Box::pin(async { outcome })
    }
}

/// What a run of everything needs.
pub(crate) struct Run {
    pub(crate) client: HttpClient,
    pub(crate) shape: ErrorShape,
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) server: Arc<Simulator>,
    pub(crate) evidence: Evidence,
    pub(crate) secrets: Secrets,
}

/// A code service's answers: what is set here first, then what is in the mailbox.
pub(crate) type Codes = Arc<Mutex<Vec<String>>>;

impl Run {
    pub(crate) async fn new(client: HttpClient, shape: ErrorShape, secrets: Secrets) -> Self {
        let email = format!("{}@bar.example", secrets.random("e-mail", "me+you/"));
        secrets.add("e-mail", &email);
        let password = secrets.random("password", "p\"ä\\/% +");
        let evidence = Evidence::default();
        let builder = Simulator::builder()
            .account(&email, &password)
            .two_factor(true)
            .echo_secrets(true)
            .errors(shape)
            .limits(Limits::none());
        evidence.debug("Simulator's builder", &builder);
        Self {
            client,
            shape,
            email,
            password,
            server: Arc::new(builder.start().await.unwrap()),
            evidence,
            secrets,
        }
    }

    pub(crate) fn builder(&self, codes: &Codes) -> BackOfficeBuilder {
        let codes = {
            let (server, email) = (Arc::clone(&self.server), self.email.clone());
            let (evidence, secrets) = (self.evidence.clone(), self.secrets.clone());
            let codes = Arc::clone(codes);
            service_fn(move |request: CodeRequest| {
                evidence.debug("CodeRequest", &request);
                let (server, email, codes) = (server.clone(), email.clone(), codes.clone());
                let (evidence, secrets) = (evidence.clone(), secrets.clone());
                async move {
                    let set = codes.lock().unwrap().pop();
                    let code = match set {
                        Some(code) => code,
                        // There may be older ones, of sign-ins that went no further.
                        None => server.latest_code(&email).ok_or("no mail")?,
                    };
                    secrets.add("code", &code);
                    let code = Code::new(code)?;
                    evidence.debug("Code", &code);
                    Ok::<_, BoxError>(code)
                }
            })
        };
        let client = tapped(self.client.clone(), self.secrets.clone());
        BackOffice::builder(client, self.server.base_url())
            .credentials(self.email.as_str(), self.password.as_str())
            .code_service(codes)
            .sign_in_limit(u32::MAX)
            .confirm_limit(u32::MAX)
            .refresh_limit(u32::MAX)
    }

    pub(crate) fn session(&self, builder: BackOfficeBuilder) -> Session {
        self.evidence.debug("BackOfficeBuilder", &builder);
        let back_office = builder.build().unwrap();
        self.evidence.debug("BackOffice", &back_office);
        let builder = back_office.session();
        self.evidence.debug("SessionBuilder", &builder);
        let session = builder.build().unwrap();
        self.evidence.debug("Session", &session);
        session
    }

    pub(crate) fn request(&self) -> Request<Full<Bytes>> {
        let body = self.secrets.random("body", "b");
        Request::post(format!("{}/upload", self.server.base_url()))
            .body(Full::from(body))
            .unwrap()
    }

    /// Makes a call through all our layers, and prints everything on its way.
    pub(crate) async fn call(&self, session: &Session) -> Result<StatusCode, Error> {
        let (client, evidence) = (self.client.clone(), self.evidence.clone());
        let watched = service_fn(move |request: Request<ReplayBody<Full<Bytes>>>| {
            let value = &request.headers()[AUTHORIZATION];
            assert!(value.is_sensitive());
            evidence.debug("signed request", &request);
            evidence.debug("signed headers", request.headers());
            evidence.debug("signed body", request.body());
            client.request(request)
        });
        let layer = session.layer();
        self.evidence.debug("SessionLayer", &layer);
        let mut service = layer.layer(watched);
        self.evidence.debug("Replay", &service);
        self.evidence.debug("Refresh", service.get_ref());
        self.evidence.debug("Bearer", service.get_ref().get_ref());
        self.evidence.debug("Session in use", session);
        self.evidence.debug("Current", &session.current());
        if let Some(current) = session.current() {
            self.secrets.token(current.token());
            self.evidence.debug("Token", current.token());
            let renewal = Renewal::new(tower_reauth::Reason::Explicit);
            let renewal = renewal.with_previous(current.token().clone());
            self.evidence.debug("Renewal", &renewal);
            let renewed = Renewed::new(current.token().clone());
            self.evidence.debug("Renewed", &renewed);
            self.evidence.debug("header", &current.token().header());
        }

        std::future::poll_fn(|cx| service.poll_ready(cx))
            .await
            .map_err(Error::from_boxed)?;
        let mut future = pin!(service.call(self.request()));
        let called = std::future::poll_fn(|cx| {
            self.evidence.debug("future before a poll", &future);
            let polled = future.as_mut().poll(cx);
            self.evidence.debug("future after a poll", &future);
            polled
        })
        .await;
        if let Some(current) = session.current() {
            self.secrets.token(current.token());
        }
        let response = match called {
            Ok(response) => response,
            Err(error) => {
                self.evidence.error("call", &*error);
                let error = Error::from_boxed(error);
                self.evidence.error("call's error of ours", &error);
                return Err(error);
            }
        };
        self.evidence.response("response", &response);
        let (head, body) = response.into_parts();
        let mut body = body;
        while let Some(frame) = body.frame().await {
            self.evidence.debug("PeekBody, half read", &body);
            drop(frame);
        }
        Ok(head.status)
    }

    pub(crate) fn failed<T>(&self, what: &str, result: Result<T, Error>) {
        match result {
            Ok(_) => panic!("{what} is to fail"),
            Err(error) => self.evidence.error(what, &error),
        }
    }

    pub(crate) async fn everything(&self, http2: bool) {
        self.a_life().await;
        self.refusals().await;
        // What is read of an answer does not depend on the transport, whose log is long here.
        if !http2 {
            self.nonsense().await;
        }
        self.strangers().await;
        self.parts().await;
        self.evidence.debug("Simulator", &self.server);
        self.evidence.debug("Counts", &self.server.counts());
        assert_eq!(self.server.violations(), [""; 0]);
    }

    /// Sign-in, refresh, refused refresh, failed refresh, sign-out.
    pub(crate) async fn a_life(&self) {
        let codes = Codes::default();
        let session = self.session(self.builder(&codes));
        let mut events = session.events();
        self.evidence.debug("Events", &events);
        assert_eq!(self.call(&session).await.unwrap(), StatusCode::OK);
        self.server.revoke_access_tokens();
        assert_eq!(self.call(&session).await.unwrap(), StatusCode::OK);
        self.server.revoke_refresh_tokens();
        self.server.revoke_access_tokens();
        assert_eq!(self.call(&session).await.unwrap(), StatusCode::OK);
        let fault = Fault::Dates(tower_reauth::testing::back_office::DateFormat::NoOffset);
        self.server.inject(Endpoint::Refresh, fault);
        self.server
            .inject(Endpoint::Refresh, Fault::PlaceholderDates);
        session.renew().await.unwrap();
        session.renew().await.unwrap();
        self.secrets.token(session.current().unwrap().token());

        // The 401 is the caller's, with a token in its body and its challenge.
        self.server.inject(Endpoint::Refresh, Fault::Status(503));
        self.server.revoke_access_tokens();
        let status = self.call(&session).await.unwrap();
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        // What is echoed counts as revoked already, so signing out is done.
        session.sign_out().await.unwrap();
        let current = session.token().await.unwrap();
        self.secrets.token(current.token());
        let said = format!("no such token: {}", current.token().expose());
        let fault = echo(400, &said);
        self.server.inject(Endpoint::SignOut, fault);
        self.failed("sign-out", session.sign_out().await);
        while let Ok(Some(event)) = tokio::time::timeout(Duration::ZERO, events.next()).await {
            self.evidence.debug("Event", &event);
        }
    }

    /// Wrong passwords, wrong codes, and servers that repeat them in many ways.
    pub(crate) async fn refusals(&self) {
        let wrong = self.secrets.random("wrong password", "w\"ö\\/% ");
        let builder = self.builder(&Codes::default());
        let session = self.session(builder.credentials(self.email.as_str(), wrong.as_str()));
        assert_eq!(
            self.call(&session).await.unwrap_err().kind(),
            ErrorKind::Rejected
        );
        self.failed("wrong password", session.renew().await);

        let codes = Codes::default();
        let wrong = |_| self.secrets.random("wrong code", "c");
        *codes.lock().unwrap() = (0..3).map(wrong).collect();
        let session = self.session(self.builder(&codes));
        assert_eq!(
            self.call(&session).await.unwrap_err().kind(),
            ErrorKind::CodeRejected
        );

        for status in [400, 401, 403, 404, 409, 418, 422, 423, 429, 500, 503] {
            let session = self.session(self.builder(&Codes::default()));
            let said = format!("{} and {} are wrong", self.email, self.password);
            self.server.inject(Endpoint::SignIn, echo(status, &said));
            self.failed("echo at sign-in", session.renew().await);

            let session = self.session(self.builder(&Codes::default()));
            let code = self.secrets.random("code", "c");
            let codes = Codes::new(Mutex::new(vec![code.clone()]));
            let other = self.session(self.builder(&codes).max_2fa_attempts(1));
            self.server.inject(Endpoint::Confirm, echo(status, &code));
            self.server.inject(Endpoint::Confirm, echo(status, &code));
            self.failed("echo at confirmation", other.renew().await);
            while self.server.faults_left(Endpoint::Confirm) > 0 {
                let third = self.session(self.builder(&Codes::default()).max_2fa_attempts(1));
                self.failed("echo at confirmation", third.renew().await);
            }

            let token = session.token().await.unwrap();
            self.secrets.token(token.token());
            let refresh = token.token().refresh_token().unwrap().expose_secret();
            self.server.inject(Endpoint::Refresh, echo(status, refresh));
            if let Err(error) = session.renew().await {
                self.evidence.error("echo at refresh", &error);
            }
        }
    }

    /// Answers that cannot be understood and have secrets where none are expected.
    pub(crate) async fn nonsense(&self) {
        let shapes = [
            r#"{"accessToken":{"token":"S"#,
            r#"{"accessToken":{"token":"S S"},"refreshToken":{"token":"S"}}"#,
            r#"{"accessToken":{"token":"Sä"},"refreshToken":{"token":"Sä"}}"#,
            r#"{"accessToken":{"token":"S\n"},"refreshToken":{"token":"S\n"}}"#,
            r#"{"accessToken":{"token":"S","token":"S"}}"#,
            r#"{"accessToken":{"token":{"S":"S"}}}"#,
            r#"{"accessToken":{"token":["S"]}}"#,
            r#"{"accessToken":"S","refreshToken":"S"}"#,
            r#"{"accessToken":["S","S","S","S"]}"#,
            r#"{"accessToken":{"token":"S","createdAt":"S","expiresAt":"S"}}"#,
            r#"{"2faRequired":"S"}"#,
            r#"{"2faRequired":true,"2faDetails":"S"}"#,
            r#"{"2faRequired":true,"2faDetails":{"token":["S"],"provider":"email"}}"#,
            r#"{"2faRequired":true,"2faDetails":{"token":"S","expiresAt":"S"}}"#,
            r#"{"S":"S"}"#,
            r#"["S"]"#,
            r#""S""#,
            "S",
            "<html>S</html>",
            "\u{FEFF}S",
        ];
        for shape in shapes {
            for endpoint in [Endpoint::SignIn, Endpoint::Confirm, Endpoint::Refresh] {
                let builder = self.builder(&Codes::default()).strict_dates(true);
                let session = self.session(builder);
                if endpoint == Endpoint::Refresh {
                    let token = session.token().await.unwrap();
                    self.secrets.token(token.token());
                }
                let secret = self.secrets.random("token in nonsense", "n");
                let fault = Fault::Answer {
                    status: 200,
                    headers: vec![("content-type".into(), "application/json".into())],
                    body: shape.replace('S', &secret),
                };
                self.server.inject(endpoint, fault);
                self.evidence.debug("Result", &session.renew().await);
                if let Some(current) = session.current() {
                    self.secrets.token(current.token());
                    self.evidence.debug("Current", &current);
                }
                // What was taken for a 2FA token.
                self.evidence.debug("Result", &session.renew().await);
            }
        }
        for fault in [
            Fault::Html,
            Fault::Malformed,
            Fault::Truncated,
            Fault::ResetAfterwards,
            Fault::TwoFactorWithoutDetails,
            Fault::NoTokens,
        ] {
            let session = self.session(self.builder(&Codes::default()));
            self.server.inject(Endpoint::SignIn, fault);
            self.failed("sign-in", session.renew().await);
        }
    }

    /// Services that are not ours and put secrets into their errors and panics.
    pub(crate) async fn strangers(&self) {
        let secret = self.secrets.random("secret in a panic", "s");
        let panics = service_fn(move |_: Renewal| {
            let secret = secret.clone();
            async move {
                if !secret.is_empty() {
                    panic!("planted: {secret}");
                }
                Token::new(secret)
            }
        });
        let session = Session::builder(panics)
            .origin(self.server.base_url())
            .build()
            .unwrap();
        let error = self.call(&session).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transport);

        let said = format!("bad: {} {}", self.email, self.password);
        let codes = service_fn(move |_: CodeRequest| {
            let error = BoxError::from(said.clone());
            async { Err::<Code, _>(error) }
        });
        let builder = self.builder(&Codes::default()).code_service(codes);
        self.failed("code service", self.session(builder).renew().await);

        // A client that quotes what it could not send.
        let quotes = service_fn(|request: Request<Full<Bytes>>| async {
            let body = request.into_body().collect().await?.to_bytes();
            let text = String::from_utf8_lossy(&body).into_owned();
            Err::<Response<Full<Bytes>>, _>(BoxError::from(format!("could not send {text}")))
        });
        let session = BackOffice::builder(quotes, self.server.base_url())
            .credentials(self.email.as_str(), self.password.as_str())
            .build()
            .unwrap()
            .session()
            .build()
            .unwrap();
        self.failed("client", session.renew().await);
    }

    /// What can be made by hand.
    pub(crate) async fn parts(&self) {
        let access = self.secrets.random("access token", "a");
        let refresh = self.secrets.random("refresh token", "r");
        let token = Token::new(access.as_str())
            .and_then(|token| token.with_refresh_token(refresh.as_str()))
            .unwrap();
        self.evidence.debug("Token", &token);
        self.evidence
            .debug("SecretString", &SecretString::from(refresh.as_str()));
        assert!(token.header().1.is_sensitive());
        for wrong in [
            format!("{access} "),
            format!("ä{access}"),
            format!("{access}\n"),
        ] {
            self.evidence
                .error("InvalidToken", &Token::new(wrong.as_str()).unwrap_err());
            if let Err(error) = Code::new(wrong.as_str()) {
                self.evidence.error("InvalidToken", &error);
            }
        }

        let evidence = self.evidence.clone();
        let sign_outs = service_fn(move |sign_out: tower_reauth::SignOut| {
            evidence.debug("SignOut", &sign_out);
            async { Ok::<_, BoxError>(()) }
        });
        let tokens = service_fn(|_: Renewal| async { Err::<Token, _>(BoxError::from("none")) });
        let builder = Session::builder(tokens)
            .origin(self.server.base_url())
            .token(token.clone())
            .sign_out_service(sign_outs);
        self.evidence.debug("SessionBuilder", &builder);
        let session = builder.build().unwrap();

        for layer in [
            &BearerLayer::new(session.clone()) as &dyn Debug,
            &RefreshLayer::new(session.clone()),
            &ReplayLayer::new(),
            &RefreshRecovery::new(session.clone()),
            &Bearer::new(self.client.clone(), session.clone()),
            &RecoverLayer::new(RefreshRecovery::new(session.clone())),
        ] {
            self.evidence.debug("layer", layer);
        }
        let attempt = std::any::type_name::<RefreshAttempt>();
        self.evidence.text("RefreshAttempt", attempt);

        // A caller's own header, and what our layers make of it.
        let own = self.secrets.random("a caller's own header", "o");
        let evidence = self.evidence.clone();
        let echo = service_fn(move |request: Request<ReplayBody<Full<Bytes>>>| {
            evidence.debug("signed request", &request);
            async { Ok::<_, BoxError>(Response::new(Full::new(Bytes::new()))) }
        });
        let mut request = self.request();
        let value = HeaderValue::from_str(&format!("Bearer {own}")).unwrap();
        request.headers_mut().insert(AUTHORIZATION, value);
        session.layer().layer(echo).oneshot(request).await.unwrap();

        // The engine, with a recovery that looks at a challenge that repeats the token.
        let onlooker = Onlooker {
            evidence: self.evidence.clone(),
        };
        let service = RecoverLayer::new(onlooker).layer(self.client.clone());
        let mut request = self.request().map(ReplayBody::new);
        let (name, value) = token.header();
        request.headers_mut().insert(name, value.clone());
        let response = service.oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let challenge = response.headers()[WWW_AUTHENTICATE].to_str().unwrap();
        // So the server does repeat it, and it was for us not to.
        assert!(challenge.contains(access.as_str()));
        self.evidence.response("given up", &response);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let repeats = String::from_utf8_lossy(&body).contains(access.as_str());
        assert_eq!(repeats, self.shape != ErrorShape::Empty);

        session.sign_out().await.unwrap();
        for url in [
            format!("https://me:{access}@host.example"),
            format!("https://host.example?key={access}"),
            format!("https://host.example#{access}"),
        ] {
            let builder = BackOffice::builder(self.client.clone(), url.as_str());
            self.evidence.debug("BackOfficeBuilder", &builder);
            let error = builder.credentials("a", "b").build().unwrap_err();
            self.evidence.error("base URL", &error);
            let tokens = service_fn(|_: Renewal| async { Err::<Token, _>(BoxError::from("")) });
            let builder = Session::builder(tokens).origin(url);
            self.evidence.debug("SessionBuilder", &builder);
            self.evidence.error("origin", &builder.build().unwrap_err());
        }
    }
}

pub(crate) fn echo(status: u16, said: &str) -> Fault {
    let said = serde_json::to_string(said).unwrap();
    Fault::Answer {
        status,
        headers: vec![
            ("content-type".into(), "application/json".into()),
            (
                "www-authenticate".into(),
                format!("Bearer realm={}", said.replace('ä', "a")),
            ),
        ],
        body: format!(r#"{{"message":{said},"error":"{status}","errors":[{said}]}}"#),
    }
}
