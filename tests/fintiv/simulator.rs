//! Against the simulator, over real sockets.

use std::{future::Future, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::task::JoinSet;
use tower::{Layer, ServiceExt, util::BoxCloneSyncService};
use tower_reauth::{
    BoxError, Error, ErrorKind, Placement, Session,
    providers::fintiv::{Fintiv, FintivBuilder, FintivError, OnMissing, TokenPlacement},
    replay::ReplayBody,
    testing::{
        FakeClock, Fault,
        fintiv::{Builder, Counts, Denial, Endpoint, Quirk, Simulator, TokenAt, TokenIn},
    },
};

const USERNAME: &str = "merchant@example.com";
const PASSWORD: &str = "Secret123";

type HttpClient = Client<HttpConnector, ReplayBody<Full<Bytes>>>;
type Api = BoxCloneSyncService<Request<Full<Bytes>>, Response<Bytes>, BoxError>;

/// A simulator and a session with it. When it is dropped, the simulator must have no complaints.
struct Desk {
    server: Simulator,
    session: Session,
    api: Api,
}

// === impl Desk ===

impl Desk {
    async fn open(server: Builder) -> Self {
        Self::with(server, |fintiv| fintiv).await
    }

    async fn with(server: Builder, settings: impl FnOnce(FintivBuilder) -> FintivBuilder) -> Self {
        let server = server.tenant_needed(true).start().await.unwrap();
        let client: HttpClient = Client::builder(TokioExecutor::new()).build_http();
        let fintiv = Fintiv::builder(client.clone(), server.base_url())
            .api_key(server.api_key())
            .tenant("JANUS")
            .credentials(USERNAME, PASSWORD);
        let fintiv = settings(fintiv).build().unwrap();
        let session = fintiv.session().build().unwrap();
        let service = fintiv.layer(&session).layer(client);
        let whole = service.and_then(|response: Response<_>| async move {
            let (head, body) = response.into_parts();
            let body = BodyExt::collect(body).await?.to_bytes();
            Ok(Response::from_parts(head, body))
        });
        let api = Api::new(whole);
        Self {
            server,
            session,
            api,
        }
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Response<Bytes> {
        self.api.clone().oneshot(request).await.unwrap()
    }

    async fn post(&self) -> Response<Bytes> {
        self.send(self.request(1)).await
    }

    /// Returns a call that the server would know again.
    fn request(&self, number: usize) -> Request<Full<Bytes>> {
        Request::builder()
            .method(Method::POST)
            .uri(self.server.base_url() + "/changepassword")
            .header("content-type", "application/json")
            .header("idempotency-key", number)
            .body(Full::from(r#"{"currentPassword":"Test1234!","n":1.50}"#))
            .unwrap()
    }

    fn counts(&self) -> Counts {
        self.server.counts()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.server.violations(), [""; 0]);
        }
    }
}

/// Ends a test that hangs. No test measures time by it.
async fn guarded<F: Future>(test: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(120), test)
        .await
        .expect("the test hangs")
}

/// The status, and the kind of the error in the extensions.
fn outcome(response: &Response<Bytes>) -> (u16, Option<ErrorKind>) {
    let error = response.extensions().get::<Error>();
    (response.status().as_u16(), error.map(Error::kind))
}

#[tokio::test]
async fn the_first_call_signs_on() {
    guarded(async {
        let desk = Desk::open(Simulator::builder()).await;
        assert_eq!(outcome(&desk.post().await), (200, None));
        let counts = desk.counts();
        assert_eq!(
            (counts.sign_ons, counts.api_calls, counts.api_ok),
            (1, 1, 1)
        );
        let [upload] = &desk.server.uploads()[..] else {
            panic!("one call had a body")
        };
        assert_eq!(upload.body, r#"{"currentPassword":"Test1234!","n":1.50}"#);
        assert_eq!(upload.headers["tenantname"], "JANUS");
    })
    .await;
}

#[tokio::test]
async fn the_answer_is_the_servers_to_the_last_byte() {
    guarded(async {
        let desk = Desk::open(Simulator::builder()).await;
        let odd = [Quirk::ContextLast, Quirk::Padding(300_000)];
        for (number, quirk) in odd.into_iter().enumerate() {
            desk.server.inject_quirk(Endpoint::Api, quirk);
            let response = desk.send(desk.request(number)).await;
            assert_eq!(outcome(&response), (200, None));
            let told: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
            assert_eq!(told["responseData"]["account"], USERNAME);
            let length = response.headers()["content-length"].to_str().unwrap();
            assert_eq!(length.parse(), Ok(response.body().len()));
        }
        // An honest status is handed on as it is.
        for status in [400, 404, 500, 502] {
            desk.server.inject(Endpoint::Api, Fault::Status(status));
            let response = desk.send(desk.request(2)).await;
            assert_eq!(outcome(&response), (status, None));
            assert_eq!(response.body(), r#"{"message":"As ordered."}"#);
        }
        assert_eq!(desk.counts().sign_ons, 1);
    })
    .await;
}

#[tokio::test]
async fn many_callers_are_one_sign_on_and_one_more_for_a_dead_token() {
    guarded(async {
        for denial in [Denial::Envelope, Denial::Status] {
            let desk = Desk::open(Simulator::builder().denial(denial)).await;
            for round in 0..2 {
                let mut callers = JoinSet::new();
                for number in 0..64 {
                    let request = desk.request(round * 64 + number);
                    let api = desk.api.clone();
                    callers.spawn(async move { api.oneshot(request).await.unwrap() });
                }
                for response in callers.join_all().await {
                    assert_eq!(outcome(&response), (200, None));
                }
                desk.server.revoke_tokens();
            }
            let counts = desk.counts();
            assert_eq!((counts.sign_ons, counts.sign_ons_ok), (2, 2));
            assert_eq!(counts.api_ok, 128);
            assert_eq!(counts.api_calls, 128 + counts.denied);
            assert!((1..=64).contains(&counts.denied));
        }
    })
    .await;
}

#[tokio::test]
async fn security_inside_a_200_renews_and_sends_again() {
    guarded(async {
        let desk = Desk::open(Simulator::builder()).await;
        desk.post().await;
        desk.server.revoke_tokens();
        assert_eq!(outcome(&desk.send(desk.request(2)).await), (200, None));
        let counts = desk.counts();
        assert_eq!(
            (counts.sign_ons, counts.api_calls, counts.denied),
            (2, 3, 1)
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_not_valid_never_signs_on_again() {
    guarded(async {
        let desk = Desk::open(Simulator::builder()).await;
        for (quirk, status) in [
            (Quirk::different_user(), 400),
            (Quirk::failure("TRANSACTION_VALIDATION"), 400),
            (Quirk::failure("NON_SPECIFIC_MOZIDO_ERROR"), 422),
            (Quirk::failure("success"), 422),
        ] {
            desk.server.inject_quirk(Endpoint::Api, quirk);
            let response = desk.post().await;
            assert_eq!(outcome(&response), (status, Some(ErrorKind::Provider)));
            assert!(response.extensions().get::<FintivError>().is_some());
        }
        let counts = desk.counts();
        assert_eq!(
            (counts.sign_ons, counts.api_calls, counts.api_ok),
            (1, 4, 0)
        );
    })
    .await;
}

#[tokio::test]
async fn an_answer_without_an_envelope_is_a_failure_if_strict() {
    guarded(async {
        let desk = Desk::open(Simulator::builder()).await;
        let odd = [
            Quirk::NullContext,
            Quirk::NoStatusCode,
            Quirk::NoEnvelope,
            Quirk::Empty,
        ];
        for (number, quirk) in odd.into_iter().enumerate() {
            desk.server.inject_quirk(Endpoint::Api, quirk.clone());
            let response = desk.send(desk.request(number)).await;
            let kind = Some(ErrorKind::Protocol);
            assert_eq!(outcome(&response), (502, kind), "{quirk:?}");
        }
        for fault in [Fault::Html, Fault::Malformed] {
            desk.server.inject(Endpoint::Api, fault);
            let response = desk.send(desk.request(4)).await;
            assert_eq!(outcome(&response), (502, Some(ErrorKind::Protocol)));
        }
        assert_eq!(desk.counts().sign_ons, 1);

        let lenient = |fintiv: FintivBuilder| fintiv.on_missing_envelope(OnMissing::Pass);
        let desk = Desk::with(Simulator::builder(), lenient).await;
        for (number, quirk) in [Quirk::NoEnvelope, Quirk::Empty].into_iter().enumerate() {
            desk.server.inject_quirk(Endpoint::Api, quirk);
            let response = desk.send(desk.request(number)).await;
            assert_eq!(outcome(&response), (200, None));
        }
        // It is there, and says nothing good.
        for (number, quirk) in (2..).zip([Quirk::NullContext, Quirk::NoStatusCode]) {
            desk.server.inject_quirk(Endpoint::Api, quirk);
            let response = desk.send(desk.request(number)).await;
            assert_eq!(outcome(&response), (502, Some(ErrorKind::Protocol)));
        }
        assert_eq!(desk.counts().sign_ons, 1);
    })
    .await;
}

#[tokio::test]
async fn the_token_may_travel_in_the_body() {
    guarded(async {
        let server = Simulator::builder().token_in(TokenIn::Body);
        let settings = |fintiv: FintivBuilder| fintiv.token_placement(TokenPlacement::body());
        let desk = Desk::with(server, settings).await;
        assert_eq!(outcome(&desk.post().await), (200, None));
        desk.server.revoke_tokens();
        assert_eq!(outcome(&desk.send(desk.request(2)).await), (200, None));
        let counts = desk.counts();
        assert_eq!(
            (counts.sign_ons, counts.api_calls, counts.denied),
            (2, 3, 1)
        );
        for upload in desk.server.uploads() {
            let text = str::from_utf8(&upload.body).unwrap();
            // The caller's own members are as they were.
            assert!(
                text.contains(r#""currentPassword":"Test1234!","n":1.50"#),
                "{text}"
            );
            assert!(text.contains("JANUS"));
        }
    })
    .await;
}

#[tokio::test]
async fn the_token_may_travel_in_a_header_of_its_own() {
    guarded(async {
        let name: http::HeaderName = "x-session".parse().unwrap();
        let server = Simulator::builder().token_in(TokenIn::Header(name.clone()));
        let placement = TokenPlacement::header(Placement::header(name));
        let desk = Desk::with(server, |fintiv| fintiv.token_placement(placement)).await;
        assert_eq!(outcome(&desk.post().await), (200, None));
        assert_eq!(desk.counts().sign_ons, 1);
    })
    .await;
}

#[tokio::test]
async fn the_token_is_found_wherever_a_sign_on_has_it() {
    guarded(async {
        for place in [
            TokenAt::Context,
            TokenAt::ResponseToken,
            TokenAt::AccessToken,
        ] {
            let desk = Desk::open(Simulator::builder().token_at(place)).await;
            assert_eq!(outcome(&desk.post().await), (200, None));
        }
    })
    .await;
}

#[tokio::test]
async fn another_spelling_of_the_sign_on_is_a_setting() {
    use tower_reauth::testing::fintiv::Spelling;
    guarded(async {
        let server = Simulator::builder().spelling(Spelling::Camel);
        let settings = |fintiv: FintivBuilder| {
            fintiv
                .sign_on_context_field("contextRequest")
                .sign_on_password_field("pass")
                .credential_type("EMAIL")
        };
        let desk = Desk::with(server, settings).await;
        assert_eq!(outcome(&desk.post().await), (200, None));
        // The default is the vendor's page.
        let desk = Desk::open(Simulator::builder().spelling(Spelling::Page)).await;
        assert_eq!(outcome(&desk.post().await), (200, None));
    })
    .await;
}

#[tokio::test]
async fn wrong_credentials_are_tried_once() {
    guarded(async {
        for code in ["SECURITY", "VALIDATION"] {
            let server = Simulator::builder()
                .account(USERNAME, "another one")
                .wrong_password_code(code);
            let desk = Desk::open(server).await;
            let failed = desk.api.clone().oneshot(desk.request(1)).await.unwrap_err();
            let error = failed.downcast_ref::<Error>().unwrap();
            let kind = match code {
                "SECURITY" => ErrorKind::Rejected,
                _ => ErrorKind::Provider,
            };
            assert_eq!(error.kind(), kind);
            desk.api.clone().oneshot(desk.request(2)).await.unwrap_err();
            let counts = desk.counts();
            assert_eq!(
                (counts.sign_ons, counts.rejected, counts.api_calls),
                (1, 1, 0)
            );
        }
    })
    .await;
}

#[tokio::test]
async fn an_outdated_key_is_told_after_one_try() {
    guarded(async {
        let desk = Desk::open(Simulator::builder()).await;
        desk.post().await;
        desk.server.set_api_key("a newer one");
        for number in 2..4 {
            let response = desk.send(desk.request(number)).await;
            assert_eq!(outcome(&response), (401, Some(ErrorKind::Rejected)));
        }
        let counts = desk.counts();
        assert_eq!((counts.sign_ons, counts.sign_ons_ok), (2, 1));
        assert_eq!((counts.api_calls, counts.bad_keys), (3, 3));
    })
    .await;
}

#[tokio::test]
async fn a_token_that_is_about_to_end_is_renewed_ahead() {
    guarded(async {
        let clock = FakeClock::new();
        let (server, own) = (Simulator::builder().clock(clock.clone()), clock.clone());
        let desk = Desk::with(server, |fintiv| fintiv.clock(own)).await;
        desk.post().await;
        clock.advance(Duration::from_secs(3600));
        let mut number = 1;
        while desk.counts().sign_ons < 2 {
            number += 1;
            assert_eq!(outcome(&desk.send(desk.request(number)).await), (200, None));
        }
        desk.session.settled().await;
        assert_eq!(desk.counts().sign_ons_ok, 2);
    })
    .await;
}

#[tokio::test]
async fn a_call_whose_connection_drops_is_not_sent_again() {
    guarded(async {
        let desk = Desk::open(Simulator::builder()).await;
        desk.post().await;
        for fault in [Fault::Reset, Fault::ResetAfterwards, Fault::CutAt(7)] {
            desk.server.inject(Endpoint::Api, fault);
            let number = usize::try_from(desk.counts().api_calls).unwrap() + 1;
            desk.api
                .clone()
                .oneshot(desk.request(number))
                .await
                .unwrap_err();
        }
        let counts = desk.counts();
        assert_eq!(
            (counts.sign_ons, counts.api_calls, counts.api_ok),
            (1, 4, 3)
        );
    })
    .await;
}

#[tokio::test]
async fn no_secret_that_the_server_repeats_is_in_an_error() {
    guarded(async {
        let server = Simulator::builder()
            .account(USERNAME, "another one")
            .echo_secrets(true);
        let desk = Desk::open(server).await;
        let error = desk.api.clone().oneshot(desk.request(1)).await.unwrap_err();
        let text = format!("{error} {error:?} {error:#?}");
        assert!(!text.contains(PASSWORD), "{text}");
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_cut_anywhere_costs_its_call_and_no_second_one() {
    guarded(async {
        let desk = Desk::open(Simulator::builder()).await;
        desk.post().await;
        let mut bytes = 0;
        loop {
            desk.server.inject(Endpoint::Api, Fault::CutAt(bytes));
            bytes += 1;
            let answer = desk.api.clone().oneshot(desk.request(1 + bytes)).await;
            let counts = desk.counts();
            assert_eq!(counts.api_calls, 1 + bytes as u64);
            assert_eq!(counts.api_ok, 1 + bytes as u64);
            assert_eq!(counts.sign_ons, 1);
            // It is whole at last.
            if answer.is_ok_and(|answer| answer.status() == 200) {
                break;
            }
        }
        // The head and the envelope: less would not have cut much.
        assert!(bytes > 200, "{bytes}");
    })
    .await;
}
