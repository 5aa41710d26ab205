//! The settings of a simulator, and its start.

use std::{fmt, io, sync::Arc, time::Duration};

use super::{
    Envelope, ErrorShape, Login, Signature, Simulator,
    courier::TokenRequest,
    jose::Recipient,
    post::webhook_url,
    request_signing::RequestSigning,
    settings::Settings,
    state::{Shared, State},
};
use crate::{Clock, SystemClock, testing::server::Desk};

/// A builder of a [`Simulator`].
///
/// # Example
///
/// ```
/// use tower_reauth::testing::q2::{Envelope, Login, Signature, Simulator};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let server = Simulator::builder()
///     .login("alice", Login::Questions)
///     .question("What is your favourite colour?", "Blue. No, green")
///     .sign_events(Signature::new())
///     .envelope(Envelope::Bare)
///     .start()
///     .await?;
/// # drop(server);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `start` is called and awaited"]
pub struct Builder {
    settings: Settings,
    asks_own_questions: bool,
    webhook: Option<String>,
    clock: Arc<dyn Clock>,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            settings: Settings::default(),
            asks_own_questions: false,
            webhook: None,
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// Sets the API key. `dc220490-e6ee-11e5-8a94-e7385a8d929e` by default, as in the vendor's
    /// sample.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.settings.api_key = key.into();
        self
    }

    /// Sets what comes of the auths of `name`, besides those of the [sandbox](super#sandbox).
    pub fn login(mut self, name: impl Into<String>, login: Login) -> Self {
        self.settings.logins.add(name.into(), login);
        self
    }

    /// Adds a question that [`Login::Questions`] asks, and its answer. If none is added there is
    /// one: `What is the name of your first pet?`, with the answer `Rex`.
    pub fn question(mut self, question: impl Into<String>, answer: impl Into<String>) -> Self {
        let questions = &mut self.settings.rules.questions;
        if !std::mem::replace(&mut self.asks_own_questions, true) {
            questions.clear();
        }
        questions.push((question.into(), answer.into()));
        self
    }

    /// Sets whether a code that was sent is asked for in an event of its own, as a question with a
    /// new token. `false` by default (assumed): the token with which the way was chosen is good for
    /// the code as well.
    pub fn code_as_question(mut self, as_question: bool) -> Self {
        self.settings.rules.code_as_question = as_question;
        self
    }

    /// Sets after how many wrong answers or codes another try is given, by asking again with a new
    /// token. 2 by default (assumed): the third wrong one ends in `auth.failed`.
    pub fn mfa_retries(mut self, retries: usize) -> Self {
        self.settings.rules.mfa_retries = retries;
        self
    }

    /// Sets whether a new auth is told of with `auth.created`. `true` by default, as the
    /// documentation of 2019 has it.
    pub fn created_events(mut self, told: bool) -> Self {
        self.settings.rules.created_events = told;
        self
    }

    /// Sets how long it takes at the company's site to try credentials, answers and codes. No time
    /// by default; the documentation says up to 30 s.
    pub fn verification(mut self, time: Duration) -> Self {
        self.settings.verification = time;
        self
    }

    /// Sets the type of the status of an auth meanwhile. `pending` by default (assumed).
    pub fn pending_status(mut self, status: impl Into<String>) -> Self {
        self.settings.rules.pending_status = status.into();
        self
    }

    /// Sets where events are delivered, as [`set_webhook`](Simulator::set_webhook) does later. By
    /// default nowhere, as with the vendor until its support enables them.
    ///
    /// # Panics
    ///
    /// Panics if `url` is not the address of a host under `http`.
    pub fn webhook(mut self, url: impl Into<String>) -> Self {
        let url = url.into();
        webhook_url(&url);
        self.webhook = Some(url);
        self
    }

    /// Sets what stands around an event. `{"event": ..}` by default.
    pub fn envelope(mut self, envelope: Envelope) -> Self {
        self.settings.webhooks.envelope = envelope;
        self
    }

    /// Lets events be signed, and a public key be published. By default they are not, and none is.
    pub fn sign_events(mut self, signature: Signature) -> Self {
        self.settings.webhooks.signature = Some(signature);
        self
    }

    /// Lets events be encrypted to a public key (X.509 SubjectPublicKeyInfo in DER) with this
    /// `kid`. By default they are not.
    ///
    /// # Panics
    ///
    /// Panics if it is not an RSA key.
    pub fn encrypt_events(mut self, kid: impl Into<String>, key: impl AsRef<[u8]>) -> Self {
        let recipient = Recipient::new(kid.into(), key.as_ref());
        let recipient = recipient.expect("the key is an RSA key: X.509 in DER");
        self.settings.webhooks.recipient = Some(recipient);
        self
    }

    /// Lets events carry a bearer token from the webhook's own token endpoint, to which `payload`
    /// is sent as a form. By default they carry none.
    ///
    /// A token is kept until 30 s before it expires, or until the webhook answers 401.
    ///
    /// # Panics
    ///
    /// Panics if `url` is not the address of a host under `http`.
    pub fn webhook_oauth(mut self, url: impl AsRef<str>, payload: impl Into<String>) -> Self {
        self.settings.webhooks.token = Some(TokenRequest {
            url: webhook_url(url.as_ref()),
            payload: payload.into(),
        });
        self
    }

    /// Sets how often an event is delivered again after an attempt that brings no answer with 2xx.
    /// Twice by default (the documentation says nothing about it).
    pub fn retries(mut self, retries: usize) -> Self {
        self.settings.webhooks.retries = retries;
        self
    }

    /// Sets the pause before an event is delivered again, on the simulator's clock. None by
    /// default.
    pub fn retry_pause(mut self, pause: Duration) -> Self {
        self.settings.webhooks.retry_pause = pause;
        self
    }

    /// Sets how long the webhook has to answer, on the simulator's clock. 30 s by default (the
    /// documentation says nothing about it).
    pub fn webhook_timeout(mut self, timeout: Duration) -> Self {
        self.settings.webhooks.timeout = timeout;
        self
    }

    /// Lets requests be signed with the private half of this public key (X.509
    /// SubjectPublicKeyInfo in DER): those that are not get 401. By default they need not be.
    ///
    /// # Panics
    ///
    /// Panics if it is not an RSA key.
    pub fn request_signing(mut self, key: impl AsRef<[u8]>) -> Self {
        let key = key.as_ref().to_vec();
        let is_rsa = Recipient::new(String::new(), &key).is_some();
        assert!(is_rsa, "the key is an RSA key: X.509 in DER");
        let tolerance = Duration::from_secs(300);
        self.settings.request_signing = Some(RequestSigning { key, tolerance });
        self
    }

    /// Sets whether the public keys are had without the API key. `false` by default (assumed):
    /// they are a part of the API like any other.
    pub fn open_keys(mut self, open: bool) -> Self {
        self.settings.open_keys = open;
        self
    }

    /// Sets the form of error bodies. `{"message": ".."}` by default.
    pub fn errors(mut self, shape: ErrorShape) -> Self {
        self.settings.errors = shape;
        self
    }

    /// Sets whether error answers repeat the API key, token or answer that was sent. `false` by
    /// default.
    ///
    /// Servers do this by mistake, and a client must not pass it on to its log.
    pub fn echo_secrets(mut self, echo: bool) -> Self {
        self.settings.echo_secrets = echo;
        self
    }

    /// Sets the clock for dates, lifetimes, pauses and delays. The machine's by default.
    ///
    /// With a [`FakeClock`](crate::testing::FakeClock) a pause is over when the test says so; with
    /// one of its own the server's time differs from the client's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Starts the simulator on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// Fails if no port can be bound.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime with I/O enabled.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped nothing has been started.
    pub async fn start(self) -> io::Result<Simulator> {
        let mut state = State {
            webhook: self.webhook.as_deref().map(webhook_url),
            ..State::default()
        };
        if self.settings.webhooks.signature.is_some() {
            state.keys.add();
        }
        Simulator::start(Shared::new(self.settings, Desk::new(self.clock), state)).await
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let webhooks = &self.settings.webhooks;
        f.debug_struct("Builder")
            .field("webhook", &self.webhook)
            .field("envelope", &webhooks.envelope)
            .field("signature", &webhooks.signature)
            .field("encrypted", &webhooks.recipient.is_some())
            .field("request_signing", &self.settings.request_signing.is_some())
            .finish_non_exhaustive()
    }
}
