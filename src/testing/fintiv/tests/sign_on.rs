//! Who is signed on.

use super::*;

#[tokio::test]
async fn either_spelling_is_signed_on() {
    let pair = start_default().await;
    for sent in [camel(PASSWORD), page(PASSWORD)] {
        let answer = pair.send(pair.sign_on_with(&sent)).await;
        assert_eq!(
            (answer.status.as_u16(), &*answer.text(CODE)),
            (200, "SUCCESS")
        );
        let token = answer.text("/contextResponse/token");
        assert_eq!(pair.get(&token).await.text(CODE), "SUCCESS");
    }
    let counts = pair.counts();
    assert_eq!(
        (counts.sign_ons_ok, counts.api_ok, counts.violations),
        (2, 2, 0)
    );
}

#[tokio::test]
async fn the_page_of_the_cashiers_login_has_another_path() {
    let pair = start_default().await;
    let mut request = pair.sign_on_with(&page(PASSWORD));
    let url = format!(
        "http://{}/payment/api/v1/services/signon",
        pair.server.address()
    );
    *request.uri_mut() = url.parse().unwrap();
    assert_eq!(pair.send(request).await.text(CODE), "SUCCESS");
    assert_eq!(pair.counts().sign_ons_ok, 1);
}

#[tokio::test]
async fn one_spelling_may_be_the_only_one() {
    for (spelling, good, bad) in [
        (Spelling::Camel, camel(PASSWORD), page(PASSWORD)),
        (Spelling::Page, page(PASSWORD), camel(PASSWORD)),
    ] {
        let pair = start(Simulator::builder().spelling(spelling)).await;
        assert_eq!(
            pair.send(pair.sign_on_with(&good)).await.text(CODE),
            "SUCCESS"
        );
        assert_eq!(
            pair.send(pair.sign_on_with(&bad)).await.text(CODE),
            "VALIDATION"
        );
        assert_eq!(pair.counts().violations, 1);
    }
}

#[tokio::test]
async fn a_wrong_password_is_a_code_of_its_own() {
    let pair = start(Simulator::builder().wrong_password_code("VALIDATION")).await;
    let answer = pair.sign_on("wrong").await;
    assert_eq!(
        (answer.status.as_u16(), &*answer.text(CODE)),
        (200, "VALIDATION")
    );
    let pair = start_default().await;
    assert_eq!(pair.sign_on("wrong").await.text(CODE), "SECURITY");
    let counts = pair.counts();
    assert_eq!(
        (counts.rejected, counts.failures_in_200, counts.violations),
        (1, 1, 0)
    );
    pair.server.set_password(USER, "another one");
    assert_eq!(pair.sign_on(PASSWORD).await.text(CODE), "SECURITY");
    assert_eq!(pair.sign_on("another one").await.text(CODE), "SUCCESS");
}

#[tokio::test]
async fn the_token_is_where_it_is_set_to_be() {
    for (place, pointer) in [
        (TokenAt::Context, "/contextResponse/token"),
        (TokenAt::ResponseToken, "/responseData/token"),
        (TokenAt::AccessToken, "/responseData/access_token"),
    ] {
        let pair = start(Simulator::builder().token_at(place)).await;
        let token = pair.sign_on(PASSWORD).await.text(pointer);
        assert_eq!(pair.get(&token).await.text(CODE), "SUCCESS");
    }
}

#[tokio::test]
async fn a_body_has_the_documented_fields_and_values() {
    let pair = start_default().await;
    let with = |pointer: &str, value: &str| {
        let mut sent = camel(PASSWORD);
        *sent.pointer_mut(pointer).unwrap() = value.into();
        sent
    };
    let mut more = camel(PASSWORD);
    more["more"] = 1.into();
    let mut mixed = page(PASSWORD);
    mixed["pass"] = mixed["Pass"].take();
    mixed.as_object_mut().unwrap().remove("Pass");
    let bodies = [
        with("/login/credentialType", "PHONE"),
        with("/pass/securityElementType", "pin"),
        with("/contextRequest/tenantName", "ANOTHER"),
        more,
        mixed,
        json!([]),
    ];
    for (n, sent) in (1..).zip(bodies) {
        let answer = pair.send(pair.sign_on_with(&sent)).await;
        assert_eq!(answer.text(CODE), "VALIDATION", "{sent}");
        assert_eq!(pair.counts().violations, n, "{sent}");
    }
    assert_eq!(pair.counts().sign_ons_ok, 0);
}
