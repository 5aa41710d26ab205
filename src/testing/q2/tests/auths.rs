use std::time::Duration;

use super::*;
use crate::testing::{
    FakeClock,
    q2::{Delivery, Endpoint, Envelope, ErrorShape, Login},
};

#[tokio::test]
async fn a_new_auth_is_queued_and_ends_by_event() {
    let trio = start_default().await;
    let answer = trio.post("/auth", &create("test")).await;
    assert_eq!(answer.status, 200);
    let id = answer.text("/authId");
    assert_eq!(
        answer.json(),
        json!({
            "success": true,
            "message": "Auth has been queued and will respond via webhooks.",
            "authId": id,
        })
    );
    assert_eq!(trio.kinds(2).await, ["auth.created", "auth.success"]);
    let events = trio.webhook.events();
    let resource = json!({ "type": "auth", "id": id });
    assert_eq!(events[0]["payload"]["resource"], resource);
    assert_eq!(events[0]["payload"]["data"]["auth"]["_id"], id);
    assert_eq!(events[1]["clientId"], CLIENT);
    assert_eq!(
        events[1]["payload"],
        json!({
            "resource": { "type": "client", "id": CLIENT },
            "data": { "auth": {
                "_id": id,
                "items": ["swap"],
                "company": { "_id": COMPANY, "name": "Regular Company 1" },
                "status": { "type": "verified" },
            } },
        })
    );
    assert_ne!(events[0]["_id"], events[1]["_id"]);
    assert_eq!(trio.status().await, json!({ "type": "verified" }));
    trio.assert_clean();
    let counts = trio.counts();
    assert_eq!((counts.creates, counts.creates_ok), (1, 1));
    assert_eq!(counts.events, 2);
    assert_eq!((counts.deliveries, counts.delivered), (2, 2));
    assert_eq!((counts.lists, counts.lists_ok), (1, 1));
}

#[tokio::test]
async fn the_auth_of_a_client_and_a_company_is_the_same_one_again() {
    let trio = start_default().await;
    let id = trio.create("testfail").await;
    assert_eq!(trio.kinds(2).await, ["auth.created", "auth.failed"]);
    assert_eq!(trio.status().await, json!({ "type": "authenticate" }));
    assert_eq!(trio.create("test").await, id);
    // It is not created again, but tried again.
    assert_eq!(trio.kinds(3).await[2], "auth.success");

    for (at, other) in [("clientId", "c2"), ("companyId", "c3")] {
        let mut body = create("test");
        body[at] = other.into();
        assert_ne!(trio.post("/auth", &body).await.text("/authId"), id);
    }
    assert_eq!(trio.counts().creates_ok, 4);
    trio.assert_clean();
}

#[tokio::test]
async fn a_failure_tells_the_reason_and_not_the_auth() {
    let trio = start_default().await;
    for login in ["testfail", "nobody-knows-me"] {
        trio.create(login).await;
    }
    let failed = trio.events(3, "auth.failed").await;
    assert_eq!(failed.len(), 2);
    assert_eq!(
        failed[0]["payload"],
        json!({
            "resource": { "type": "client", "id": CLIENT },
            "data": {
                "reason": { "message": "The credentials are wrong." },
                "company": { "_id": COMPANY, "name": "Regular Company 1" },
            },
        })
    );
}

#[tokio::test]
async fn a_hold_ends_when_it_is_mended() {
    let trio = start_default().await;
    let id = trio.create("testhold").await;
    let hold = trio.events(2, "auth.hold").await;
    let resource = json!({ "type": "auth", "id": id });
    assert_eq!(hold[0]["payload"]["resource"], resource);
    let code = &hold[0]["payload"]["data"]["hold"]["code"];
    assert_eq!(code, "account_issue_verify_identity");
    let status = trio.status().await;
    assert_eq!(status["type"], "hold");
    assert_eq!(&status["reason"]["code"], code);
    assert!(status["reason"]["userMessage"].is_string());

    let path = format!("/auth/{id}/fix-hold");
    let answer = trio.post(&path, &Value::Null).await;
    assert_eq!(answer.json(), json!({ "success": true }));
    assert_eq!(trio.events(3, "auth.success").await.len(), 1);
    trio.assert_clean();

    assert_eq!(trio.post(&path, &Value::Null).await.status, 400);
    assert_eq!(
        trio.server.violations(),
        ["fix hold: a hold is mended where there is none"]
    );
    let unknown = trio.post("/auth/unknown/fix-hold", &Value::Null).await;
    assert_eq!(unknown.status, 404);
    let counts = trio.counts();
    assert_eq!((counts.hold_fixes, counts.hold_fixes_ok), (3, 1));
}

#[tokio::test]
async fn a_swap_is_told_after_its_auth() {
    let trio = start_default().await;
    let mut body = create("testswap");
    body["meta"] = json!({ "swapId": "the-swap", "paymentMethodId": "the-card" });
    body["paymentIdentifier"] = "mine".into();
    trio.post("/auth", &body).await;
    let kinds = trio.kinds(3).await;
    assert_eq!(kinds, ["auth.created", "auth.success", "swap.success"]);
    let swap = &trio.webhook.events()[2]["payload"];
    assert_eq!(
        swap["resource"],
        json!({ "type": "swap", "id": "the-swap" })
    );
    assert_eq!(swap["data"]["clientId"], CLIENT);
    assert_eq!(swap["data"]["paymentMethod"]["_id"], "the-card");

    let submitted = &trio.server.submitted()[0];
    assert_eq!(submitted.payment_identifier.as_deref(), Some("mine"));
    assert_eq!(submitted.payment_method_id.as_deref(), Some("the-card"));
    assert_eq!(submitted.swap_id.as_deref(), Some("the-swap"));
    assert_eq!(submitted.bill_id, None);
    assert_eq!(submitted.form_fields, ["password", "username"]);
    assert!(!format!("{submitted:?}").contains("correct horse"));
}

#[tokio::test]
async fn logins_are_known_by_name_or_e_mail() {
    let trio = start(Simulator::builder().login("alice", Login::Success)).await;
    let forms = [
        json!({ "username": "test@test.test" }),
        json!({ "email": "test@test.test", "password": "x" }),
        json!({ "username": "alice", "email": "testfail" }),
    ];
    for (number, form) in forms.into_iter().enumerate() {
        let mut body = create("");
        body["companyId"] = format!("company-{number}").into();
        body["form"] = form;
        assert_eq!(trio.post("/auth", &body).await.status, 200);
    }
    assert_eq!(trio.events(6, "auth.success").await.len(), 3);
    trio.assert_clean();
}

#[tokio::test]
async fn an_auth_is_deleted_once() {
    let trio = start_default().await;
    let id = trio.create("test").await;
    trio.server.wait_for_deliveries(2).await;
    let path = format!("/auth/{id}");
    let delete = || trio.request(Method::DELETE, &path, &Value::Null);
    let answer = trio.send(delete()).await;
    assert_eq!(answer.json(), json!({ "success": true }));
    let deleted = trio.events(3, "auth.deleted").await;
    assert_eq!(deleted[0]["payload"]["resource"]["id"], id);
    assert_eq!(trio.send(delete()).await.status, 404);
    let list = trio.get(&format!("/auth/list/{CLIENT}")).await;
    assert_eq!(list.json(), json!({ "data": [] }));
    assert_ne!(trio.create("test").await, id);
    trio.assert_clean();
    let counts = trio.counts();
    assert_eq!((counts.deletes, counts.deletes_ok), (2, 1));
}

#[tokio::test]
async fn the_list_is_that_of_one_client_in_order() {
    let trio = start_default().await;
    let mut ids = Vec::new();
    for (client, company) in [("a", "1"), ("a", "2"), ("b", "1"), ("a", "3")] {
        let mut body = create("test");
        body["clientId"] = client.into();
        body["companyId"] = company.into();
        ids.push(trio.post("/auth", &body).await.text("/authId"));
    }
    let list = trio.get("/auth/list/a").await.json();
    let list = list["data"].as_array().unwrap().iter();
    let list: Vec<_> = list.map(|auth| &auth["_id"]).collect();
    assert_eq!(list, [&ids[0], &ids[1], &ids[3]]);
}

#[tokio::test]
async fn verification_takes_its_time() {
    let clock = FakeClock::new();
    let builder = Simulator::builder()
        .clock(clock.clone())
        .verification(Duration::from_secs(30))
        .pending_status("queued");
    let trio = start(builder).await;
    trio.create("test").await;
    assert_eq!(trio.kinds(1).await, ["auth.created"]);
    assert_eq!(trio.status().await, json!({ "type": "queued" }));
    clock.wait_for_sleepers(1).await;
    clock.advance(Duration::from_secs(30));
    assert_eq!(trio.kinds(2).await[1], "auth.success");
    assert_eq!(trio.status().await, json!({ "type": "verified" }));
}

#[tokio::test]
async fn an_auth_that_begins_anew_has_one_outcome() {
    let clock = FakeClock::new();
    let builder = Simulator::builder()
        .clock(clock.clone())
        .verification(Duration::from_secs(30))
        .created_events(false);
    let trio = start(builder).await;
    trio.create("testfail").await;
    clock.wait_for_sleepers(1).await;
    clock.advance(Duration::from_secs(20));
    trio.create("test").await;
    clock.wait_for_sleepers(2).await;
    clock.advance(Duration::from_secs(10));
    while clock.sleepers() > 1 {
        tokio::task::yield_now().await;
    }
    // What came of the first attempt counts no more.
    assert_eq!(trio.status().await, json!({ "type": "pending" }));
    clock.advance(Duration::from_secs(20));
    assert_eq!(trio.kinds(1).await, ["auth.success"]);
    assert_eq!(trio.counts().events, 1);
    trio.assert_clean();
}

#[tokio::test]
async fn credentials_are_submitted_once() {
    let sentence = "create auth: credentials are submitted again before the outcome was told";
    let trio = start_default().await;
    trio.server.script("auth.success", Delivery::Held);
    let id = trio.create("test").await;
    // The same auth, but the second submission is told.
    assert_eq!(trio.create("test").await, id);
    assert_eq!(trio.server.violations(), [sentence]);
    // Other credentials are another intent.
    trio.server.wait_for_deliveries(2).await;
    trio.create("testfail").await;
    trio.server.wait_for_deliveries(3).await;
    // The outcome was told, and so the same may be submitted again ..
    trio.create("testfail").await;
    assert_eq!(trio.counts().resubmissions, 1);
    trio.server.wait_for_deliveries(4).await;

    // .. as after a look into the list ..
    trio.server.disable_webhook();
    trio.create("test").await;
    trio.status().await;
    trio.create("test").await;
    assert_eq!(trio.counts().resubmissions, 1);
    // .. or if the test means it, but not otherwise.
    trio.server.forget_submissions();
    trio.create("test").await;
    assert_eq!(trio.counts().resubmissions, 1);
    trio.create("test").await;
    let counts = trio.counts();
    assert_eq!((counts.resubmissions, counts.violations), (2, 2));
}

#[tokio::test]
async fn an_outcome_that_was_refused_was_not_told() {
    let builder = Simulator::builder().created_events(false).retries(0);
    let trio = start(builder).await;
    trio.webhook.inject(Fault::Status(500));
    trio.create("test").await;
    trio.server.wait_for_deliveries(1).await;
    trio.create("test").await;
    assert_eq!(trio.counts().resubmissions, 1);
}

#[tokio::test]
async fn every_answer_has_a_request_id() {
    let trio = start_default().await;
    let name = http::HeaderName::from_static("request-id");
    let mut ids = Vec::new();
    trio.server.inject(Endpoint::Api, Fault::Status(503));
    for (path, status) in [("/anything", 503), ("/anything", 200), ("/auth", 405)] {
        let answer = trio.get(path).await;
        assert_eq!(answer.status, status);
        ids.push(answer.header(name.clone()).unwrap().to_owned());
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);
    assert_eq!(ids[0].len(), 36);
}

#[tokio::test]
async fn errors_are_worded_as_the_settings_say() {
    let message = "There is no such auth.";
    for (shape, body) in [
        (ErrorShape::Message, json!({ "message": message })),
        (ErrorShape::Error, json!({ "error": message })),
        (
            ErrorShape::Nested,
            json!({ "error": { "message": message } }),
        ),
        (
            ErrorShape::Success,
            json!({ "success": false, "message": message }),
        ),
    ] {
        let trio = start(Simulator::builder().errors(shape)).await;
        let answer = trio.post("/auth/unknown/fix-hold", &Value::Null).await;
        assert_eq!(answer.status, 404);
        assert_eq!(answer.json(), body);
    }
    let trio = start(Simulator::builder().errors(ErrorShape::Empty)).await;
    let answer = trio.post("/auth/unknown/fix-hold", &Value::Null).await;
    assert_eq!(answer.body, "");
}

#[tokio::test]
async fn other_paths_answer_and_keep_uploads() {
    let trio = start_default().await;
    let answer = trio.get("/company/search?q=x").await;
    let told = json!({ "ok": true, "method": "GET", "path": "/v1/company/search?q=x" });
    assert_eq!(answer.json(), told);
    let body = json!({ "identifier": "me" });
    assert_eq!(trio.post("/client", &body).await.json(), body);
    let uploads = trio.server.uploads();
    assert_eq!(uploads.len(), 1);
    assert_eq!(uploads[0].path, "/v1/client");
    assert!(!format!("{uploads:?}").contains(KEY));
    let counts = trio.counts();
    assert_eq!((counts.api_calls, counts.api_ok), (2, 2));
    trio.assert_clean();
}

#[tokio::test]
async fn an_envelope_may_be_bare() {
    let trio = start(Simulator::builder().envelope(Envelope::Bare)).await;
    trio.create("test").await;
    trio.server.wait_for_deliveries(2).await;
    for (_, body) in trio.webhook.received() {
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["clientId"], CLIENT);
        assert_eq!(body["identifier"], format!("user-{CLIENT}"));
        assert!(body["partnerId"].is_string());
        assert!(body.get("event").is_none());
        let created = body["created"].as_str().unwrap();
        assert!(created.len() == 20 && created.ends_with('Z'), "{created}");
    }
}
