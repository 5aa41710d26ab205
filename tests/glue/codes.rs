//! Codes that expire, are wrong, or cannot be sent.

use tower::ServiceExt;
use tower_reauth::{
    Error, ErrorKind,
    testing::{
        FakeClock, Fault,
        glue::{Endpoint, Simulator, TypeStatus},
    },
};

use crate::support::*;

/// A shop in which time goes as the test says, for both sides.
async fn timed() -> (Shop, FakeClock) {
    let clock = FakeClock::new();
    let server = Simulator::builder().clock(clock.clone());
    let ours = clock.clone();
    let shop = Shop::with(server, |glue| glue.clock(ours), |mfa| mfa).await;
    (shop, clock)
}

fn error(response: &http::Response<bytes::Bytes>) -> Error {
    let error = response.extensions().get::<Error>();
    error.expect("an error in the extensions").clone()
}

#[tokio::test]
async fn a_code_is_sent_until_its_time_is_over_and_never_after() {
    guarded(async {
        let (shop, clock) = timed().await;
        shop.works().await;
        assert_eq!(shop.asked()[0].time_left(), Some(secs(1770)));
        for _ in 0..17 {
            clock.advance(secs(100));
            shop.works().await;
        }
        assert_eq!(shop.counts().triggers, 1);
        clock.advance(secs(71));
        // Until the clocks are looked at.
        while shop.mfa.code().await.unwrap().expose() == shop.server.latest_code(USERNAME).unwrap()
            && shop.prompts() < 2
        {
            tokio::task::yield_now().await;
        }
        shop.works().await;
        let counts = shop.counts();
        assert_eq!((counts.triggers, shop.prompts()), (2, 2));
        assert_eq!((counts.missing_codes, counts.refused_codes), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn a_wrong_code_is_told_and_another_is_sent_when_the_interval_is_over() {
    guarded(async {
        let (shop, clock) = timed().await;
        shop.mistyped.lock().unwrap().push("000000");
        let response = shop.call(shop.protected()).await;
        let rejected = (403, Some((ErrorKind::CodeRejected, Some(5901))));
        assert_eq!(outcome(&response), rejected);
        for _ in 0..5 {
            let response = shop.call(shop.protected()).await;
            assert_eq!(outcome(&response), rejected);
            assert_eq!(error(&response).retry_after_hint(), Some(secs(30)));
        }
        assert_eq!((shop.counts().triggers, shop.prompts()), (1, 1));
        clock.advance(secs(30));
        shop.works().await;
        let counts = shop.counts();
        assert_eq!((counts.triggers, shop.prompts()), (2, 2));
        assert_eq!((counts.unknown_codes, counts.refused_codes), (1, 1));
        let attempts: Vec<_> = shop.asked().iter().map(|asked| asked.attempt()).collect();
        assert_eq!(attempts, [1, 2]);
    })
    .await;
}

#[tokio::test]
async fn a_trigger_from_elsewhere_makes_the_code_worthless_and_one_more_mends_it() {
    guarded(async {
        let shop = Shop::open(Simulator::builder()).await;
        shop.works().await;
        // Another program of the same user.
        let other = shop.glue.session().build().unwrap();
        let codes = shop.glue.mfa(&other).build().unwrap();
        codes.code().await.unwrap();
        shop.works().await;
        let counts = shop.counts();
        assert_eq!((counts.triggers, shop.prompts()), (3, 3));
        // The old one was sent once more, as nobody could know.
        assert_eq!((counts.superseded_codes, counts.blocked_codes), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn a_trigger_that_fails_is_told_and_left_alone_for_a_while() {
    guarded(async {
        for (fault, kind) in [
            (Fault::Status(500), ErrorKind::Transport),
            (Fault::Status(503), ErrorKind::Transport),
            (Fault::Status(418), ErrorKind::Protocol),
        ] {
            let (shop, clock) = timed().await;
            shop.server.inject(Endpoint::Trigger, fault);
            for _ in 0..3 {
                let response = shop.call(shop.protected()).await;
                let said = error(&response);
                assert_eq!((response.status().as_u16(), said.kind()), (403, kind));
            }
            assert_eq!((shop.counts().triggers, shop.prompts()), (1, 0));
            // The longest pause of these.
            clock.advance(secs(320));
            shop.works().await;
            assert_eq!((shop.counts().triggers, shop.prompts()), (2, 1));
        }
    })
    .await;
}

#[tokio::test]
async fn what_the_backend_cannot_do_is_told() {
    guarded(async {
        let server = Simulator::builder().backend(true).trigger_fails(true);
        let shop = Shop::open(server).await;
        let response = shop.call(shop.protected()).await;
        assert_eq!(response.status(), 403);
        assert_eq!(error(&response).kind(), ErrorKind::Transport);
        assert!(error(&response).to_string().contains("2.4.0"));

        let shop = Shop::open(Simulator::builder()).await;
        shop.server.set_deliverable(false);
        let response = shop.call(shop.protected()).await;
        let expected = (403, Some((ErrorKind::Transport, Some(5910))));
        assert_eq!(outcome(&response), expected);
        let said = error(&response).to_string();
        assert!(
            said.contains("Something went wrong while sending"),
            "{said}"
        );
        shop.server.set_deliverable(true);
        shop.mfa.clear();
        shop.works().await;
    })
    .await;
}

#[tokio::test]
async fn the_type_can_be_found_in_the_list() {
    guarded(async {
        for numeric in [false, true] {
            let server = Simulator::builder()
                .mfa_type("app")
                .mfa_type("sms")
                .numeric_type_status(numeric);
            let shop = Shop::with(server, |glue| glue.discover_mfa_type(), |mfa| mfa).await;
            shop.server.set_mfa(USERNAME, "email", TypeStatus::Pending);
            shop.server.set_mfa(USERNAME, "sms", TypeStatus::Activated);
            shop.works().await;
            assert_eq!(shop.asked()[0].method(), "sms");
            let counts = shop.counts();
            assert_eq!((counts.type_lists, counts.triggers), (1, 1));
        }
        // Without it the server says what is wrong.
        let shop = Shop::open(Simulator::builder().mfa_type("sms")).await;
        shop.server
            .set_mfa(USERNAME, "email", TypeStatus::Deactivated);
        shop.server.set_mfa(USERNAME, "sms", TypeStatus::Activated);
        let response = shop.call(shop.protected()).await;
        let expected = (403, Some((ErrorKind::Provider, Some(5906))));
        assert_eq!(outcome(&response), expected);
    })
    .await;
}

#[tokio::test]
async fn callers_may_leave_and_the_code_is_kept() {
    guarded(async {
        let shop = Shop::open(Simulator::builder()).await;
        shop.session.token().await.unwrap();
        let call = tokio::spawn(shop.api.clone().oneshot(shop.protected()));
        while shop.counts().triggers < 1 {
            tokio::task::yield_now().await;
        }
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        shop.works().await;
        assert_eq!((shop.counts().triggers, shop.prompts()), (1, 1));
    })
    .await;
}
