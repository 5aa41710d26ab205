//! Sessions: events, deadlines, and renewals that nobody wants any more.

use super::*;
use crate::{Event, Session};

fn session(oauth2: &OAuth2) -> Session {
    let session = oauth2.session().origin("https://api.example.com");
    session.build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_session_signs_in_renews_and_signs_out() {
    let server = Server::new([
        answer(200, tokens(1)),
        answer(200, tokens(2)),
        answer(200, ""),
        answer(200, ""),
    ]);
    let oauth2 = server
        .builder()
        .revocation_url("https://auth.example.com/revoke");
    let session = session(&oauth2.build().unwrap());
    let mut events = session.events();
    session.token().await.unwrap();
    session.renew().await.unwrap();
    session.sign_out().await.unwrap();
    assert!(matches!(events.next().await, Some(Event::SignedIn { .. })));
    assert!(matches!(events.next().await, Some(Event::Renewed { .. })));
    assert!(matches!(events.next().await, Some(Event::Cleared)));
    assert_eq!(
        grants(&server),
        "client_credentials refresh-1 -refresh-2 -access-2"
    );
}

#[tokio::test]
async fn the_origin_is_the_users_to_name() {
    let oauth2 = Server::default().builder().build().unwrap();
    let error = Error::from(oauth2.session().build().unwrap_err());
    assert!(error.to_string().contains("no origin is set"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn wrong_client_credentials_are_tried_once() {
    let server = Server::new([oops(401, "invalid_client")]);
    let session = session(&server.builder().build().unwrap());
    for _ in 0..3 {
        let error = session.token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        tokio::time::advance(Duration::from_secs(100_000)).await;
    }
    assert_eq!(server.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_and_a_sign_in_fit_into_the_deadline() {
    let nearly = Duration::from_millis(29_900);
    let refused = json!({"error": "invalid_grant"}).to_string();
    let server = Server::new([
        Act::Later(nearly, 400, refused),
        Act::Later(nearly, 200, tokens(1).to_string()),
    ]);
    let oauth2 = server.builder().build().unwrap();
    let token = held("refresh-0");
    let session = oauth2
        .session()
        .origin("https://api.example.com")
        .token(token);
    let session = session.build().unwrap();
    let current = session.renew().await.unwrap();
    assert_eq!(current.token().expose(), "access-1");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_signed_in_who_has_just_signed_out() {
    let second = Duration::from_secs(1);
    let refused = json!({"error": "invalid_grant"}).to_string();
    let server = Server::new([Act::Later(second, 400, refused), answer(200, tokens(1))]);
    let oauth2 = server.builder().build().unwrap();
    let token = held("refresh-0");
    let session = oauth2
        .session()
        .origin("https://api.example.com")
        .token(token);
    let session = session.build().unwrap();
    let renewing = tokio::spawn({
        let session = session.clone();
        async move { session.renew().await }
    });
    tokio::time::sleep(second / 2).await;
    session.clear();
    let error = renewing.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cleared);
    tokio::time::sleep(second * 100).await;
    assert_eq!(grants(&server), "refresh-0");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_cause_one_sign_in() {
    let later = Act::Later(Duration::from_secs(1), 200, tokens(1).to_string());
    let server = Server::new([later]);
    let session = session(&server.builder().build().unwrap());
    let callers: Vec<_> = (0..1000)
        .map(|_| {
            let session = session.clone();
            tokio::spawn(async move { session.token().await.unwrap().generation() })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), 1);
    }
    assert_eq!(server.count(), 1);
}
