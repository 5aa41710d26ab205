use super::*;

const TRIGGER: &str = "multi-factor-auth-trigger";
const ACTIVATE: &str = "multi-factor-auth-type-activate";
const VERIFY: &str = "multi-factor-auth-type-verify";
const DEACTIVATE: &str = "multi-factor-auth-type-deactivate";

/// A shop that knows `email` and `sms`, and an account that uses neither.
async fn fresh() -> Pair {
    let builder = Simulator::builder()
        .account_without_mfa(USER, PASSWORD)
        .mfa_type("sms");
    start(builder).await
}

impl Pair {
    /// Returns what the types are to the account, as the list says it.
    async fn types(&self, token: &str) -> Value {
        let path = "/multi-factor-auth-types";
        let list = self.send(self.call(Method::GET, path, token, "")).await;
        assert_eq!(list.status, 200);
        let data = list.json()["data"].clone();
        data.as_array()
            .unwrap()
            .iter()
            .map(|one| one["attributes"].clone())
            .collect()
    }
}

#[tokio::test]
async fn a_type_is_activated_verified_and_deactivated() {
    let pair = fresh().await;
    let access = pair.access();
    assert_eq!(pair.change_password(&access, "").await.status, 200);
    assert_eq!(pair.mfa(ACTIVATE, "email", &access, "").await.status, 204);
    assert_eq!(
        pair.types(&access).await,
        json!([
            { "type": "email", "status": "activation is pending" },
            { "type": "sms", "status": "deactivated" }
        ])
    );
    // It is not active yet.
    assert_eq!(pair.change_password(&access, "").await.status, 200);
    let code = pair.server.next_code(USER).await;
    is_error(&pair.mfa(VERIFY, "email", &access, "").await, 403, "5900");
    is_error(
        &pair.mfa(VERIFY, "email", &access, "12345678").await,
        403,
        "5901",
    );
    assert_eq!(pair.mfa(VERIFY, "email", &access, &code).await.status, 204);
    assert_eq!(pair.server.mfa(USER, "email"), TypeStatus::Activated);
    is_error(&pair.change_password(&access, "").await, 403, "5900");
    // The code that activated is good for the rest as well.
    assert_eq!(pair.change_password(&access, &code).await.status, 200);

    is_error(
        &pair.mfa(DEACTIVATE, "email", &access, "").await,
        403,
        "5900",
    );
    let code = pair.trigger(&access).await;
    assert_eq!(
        pair.mfa(DEACTIVATE, "email", &access, &code).await.status,
        204
    );
    assert_eq!(pair.server.mfa(USER, "email"), TypeStatus::Deactivated);
    assert_eq!(pair.change_password(&access, "").await.status, 200);
    let counts = pair.counts();
    assert_eq!((counts.activations, counts.activations_ok), (1, 1));
    assert_eq!((counts.verifications, counts.verifications_ok), (3, 1));
    assert_eq!((counts.deactivations, counts.deactivations_ok), (2, 1));
    assert_eq!((counts.type_lists, counts.violations), (1, 0));
}

#[tokio::test]
async fn a_type_is_deactivated_by_a_code_of_its_own_and_no_other() {
    let pair = start(Simulator::builder().mfa_type("sms")).await;
    pair.server.set_mfa(USER, "sms", TypeStatus::Activated);
    let access = pair.access();
    assert_eq!(pair.mfa(TRIGGER, "email", &access, "").await.status, 204);
    let email = pair.server.next_code(USER).await;
    is_error(
        &pair.mfa(DEACTIVATE, "sms", &access, &email).await,
        403,
        "5901",
    );
    // Nothing was counted against the code of the other type.
    assert_eq!(pair.change_password(&access, &email).await.status, 200);
    assert_eq!(pair.mfa(TRIGGER, "sms", &access, "").await.status, 204);
    let sms = pair.server.next_code(USER).await;
    assert_eq!(pair.mfa(DEACTIVATE, "sms", &access, &sms).await.status, 204);
    assert_eq!(pair.server.mfa(USER, "sms"), TypeStatus::Deactivated);
}

#[tokio::test]
async fn a_second_type_needs_a_code_of_the_first() {
    let pair = fresh().await;
    pair.server.set_mfa(USER, "email", TypeStatus::Activated);
    let access = pair.access();
    is_error(&pair.mfa(ACTIVATE, "sms", &access, "").await, 403, "5900");
    let code = pair.trigger(&access).await;
    assert_eq!(pair.mfa(ACTIVATE, "sms", &access, &code).await.status, 204);
    let sent = pair.server.next_code(USER).await;
    // A code of another type verifies nothing, and counts against nobody.
    is_error(&pair.mfa(VERIFY, "sms", &access, &code).await, 403, "5901");
    assert_eq!(
        (pair.counts().unknown_codes, pair.counts().superseded_codes),
        (1, 0)
    );
    // A code of a type that is not active opens nothing.
    is_error(&pair.change_password(&access, &sent).await, 403, "5901");
    assert_eq!(pair.mfa(VERIFY, "sms", &access, &sent).await.status, 204);
    // Now either opens.
    for code in [code, sent] {
        assert_eq!(pair.change_password(&access, &code).await.status, 200);
    }
    assert_eq!(pair.counts().violations, 0);
}

#[tokio::test]
async fn types_that_do_not_fit_are_told_by_their_codes() {
    let pair = fresh().await;
    pair.server.set_mfa(USER, "email", TypeStatus::Activated);
    let access = pair.access();
    for (resource, kind, code) in [
        (TRIGGER, "sms", "5906"),
        (TRIGGER, "fax", "5906"),
        (TRIGGER, "", "5902"),
        (ACTIVATE, "email", "5904"),
        (ACTIVATE, "fax", "5906"),
        (VERIFY, "email", "5904"),
        (VERIFY, "sms", "5906"),
        (DEACTIVATE, "sms", "5906"),
    ] {
        let answer = pair.mfa(resource, kind, &access, "").await;
        is_error(&answer, 400, code);
    }
    let request = pair.document(TRIGGER, &json!({}));
    is_error(&pair.send(signed(request, &access, "")).await, 400, "5902");
    // The code for a deactivation comes from a trigger, of that type.
    assert_eq!(pair.server.latest_code(USER), None);
    assert_eq!(
        (pair.counts().triggers_ok, pair.counts().violations),
        (0, 0)
    );
}

#[tokio::test]
async fn without_a_login_there_is_no_customer() {
    for (backend, list, others) in [(false, "5905", "5907"), (true, "5908", "5909")] {
        let pair = start(Simulator::builder().backend(backend)).await;
        let types = pair.call(Method::GET, "/multi-factor-auth-types", "", "");
        is_error(&pair.send(types).await, 400, list);
        for resource in [TRIGGER, ACTIVATE, VERIFY, DEACTIVATE] {
            is_error(&pair.mfa(resource, "email", "", "").await, 400, others);
            is_error(&pair.mfa(resource, "email", "bad", "").await, 401, "001");
        }
        assert_eq!(pair.counts().violations, 0);
    }
}

#[tokio::test]
async fn a_code_may_not_be_sent() {
    let pair = start_default().await;
    let access = pair.access();
    pair.server.set_deliverable(false);
    is_error(&pair.mfa(TRIGGER, "email", &access, "").await, 400, "5910");
    assert_eq!(pair.server.latest_code(USER), None);
    pair.server.set_deliverable(true);
    let _ = pair.trigger(&access).await;
    assert_eq!((pair.counts().triggers, pair.counts().triggers_ok), (2, 1));

    let pair = start(Simulator::builder().trigger_fails(true)).await;
    let answer = pair.mfa(TRIGGER, "email", &pair.access(), "").await;
    is_error(&answer, 500, "500");
}

#[tokio::test]
async fn older_shops_tell_the_status_as_a_number() {
    let builder = Simulator::builder()
        .numeric_type_status(true)
        .mfa_type("sms")
        .mfa_type("app");
    let pair = start(builder).await;
    pair.server.set_mfa(USER, "sms", TypeStatus::Pending);
    let types = pair.types(&pair.access()).await;
    let statuses: Vec<_> = types
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["status"])
        .collect();
    assert_eq!(statuses, [2, 1, 0]);
}
