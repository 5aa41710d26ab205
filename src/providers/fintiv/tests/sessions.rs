//! The session that a provider makes.

use super::*;

#[tokio::test(start_paused = true)]
async fn it_has_origin_clock_deadline_and_key() {
    let server = Server::new([signed_on("t-1")]);
    let fintiv = builder(&server)
        .tenant("JANUS")
        .request_timeout(Duration::from_secs(7))
        .build()
        .unwrap();
    assert_eq!(fintiv.origin(), "https://api-dev.fintiv.co:8080");
    assert_eq!(fintiv.worst_case(), Duration::from_secs(7));
    let key = fintiv.store_key().to_string();
    assert_eq!(
        key,
        "fintiv;https:%2F%2Fapi-dev.fintiv.co:8080;cashier@bar.com;JANUS"
    );
    let session = fintiv.session().build().unwrap();
    assert_eq!(session.token().await.unwrap().token().expose(), "t-1");
    assert_eq!(server.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_ahead_of_its_end_by_signing_on_again() {
    let server = Server::new([signed_on("t-1"), signed_on("t-2")]);
    let session = builder(&server).build().unwrap().session().build().unwrap();
    assert_eq!(session.token().await.unwrap().token().expose(), "t-1");
    // 1 h less 60 s.
    tokio::time::advance(Duration::from_secs(3600 - 61)).await;
    assert_eq!(session.token().await.unwrap().token().expose(), "t-1");
    session.settled().await;
    assert_eq!(server.count(), 1);
    tokio::time::advance(Duration::from_secs(2)).await;
    session.token().await.unwrap();
    session.settled().await;
    assert_eq!(session.token().await.unwrap().token().expose(), "t-2");
    assert_eq!(server.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn wrong_credentials_are_tried_once() {
    let server = Server::new([answer(200, envelope("SECURITY", "no"))]);
    let session = builder(&server).build().unwrap().session().build().unwrap();
    for _ in 0..3 {
        let error = session.token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        tokio::time::advance(Duration::from_secs(24 * 3600)).await;
    }
    assert_eq!(server.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_sign_on_tokens_come_from_elsewhere() {
    let server = Server::default();
    let fintiv = builder(&server)
        .without_sign_on()
        .token_placement(TokenPlacement::body())
        .build()
        .unwrap();
    let error = sign_on(fintiv.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(server.count(), 0);
    assert!(Token::placed("t", fintiv.placement()).is_ok());
}
