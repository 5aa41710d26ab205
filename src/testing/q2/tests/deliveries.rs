use std::time::Duration;

use tokio::net::TcpListener;

use super::*;
use crate::testing::{
    FakeClock,
    q2::{Delivered, Delivery, Event},
};

/// Starts without `auth.created`, so that an auth that needs nothing has one event.
async fn start_plain() -> Trio {
    start(Simulator::builder().created_events(false)).await
}

#[tokio::test]
async fn an_event_may_come_before_the_answer() {
    let trio = start_default().await;
    trio.server.script("auth.success", Delivery::BeforeAnswer);
    assert_eq!(trio.server.scripts_left("auth.success"), 1);
    trio.create("test").await;
    // No waiting: both are there, and that which is ahead of it went ahead.
    let kinds = trio.server.deliveries().into_iter().map(|told| told.kind);
    assert_eq!(kinds.collect::<Vec<_>>(), ["auth.created", "auth.success"]);
    assert_eq!(trio.webhook.events().len(), 2);
    assert_eq!(trio.server.scripts_left("auth.success"), 0);

    trio.server
        .script("auth.mfa-required", Delivery::BeforeAnswer);
    trio.create("testmfaquestion").await;
    assert_eq!(trio.webhook.events().len(), 3);
    trio.assert_clean();
}

#[tokio::test]
async fn an_answer_waits_for_the_event_that_comes_before_it() {
    let trio = start_plain().await;
    trio.server.script("auth.success", Delivery::BeforeAnswer);
    trio.webhook.inject(Fault::Hang);
    let create = trio.request(Method::POST, "/auth", &create("test"));
    tokio::select! {
        answer = trio.send(create) => panic!("{answer:?}"),
        () = async {
            while trio.webhook.inbox.desk.left(HOOK) > 0 {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    assert_eq!(trio.counts().creates_ok, 1);
    assert!(trio.webhook.received().is_empty());
}

#[tokio::test]
async fn an_event_may_come_twice() {
    let trio = start_plain().await;
    trio.server.script("auth.success", Delivery::Twice);
    trio.create("test").await;
    let events = trio.events(2, "auth.success").await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[0], events[1]);
    let counts = trio.counts();
    assert_eq!((counts.events, counts.deliveries), (1, 2));
}

#[tokio::test]
async fn events_may_come_out_of_order() {
    let trio = start_default().await;
    trio.server.script("auth.created", Delivery::AfterNext);
    trio.create("test").await;
    assert_eq!(trio.kinds(2).await, ["auth.success", "auth.created"]);

    // Across requests and auths as well.
    trio.server.script("auth.success", Delivery::AfterNext);
    trio.create("test").await;
    let mut other = create("testfail");
    other["clientId"] = "other".into();
    trio.post("/auth", &other).await;
    let kinds = trio.kinds(5).await;
    assert_eq!(kinds[2..], ["auth.created", "auth.success", "auth.failed"]);
}

#[tokio::test]
async fn an_event_may_come_late() {
    let clock = FakeClock::new();
    let trio = start(Simulator::builder().clock(clock.clone())).await;
    let late = Delivery::Late(Duration::from_secs(60));
    trio.server.script("auth.created", late);
    trio.create("test").await;
    assert_eq!(trio.kinds(1).await, ["auth.success"]);
    clock.wait_for_sleepers(1).await;
    clock.advance(Duration::from_secs(60));
    assert_eq!(trio.kinds(2).await[1], "auth.created");
}

#[tokio::test]
async fn an_event_may_never_come() {
    let trio = start_default().await;
    trio.server.script("auth.created", Delivery::Never);
    trio.create("test").await;
    assert_eq!(trio.kinds(1).await, ["auth.success"]);
    let counts = trio.counts();
    assert_eq!((counts.events, counts.deliveries), (2, 1));
}

#[tokio::test]
async fn without_a_webhook_nothing_is_delivered() {
    let trio = start_default().await;
    trio.server.disable_webhook();
    trio.create("test").await;
    assert_eq!(trio.status().await, json!({ "type": "verified" }));
    assert_eq!(trio.server.deliver(&Event::new("auth.success")).await, None);
    let counts = trio.counts();
    assert_eq!((counts.events, counts.deliveries), (2, 0));
}

#[tokio::test]
async fn held_events_go_out_when_the_test_says_so() {
    let trio = start_default().await;
    for kind in ["auth.created", "auth.mfa-required"] {
        trio.server.script(kind, Delivery::Held);
    }
    trio.create("testmfaquestion").await;
    let created = trio.server.next_held().await;
    let asked = trio.server.next_held().await;
    assert_eq!(created.kind(), "auth.created");
    assert_eq!(asked.kind(), "auth.mfa-required");
    assert_eq!(created.token(), None);
    assert_eq!(trio.counts().deliveries, 0);
    for event in [&asked, &created, &asked] {
        assert_eq!(trio.server.deliver(event).await, Some(204));
    }
    let events = trio.webhook.events();
    assert_eq!(
        events[0]["payload"]["data"]["token"],
        asked.token().unwrap()
    );
    assert_eq!(events[1]["_id"], created.id());
    assert_eq!(events[2], events[0]);
}

#[tokio::test]
async fn an_event_may_come_after_one_that_nobody_knows() {
    let trio = start_plain().await;
    trio.server.script("auth.failed", Delivery::AfterUnknown);
    trio.create("testfail").await;
    let kinds = trio.kinds(2).await;
    assert_eq!(kinds, ["auth.never-heard-of", "auth.failed"]);
    let events = trio.webhook.events();
    assert_eq!(events[0]["clientId"], CLIENT);
    assert_ne!(events[0]["_id"], events[1]["_id"]);
}

#[tokio::test]
async fn an_event_is_made_by_hand() {
    let trio = start_default().await;
    let at = std::time::UNIX_EPOCH + Duration::from_millis(1_461_171_072_500);
    let event = Event::new("auth.invalid")
        .with_id("the-id")
        .created(at)
        .client("me")
        .session("the-session")
        .resource("auth", "the-auth")
        .data(json!({ "company": { "_id": "c" } }));
    assert_eq!(trio.server.deliver(&event).await, Some(204));
    assert_eq!(
        trio.webhook.events(),
        [json!({
            "_id": "the-id",
            "type": "auth.invalid",
            "created": "2016-04-20T16:51:12Z",
            "clientId": "me",
            "partnerId": "56e1dbb5443b10a3bd403fcf",
            "identifier": "user-me",
            "sessionId": "the-session",
            "payload": {
                "resource": { "type": "auth", "id": "the-auth" },
                "data": { "company": { "_id": "c" } },
            },
        })]
    );
    let delivered = Delivered {
        id: "the-id".to_owned(),
        kind: "auth.invalid".to_owned(),
        status: Some(204),
        forgery: None,
    };
    assert_eq!(trio.server.deliveries(), [delivered]);
}

#[tokio::test]
async fn what_is_not_taken_is_delivered_again() {
    let trio = start_plain().await;
    trio.webhook.inject(Fault::Status(500));
    trio.webhook.inject(Fault::Reset);
    trio.create("test").await;
    assert_eq!(trio.events(3, "auth.success").await.len(), 1);
    let delivered = trio.server.deliveries();
    let statuses = delivered.iter().map(|attempt| attempt.status);
    assert_eq!(statuses.collect::<Vec<_>>(), [Some(500), None, Some(204)]);
    assert!(
        delivered
            .iter()
            .all(|attempt| attempt.id == delivered[0].id)
    );
    let counts = trio.counts();
    assert_eq!((counts.events, counts.deliveries), (1, 3));
    assert_eq!(counts.delivered, 1);
    assert_eq!(counts.refused_deliveries, 1);
    assert_eq!(counts.unanswered_deliveries, 1);
}

#[tokio::test]
async fn an_event_is_given_up_at_last() {
    let trio = start(Simulator::builder().retries(1)).await;
    for status in [500, 302] {
        trio.webhook.inject(Fault::Status(status));
    }
    trio.create("test").await;
    // The next one goes out all the same.
    assert_eq!(trio.kinds(3).await, ["auth.success"]);
    let statuses = trio.server.deliveries().into_iter().map(|told| told.status);
    let statuses: Vec<_> = statuses.collect();
    assert_eq!(statuses, [Some(500), Some(302), Some(204)]);
}

#[tokio::test]
async fn retries_pause_on_the_simulators_clock() {
    let clock = FakeClock::new();
    let builder = Simulator::builder()
        .clock(clock.clone())
        .created_events(false)
        .retry_pause(Duration::from_secs(5));
    let trio = start(builder).await;
    trio.webhook.inject(Fault::Status(503));
    trio.create("test").await;
    trio.server.wait_for_deliveries(1).await;
    clock.wait_for_sleepers(1).await;
    assert_eq!(trio.counts().deliveries, 1);
    clock.advance(Duration::from_secs(5));
    assert_eq!(trio.kinds(2).await, ["auth.success"]);
}

#[tokio::test]
async fn a_webhook_that_does_not_answer_in_time_has_not_answered() {
    let clock = FakeClock::new();
    let builder = Simulator::builder()
        .clock(clock.clone())
        .webhook_timeout(Duration::from_secs(7));
    let trio = start(builder).await;
    trio.webhook.inject(Fault::HangAfterwards);
    let event = Event::new("auth.success");
    let (status, ()) = tokio::join!(trio.server.deliver(&event), async {
        clock.wait_for_sleepers(1).await;
        while trio.webhook.received().is_empty() {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_secs(7));
    });
    assert_eq!(status, None);
    assert_eq!(trio.counts().unanswered_deliveries, 1);
    assert_eq!(clock.sleepers(), 0);
}

#[tokio::test]
async fn a_webhook_that_is_not_there_has_not_answered() {
    let trio = start_default().await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    trio.server.set_webhook(format!("http://{address}/hook"));
    assert_eq!(trio.server.deliver(&Event::new("auth.success")).await, None);
    assert_eq!(trio.counts().unanswered_deliveries, 1);
}

#[tokio::test]
async fn the_address_of_a_webhook_is_kept_whole() {
    let trio = start_default().await;
    let port = trio.webhook.listening.address().port();
    trio.server
        .set_webhook(format!("http://localhost:{port}/hook?a=b"));
    assert_eq!(
        trio.server.deliver(&Event::new("auth.success")).await,
        Some(204)
    );
    let (headers, _) = &trio.webhook.received()[0];
    assert_eq!(headers["host"], format!("localhost:{port}"));
    assert_eq!(headers["content-type"], "application/json");
}

#[tokio::test]
#[should_panic(expected = "a webhook of a test starts with http://HOST: https://example.com/")]
async fn a_webhook_is_on_plain_http() {
    let trio = start_default().await;
    trio.server.set_webhook("https://example.com/");
}

#[tokio::test]
async fn deliveries_end_with_the_simulator() {
    const LONG: Duration = Duration::from_secs(60);
    for orderly in [true, false] {
        // Time stands still, so that no attempt is given up.
        let trio = start(Simulator::builder().clock(FakeClock::new())).await;
        trio.webhook.inject(Fault::Hang);
        trio.create("test").await;
        while trio.webhook.inbox.desk.left(HOOK) > 0 {
            tokio::task::yield_now().await;
        }
        if orderly {
            trio.server.shutdown().await;
        } else {
            drop(trio.server);
        }
        let closed = async {
            while trio.webhook.inbox.desk.connections().open > 0 {
                tokio::task::yield_now().await;
            }
        };
        let closed = tokio::time::timeout(LONG, closed).await;
        closed.expect("the delivery ends with the simulator");
        assert!(trio.webhook.received().is_empty());
    }
}
