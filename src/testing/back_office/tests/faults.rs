use std::{io::ErrorKind, time::Duration};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::testing::{
    FakeClock,
    back_office::{DateFormat, Endpoint, Fault},
};

fn raw_sign_in() -> String {
    let body = json!({ "email": EMAIL, "password": PASSWORD }).to_string();
    format!(
        "POST {SIGN_IN} HTTP/1.1\r\nhost: a\r\naccept: application/json\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn with(fault: Fault) -> Pair {
    let pair = start_default().await;
    pair.server.inject(Endpoint::SignIn, fault);
    pair
}

fn is_reset(end: &std::io::Result<()>) -> bool {
    matches!(end, Err(error) if error.kind() == ErrorKind::ConnectionReset)
}

#[tokio::test]
async fn faults_wait_for_their_endpoint_first_in_first_out() {
    let pair = start_default().await;
    let (access, _) = pair.server.issue_access_token(EMAIL);
    pair.server.inject(Endpoint::SignIn, Fault::Status(503));
    pair.server
        .inject_times(2, Endpoint::SignIn, &Fault::Status(500));
    assert_eq!(pair.get(&access).await.status, 200);
    assert_eq!(pair.server.faults_left(Endpoint::SignIn), 3);
    for status in [503, 500, 500, 200] {
        assert_eq!(pair.sign_in().await.status, status);
    }
    assert_eq!(pair.server.faults_left(Endpoint::SignIn), 0);
    // They count towards the limit, but nothing was done.
    assert_eq!((pair.counts().sign_ins, pair.counts().sign_ins_ok), (4, 1));
    assert!(clean(pair.counts()));
}

#[tokio::test]
async fn a_request_that_breaks_a_rule_uses_up_no_fault() {
    let pair = with(Fault::Status(503)).await;
    let mut request = pair.auth(SIGN_IN, &json!({}));
    request.headers_mut().remove("accept");
    assert_eq!(pair.send(request).await.status, 406);
    assert_eq!(pair.sign_in().await.status, 503);
}

#[tokio::test]
async fn an_answer_is_given_as_it_is_ordered() {
    let pair = with(Fault::Answer {
        status: 429,
        headers: vec![
            ("Retry-After".to_owned(), "7".to_owned()),
            ("Retry-After".to_owned(), "soon".to_owned()),
        ],
        body: "busy".to_owned(),
    })
    .await;
    let answer = pair.sign_in().await;
    assert_eq!(answer.status, 429);
    let waits: Vec<_> = answer.headers.get_all("retry-after").iter().collect();
    assert_eq!(waits, ["7", "soon"]);
    assert_eq!(answer.body, "busy");
    let names: Vec<_> = answer.headers.keys().collect();
    assert_eq!(names, ["retry-after", "content-length"]);
    assert_eq!(pair.counts().locked_out, 0);
}

#[tokio::test]
async fn only_an_ordered_answer_is_without_a_date_or_with_one_of_its_own() {
    let mut pair = start(Simulator::builder().clock(FakeClock::new())).await;
    for http2 in [false, true] {
        pair.client = client::client(http2);
        let (access, _) = pair.server.issue_access_token(EMAIL);
        for date in [None, Some("Sat, 01 Jan 2022 00:00:00 GMT")] {
            let headers = date.map(|date| ("date".to_owned(), date.to_owned()));
            let answer = Fault::Answer {
                status: 200,
                headers: headers.into_iter().collect(),
                body: String::new(),
            };
            pair.server.inject(Endpoint::Api, answer);
            assert_eq!(pair.get(&access).await.header(header::DATE), date);
        }
        let now = Some("Thu, 01 Jan 2026 00:00:00 GMT");
        assert_eq!(pair.get(&access).await.header(header::DATE), now);
        pair.server.inject(Endpoint::Api, Fault::Status(503));
        assert_eq!(pair.get(&access).await.header(header::DATE), now);
    }
}

#[tokio::test]
async fn answers_that_are_none() {
    let pair = with(Fault::Html).await;
    let answer = pair.sign_in().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header(header::CONTENT_TYPE), Some("text/html"));

    let pair = with(Fault::Malformed).await;
    let answer = pair.sign_in().await;
    assert_eq!(answer.status, 200);
    assert!(serde_json::from_slice::<Value>(&answer.body).is_err());

    let pair = with(Fault::Status(42)).await;
    assert_eq!(pair.sign_in().await.status, 500);

    let pair = with(Fault::Redirect {
        status: 307,
        location: "https://other.example/".to_owned(),
    })
    .await;
    let answer = pair.sign_in().await;
    assert_eq!(answer.status, 307);
    assert_eq!(
        answer.header(header::LOCATION),
        Some("https://other.example/")
    );
    assert_eq!(pair.counts().sign_ins_ok, 0);
}

#[tokio::test]
async fn a_challenge_is_worded_as_ordered() {
    let pair = start_default().await;
    let (access, _) = pair.server.issue_access_token(EMAIL);
    let challenge = r#"Basic realm="x", Bearer error="insufficient_scope""#;
    pair.server
        .inject(Endpoint::Api, Fault::Challenge(challenge.to_owned()));
    let answer = pair.get(&access).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header(header::WWW_AUTHENTICATE), Some(challenge));
    assert_eq!((pair.counts().unauthorized, pair.counts().api_ok), (1, 0));
    assert_eq!(pair.get(&access).await.status, 200);
}

#[tokio::test]
async fn a_delay_passes_on_the_simulators_clock() {
    let clock = FakeClock::new();
    let pair = start(Simulator::builder().clock(clock.clone())).await;
    let delay = Fault::Delay(Duration::from_secs(60));
    pair.server.inject(Endpoint::SignIn, delay);
    let (answer, ()) = tokio::join!(pair.sign_in(), async {
        clock.wait_for_sleepers(1).await;
        assert_eq!(pair.counts().sign_ins_ok, 0);
        clock.advance(Duration::from_secs(60));
    });
    assert_eq!(answer.status, 200);
    assert_eq!(clock.sleepers(), 0);
}

#[tokio::test]
async fn a_reset_comes_before_or_after_the_work() {
    let pair = with(Fault::Reset).await;
    let (answer, end) = pair.raw(&raw_sign_in()).await;
    assert_eq!(answer, "");
    assert!(is_reset(&end), "{end:?}");
    assert_eq!((pair.counts().sign_ins, pair.counts().sign_ins_ok), (1, 0));

    let pair = with(Fault::ResetAfterwards).await;
    let (answer, end) = pair.raw(&raw_sign_in()).await;
    assert_eq!(answer, "");
    assert!(is_reset(&end), "{end:?}");
    assert_eq!((pair.counts().sign_ins, pair.counts().sign_ins_ok), (1, 1));
    assert_eq!(pair.counts().tokens_issued, 1);
}

#[tokio::test]
async fn a_lost_answer_leaves_the_refresh_token_spent() {
    let pair = start_default().await;
    let (_, refresh) = pair.server.issue_access_token(EMAIL);
    pair.server
        .inject(Endpoint::Refresh, Fault::ResetAfterwards);
    let request = pair.auth(REFRESH, &json!({ "refreshToken": refresh }));
    assert!(pair.client.request(request).await.is_err());
    assert_eq!(pair.refresh(&refresh).await.status, 401);
    let counts = pair.counts();
    assert_eq!((counts.refreshes, counts.refreshes_ok), (2, 1));
    assert_eq!(counts.reused_refresh_tokens, 1);
}

#[tokio::test]
async fn an_answer_is_cut_at_every_byte() {
    let pair = start(Simulator::builder().clock(FakeClock::new())).await;
    let (access, _) = pair.server.issue_access_token(EMAIL);
    let request = format!("GET / HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {access}\r\n");
    let (whole, end) = pair
        .raw(&format!("{request}connection: close\r\n\r\n"))
        .await;
    assert!(end.is_ok());
    // The same answer but for this header, which is only there when the connection is to close.
    let whole = whole.replace("connection: close\r\n", "");
    for cut in 0..whole.len() {
        pair.server.inject(Endpoint::Api, Fault::CutAt(cut));
        let (part, end) = pair.raw(&format!("{request}\r\n")).await;
        assert_eq!(part, whole[..cut]);
        assert!(is_reset(&end), "{cut}: {end:?}");
    }
    assert_eq!(pair.counts().api_ok, whole.len() as u64 + 1);
}

#[tokio::test]
async fn a_truncated_answer_promises_more_than_it_holds() {
    let pair = with(Fault::Truncated).await;
    let (answer, end) = pair.raw(&raw_sign_in()).await;
    assert!(end.is_ok(), "{end:?}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap();
    assert_eq!(body.len(), length.parse::<usize>().unwrap() / 2);
    assert_eq!(pair.counts().sign_ins_ok, 1);
}

#[tokio::test]
async fn a_hanging_request_ends_with_the_simulator() {
    for (fault, done) in [(Fault::Hang, 0), (Fault::HangAfterwards, 1)] {
        let pair = with(fault).await;
        let mut stream = pair.connect().await;
        stream.write_all(raw_sign_in().as_bytes()).await.unwrap();
        while pair.server.faults_left(Endpoint::SignIn) > 0 || pair.counts().sign_ins_ok < done {
            tokio::task::yield_now().await;
        }
        assert_eq!(pair.counts().sign_ins_ok, done);
        let mut byte = [0];
        let read = stream.try_read(&mut byte);
        assert_eq!(read.unwrap_err().kind(), ErrorKind::WouldBlock);
        pair.server.shutdown().await;
        assert!(matches!(stream.read(&mut byte).await, Ok(0) | Err(_)));
    }
}

#[tokio::test]
async fn bodies_that_do_not_end() {
    let pair = start_default().await;
    let (access, _) = pair.server.issue_access_token(EMAIL);
    pair.server.inject(Endpoint::Api, Fault::Endless(401));
    let request = pair.bearer(Method::GET, "/", &access, "");
    let answer = pair.client.request(request).await.unwrap();
    assert_eq!(answer.status(), 401);
    let mut body = answer.into_body();
    let mut bytes = 0;
    while bytes < 1 << 20 {
        let frame = body.frame().await.unwrap().unwrap();
        bytes += frame.into_data().unwrap().len();
    }

    pair.server.inject(Endpoint::Api, Fault::Stalled(401));
    let request = pair.bearer(Method::GET, "/", &access, "");
    let answer = pair.client.request(request).await.unwrap();
    let mut body = answer.into_body();
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        "x"
    );
    let mut next = tokio_test::task::spawn(body.frame());
    assert!(next.poll().is_pending());
    assert_eq!(pair.counts().unauthorized, 2);
}

#[tokio::test]
async fn an_early_refusal_leaves_the_connection_usable() {
    let pair = start_default().await;
    let (access, _) = pair.server.issue_access_token(EMAIL);
    pair.server.inject(Endpoint::Api, Fault::EarlyUnauthorized);
    let head = format!(
        "POST /files HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {access}\r\n\
         content-length: 6\r\n\r\n"
    );
    let mut stream = pair.connect().await;
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(b"abc").await.unwrap();
    // The answer is here although half of the body is not sent yet.
    let answer = read_answer(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    stream.write_all(b"def").await.unwrap();

    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(b"abcdef").await.unwrap();
    let answer = read_answer(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let counts = pair.counts();
    assert_eq!((counts.unauthorized, counts.api_ok), (1, 1));
    assert_eq!(counts.connections, 1);
}

#[tokio::test]
async fn an_early_refusal_may_close_the_connection() {
    let pair = start_default().await;
    let (access, _) = pair.server.issue_access_token(EMAIL);
    pair.server
        .inject(Endpoint::Api, Fault::EarlyUnauthorizedAndClose);
    let head = format!(
        "POST /files HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {access}\r\n\
         content-length: 6\r\n\r\n"
    );
    let (answer, end) = pair.raw(&head).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(end.is_ok(), "{end:?}");
    assert_eq!(pair.counts().unauthorized, 1);
    assert!(pair.server.uploads().is_empty());
}

#[tokio::test]
async fn one_token_of_the_pair() {
    let pair = with(Fault::OnlyAccess).await;
    assert_eq!(pair.sign_in().await.keys(), ["2faRequired", "accessToken"]);
    let (_, refresh) = pair.server.issue_access_token(EMAIL);
    pair.server.inject(Endpoint::Refresh, Fault::OnlyAccess);
    assert_eq!(pair.refresh(&refresh).await.keys(), ["accessToken"]);
    // Whoever got no new refresh token can use the old one again.
    pair.server.inject(Endpoint::Refresh, Fault::OnlyRefresh);
    assert_eq!(pair.refresh(&refresh).await.keys(), ["refreshToken"]);
    assert_eq!(pair.refresh(&refresh).await.status, 401);
    assert_eq!(pair.counts().reused_refresh_tokens, 1);
    assert_eq!(pair.counts().tokens_issued, 3);
}

#[tokio::test]
async fn two_factor_answers_that_contradict_themselves() {
    let pair = with(Fault::TwoFactorWithoutDetails).await;
    let answer = pair.sign_in().await.json();
    assert_eq!(answer, json!({ "2faRequired": true, "2faDetails": null }));
    assert_eq!(pair.server.latest_code(EMAIL), None);

    let pair = with(Fault::NoTokens).await;
    assert_eq!(pair.sign_in().await.json(), json!({ "2faRequired": false }));
    assert_eq!(pair.counts().tokens_issued, 0);

    for flag in [true, false] {
        let pair = with(Fault::TokensAndDetails(flag)).await;
        let answer = pair.sign_in().await;
        assert_eq!(answer.json()["2faRequired"], flag);
        assert_eq!(pair.get(&answer.access()).await.status, 200);
        let code = pair.server.next_code(EMAIL).await;
        let token = answer.text("/2faDetails/token");
        assert_eq!(pair.confirm(&token, &code).await.status, 200);
        assert_eq!(pair.counts().tokens_issued, 2);
    }
}

#[tokio::test]
async fn dates_of_every_sort() {
    let builder = Simulator::builder()
        .clock(FakeClock::new())
        .dates(DateFormat::Zulu);
    let pair = start(builder).await;
    let expires = "/accessToken/expiresAt";
    assert_eq!(pair.sign_in().await.text(expires), "2026-01-01T10:00:00Z");
    let east = Fault::Dates(DateFormat::East);
    pair.server.inject(Endpoint::SignIn, east);
    assert_eq!(
        pair.sign_in().await.text(expires),
        "2026-01-01T12:00:00+02:00"
    );

    pair.server.inject(Endpoint::SignIn, Fault::NoExpiry);
    let answer = pair.sign_in().await.json();
    for token in ["accessToken", "refreshToken"] {
        let keys: Vec<_> = answer[token].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["createdAt", "token"]);
    }

    pair.server
        .inject(Endpoint::SignIn, Fault::PlaceholderDates);
    let answer = pair.sign_in().await;
    let placeholder = "2022-01-01T00:00:00+00:00";
    assert_eq!(answer.text("/accessToken/createdAt"), placeholder);
    assert_eq!(answer.text(expires), placeholder);
    // Whatever it says, the token works.
    assert_eq!(pair.get(&answer.access()).await.status, 200);

    pair.server.set_two_factor(true);
    pair.server
        .inject(Endpoint::SignIn, Fault::PlaceholderDates);
    let answer = pair.sign_in().await;
    assert_eq!(answer.text("/2faDetails/expiresAt"), placeholder);
    let code = pair.server.next_code(EMAIL).await;
    let token = answer.text("/2faDetails/token");
    assert_eq!(pair.confirm(&token, &code).await.status, 200);
}

#[tokio::test]
async fn faults_over_http2() {
    let mut pair = start_default().await;
    pair.client = client::client(true);
    let (access, _) = pair.server.issue_access_token(EMAIL);
    let upload = || pair.bearer(Method::POST, "/files", &access, &"x".repeat(1 << 20));
    for fault in [Fault::EarlyUnauthorized, Fault::EarlyUnauthorizedAndClose] {
        pair.server.inject(Endpoint::Api, fault);
        assert_eq!(pair.send(upload()).await.status, 401);
    }
    // Only the stream of a truncated answer breaks, but a reset takes the connection along.
    pair.server.inject(Endpoint::Api, Fault::Truncated);
    let answer = pair.client.request(upload()).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.into_body().collect().await.is_err());
    assert_eq!(pair.send(upload()).await.status, 200);
    assert_eq!(pair.counts().connections, 1);
    pair.server.inject(Endpoint::Api, Fault::Reset);
    assert!(pair.client.request(upload()).await.is_err());
    assert_eq!(pair.send(upload()).await.status, 200);
    let counts = pair.counts();
    assert_eq!((counts.unauthorized, counts.api_ok), (2, 3));
    assert_eq!(counts.connections, 2);
}

/// Reads one answer that has a `content-length`.
async fn read_answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .unwrap();
            if body.len() == length.parse::<usize>().unwrap() {
                return text;
            }
        }
        answer.push(stream.read_u8().await.unwrap());
    }
}
