//! Refresh tokens: rotated, never lost, never presented twice.

use super::*;

fn presented(server: &Server, number: usize) -> String {
    let refresh = &server.json(number)["data"]["attributes"]["refreshToken"];
    refresh.as_str().unwrap().into()
}

#[tokio::test(start_paused = true)]
async fn each_refresh_presents_the_newest() {
    let server = Server::new([tokens(1), tokens(2), tokens(3)]);
    let glue = server.glue();
    let mut token = first(&glue).await.unwrap().credential().clone();
    for number in 1..=2 {
        token = again(&glue, &token).await.unwrap().credential().clone();
        assert_eq!(presented(&server, number), format!("refresh-{number}"));
    }
    assert_eq!(
        server.calls(),
        "access-tokens refresh-tokens refresh-tokens"
    );
    assert_eq!(server.json(1)["data"]["type"], "refresh-tokens");
    assert_eq!(server.header(1, "authorization"), "-");
}

#[tokio::test(start_paused = true)]
async fn a_dead_refresh_token_leads_to_the_password_once() {
    for dead in [
        failure(401, "004", "Failed to refresh token."),
        answer(400, json!({"error": "invalid_grant"})),
        failure(422, "901", "Not valid."),
    ] {
        let server = Server::new([dead, tokens(1)]);
        let glue = server.glue();
        let renewed = again(&glue, &held("refresh-0")).await.unwrap();
        assert_eq!(access_of(&renewed), "access-1");
        assert_eq!(server.calls(), "refresh-tokens access-tokens");
        // And it is not presented again.
        server.then([tokens(2)]);
        again(&glue, &held("refresh-0")).await.unwrap();
        assert_eq!(presented(&server, 2), "refresh-1");
    }

    let server = Server::new([failure(401, "004", ""), failure(401, "003", "")]);
    let result = again(&server.glue(), &held("refresh-0")).await;
    assert_fails(result, ErrorKind::Rejected, "sign-in");
    assert_eq!(server.calls(), "refresh-tokens access-tokens");
}

#[tokio::test(start_paused = true)]
async fn without_relogin_a_dead_refresh_token_is_the_end() {
    let server = Server::new([failure(401, "004", ""), tokens(1)]);
    let glue = server.builder().allow_relogin(false).build().unwrap();
    let result = again(&glue, &held("refresh-0")).await;
    assert_fails(result, ErrorKind::Rejected, "allow_relogin");
    assert_eq!(server.calls(), "refresh-tokens");
    first(&glue).await.unwrap();
    assert_eq!(server.calls(), "refresh-tokens access-tokens");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_no_reason_for_the_password() {
    for act in [refuse("no"), Act::Hang, answer(503, ""), answer(201, "{")] {
        let server = Server::new([act, tokens(2)]);
        let glue = server.glue();
        again(&glue, &held("refresh-0")).await.unwrap_err();
        let renewed = again(&glue, &held("refresh-0")).await.unwrap();
        assert_eq!(access_of(&renewed), "access-2");
        assert_eq!(server.calls(), "refresh-tokens refresh-tokens");
        assert_eq!(presented(&server, 1), "refresh-0");
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_refresh_token_is_kept_though_the_rest_is_unusable() {
    let server = Server::new([
        answer(
            201,
            json!({"data": {"attributes": {"refreshToken": "refresh-1"}}}),
        ),
        tokens(2),
    ]);
    let glue = server.glue();
    assert_fails(
        again(&glue, &held("refresh-0")).await,
        ErrorKind::Protocol,
        "no access token",
    );
    again(&glue, &held("refresh-0")).await.unwrap();
    assert_eq!(presented(&server, 1), "refresh-1");
}

#[tokio::test(start_paused = true)]
async fn without_a_new_refresh_token_the_old_one_stays_and_an_unreadable_one_ends_it() {
    let body = |refresh: Value| {
        let mut attributes = attributes(1);
        attributes["refreshToken"] = refresh;
        answer(201, json!({"data": {"attributes": attributes}}))
    };
    for (refresh, expected) in [
        (Value::Null, Some("refresh-0")),
        (json!(""), Some("refresh-0")),
        (json!(7), None),
        (json!("a\nb"), None),
    ] {
        let server = Server::new([body(refresh)]);
        let renewed = again(&server.glue(), &held("refresh-0")).await.unwrap();
        assert_eq!(refresh_of(&renewed), expected);
        assert_eq!(renewed.warning.is_some(), expected.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn two_sessions_never_present_one_refresh_token_twice() {
    let later = |number: u32| {
        let body = json!({"data": {"attributes": attributes(number)}});
        Act::Later(secs(1), 201, body.to_string())
    };
    let server = Server::new([later(1), later(2)]);
    let glue = server.glue();
    let token = held("refresh-0");
    let (one, two) = tokio::join!(again(&glue, &token), again(&glue, &token));
    one.unwrap();
    two.unwrap();
    assert_eq!(presented(&server, 0), "refresh-0");
    assert_eq!(presented(&server, 1), "refresh-1");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_signed_in_who_has_just_signed_out() {
    let refused = json!({"errors": [{"code": "004"}]}).to_string();
    let server = Server::new([Act::Later(secs(5), 401, refused), tokens(1)]);
    let session = server.glue().session().token(held("refresh-0"));
    let session = session.build().unwrap();
    let renewing = tokio::spawn({
        let session = session.clone();
        async move { session.renew().await.map(drop) }
    });
    tokio::time::sleep(secs(1)).await;
    session.clear();
    let failed = renewing.await.unwrap().unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Cleared);
    tokio::time::sleep(secs(60)).await;
    assert_eq!(server.calls(), "refresh-tokens");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_signed_in_who_signs_out_while_another_session_signs_in() {
    let refused = || json!({"errors": [{"code": "004"}]}).to_string();
    let signed_in = json!({"data": {"attributes": attributes(1)}}).to_string();
    let server = Server::new([
        answer(401, refused()),
        Act::Later(secs(1), 201, signed_in),
        // What the other has got is presented, and refused as well.
        Act::Later(secs(5), 401, refused()),
        tokens(2),
    ]);
    let glue = server.glue();
    let session = glue.session().token(held("refresh-0")).build().unwrap();
    let token = held("refresh-0");
    let (other, ours) = tokio::join!(again(&glue, &token), async {
        let renewing = tokio::spawn({
            let session = session.clone();
            async move { session.renew().await.map(drop) }
        });
        tokio::time::sleep(secs(3)).await;
        session.clear();
        renewing.await.unwrap()
    });
    assert_eq!(access_of(&other.unwrap()), "access-1");
    assert_eq!(ours.unwrap_err().kind(), ErrorKind::Cleared);
    tokio::time::sleep(secs(60)).await;
    assert_eq!(
        server.calls(),
        "refresh-tokens access-tokens refresh-tokens"
    );
    assert_eq!(presented(&server, 2), "refresh-1");
}
