//! No secret is in anything that is printed: not in our `Debug`, `Display` and error chains, not
//! in our log, and not in that of the HTTP client below us, in no encoding.
#![cfg(all(feature = "back-office", feature = "testing"))]

use std::{
    collections::{BTreeSet, HashMap},
    error::Error as StdError,
    fmt::{Debug, Write as _},
    future::Future,
    io,
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
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::{Layer, Service, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_reauth::{
    BoxError, Code, CodeRequest, Error, ErrorKind, ExposeSecret, Renewal, Renewed, SecretString,
    Session, Token,
    inspect::PeekBody,
    layers::{
        Bearer, BearerLayer, RecoverLayer, RefreshLayer,
        recover::{BoxFuture, Challenge, Outcome, Prepared, Recovery},
        refresh::{RefreshAttempt, RefreshRecovery},
    },
    providers::back_office::{BackOffice, BackOfficeBuilder},
    replay::{ReplayBody, ReplayLayer},
    testing::back_office::{Endpoint, ErrorShape, Fault, Limits, Simulator},
};
use tracing_subscriber::fmt::{MakeWriter, format::FmtSpan, writer::MakeWriterExt};

type HttpClient = Client<HttpConnector, ReplayBody<Full<Bytes>>>;

/// Everything that was printed, by where.
#[derive(Clone, Default)]
struct Evidence {
    texts: Arc<Mutex<Vec<(String, String)>>>,
}

/// Every secret, by what it is.
#[derive(Clone, Default)]
struct Secrets {
    known: Arc<Mutex<BTreeSet<(String, String)>>>,
}

/// A log, line by line.
#[derive(Clone, Default)]
struct Log {
    written: Arc<Mutex<Vec<u8>>>,
}

// === impl Evidence ===

impl Evidence {
    fn text(&self, what: &str, text: impl Into<String>) {
        let mut texts = self.texts.lock().unwrap();
        texts.push((what.to_owned(), text.into()));
    }

    fn debug(&self, what: &str, value: &dyn Debug) {
        self.text(what, format!("{value:?}"));
        self.text(what, format!("{value:#?}"));
    }

    /// An error and all that are below it.
    fn error(&self, what: &str, error: &(dyn StdError + 'static)) {
        let chain = std::iter::successors(Some(error), |&error| error.source());
        for (depth, error) in chain.enumerate() {
            let what = format!("{what}, {depth} below");
            self.debug(&what, &error);
            self.text(&what, error.to_string());
            self.text(&what, format!("{error:#}"));
            if let Some(ours) = error.downcast_ref::<Error>() {
                self.debug(&what, &ours.provider_code());
                self.debug(&what, &ours.kind());
            }
        }
    }

    fn response<B>(&self, what: &str, response: &Response<PeekBody<B>>) {
        // Not the headers: they are the server's.
        self.debug(what, response.body());
        self.debug(what, response.extensions());
        if let Some(error) = response.extensions().get::<Error>() {
            self.error(what, error);
        }
    }
}

// === impl Secrets ===

impl Secrets {
    fn add(&self, what: &str, secret: &str) {
        assert!(secret.len() >= 6, "{what} would be found by chance");
        let mut known = self.known.lock().unwrap();
        known.insert((what.to_owned(), secret.to_owned()));
    }

    fn random(&self, what: &str, like: &str) -> String {
        let secret = format!("{like}{:032x}", fastrand::u128(..));
        self.add(what, &secret);
        secret
    }

    fn token(&self, token: &Token) {
        self.add("access token", token.expose());
        if let Some(refresh) = token.refresh_token() {
            self.add("refresh token", refresh.expose_secret());
        }
    }

    /// Adds what is secret in the JSON of a sign-in, on its way in either direction.
    fn message(&self, body: &[u8]) {
        let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) else {
            return;
        };
        for (what, path) in [
            ("2FA token or its code", "/token"),
            ("code", "/code"),
            ("2FA token", "/2faDetails/token"),
            ("access token", "/accessToken/token"),
            ("refresh token", "/refreshToken/token"),
            ("refresh token", "/refreshToken"),
        ] {
            if let Some(secret) = value.pointer(path).and_then(|value| value.as_str()) {
                self.add(what, secret);
            }
        }
    }

    /// Says which secrets are in `text`, and how they are encoded.
    fn found_in(&self, text: &str) -> Vec<String> {
        let known = self.known.lock().unwrap();
        let mut found = Vec::new();
        for (what, secret) in known.iter() {
            for (encoding, form) in forms(secret) {
                if contains(text, &form) {
                    found.push(format!("{what}, {encoding}"));
                }
            }
        }
        found
    }

    fn count(&self, what: &str) -> usize {
        let known = self.known.lock().unwrap();
        known.iter().filter(|(name, _)| name == what).count()
    }
}

/// Whether `form` is in `text`; if it is a number, not as a part of another number.
fn contains(text: &str, form: &str) -> bool {
    let is_number = form.bytes().all(|byte| byte.is_ascii_digit());
    text.match_indices(form).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + form.len()..].chars().next();
        let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        !(is_number && (is_digit(before) || is_digit(after)))
    })
}

/// Every form in which `secret` might be printed.
fn forms(secret: &str) -> Vec<(&'static str, String)> {
    let bytes = secret.as_bytes();
    let join = |form: &dyn Fn(u8) -> String| bytes.iter().map(|&byte| form(byte)).collect();
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let escaped = serde_json::to_string(secret).unwrap();
    let escaped = &escaped[1..escaped.len() - 1];
    let debug = format!("{secret:?}");
    let units = secret.encode_utf16();
    let mut forms = vec![
        ("raw", secret.to_owned()),
        ("hex", join(&|byte| format!("{byte:02x}"))),
        ("hex, capital", join(&|byte| format!("{byte:02X}"))),
        ("JSON", escaped.to_owned()),
        ("JSON, slashes", escaped.replace('/', "\\/")),
        (
            "JSON, all escaped",
            units.map(|unit| format!("\\u{unit:04x}")).collect(),
        ),
        (
            "JSON in JSON",
            escaped.replace('\\', "\\\\").replace('"', "\\\""),
        ),
        ("Debug", debug[1..debug.len() - 1].to_owned()),
        ("Debug of bytes", bytes.escape_ascii().to_string()),
        (
            "list of bytes",
            format!("{bytes:?}").trim_matches(['[', ']']).to_owned(),
        ),
        (
            "percent",
            join(&|byte| match unreserved(byte) {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            }),
        ),
        (
            "percent, small",
            join(&|byte| match unreserved(byte) {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02x}"),
            }),
        ),
        ("percent, all", join(&|byte| format!("%{byte:02X}"))),
    ];
    // Base64 depends on where in three bytes the secret begins. What is before and after it in the
    // same text, and the padding, only touches the first and the last of its characters.
    for offset in 0..3 {
        let mut shifted = vec![0; offset];
        shifted.extend_from_slice(bytes);
        let whole = shifted.len() / 3 * 3;
        let standard = base64(&shifted[..whole]);
        let core = &standard[(offset * 8).div_ceil(6)..];
        forms.push(("base64", core.to_owned()));
        forms.push(("base64, URL", core.replace('+', "-").replace('/', "_")));
    }
    forms
}

/// Base64 of whole groups of three.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = bytes.chunks_exact(3).flat_map(|group| {
        let bits = u32::from(group[0]) << 16 | u32::from(group[1]) << 8 | u32::from(group[2]);
        [18, 12, 6, 0].map(|shift| char::from(ALPHABET[(bits >> shift) as usize & 63]))
    });
    groups.collect()
}

// === impl Log ===

impl Log {
    fn lines(&self) -> Vec<String> {
        let written = self.written.lock().unwrap();
        let text = String::from_utf8_lossy(&written);
        text.lines().map(str::to_owned).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Notes the secrets of sign-in traffic on its way through `client`.
fn tapped(
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
struct Onlooker {
    evidence: Evidence,
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
struct Run {
    client: HttpClient,
    shape: ErrorShape,
    email: String,
    password: String,
    server: Arc<Simulator>,
    evidence: Evidence,
    secrets: Secrets,
}

/// A code service's answers: what is set here first, then what is in the mailbox.
type Codes = Arc<Mutex<Vec<String>>>;

impl Run {
    async fn new(client: HttpClient, shape: ErrorShape, secrets: Secrets) -> Self {
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

    fn builder(&self, codes: &Codes) -> BackOfficeBuilder {
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

    fn session(&self, builder: BackOfficeBuilder) -> Session {
        self.evidence.debug("BackOfficeBuilder", &builder);
        let back_office = builder.build().unwrap();
        self.evidence.debug("BackOffice", &back_office);
        let builder = back_office.session();
        self.evidence.debug("SessionBuilder", &builder);
        let session = builder.build().unwrap();
        self.evidence.debug("Session", &session);
        session
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let body = self.secrets.random("body", "b");
        Request::post(format!("{}/upload", self.server.base_url()))
            .body(Full::from(body))
            .unwrap()
    }

    /// Makes a call through all our layers, and prints everything on its way.
    async fn call(&self, session: &Session) -> Result<StatusCode, Error> {
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

    fn failed<T>(&self, what: &str, result: Result<T, Error>) {
        match result {
            Ok(_) => panic!("{what} is to fail"),
            Err(error) => self.evidence.error(what, &error),
        }
    }

    async fn everything(&self, http2: bool) {
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
        self.evidence.debug("violations", &self.server.violations());
    }

    /// Sign-in, refresh, refused refresh, failed refresh, sign-out.
    async fn a_life(&self) {
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
        self.server.inject(Endpoint::Signout, fault);
        self.failed("sign-out", session.sign_out().await);
        while let Ok(Some(event)) = tokio::time::timeout(Duration::ZERO, events.next()).await {
            self.evidence.debug("Event", &event);
        }
    }

    /// Wrong passwords, wrong codes, and servers that repeat them in many ways.
    async fn refusals(&self) {
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
            self.server.inject(Endpoint::Signin, echo(status, &said));
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
    async fn nonsense(&self) {
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
            for endpoint in [Endpoint::Signin, Endpoint::Confirm, Endpoint::Refresh] {
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
            self.server.inject(Endpoint::Signin, fault);
            self.failed("sign-in", session.renew().await);
        }
    }

    /// Services that are not ours and put secrets into their errors and panics.
    async fn strangers(&self) {
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
    async fn parts(&self) {
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

fn echo(status: u16, said: &str) -> Fault {
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

/// Fails with the places in which `evidence` holds a secret.
fn search(evidence: &[(String, String)], secrets: &Secrets) -> Vec<String> {
    // All forms by their first bytes, so that each text is passed through once.
    const KEY: usize = 5;
    let mut index = HashMap::<[u8; KEY], Vec<(String, String)>>::new();
    // Most places are ruled out by three bytes, without a hash.
    let mut begins = vec![false; 1 << 24];
    let begin =
        |key: &[u8]| usize::from(key[0]) << 16 | usize::from(key[1]) << 8 | usize::from(key[2]);
    for (what, secret) in secrets.known.lock().unwrap().iter() {
        for (encoding, form) in forms(secret) {
            let key: [u8; KEY] = form.as_bytes()[..KEY].try_into().unwrap();
            begins[begin(&key)] = true;
            let entry = index.entry(key).or_default();
            entry.push((format!("{what}, {encoding}"), form));
        }
    }
    let mut found = BTreeSet::new();
    let mut seen = std::collections::HashSet::new();
    for (place, text) in evidence {
        if !seen.insert(text) {
            continue;
        }
        let keys = text.as_bytes().windows(KEY);
        let candidates: BTreeSet<_> = keys
            .filter(|key| begins[begin(key)])
            .filter_map(|key| index.get(key))
            .flatten()
            .collect();
        for (what, form) in candidates {
            if contains(text, form) {
                found.insert(format!("{what} in {place}: {text}"));
            }
        }
    }
    found.into_iter().collect()
}

fn the_search_finds_every_encoding() {
    let secrets = Secrets::default();
    let secret = secrets.random("planted", "p\"ä/\\ %+");
    let hits = |text: String| {
        let found = search(&[("here".into(), text.clone())], &secrets);
        assert_eq!(found.is_empty(), secrets.found_in(&text).is_empty());
        found.len()
    };
    let json = serde_json::to_string(&secret).unwrap();
    assert!(hits(format!("x{secret}y")) > 0);
    assert!(hits(format!("x{secret:?}y")) > 0);
    assert!(hits(format!("{:?}", Bytes::from(secret.clone()))) > 0);
    assert!(hits(format!("{:?}", secret.as_bytes())) > 0);
    assert!(hits(json.clone()) > 0);
    assert!(hits(serde_json::to_string(&json).unwrap()) > 0);
    for prefix in ["", "a", "ab", "abc"] {
        for suffix in ["", "a", "ab"] {
            let mut padded = format!("{prefix}{secret}{suffix}").into_bytes();
            padded.extend(std::iter::repeat_n(0, 3));
            padded.truncate(padded.len() / 3 * 3);
            let encoded = base64(&padded);
            assert!(hits(encoded.clone()) > 0, "{prefix} {suffix}");
            assert!(hits(encoded.replace('+', "-").replace('/', "_")) > 0);
        }
    }
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert!(hits(hex.to_uppercase()) > 0);
    assert!(hits(hex) > 0);
    let percent = |byte: u8| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    assert!(hits(secret.bytes().map(percent).collect()) > 0);
    assert_eq!(hits(secret[..secret.len() - 4].to_owned()), 0);

    let codes = Secrets::default();
    codes.add("code", "123456");
    let hits = |text: &str| search(&[("here".into(), text.into())], &codes).len();
    assert!(hits("code=123456,") > 0);
    assert_eq!(hits("id=91234567"), 0);
}

#[test]
fn no_secret_is_in_anything_that_is_printed() {
    the_search_finds_every_encoding();

    let (ours, others) = (Log::default(), Log::default());
    let is_ours = |target: &str| target.starts_with("tower_reauth");
    let writer = ours
        .clone()
        .with_filter(move |metadata| is_ours(metadata.target()))
        .or_else(others.clone());
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .without_time()
        .with_ansi(false)
        // Entering and leaving a span says nothing that its beginning and its events do not.
        .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE)
        .with_writer(writer)
        .init();
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let planted = panic.payload().downcast_ref::<String>();
        if !planted.is_some_and(|message| message.starts_with("planted")) {
            usual(panic);
        }
    }));

    let secrets = Secrets::default();
    let mut evidence = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        for (http2, shape) in [
            (false, ErrorShape::Message),
            (false, ErrorShape::Error),
            (false, ErrorShape::List),
            (false, ErrorShape::Map),
            (false, ErrorShape::Empty),
            (true, ErrorShape::Message),
        ] {
            let client = Client::builder(TokioExecutor::new())
                .http2_only(http2)
                .build_http();
            let run = Run::new(client, shape, secrets.clone()).await;
            tokio::time::timeout(Duration::from_secs(120), run.everything(http2))
                .await
                .expect("it hangs");
            evidence.append(&mut run.evidence.texts.lock().unwrap());
        }
    });
    // Nothing is proven by secrets that nobody knows of, or by a log that is empty.
    for what in [
        "access token",
        "refresh token",
        "2FA token",
        "code",
        "password",
    ] {
        assert!(secrets.count(what) >= 6, "{what}");
    }
    for target in ["h2::", "hyper_util::"] {
        assert!(
            others.lines().iter().any(|line| line.contains(target)),
            "{target}"
        );
    }
    for said in ["signed in", "renewed", "no new token could be had", "amiss"] {
        assert!(
            ours.lines().iter().any(|line| line.contains(said)),
            "{said}"
        );
    }
    evidence.extend(
        ours.lines()
            .into_iter()
            .map(|line| ("our log".to_owned(), line)),
    );
    let found = search(&evidence, &secrets);
    let mut report = String::new();
    for hit in found.iter().take(10) {
        writeln!(report, "{hit}").unwrap();
    }
    assert!(found.is_empty(), "{} hits:\n{report}", found.len());

    let others = others
        .lines()
        .into_iter()
        .map(|line| ("other log".to_owned(), line));
    let found = search(&others.collect::<Vec<_>>(), &secrets);
    for hit in found.iter().take(10) {
        writeln!(report, "{hit}").unwrap();
    }
    assert!(found.is_empty(), "{} hits:\n{report}", found.len());
}
