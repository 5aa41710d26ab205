//! Never too often, and not at all while blocked.

use super::*;

#[tokio::test(start_paused = true)]
async fn the_documented_limits_are_kept_per_endpoint() {
    let server = Server::new((0..20).map(|_| answer(500, "")));
    let back_office = server.back_office();
    for _ in 0..8 {
        assert!(first(&back_office).await.is_err());
        assert!(again(&back_office, &held("refresh-0")).await.is_err());
    }
    assert_eq!(server.calls().matches("signin").count(), 5);
    assert_eq!(server.calls().matches("refresh").count(), 5);
    let error = assert_fails(
        first(&back_office).await,
        ErrorKind::RateLimited,
        "no more than 5 sign-ins a minute are allowed: rate-limited, try again in 61 s",
    );
    tokio::time::advance(error.retry_after_hint().unwrap()).await;
    assert_fails(first(&back_office).await, ErrorKind::Transport, "");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_for_a_code_that_cannot_be_sent() {
    let refused = || answer(401, "");
    let server = Server::new([
        sample_two_factor(),
        refused(),
        refused(),
        refused(),
        sample_two_factor(),
        answer(200, pair(1)),
    ]);
    let person = Person::new(["1", "2", "3", "4"]);
    let back_office = server.builder().person(&person).build().unwrap();
    assert_fails(first(&back_office).await, ErrorKind::CodeRejected, "");
    let text = "no more than 3 confirmations of a code a minute are allowed";
    assert_fails(first(&back_office).await, ErrorKind::RateLimited, text);
    assert_eq!(person.attempts(), [1, 2, 3]);
    // Nor is one mailed.
    assert_eq!(server.calls(), "signin confirm confirm confirm");
    tokio::time::advance(Duration::from_millis(60_001)).await;
    first(&back_office).await.unwrap();
    assert_eq!(server.count(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_lock_out_stops_all_three_endpoints() {
    for (status, kind) in [(429, ErrorKind::RateLimited), (423, ErrorKind::Locked)] {
        for (headers, seconds) in [
            (vec![], 600),
            (vec![("retry-after", "120")], 120),
            (vec![("retry-after", "0")], 600),
            (vec![("retry-after", "soon")], 600),
            (vec![("retry-after", "99999999")], 3600),
            (vec![("retry-after", "Sat, 01 Jan 2022 00:02:00 GMT")], 120),
            (vec![("retry-after", "Sat, 01 Jan 2011 00:02:00 GMT")], 600),
            (
                vec![
                    ("date", "Fri, 01 Jan 2010 00:00:00 GMT"),
                    ("retry-after", "Fri, 01 Jan 2010 00:01:40 GMT"),
                ],
                100,
            ),
        ] {
            let headers: Vec<_> = headers
                .iter()
                .map(|(n, v)| (*n, String::from(*v)))
                .collect();
            for by_refresh in [false, true] {
                let server = Server::new([
                    Act::Answer(status, headers.clone(), String::new()),
                    signed_in(1),
                ]);
                let back_office = server.back_office();
                let token = held("refresh-0");
                let result = match by_refresh {
                    true => again(&back_office, &token).await,
                    false => first(&back_office).await,
                };
                // The longest wait that is believed.
                let is_long = seconds == 3600 && status == 423;
                let wait = Duration::from_secs(if is_long { 24 * 3600 } else { seconds });
                let error = assert_fails(result, kind, "");
                assert_eq!(error.retry_after_hint(), Some(wait));

                tokio::time::advance(wait - Duration::from_millis(10)).await;
                assert_fails(first(&back_office).await, kind, "try again in 1 s");
                assert_fails(again(&back_office, &token).await, kind, "try again in 1 s");
                assert_eq!(server.count(), 1, "a call while blocked");
                tokio::time::advance(Duration::from_millis(10)).await;
                first(&back_office).await.unwrap();
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_out_at_the_code_stops_the_renewal() {
    let server = Server::new([sample_two_factor(), answer(429, "")]);
    let person = Person::new(["1", "2"]);
    let back_office = server.builder().person(&person).build().unwrap();
    assert_fails(
        first(&back_office).await,
        ErrorKind::RateLimited,
        "try again in 600 s",
    );
    assert_fails(
        first(&back_office).await,
        ErrorKind::RateLimited,
        "has blocked further attempts, so the sign-in was not sent",
    );
    assert_eq!(server.calls(), "signin confirm");
    assert_eq!(person.attempts(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_hangs_does_not_hide_a_lock_out() {
    let head = vec![("retry-after", "120".to_owned())];
    let server = Server::new([Act::HangAfter(429, head, "{".into())]);
    let back_office = server.back_office();
    assert_fails(
        first(&back_office).await,
        ErrorKind::RateLimited,
        "try again in 120 s",
    );
    assert_fails(
        first(&back_office).await,
        ErrorKind::RateLimited,
        "try again in 120 s",
    );
    assert_eq!(server.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_classifier_can_begin_a_lock_out() {
    let server = Server::new([answer(403, "too many")]);
    let back_office = server
        .builder()
        .lockout(Duration::from_secs(7))
        .classifier(|answer| (answer.body() == b"too many").then_some(ErrorKind::Locked))
        .build()
        .unwrap();
    assert_fails(
        first(&back_office).await,
        ErrorKind::Locked,
        "try again in 7 s",
    );
    assert_fails(
        first(&back_office).await,
        ErrorKind::Locked,
        "try again in 7 s",
    );
    assert_eq!(server.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_is_left_alone_as_long_as_it_asks() {
    let server = Server::new([with(503, "retry-after", "17"), signed_in(1)]);
    let back_office = server.back_office();
    let error = assert_fails(first(&back_office).await, ErrorKind::Transport, "in 17 s");
    assert_eq!(error.retry_after_hint(), Some(Duration::from_secs(17)));
    // It is for the session to wait: this was no limit.
    first(&back_office).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_is_tried_once() {
    for status in [400, 401, 422] {
        let server = Server::new([answer(status, r#"{"errors":{"email":["Unknown user."]}}"#)]);
        assert_fails(
            first(&server.back_office()).await,
            ErrorKind::Rejected,
            "check the e-mail address and the password; the server says: Unknown user",
        );
        assert_eq!(server.count(), 1);
    }
}

/// The longest renewal that can be had takes no longer than it is said.
#[tokio::test(start_paused = true)]
async fn the_worst_case_is_not_exceeded() {
    let late = |status, body: String| Act::Later(Duration::from_secs(29), status, body);
    let flow = json!({"2faRequired": true, "2faDetails": {"token": FLOW}}).to_string();
    let server = Server::new([
        late(401, String::new()),
        late(200, flow.clone()),
        late(410, String::new()),
        late(200, flow),
        late(401, String::new()),
        late(401, String::new()),
        late(401, String::new()),
    ]);
    let person = Person::slow([(299, "1"), (299, "2"), (299, "3"), (299, "4")]);
    let back_office = server.builder().person(&person).build().unwrap();
    let start = tokio::time::Instant::now();
    let result = again(&back_office, &held("refresh-0")).await;
    assert_fails(result, ErrorKind::CodeRejected, "");
    assert_eq!(server.count(), 7);
    let worst_case = back_office.worst_case();
    assert_eq!(worst_case, Duration::from_secs(1440));
    assert!(start.elapsed() < worst_case);
    assert!(start.elapsed() > worst_case - Duration::from_secs(50));
    let bare = server.builder().build().unwrap();
    assert_eq!(bare.worst_case(), Duration::from_secs(90));
}

/// A client that goes on with a request when nobody waits for it any more.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_was_never_answered_counts_longer() {
    let seen: Arc<Mutex<Vec<tokio::time::Instant>>> = Arc::default();
    let noted = seen.clone();
    let client = service_fn(move |_: Request<Full<Bytes>>| {
        let noted = noted.clone();
        let sent = tokio::spawn(async move {
            let is_first = noted.lock().unwrap().is_empty();
            if is_first {
                tokio::time::sleep(Duration::from_secs(50)).await;
            }
            noted.lock().unwrap().push(tokio::time::Instant::now());
        });
        async move {
            sent.await?;
            Err::<Response<Full<Bytes>>, BoxError>("cut off".into())
        }
    });
    let back_office = BackOffice::builder(client, "https://host.name")
        .credentials(EMAIL, PASSWORD)
        .sign_in_limit(1)
        .build()
        .unwrap();
    assert_fails(first(&back_office).await, ErrorKind::Timeout, "within 30 s");
    tokio::time::sleep(Duration::from_millis(60_001)).await;
    let text = "try again in 30 s";
    assert_fails(first(&back_office).await, ErrorKind::RateLimited, text);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_fails(first(&back_office).await, ErrorKind::Transport, "");
    // An error is an answer.
    tokio::time::sleep(Duration::from_millis(60_001)).await;
    assert_fails(first(&back_office).await, ErrorKind::Transport, "");
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 3);
    assert!(seen[1] - seen[0] > Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn the_longest_lock_out_harms_nobody() {
    let server = Server::new([answer(429, "")]);
    let back_office = server.builder().lockout(Duration::MAX).build().unwrap();
    for _ in 0..2 {
        let result = first(&back_office).await;
        assert_fails(result, ErrorKind::RateLimited, "try again in 1844674407");
    }
    assert_eq!(server.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_server_says_is_no_sentence_of_its_own() {
    for said in ["Too many.", "Too many!", "Too many ...", "Too many"] {
        let server = Server::new([answer(429, json!({"message": said}))]);
        let error = first(&server.back_office()).await.unwrap_err();
        let text = "the sign-in failed (429): rate-limited; the server says: Too many, try again \
                    in 600 s";
        assert_eq!(error.to_string(), text);
    }
}
