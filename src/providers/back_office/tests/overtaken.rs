//! Renewals that nobody wants any more, and renewals that wait for each other.

use super::*;
use crate::{Current, Session};

type Waiting = tokio::task::JoinHandle<Result<Current, Error>>;

/// Asks for a token in a task, and gives that a while.
async fn begin(session: &Session, wait: u64) -> Waiting {
    let session = session.clone();
    let task = tokio::spawn(async move { session.token().await });
    tokio::time::sleep(Duration::from_secs(wait)).await;
    task
}

#[track_caller]
fn assert_cleared(result: Result<Current, Error>) {
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Cleared);
}

/// Lets whatever is still on its way go on.
async fn later() {
    tokio::time::sleep(Duration::from_secs(100_000)).await;
}

#[tokio::test(start_paused = true)]
async fn clearing_ends_a_prompt_and_frees_the_way() {
    let server = Server::new([
        sample_two_factor(),
        sample_two_factor(),
        answer(200, pair(2)),
    ]);
    let person = Person::slow([(290, "1"), (1, "2")]);
    let back_office = server.builder().person(&person).build().unwrap();
    let session = back_office.session().build().unwrap();
    let waiting = begin(&session, 5).await;
    session.clear();
    assert_cleared(waiting.await.unwrap());

    let start = tokio::time::Instant::now();
    session.token().await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(2));
    later().await;
    assert_eq!(server.calls(), "signin signin confirm");
    assert_eq!(person.attempts(), [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn renewals_that_were_cleared_do_not_queue_up() {
    let server = Server::new([sample_two_factor(), signed_in(1)]);
    let person = Person::slow([(30, "1"), (30, "1")]);
    let back_office = server.builder().person(&person).build().unwrap();
    let one = back_office.session().build().unwrap();
    let other = back_office.session().build().unwrap();
    let prompted = begin(&one, 1).await;
    for _ in 0..3 {
        let queued = begin(&other, 1).await;
        other.clear();
        assert_cleared(queued.await.unwrap());
    }
    one.clear();
    assert_cleared(prompted.await.unwrap());
    other.token().await.unwrap();
    later().await;
    assert_eq!(server.calls(), "signin signin");
    assert_eq!(person.attempts(), [1]);
}

#[tokio::test(start_paused = true)]
async fn signing_out_while_a_person_is_prompted_ends_at_once() {
    let server = Server::new([sample_two_factor(), sample_two_factor()]);
    let person = Person::slow([(250, "1"), (250, "2")]);
    let back_office = server.builder().person(&person).build().unwrap();
    let session = back_office.session().build().unwrap();
    let waiting = begin(&session, 1).await;
    let start = tokio::time::Instant::now();
    session.sign_out().await.unwrap();
    assert!(start.elapsed() < Duration::from_millis(10));
    assert_cleared(waiting.await.unwrap());
    later().await;
    assert_eq!(server.calls(), "signin");
    assert_eq!(person.attempts(), [1]);
}

#[tokio::test(start_paused = true)]
async fn signing_out_during_a_refresh_uses_no_password() {
    // The sign-out reaches the server first, so that the refresh is refused.
    let second = Duration::from_secs(1);
    let server = Server::new([
        Act::Later(second, 401, String::new()),
        answer(200, ""),
        signed_in(1),
    ]);
    let back_office = server.back_office();
    let session = back_office
        .session()
        .token(held("refresh-0"))
        .build()
        .unwrap();
    let renewing = session.clone();
    let renewing = tokio::spawn(async move { renewing.renew().await });
    tokio::time::sleep(Duration::from_millis(10)).await;
    session.sign_out().await.unwrap();
    assert_cleared(renewing.await.unwrap());
    later().await;
    assert_eq!(server.calls(), "refresh signout");
}

#[tokio::test(start_paused = true)]
async fn tokens_on_the_wire_come_home_and_are_signed_out() {
    let second = Duration::from_secs(1);
    let server = Server::new([
        Act::Later(second, 200, pair(1).to_string()),
        answer(200, ""),
        answer(200, ""),
    ]);
    let back_office = server.back_office();
    let session = back_office
        .session()
        .token(held("refresh-0"))
        .build()
        .unwrap();
    let renewing = session.clone();
    let renewing = tokio::spawn(async move { renewing.renew().await });
    tokio::time::sleep(Duration::from_millis(10)).await;
    session.sign_out().await.unwrap();
    assert_cleared(renewing.await.unwrap());
    assert_eq!(server.calls(), "refresh signout signout");
    let seen = server.seen.lock().unwrap();
    assert_eq!(seen[1].headers["authorization"], "Bearer access-0");
    assert_eq!(seen[2].headers["authorization"], "Bearer access-1");
}

#[tokio::test(start_paused = true)]
async fn a_token_from_elsewhere_ends_a_prompt() {
    let server = Server::new([sample_two_factor(), answer(200, pair(1))]);
    let person = Person::slow([(290, "1")]);
    let back_office = server.builder().person(&person).build().unwrap();
    let session = back_office.session().build().unwrap();
    let waiting = begin(&session, 1).await;
    session.set(held("refresh-0"));
    assert_eq!(waiting.await.unwrap().unwrap().token().expose(), "access-0");
    let start = tokio::time::Instant::now();
    session.renew().await.unwrap();
    assert!(start.elapsed() < Duration::from_millis(10));
    assert_eq!(server.calls(), "signin refresh");
}

#[tokio::test(start_paused = true)]
async fn a_prompt_holds_up_no_refresh_of_another_session() {
    let server = Server::new([
        sample_two_factor(),
        answer(200, pair(2)),
        answer(200, pair(3)),
    ]);
    let person = Person::slow([(250, "1")]);
    let back_office = server.builder().person(&person).build().unwrap();
    let one = back_office.session().build().unwrap();
    let other = back_office.session().token(held("refresh-0"));
    let other = other.build().unwrap();
    let waiting = begin(&one, 1).await;
    let start = tokio::time::Instant::now();
    other.renew().await.unwrap();
    assert!(start.elapsed() < Duration::from_millis(10));
    assert_eq!(server.calls(), "signin refresh");
    waiting.await.unwrap().unwrap();
    assert_eq!(server.calls(), "signin refresh confirm");
}

#[tokio::test(start_paused = true)]
async fn after_another_sessions_sign_in_its_refresh_token_is_used() {
    // Two sessions with the same refresh token, which has died.
    let server = Server::new([
        answer(401, ""),
        sample_two_factor(),
        answer(200, pair(1)),
        answer(200, pair(2)),
    ]);
    let person = Person::slow([(10, "1"), (10, "2")]);
    let back_office = server.builder().person(&person).build().unwrap();
    let token = held("refresh-0");
    let (one, two) = tokio::join!(again(&back_office, &token), again(&back_office, &token));
    assert_eq!(one.unwrap().signed_in, Some(true));
    assert_eq!(two.unwrap().signed_in, Some(false));
    assert_eq!(server.calls(), "refresh signin confirm refresh");
    assert_eq!(server.sent(3, "refreshToken"), "refresh-1");
    assert_eq!(person.attempts(), [1]);
}

#[tokio::test(start_paused = true)]
async fn clearing_during_a_confirmation_presents_no_password_again() {
    let second = Duration::from_secs(1);
    let server = Server::new([
        sample_two_factor(),
        Act::Later(second, 410, String::new()),
        signed_in(1),
    ]);
    let person = Person::new(["1"]);
    let back_office = server.builder().person(&person).build().unwrap();
    let session = back_office.session().build().unwrap();
    let waiting = session.clone();
    let waiting = tokio::spawn(async move { waiting.token().await });
    tokio::time::sleep(Duration::from_millis(10)).await;
    session.clear();
    assert_cleared(waiting.await.unwrap());
    later().await;
    assert_eq!(server.calls(), "signin confirm");
}
