//! Signing in, with and without a second factor, and signing out.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Request, StatusCode};
use http_body_util::Full;
use tower::{ServiceExt, service_fn};
use tower_reauth::{
    BoxError, Code, CodeRequest, ErrorKind, Event,
    replay::ReplayBody,
    testing::{
        FakeClock,
        back_office::{Endpoint, Fault, Simulator},
    },
};

use crate::support::{Desk, EMAIL, guarded, http2, pooled};

#[tokio::test]
async fn the_first_call_signs_in_and_every_call_carries_the_token() {
    guarded(async {
        let desk = Desk::open(Simulator::builder(), |settings| settings).await;
        let mut events = desk.session.events();
        for calls in 1..=3 {
            let response = desk.call().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
            assert_eq!(body["account"], EMAIL);
            let counts = desk.counts();
            assert_eq!((counts.api_calls, counts.api_ok), (calls, calls));
            assert_eq!(desk.traffic(), (1, 0, 0));
        }
        assert_eq!(desk.counts().unauthorized, 0);
        assert_eq!(desk.counts().tokens_issued, 1);
        assert!(matches!(
            events.next().await,
            Some(Event::SignedIn { generation: 1, .. })
        ));
    })
    .await;
}

#[tokio::test]
async fn an_upload_signs_in_first_and_arrives_byte_for_byte() {
    guarded(async {
        let desk = Desk::open(Simulator::builder().two_factor(true), |settings| settings).await;
        let body = "x\u{0}y".repeat(100_000);
        let request = Request::post(format!("{}/upload", desk.server.base_url()))
            .body(Full::from(body.clone()))
            .unwrap();
        let response = desk.api.clone().oneshot(request).await.unwrap();
        assert_eq!(response.body(), body.as_bytes());
        assert_eq!(desk.traffic(), (1, 1, 0));
        let uploads = desk.server.uploads();
        assert_eq!(uploads.len(), 1);
        assert_eq!(uploads[0].body, body);
    })
    .await;
}

#[tokio::test]
async fn with_a_second_factor_the_code_is_asked_for_once_and_told_how_and_for_how_long() {
    guarded(async {
        let clock = FakeClock::new();
        let server = Simulator::builder()
            .clock(clock.clone())
            .two_factor(true)
            .two_factor_lifetime(Duration::from_secs(90));
        let desk = Desk::open(server, |settings| settings.clock(clock)).await;
        desk.works().await;
        desk.works().await;
        assert_eq!(desk.traffic(), (1, 1, 0));
        let prompts = desk.prompts();
        assert_eq!(prompts.len(), 1);
        assert_eq!((prompts[0].method(), prompts[0].attempt()), ("email", 1));
        assert_eq!(prompts[0].time_left(), Some(Duration::from_secs(90)));
    })
    .await;
}

#[tokio::test]
async fn two_hundred_callers_without_a_token_cause_one_sign_in_and_one_prompt() {
    for client in [pooled(), http2()] {
        guarded(async {
            let server = Simulator::builder().two_factor(true);
            let desk = Desk::through(client, server, |settings| settings).await;
            let mut callers: tokio::task::JoinSet<_> = desk.begin(200).into_iter().collect();
            while let Some(response) = callers.join_next().await {
                assert_eq!(response.unwrap().unwrap().status(), StatusCode::OK);
            }
            assert_eq!(desk.traffic(), (1, 1, 0));
            assert_eq!(desk.prompts().len(), 1);
            let counts = desk.counts();
            assert_eq!((counts.api_calls, counts.api_ok), (200, 200));
        })
        .await;
    }
}

#[tokio::test]
async fn signing_out_revokes_at_the_server_and_a_second_time_does_nothing() {
    guarded(async {
        let desk = Desk::open(Simulator::builder().two_factor(true), |settings| settings).await;
        desk.works().await;
        let old = desk.session.current().unwrap();
        desk.session.sign_out().await.unwrap();
        assert!(desk.session.current().is_none());
        let counts = desk.counts();
        assert_eq!((counts.sign_outs, counts.sign_outs_ok), (1, 1));

        desk.session.sign_out().await.unwrap();
        assert_eq!(desk.counts().sign_outs, 1);

        // The server says that the token is dead, not only we.
        let mut request = desk.request();
        let (name, value) = old.token().header();
        request.headers_mut().insert(name, value.clone());
        let bare = pooled()
            .request(request.map(ReplayBody::new))
            .await
            .unwrap();
        assert_eq!(bare.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(desk.counts().unknown_tokens, 0);

        desk.works().await;
        assert_eq!(desk.traffic(), (2, 2, 0));
    })
    .await;
}

#[tokio::test]
async fn signing_out_with_a_token_that_is_dead_already_ends_its_refresh_token() {
    guarded(async {
        let desk = Desk::open(Simulator::builder(), |settings| settings).await;
        desk.works().await;
        desk.server.expire_access_tokens();
        desk.session.sign_out().await.unwrap();
        let counts = desk.counts();
        assert_eq!((counts.sign_outs, counts.sign_outs_ok), (2, 1));
        assert_eq!(desk.traffic(), (1, 0, 1));

        // Dead on both sides.
        desk.works().await;
        desk.server.revoke_access_tokens();
        desk.server.revoke_refresh_tokens();
        desk.session.sign_out().await.unwrap();
        let counts = desk.counts();
        assert_eq!((counts.sign_outs, counts.sign_outs_ok), (3, 1));
        assert_eq!(desk.traffic(), (2, 0, 2));
    })
    .await;
}

#[tokio::test]
async fn a_sign_out_that_the_server_does_not_take_fails_and_still_forgets_the_token() {
    guarded(async {
        let desk = Desk::open(Simulator::builder(), |settings| settings).await;
        desk.works().await;
        desk.server.inject(Endpoint::SignOut, Fault::Status(503));
        let error = desk.session.sign_out().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transport);
        assert!(desk.session.current().is_none());
        assert_eq!(desk.counts().sign_outs, 1);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_code_is_followed_by_another_prompt_and_never_sent_again() {
    guarded(async {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mailbox = Arc::new(Mutex::new(None::<Arc<Simulator>>));
        let codes = service_fn({
            let (asked, mailbox) = (asked.clone(), mailbox.clone());
            move |request: CodeRequest| {
                asked.lock().unwrap().push(request.attempt());
                let server = mailbox.lock().unwrap().clone().unwrap();
                async move {
                    Ok::<_, BoxError>(match request.attempt() {
                        1 => Code::new("not-it")?,
                        _ => Code::new(server.next_code(EMAIL).await)?,
                    })
                }
            }
        });
        let desk = Desk::open(Simulator::builder().two_factor(true), |settings| {
            settings.code_service(codes)
        })
        .await;
        *mailbox.lock().unwrap() = Some(desk.server.clone());
        desk.works().await;
        assert_eq!(desk.traffic(), (1, 2, 0));
        assert_eq!(*asked.lock().unwrap(), [1, 2]);
    })
    .await;
}

#[tokio::test]
async fn three_wrong_codes_are_the_end_and_later_calls_fail_without_traffic() {
    guarded(async {
        let codes = service_fn(|request: CodeRequest| async move {
            Ok::<_, BoxError>(Code::new(format!("wrong-{}", request.attempt()))?)
        });
        let desk = Desk::open(Simulator::builder().two_factor(true), |settings| {
            settings.code_service(codes)
        })
        .await;
        for _ in 0..3 {
            let error = desk.call().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::CodeRejected);
            assert!(error.to_string().contains("refused 3 codes"), "{error}");
        }
        assert_eq!(desk.traffic(), (1, 3, 0));
        assert_eq!(desk.counts().api_calls, 0);
    })
    .await;
}

#[tokio::test]
async fn a_two_factor_token_that_dies_while_somebody_types_is_had_again_once() {
    guarded(async {
        let clock = FakeClock::new();
        let mailbox = Arc::new(Mutex::new(None::<Arc<Simulator>>));
        let codes = service_fn({
            let (clock, mailbox) = (clock.clone(), mailbox.clone());
            move |_: CodeRequest| {
                let server = mailbox.lock().unwrap().clone().unwrap();
                let slow = server.counts().sign_ins == 1;
                let clock = clock.clone();
                async move {
                    let code = server.next_code(EMAIL).await;
                    if slow {
                        clock.advance(Duration::from_secs(60));
                    }
                    Ok::<_, BoxError>(Code::new(code)?)
                }
            }
        });
        let server = Simulator::builder()
            .clock(clock.clone())
            .two_factor(true)
            .two_factor_lifetime(Duration::from_secs(60));
        let desk = Desk::open(server, |settings| settings.clock(clock).code_service(codes)).await;
        *mailbox.lock().unwrap() = Some(desk.server.clone());
        desk.works().await;
        // The code that came too late was not even sent.
        assert_eq!(desk.traffic(), (2, 1, 0));
        assert_eq!(desk.counts().confirms_ok, 1);
    })
    .await;
}

#[tokio::test]
async fn a_code_that_nobody_can_give_is_an_error_that_says_so_and_is_not_asked_for_twice() {
    guarded(async {
        let broken =
            service_fn(|_: CodeRequest| async { Err::<Code, _>("the printer is on fire") });
        let desk = Desk::open(Simulator::builder().two_factor(true), |settings| {
            settings.code_service(broken)
        })
        .await;
        for _ in 0..2 {
            let error = desk.call().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::CodeUnavailable);
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert_eq!(source, "the printer is on fire");
        }
        assert_eq!(desk.traffic(), (1, 0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_until_somebody_asks_for_it() {
    guarded(async {
        let desk = Desk::open(Simulator::builder(), |settings| {
            settings.credentials(EMAIL, "mistyped")
        })
        .await;
        for _ in 0..10 {
            let error = desk.call().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Rejected);
            assert!(
                error.to_string().contains("check the e-mail address"),
                "{error}"
            );
            assert!(desk.session.token().await.is_err());
        }
        assert_eq!(desk.traffic(), (1, 0, 0));
        assert_eq!(desk.counts().api_calls, 0);

        desk.server.set_password(EMAIL, "mistyped");
        assert!(desk.call().await.is_err());
        assert_eq!(desk.traffic(), (1, 0, 0));
        assert_eq!(desk.session.renew().await.unwrap().generation(), 1);
        desk.works().await;
        assert_eq!(desk.traffic(), (2, 0, 0));
    })
    .await;
}
