//! Against the simulator, over real sockets.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Request, Response,
    header::{AUTHORIZATION, COOKIE, ORIGIN},
};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::task::JoinSet;
use tower::{Layer, ServiceExt, util::BoxCloneSyncService, util::MapRequest};
use tower_reauth::{
    BoxError, Error, ErrorKind, Session,
    providers::my2n::{ApiVersion, My2n, My2nBuilder},
    replay::ReplayBody,
    testing::{
        FakeClock, Fault,
        my2n::{Builder, Counts, Endpoint, Quirk, Simulator},
    },
};

const USERNAME: &str = "api@example.com";
const PASSWORD: &str = "Secret123";
const CALLERS: usize = 256;
const ROUNDS: usize = 8;

type HttpClient = Client<HttpConnector, ReplayBody<Full<Bytes>>>;
type Api = BoxCloneSyncService<Request<Full<Bytes>>, Response<Bytes>, BoxError>;

/// A simulator and a session with it. When it is dropped, the simulator must have no complaints.
struct Site {
    server: Arc<Simulator>,
    my2n: My2n,
    session: Session,
    api: Api,
}

// === impl Site ===

impl Site {
    async fn open(server: Builder) -> Self {
        Self::with(server, |my2n| my2n).await
    }

    async fn with(server: Builder, settings: impl FnOnce(My2nBuilder) -> My2nBuilder) -> Self {
        let server = Arc::new(server.start().await.unwrap());
        let my2n = settings(builder(&server)).build().unwrap();
        let session = my2n.session().build().unwrap();
        let api = whole(session.layer().layer(client()));
        Self {
            server,
            my2n,
            session,
            api,
        }
    }

    async fn get(&self) -> Result<Response<Bytes>, BoxError> {
        get(&self.api, &self.server).await
    }

    async fn ok(&self) {
        let response = self.get().await.unwrap();
        assert_eq!(response.status(), 200, "{response:?}");
    }

    /// The kind of the error that a call fails with.
    async fn failure(&self) -> ErrorKind {
        let error = self.get().await.unwrap_err();
        error.downcast_ref::<Error>().expect("one of ours").kind()
    }

    fn counts(&self) -> Counts {
        self.server.counts()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.server.violations(), [""; 0]);
        }
    }
}

fn client() -> HttpClient {
    Client::builder(TokioExecutor::new()).build_http()
}

fn builder(server: &Simulator) -> My2nBuilder {
    My2n::builder(client(), server.base_url())
        .login_base_url(server.login_url())
        .credentials(USERNAME, PASSWORD)
}

fn migrated() -> Builder {
    Simulator::builder().migrated_account(USERNAME, PASSWORD)
}

async fn get(api: &Api, server: &Simulator) -> Result<Response<Bytes>, BoxError> {
    let url = server.base_url() + "/users/current";
    let request = Request::get(url).body(Full::default()).unwrap();
    api.clone().oneshot(request).await
}

/// Reads answers whole, whatever their type.
fn whole<S, B>(service: S) -> Api
where
    S: tower::Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let service = service.map_err(Into::into);
    Api::new(service.and_then(|response: Response<B>| async move {
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(Into::into)?.to_bytes();
        Ok(Response::from_parts(head, body))
    }))
}

/// Ends a test that hangs. No test measures time by it.
async fn guarded<F: Future>(test: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(120), test)
        .await
        .expect("the test hangs")
}

#[tokio::test]
async fn the_first_call_logs_in_the_v1_way_and_all_share_the_token() {
    guarded(async {
        let site = Site::open(Simulator::builder()).await;
        for _ in 0..3 {
            site.ok().await;
        }
        let counts = site.counts();
        assert_eq!((counts.v1_logins, counts.inits, counts.api_ok), (1, 0, 3));
        assert_eq!(counts.credentials_on_login, 0);
    })
    .await;
}

#[tokio::test]
async fn callers_in_the_middle_of_a_migration_all_succeed_by_one_upgrade() {
    guarded(async {
        let site = Site::open(Simulator::builder()).await;
        site.ok().await;
        // What is sent: callers say whether version 2's token was there when they began.
        let late = Arc::new(AtomicU64::new(0));
        let client = MapRequest::new(client(), {
            let late = Arc::clone(&late);
            move |request: Request<ReplayBody<Full<Bytes>>>| {
                let headers = request.headers();
                if headers.contains_key("x-begun-later") && headers.contains_key("x-api-key") {
                    late.fetch_add(1, Ordering::Relaxed);
                }
                request
            }
        });
        let api = whole(site.session.layer().layer(client));

        let (calls, later) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let (api, session, server) =
                (api.clone(), site.session.clone(), Arc::clone(&site.server));
            let (calls, later) = (Arc::clone(&calls), Arc::clone(&later));
            callers.spawn(async move {
                for _ in 0..ROUNDS {
                    // In the middle of it all.
                    if calls.fetch_add(1, Ordering::Relaxed) == CALLERS * ROUNDS / 2 {
                        server.migrate(USERNAME);
                    }
                    let url = server.base_url() + "/devices";
                    let mut request = Request::post(url).body(Full::from("{}")).unwrap();
                    let current = session.current();
                    if current.is_some_and(|current| current.token().placement().is_bearer()) {
                        later.fetch_add(1, Ordering::Relaxed);
                        let yes = HeaderValue::from_static("yes");
                        request.headers_mut().insert("x-begun-later", yes);
                    }
                    let response = api.clone().oneshot(request).await.unwrap();
                    assert_eq!(response.status(), 200);
                }
            });
        }
        callers.join_all().await;
        let counts = site.counts();
        assert_eq!(counts.api_ok, 1 + (CALLERS * ROUNDS) as u64);
        assert_eq!((site.my2n.upgrades(), counts.conflicts), (1, 1));
        assert_eq!((counts.inits, counts.submits_ok), (1, 1));
        assert_eq!((counts.v1_logins, counts.v1_logins_ok), (2, 1));
        assert!(later.load(Ordering::Relaxed) > 0);
        assert_eq!(
            (late.load(Ordering::Relaxed), counts.mixed_credentials),
            (0, 0)
        );
    })
    .await;
}

#[tokio::test]
async fn an_unchanged_program_works_through_the_migration() {
    guarded(async {
        let server = Arc::new(Simulator::builder().start().await.unwrap());
        let layer = My2n::builder(client(), server.base_url())
            .login_base_url(server.login_url())
            .drop_in()
            .unwrap();
        let api = whole(layer.layer(client()));
        let calls = Arc::new(AtomicUsize::new(0));
        let mut programs = JoinSet::new();
        for _ in 0..CALLERS {
            let (api, server, calls) = (api.clone(), Arc::clone(&server), Arc::clone(&calls));
            programs.spawn(async move {
                // As it was written for version 1: it logs in, and keeps the key.
                let login = format!(r#"{{"username":"{USERNAME}","password":"{PASSWORD}"}}"#);
                let request = Request::post(server.base_url() + "/auth")
                    .header("content-type", "application/json")
                    .body(Full::from(login))
                    .unwrap();
                let answer = api.clone().oneshot(request).await.unwrap();
                assert_eq!(answer.status(), 200);
                let answer: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
                let key = answer["accessToken"].as_str().unwrap().to_owned();
                for _ in 0..ROUNDS {
                    if calls.fetch_add(1, Ordering::Relaxed) == CALLERS * ROUNDS / 2 {
                        server.migrate(USERNAME);
                    }
                    let request = Request::get(server.base_url() + "/users/current")
                        .header("X-Api-Key", &key)
                        .body(Full::default())
                        .unwrap();
                    let response = api.clone().oneshot(request).await.unwrap();
                    assert_eq!(response.status(), 200);
                }
                key
            });
        }
        let keys = programs.join_all().await;
        let counts = server.counts();
        assert_eq!(counts.api_ok, (CALLERS * ROUNDS) as u64);
        assert_eq!((layer.upgrades(), counts.conflicts), (1, 1));
        assert_eq!((counts.v1_logins_ok, counts.submits_ok), (1, 1));
        // From now on, none at all.
        for key in keys {
            let request = Request::get(server.base_url() + "/users/current")
                .header("X-Api-Key", key)
                .body(Full::default())
                .unwrap();
            let response = api.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), 200);
        }
        assert_eq!(server.counts().late_api_keys, counts.late_api_keys);
        assert_eq!(server.violations(), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_flow_that_is_gone_is_begun_anew_once() {
    guarded(async {
        for status in [404, 410] {
            let site = Site::open(migrated()).await;
            site.server.inject(Endpoint::Submit, Fault::Status(status));
            site.ok().await;
            let counts = site.counts();
            assert_eq!((counts.v1_logins, counts.conflicts), (1, 1));
            assert_eq!((counts.inits, counts.submits, counts.submits_ok), (2, 2, 1));
        }
        // Each flow is over before it can be submitted.
        let site = Site::open(migrated().flow_lifetime(Duration::ZERO)).await;
        assert_eq!(site.failure().await, ErrorKind::FlowExpired);
        let counts = site.counts();
        assert_eq!((counts.inits, counts.dead_flows), (2, 2));
    })
    .await;
}

#[tokio::test]
async fn wrong_credentials_are_tried_once_however_they_are_told() {
    guarded(async {
        let wrong = || Simulator::builder().migrated_account(USERNAME, "another one");
        for server in [
            wrong(),
            wrong().messages_at_nodes(true),
            wrong().wrong_password_status(401),
            wrong().echo_secrets(true),
            Simulator::builder().account(USERNAME, "another one"),
            Simulator::builder()
                .migrated_account("somebody else", PASSWORD)
                .tells_unknown_accounts(true)
                .v2_before_migration(true),
        ] {
            let site = Site::open(server).await;
            let error = site.get().await.unwrap_err();
            assert!(!format!("{error} {error:?}").contains(PASSWORD));
            for _ in 0..2 {
                assert_eq!(site.failure().await, ErrorKind::Rejected);
            }
            let counts = site.counts();
            assert_eq!((counts.rejected, counts.api_calls), (1, 0));
        }
    })
    .await;
}

#[tokio::test]
async fn mfa_is_named_with_the_advice() {
    guarded(async {
        for status in [401, 403] {
            let site = Site::open(migrated().mfa_status(status)).await;
            site.server.set_mfa(USERNAME, true);
            let response = site.get().await.unwrap();
            assert_eq!(response.status(), status);
            let error = response.extensions().get::<Error>();
            let told = error.map(|error| (error.kind(), error.to_string()));
            if status == 401 {
                let (kind, text) = told.expect("an error that explains it");
                assert_eq!(kind, ErrorKind::MfaNotAllowed);
                assert!(text.contains("account without MFA"), "{text}");
            }
            assert!(site.counts().submits_ok <= 2);
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_that_ends_is_replaced_and_one_about_to_end_ahead_of_it() {
    guarded(async {
        let clock = FakeClock::new();
        let lifetime = Duration::from_secs(600);
        let server = migrated().session_lifetime(lifetime).clock(clock.clone());
        let own = clock.clone();
        let site = Site::with(server, |my2n| my2n.clock(own)).await;
        site.ok().await;
        site.server.revoke_sessions();
        site.ok().await;
        let counts = site.counts();
        assert_eq!((counts.submits_ok, counts.unauthorized), (2, 1));
        // Ahead of its end: nobody sees a 401 for it.
        clock.advance(lifetime - Duration::from_secs(30));
        while site.counts().submits_ok < 3 {
            site.ok().await;
        }
        site.session.settled().await;
        clock.advance(Duration::from_secs(60));
        site.ok().await;
        let counts = site.counts();
        assert_eq!((counts.submits_ok, counts.unauthorized), (3, 1));
        assert_eq!((counts.v1_logins, counts.late_api_keys), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn odd_answers_of_a_login() {
    guarded(async {
        for quirk in [
            Quirk::NoExpiry,
            Quirk::PastExpiry,
            Quirk::TokenAlone,
            Quirk::NullSession,
        ] {
            let site = Site::open(migrated()).await;
            site.server.inject_quirk(Endpoint::Submit, quirk);
            site.ok().await;
            assert_eq!(site.counts().api_ok, 1, "{quirk:?}");
        }
        for (endpoint, quirk) in [
            (Endpoint::Submit, Quirk::NoToken),
            (Endpoint::Submit, Quirk::BrowserNeeded),
            (Endpoint::Init, Quirk::NoFlowId),
        ] {
            let site = Site::open(migrated()).await;
            site.server.inject_quirk(endpoint, quirk);
            let failure = site.failure().await;
            assert_eq!(failure, ErrorKind::Protocol, "{quirk:?}");
            assert_eq!((site.counts().inits, site.counts().api_calls), (1, 0));
        }
    })
    .await;
}

#[tokio::test]
async fn an_address_that_was_never_verified_is_told_apart() {
    guarded(async {
        let site = Site::open(migrated()).await;
        site.server.set_unverified(USERNAME, true);
        let error = site.get().await.unwrap_err();
        assert!(error.to_string().contains("verif"), "{error}");
        assert_eq!(site.counts().submits_ok, 0);
    })
    .await;
}

#[tokio::test]
async fn signing_out_ends_the_session_at_the_server() {
    guarded(async {
        let site = Site::with(migrated(), |my2n| my2n.logout(true)).await;
        site.ok().await;
        site.session.sign_out().await.unwrap();
        let counts = site.counts();
        assert_eq!((counts.logouts, counts.logouts_ok), (1, 1));
        site.ok().await;
        assert_eq!(site.counts().submits_ok, 2);
    })
    .await;
}

#[tokio::test]
async fn a_call_whose_connection_drops_is_not_sent_again() {
    guarded(async {
        let site = Site::open(migrated()).await;
        site.ok().await;
        for fault in [Fault::Reset, Fault::ResetAfterwards, Fault::CutAt(7)] {
            site.server.inject(Endpoint::Api, fault);
            let request = Request::post(site.server.base_url() + "/devices")
                .body(Full::from("{}"))
                .unwrap();
            site.api.clone().oneshot(request).await.unwrap_err();
        }
        let counts = site.counts();
        assert_eq!((counts.api_calls, counts.api_ok), (4, 3));
        assert_eq!((counts.v1_logins, counts.submits_ok), (1, 1));
    })
    .await;
}

/// A login client that adds something of its own, and the error that the first call ends with.
async fn with_on_logins(name: HeaderName, value: &str) -> (Arc<Simulator>, Error) {
    let server = Arc::new(migrated().start().await.unwrap());
    let value = match value {
        "" => format!("Bearer {}", server.issue_session(USERNAME)),
        value => value.to_owned(),
    };
    let value = HeaderValue::try_from(value).unwrap();
    let adding = MapRequest::new(client(), move |mut request: Request<_>| {
        request.headers_mut().insert(&name, value.clone());
        request
    });
    let my2n = My2n::builder(adding, server.base_url())
        .login_base_url(server.login_url())
        .credentials(USERNAME, PASSWORD)
        .api_version(ApiVersion::V2);
    let session = my2n.build().unwrap().session().build().unwrap();
    let error = session.token().await.unwrap_err();
    (server, error)
}

#[tokio::test]
async fn what_a_client_adds_to_logins_is_told_and_not_tried_again() {
    guarded(async {
        for (name, value, kind, advice) in [
            // The token of a session that is alive.
            (AUTHORIZATION, "", ErrorKind::SessionActive, "plain client"),
            (COOKIE, "a=b", ErrorKind::Config, "Cookie or an Origin"),
            (ORIGIN, "null", ErrorKind::Config, "Cookie or an Origin"),
        ] {
            let (server, error) = with_on_logins(name.clone(), value).await;
            assert_eq!(error.kind(), kind, "{name}: {error}");
            assert!(error.to_string().contains(advice), "{name}: {error}");
            let counts = server.counts();
            assert!(counts.inits <= 1 && counts.submits <= 1, "{name}");
            assert_eq!(counts.submits_ok, 0, "{name}");
            // It is the client that is at fault here, and the server says so.
            let added = counts.credentials_on_login;
            assert_eq!(added, counts.inits + counts.submits, "{name}");
            assert_eq!(counts.violations, added, "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_old_key_beside_the_token_is_named_and_no_login_loops() {
    guarded(async {
        let server = Arc::new(migrated().start().await.unwrap());
        let session = builder(&server).build().unwrap().session().build().unwrap();
        let key = HeaderValue::try_from(server.issue_api_key(USERNAME)).unwrap();
        // Below the layers, where nobody can take it away.
        let adding = MapRequest::new(client(), move |mut request: Request<_>| {
            request.headers_mut().insert("x-api-key", key.clone());
            request
        });
        let api = whole(session.layer().layer(adding));
        for _ in 0..3 {
            let response = get(&api, &server).await.unwrap();
            assert_eq!(response.status(), 401);
            let error = response.extensions().get::<Error>().unwrap();
            assert_eq!(error.kind(), ErrorKind::MfaNotAllowed);
            assert!(error.to_string().contains("x-api-key"), "{error}");
        }
        let counts = server.counts();
        assert_eq!((counts.api_ok, counts.submits_ok), (0, 1));
        assert_eq!(counts.mixed_credentials, counts.api_calls);
        assert_eq!(counts.violations, counts.api_calls);
    })
    .await;
}
