//! Against the simulator: submissions and events, both over real sockets.

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::{
    client::legacy::Client as Http,
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, task::JoinSet};
use tower::service_fn;
use tower_reauth::{
    BoxError, Code, CodeRequest, Error, ErrorKind,
    providers::q2::{
        AuthFailure, NewAuth, Q2, Q2Builder, SigningKey, VerifiedAuth, WebhookBuilder,
        webhook::{DecryptionKey, TokenEndpoint},
    },
    replay::ReplayBody,
    testing::{
        FakeClock, Fault,
        q2::{
            Builder, Counts, Delivery, Endpoint, Envelope, Forgery, RsaKey, Signature, Simulator,
        },
    },
};

use crate::support::{API_KEY, PASSWORD};

const CLIENT: &str = "579b695decfa11012711875d";
const COMPANY: &str = "579b695decea110719b1874d";

/// A simulator, a client of it, and a receiver. When it is dropped, the simulator must have no
/// complaints.
struct Bank {
    server: Arc<Simulator>,
    q2: Q2,
    /// What people type in place of the right answers.
    mistyped: Arc<Mutex<Vec<&'static str>>>,
}

/// Answers what comes to the listener with a service.
macro_rules! serve {
    ($listener:expr, $service:expr) => {{
        let (listener, service) = ($listener, $service);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = TowerToHyperService::new(service.clone());
                tokio::spawn(async move {
                    let server = auto::Builder::new(TokioExecutor::new());
                    server
                        .serve_connection(TokioIo::new(stream), service)
                        .await
                        .ok();
                });
            }
        });
    }};
}

// === impl Bank ===

impl Bank {
    async fn open(server: Builder) -> Self {
        Self::with(server, |q2| q2, WebhookBuilder::insecure_unverified).await
    }

    /// With events that are signed.
    async fn signed() -> Self {
        let server = Simulator::builder().sign_events(Signature::new());
        Self::with(server, |q2| q2, WebhookBuilder::published_keys).await
    }

    async fn with(
        server: Builder,
        settings: impl FnOnce(Q2Builder) -> Q2Builder,
        receiver: impl FnOnce(WebhookBuilder) -> WebhookBuilder,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = server.webhook(format!("http://{}/q2", listener.local_addr().unwrap()));
        let server = Arc::new(server.start().await.unwrap());
        let mistyped = Arc::new(Mutex::new(Vec::new()));
        let codes = service_fn({
            let (server, mistyped) = (Arc::clone(&server), Arc::clone(&mistyped));
            move |request: CodeRequest| {
                let server = Arc::clone(&server);
                let wrong: Option<&str> = mistyped.lock().unwrap().pop();
                async move {
                    let right = match request.question() {
                        Some(_) => "Rex".to_owned(),
                        None => server.next_code(CLIENT).await,
                    };
                    Ok::<_, BoxError>(Code::answer(wrong.map_or(right, str::to_owned))?)
                }
            }
        });
        let client = Http::builder(TokioExecutor::new());
        let client: Http<_, ReplayBody<Full<Bytes>>> = client.build_http();
        let q2 = Q2::builder(client, server.base_url())
            .api_key(API_KEY)
            .code_service(codes);
        let q2 = settings(q2).build().unwrap();
        let webhook = receiver(q2.webhook()).build().unwrap();
        serve!(listener, webhook);
        Self {
            server,
            q2,
            mistyped,
        }
    }

    async fn create(&self, login: &str) -> Result<VerifiedAuth, Error> {
        self.q2.create_auth(auth(CLIENT, login)).await
    }

    fn counts(&self) -> Counts {
        self.server.counts()
    }
}

impl Drop for Bank {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.server.violations(), [""; 0]);
        }
    }
}

fn auth(client: &str, login: &str) -> NewAuth {
    NewAuth::new(client, COMPANY)
        .field("username", login)
        .field("password", PASSWORD)
}

/// Ends a test that hangs. No test measures time by it.
async fn guarded<F: Future>(test: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(120), test)
        .await
        .expect("the test hangs")
}

#[tokio::test]
async fn every_login_of_the_sandbox_ends_as_it_should() {
    guarded(async {
        for (login, kind, steps) in [
            ("test", None, 0),
            ("testmfaquestion", None, 1),
            ("testmfacode", None, 2),
            ("testswap", None, 0),
            ("testfail", Some(ErrorKind::Rejected), 0),
            ("testhold", Some(ErrorKind::Provider), 0),
            ("nobody", Some(ErrorKind::Rejected), 0),
        ] {
            let bank = Bank::signed().await;
            let ended = bank.create(login).await;
            match &ended {
                Ok(verified) => {
                    assert_eq!(verified.client_id(), CLIENT);
                    assert!(verified.auth_id().is_some());
                }
                Err(error) => {
                    assert!(AuthFailure::of(error).is_some(), "{login}: {error}");
                    assert!(!format!("{error} {error:?}").contains(PASSWORD));
                }
            }
            assert_eq!(ended.err().map(|error| error.kind()), kind, "{login}");
            let counts = bank.counts();
            assert_eq!((counts.creates, counts.creates_ok), (1, 1), "{login}");
            assert_eq!((counts.steps, counts.steps_ok), (steps, steps), "{login}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_wrong_answer_is_final_unless_the_company_asks_again() {
    guarded(async {
        for login in ["testmfaquestion", "testmfacode"] {
            for retries in [0, 1] {
                let bank = Bank::open(Simulator::builder().mfa_retries(retries)).await;
                bank.mistyped.lock().unwrap().push("000000");
                let ended = bank.create(login).await.map_err(|error| error.kind());
                let rejected = Some(ErrorKind::CodeRejected).filter(|_| retries == 0);
                assert_eq!(ended.err(), rejected, "{login}");
                let counts = bank.counts();
                assert_eq!((counts.creates, counts.wrong_answers), (1, 1), "{login}");
                assert_eq!(counts.reused_step_tokens, 0, "{login}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn however_events_come_each_auth_ends_once() {
    guarded(async {
        let early = || Delivery::BeforeAnswer;
        for (kind, delivery) in [
            ("auth.created", early()),
            ("auth.created", Delivery::Twice),
            ("auth.created", Delivery::Never),
            ("auth.created", Delivery::AfterNext),
            ("auth.mfa-required", early()),
            ("auth.mfa-required", Delivery::Twice),
            ("auth.mfa-required", Delivery::AfterUnknown),
            ("auth.success", early()),
            ("auth.success", Delivery::Twice),
            ("auth.success", Delivery::AfterUnknown),
        ] {
            for login in ["test", "testmfaquestion", "testmfacode"] {
                let bank = Bank::signed().await;
                bank.server.script(kind, delivery.clone());
                let verified = bank.create(login).await;
                verified.unwrap_or_else(|error| panic!("{kind} {delivery:?} {login}: {error}"));
                let counts = bank.counts();
                assert_eq!((counts.creates, counts.resubmissions), (1, 0));
                assert_eq!((counts.reused_step_tokens, counts.wrong_answers), (0, 0));
                assert_eq!(bank.q2.counts().waiting, 0);
            }
        }
        // All at once: everything before the answer, and twice.
        let bank = Bank::signed().await;
        for kind in ["auth.created", "auth.success"] {
            bank.server.script(kind, early());
        }
        bank.create("test").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn no_forged_event_is_believed() {
    guarded(async {
        for forgery in Forgery::ALL {
            // What it may come from is settled by settings of the receiver.
            let signature = Signature::new()
                .issuer("https://q2.example")
                .audience("https://partner.example");
            let server = Simulator::builder().sign_events(signature);
            let bank = Bank::with(
                server,
                |q2| q2,
                |webhook| {
                    webhook
                        .published_keys()
                        .issuer("https://q2.example")
                        .audience("https://partner.example")
                },
            )
            .await;
            bank.server
                .script("auth.success", Delivery::Forged(forgery));
            bank.create("test").await.unwrap();
            let counts = bank.counts();
            assert_eq!(
                (counts.forged, counts.forged_accepted),
                (1, 0),
                "{forgery:?}"
            );
            assert!(counts.key_fetches <= 2, "{forgery:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn many_auths_end_each_with_its_own_event() {
    guarded(async {
        let bank = Bank::signed().await;
        let mut auths = JoinSet::new();
        for number in 0..64 {
            let q2 = bank.q2.clone();
            let login = if number % 2 == 0 { "test" } else { "testfail" };
            let auth = auth(&format!("client-{number}"), login);
            auths.spawn(async move { (number, q2.create_auth(auth).await) });
        }
        for (number, ended) in auths.join_all().await {
            assert_eq!(ended.is_ok(), number % 2 == 0, "{number}");
        }
        let counts = bank.counts();
        assert_eq!((counts.creates, counts.creates_ok), (64, 64));
        assert_eq!((counts.key_fetches, bank.q2.counts().waiting), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn a_second_auth_of_the_same_client_and_company_is_refused_unsent() {
    guarded(async {
        let bank = Bank::open(Simulator::builder()).await;
        bank.server.script("auth.success", Delivery::Held);
        let first = tokio::spawn({
            let (q2, auth) = (bank.q2.clone(), auth(CLIENT, "test"));
            async move { q2.create_auth(auth).await }
        });
        let event = bank.server.next_held().await;
        let second = bank.create("test").await.unwrap_err();
        let failure = AuthFailure::of(&second);
        assert!(
            matches!(failure, Some(AuthFailure::AlreadyWaiting)),
            "{second}"
        );
        assert_eq!(bank.server.deliver(&event).await, Some(200));
        first.await.unwrap().unwrap();
        assert_eq!(bank.counts().creates, 1);
    })
    .await;
}

#[tokio::test]
async fn without_events_the_list_is_asked() {
    guarded(async {
        let clock = FakeClock::new();
        let own = clock.clone();
        let bank = Bank::with(
            Simulator::builder(),
            |q2| q2.poll_interval(Duration::from_secs(5)).clock(own),
            WebhookBuilder::insecure_unverified,
        )
        .await;
        bank.server.disable_webhook();
        let call = tokio::spawn({
            let (q2, auth) = (bank.q2.clone(), auth(CLIENT, "test"));
            async move { q2.create_auth(auth).await }
        });
        while !call.is_finished() {
            clock.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
        call.await.unwrap().unwrap();
        let counts = bank.counts();
        assert_eq!((counts.creates, counts.deliveries), (1, 0));
        assert!(counts.lists_ok >= 1);
    })
    .await;
}

#[tokio::test]
async fn an_event_that_never_comes_is_a_timeout_and_nothing_is_submitted_again() {
    guarded(async {
        let clock = FakeClock::new();
        let own = clock.clone();
        let server = Simulator::builder().created_events(false);
        let receiver = WebhookBuilder::insecure_unverified;
        let bank = Bank::with(server, |q2| q2.clock(own), receiver).await;
        bank.server.script("auth.success", Delivery::Never);
        let call = tokio::spawn({
            let (q2, auth) = (bank.q2.clone(), auth(CLIENT, "test"));
            async move { q2.create_auth(auth).await }
        });
        while bank.counts().creates_ok == 0 {
            tokio::task::yield_now().await;
        }
        while !call.is_finished() {
            clock.advance(Duration::from_secs(10));
            tokio::task::yield_now().await;
        }
        let error = call.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(
            matches!(AuthFailure::of(&error), Some(AuthFailure::NoEvent)),
            "{error}"
        );
        assert_eq!((bank.counts().creates, bank.q2.counts().waiting), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn a_new_key_is_fetched_when_it_is_first_seen() {
    guarded(async {
        let clock = FakeClock::new();
        let (server, own) = (Simulator::builder().clock(clock.clone()), clock.clone());
        let server = server.sign_events(Signature::new());
        let bank = Bank::with(server, |q2| q2.clock(own), WebhookBuilder::published_keys).await;
        bank.create("test").await.unwrap();
        assert_eq!(bank.counts().key_fetches, 1);
        clock.advance(Duration::from_secs(61));
        bank.server.rotate_keys();
        bank.create("test").await.unwrap();
        bank.server.retire_key();
        bank.create("test").await.unwrap();
        let counts = bank.counts();
        assert_eq!((counts.key_fetches, counts.refused_deliveries), (2, 0));
    })
    .await;
}

#[tokio::test]
async fn encrypted_events_and_signed_requests() {
    guarded(async {
        let (ours, theirs) = (RsaKey::generate(), RsaKey::generate());
        let server = Simulator::builder()
            .sign_events(Signature::new())
            .encrypt_events("key-1", theirs.public_der())
            .request_signing(ours.public_der());
        let bank = Bank::with(
            server,
            |q2| q2.signing_key(SigningKey::from_pem(ours.private_pem()).unwrap()),
            |webhook| {
                let key = DecryptionKey::from_pem(theirs.private_pem()).unwrap();
                webhook
                    .published_keys()
                    .decryption_key(key.named("key-1"))
                    .require_encryption()
            },
        )
        .await;
        for login in ["test", "testmfacode"] {
            bank.create(login).await.unwrap();
        }
        let counts = bank.counts();
        assert_eq!((counts.creates_ok, counts.steps_ok), (2, 2));
        assert_eq!((counts.unauthorized, counts.refused_deliveries), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn credentials_are_submitted_once_whatever_becomes_of_the_answer() {
    guarded(async {
        for fault in [
            Fault::Status(500),
            Fault::Status(503),
            Fault::Status(429),
            Fault::Reset,
            Fault::Malformed,
            Fault::Html,
        ] {
            let bank = Bank::open(Simulator::builder()).await;
            let told = format!("{fault:?}");
            bank.server.inject(Endpoint::Create, fault);
            let error = bank.create("test").await.unwrap_err();
            assert_eq!(
                (bank.counts().creates, bank.counts().resubmissions),
                (1, 0),
                "{told}"
            );
            assert!(!format!("{error} {error:?}").contains(PASSWORD), "{told}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_wrong_api_key_is_told_at_once() {
    guarded(async {
        let bank = Bank::open(Simulator::builder().api_key("another-key-than-ours")).await;
        let error = bank.create("test").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
        let counts = bank.counts();
        assert_eq!(
            (counts.creates, counts.wrong_keys, counts.creates_ok),
            (1, 1, 0)
        );
    })
    .await;
}

/// The code service has nothing to say to it: what the company tells ends the wait.
#[tokio::test]
async fn a_prompt_is_ended_by_a_tap_on_the_phone() {
    guarded(async {
        for (approved, kind) in [(true, None), (false, Some(ErrorKind::Rejected))] {
            let bank = Bank::signed().await;
            let call = tokio::spawn({
                let (q2, auth) = (bank.q2.clone(), auth(CLIENT, "testmfaprompt"));
                async move { q2.create_auth(auth).await }
            });
            while !bank.server.answer_prompt(CLIENT, approved) {
                tokio::task::yield_now().await;
            }
            let ended = call.await.unwrap();
            assert_eq!(ended.err().map(|error| error.kind()), kind);
            let counts = bank.counts();
            assert_eq!((counts.creates, counts.steps), (1, 0));
            assert_eq!(bank.q2.counts().waiting, 0);
        }
    })
    .await;
}

#[tokio::test]
async fn an_event_that_comes_too_late_is_accepted_and_ends_nothing() {
    guarded(async {
        let clock = FakeClock::new();
        let own = clock.clone();
        let server = Simulator::builder()
            .created_events(false)
            .envelope(Envelope::Bare);
        let receiver = WebhookBuilder::insecure_unverified;
        let bank = Bank::with(server, |q2| q2.clock(own), receiver).await;
        bank.server.script("auth.success", Delivery::Held);
        let call = tokio::spawn({
            let (q2, auth) = (bank.q2.clone(), auth(CLIENT, "test"));
            async move { q2.create_auth(auth).await }
        });
        let event = bank.server.next_held().await;
        while !call.is_finished() {
            clock.advance(Duration::from_secs(10));
            tokio::task::yield_now().await;
        }
        let error = call.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        for unclaimed in [(1, 0), (1, 1)] {
            assert_eq!(bank.server.deliver(&event).await, Some(200));
            let counts = bank.q2.counts();
            assert_eq!((counts.unclaimed, counts.duplicate), unclaimed);
        }
        // Nor does it end the next.
        bank.server.script("auth.success", Delivery::Held);
        let next = tokio::spawn({
            let (q2, auth) = (bank.q2.clone(), auth(CLIENT, "test"));
            async move { q2.create_auth(auth).await }
        });
        let own = bank.server.next_held().await;
        assert_eq!(bank.server.deliver(&event).await, Some(200));
        assert_eq!(bank.q2.counts().waiting, 1);
        assert_eq!(bank.server.deliver(&own).await, Some(200));
        next.await.unwrap().unwrap();
        assert_eq!(bank.counts().creates, 2);
    })
    .await;
}

#[tokio::test]
async fn events_carry_a_token_of_the_receivers_own_endpoint() {
    guarded(async {
        let endpoint = TokenEndpoint::new("q2", "a-secret-that-is-long-enough").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Simulator::builder().webhook_oauth(
            format!("http://{}/token", listener.local_addr().unwrap()),
            "grant_type=client_credentials&client_id=q2&client_secret=a-secret-that-is-long-enough",
        );
        serve!(listener, endpoint.clone());
        let receiver = |webhook: WebhookBuilder| webhook.bearer(endpoint);
        let bank = Bank::with(server, |q2| q2, receiver).await;
        for login in ["test", "testmfacode"] {
            bank.create(login).await.unwrap();
        }
        assert_eq!(bank.counts().refused_deliveries, 0);
    })
    .await;
}
