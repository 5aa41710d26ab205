//! Two-factor authentication: codes, their time and their number.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_code_is_asked_for_and_confirmed() {
    // The answer has no `2faRequired`.
    let server = Server::new([
        two_factor("2022-01-01T00:02:00+00:00"),
        answer(200, pair(1)),
    ]);
    let person = Person::new(["123456"]);
    let back_office = server.builder().person(&person).build().unwrap();
    let renewed = first(&back_office).await.unwrap();
    assert_eq!(access_of(&renewed), "access-1");
    assert_eq!(renewed.signed_in, Some(true));
    assert_eq!(server.calls(), "signin confirm");
    let asked = person.asked.lock().unwrap();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].method(), "email");
    assert_eq!(asked[0].attempt(), 1);
    assert_eq!(asked[0].time_left(), Some(Duration::from_secs(120)));
}

#[tokio::test(start_paused = true)]
async fn any_way_of_delivery_is_handed_on_fit_for_a_prompt() {
    let details = json!({"token": FLOW, "provider": "pi\u{1b}[31mgeon\n"});
    let body = json!({"2faRequired": true, "2faDetails": details});
    let server = Server::new([answer(200, body), answer(200, pair(1))]);
    let person = Person::new(["1"]);
    first(&server.builder().person(&person).build().unwrap())
        .await
        .unwrap();
    assert_eq!(person.asked.lock().unwrap()[0].method(), "pi[31mgeon");

    for provider in ["", " ", "\u{200B}\n"] {
        let details = json!({"token": FLOW, "provider": provider});
        let body = json!({"2faRequired": true, "2faDetails": details});
        let server = Server::new([answer(200, body), answer(200, pair(1))]);
        let person = Person::new(["1"]);
        let back_office = server.builder().person(&person).build().unwrap();
        first(&back_office).await.unwrap();
        assert_eq!(person.asked.lock().unwrap()[0].method(), "email");
    }
}

#[tokio::test(start_paused = true)]
async fn a_placeholder_for_the_expiry_is_ignored() {
    let server = Server::new([sample_two_factor(), answer(200, pair(1))]);
    let person = Person::slow([(200, "123456")]);
    first(&server.builder().person(&person).build().unwrap())
        .await
        .unwrap();
    assert_eq!(server.calls(), "signin confirm");
    assert_eq!(person.asked.lock().unwrap()[0].time_left(), None);
}

#[tokio::test(start_paused = true)]
async fn the_time_for_a_code_is_taken_from_the_servers_clock() {
    let details = json!({"token": FLOW, "expiresAt": "2010-01-01T00:05:00Z"});
    let body = json!({"2faRequired": true, "2faDetails": details}).to_string();
    let date = ("date", "Fri, 01 Jan 2010 00:01:00 GMT".to_owned());
    let server = Server::new([Act::Answer(200, vec![date], body), answer(200, pair(1))]);
    let person = Person::new(["1"]);
    let back_office = server.builder().person(&person).build().unwrap();
    first(&back_office).await.unwrap();
    let time_left = person.asked.lock().unwrap()[0].time_left();
    assert_eq!(time_left, Some(Duration::from_secs(240)));
}

#[tokio::test(start_paused = true)]
async fn without_a_code_service_nothing_more_is_tried() {
    let server = Server::new([answer(401, ""), sample_two_factor()]);
    let result = again(&server.back_office(), &held("refresh-0")).await;
    assert_fails(result, ErrorKind::CodeRequired, "set code_service()");
    assert_eq!(server.calls(), "refresh signin");
}

#[tokio::test(start_paused = true)]
async fn a_refused_code_is_asked_for_again() {
    let server = Server::new([
        sample_two_factor(),
        answer(400, ""),
        answer(422, ""),
        answer(200, pair(1)),
    ]);
    let person = Person::new(["1", "2", "3"]);
    first(&server.builder().person(&person).build().unwrap())
        .await
        .unwrap();
    assert_eq!(server.calls(), "signin confirm confirm confirm");
    assert_eq!(person.attempts(), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn codes_are_refused_only_so_often() {
    let server = Server::new([
        sample_two_factor(),
        answer(401, ""),
        answer(403, ""),
        answer(422, r#"{"message":"Wrong code"}"#),
    ]);
    let person = Person::new(["1", "2", "3", "4"]);
    let result = first(&server.builder().person(&person).build().unwrap()).await;
    let error = assert_fails(
        result,
        ErrorKind::CodeRejected,
        "the server refused 3 codes",
    );
    let last = std::error::Error::source(&error).unwrap().to_string();
    assert!(last.contains("the server says: Wrong code"), "{last}");
    assert_eq!(server.calls(), "signin confirm confirm confirm");
    assert_eq!(person.attempts(), [1, 2, 3]);

    let server = Server::new([sample_two_factor(), answer(401, "")]);
    let person = Person::new(["1", "2"]);
    let builder = server.builder().person(&person).max_2fa_attempts(1);
    let result = first(&builder.build().unwrap()).await;
    assert_fails(result, ErrorKind::CodeRejected, "");
    assert_eq!(server.calls(), "signin confirm");
}

#[tokio::test(start_paused = true)]
async fn a_refused_code_is_never_sent_again() {
    // Typed again it counts, and another one is asked for.
    let server = Server::new([sample_two_factor(), answer(401, ""), answer(200, pair(1))]);
    let person = Person::new(["1", " 1\n", "2"]);
    first(&server.builder().person(&person).build().unwrap())
        .await
        .unwrap();
    assert_eq!(server.calls(), "signin confirm confirm");
    assert_eq!(server.sent(2, "code"), "2");
    assert_eq!(person.attempts(), [1, 2, 3]);

    let server = Server::new([sample_two_factor(), answer(401, "")]);
    let person = Person::new(["1", "1", "1", "2"]);
    let result = first(&server.builder().person(&person).build().unwrap()).await;
    let error = assert_fails(
        result,
        ErrorKind::CodeRejected,
        "the server refused 3 codes",
    );
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(why, "the code was refused before, so it was not sent again");
    assert_eq!(server.calls(), "signin confirm");
    assert_eq!(person.attempts(), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_flow_that_expires_while_a_person_types_is_begun_again_once() {
    let soon = "2022-01-01T00:02:00Z";
    let server = Server::new([
        two_factor(soon),
        two_factor("2022-01-01T00:10:00Z"),
        answer(200, pair(1)),
    ]);
    let person = Person::slow([(121, "1"), (1, "1")]);
    first(&server.builder().person(&person).build().unwrap())
        .await
        .unwrap();
    // The late code was not sent; it was not refused either, so it may be sent now.
    assert_eq!(server.calls(), "signin signin confirm");
    assert_eq!(person.attempts(), [1, 1]);

    let server = Server::new([two_factor(soon), two_factor("2022-01-01T00:04:00Z")]);
    let person = Person::slow([(121, "1"), (121, "2")]);
    let result = first(&server.builder().person(&person).build().unwrap()).await;
    assert_fails(result, ErrorKind::FlowExpired, "over before it came, twice");
    assert_eq!(server.calls(), "signin signin");
}

#[tokio::test(start_paused = true)]
async fn a_flow_that_the_server_has_forgotten_is_begun_again_once() {
    for status in [404, 410] {
        let server = Server::new([
            sample_two_factor(),
            answer(status, ""),
            sample_two_factor(),
            answer(200, pair(1)),
        ]);
        let person = Person::new(["1", "1"]);
        first(&server.builder().person(&person).build().unwrap())
            .await
            .unwrap();
        assert_eq!(server.calls(), "signin confirm signin confirm");

        let server = Server::new([
            sample_two_factor(),
            answer(status, ""),
            sample_two_factor(),
            answer(status, ""),
        ]);
        let person = Person::new(["1", "2", "3"]);
        let result = first(&server.builder().person(&person).build().unwrap()).await;
        let (kind, text) = match status {
            // Twice at once: it is not the flow that the server does not know.
            404 => (ErrorKind::Config, "is path(Endpoint::Confirm, ..) right?"),
            _ => (
                ErrorKind::FlowExpired,
                "the confirmation of the code failed (410): the time for the code is over: renew()",
            ),
        };
        assert_fails(result, kind, text);
        assert_eq!(server.calls(), "signin confirm signin confirm");
    }
}

#[tokio::test(start_paused = true)]
async fn refused_codes_are_counted_across_sign_ins() {
    let server = Server::new([
        sample_two_factor(),
        answer(401, ""),
        answer(410, ""),
        sample_two_factor(),
        answer(401, ""),
    ]);
    let person = Person::new(["1", "2", "3"]);
    let builder = server.builder().person(&person).max_2fa_attempts(2);
    let result = first(&builder.build().unwrap()).await;
    assert_fails(result, ErrorKind::CodeRejected, "refused 2 codes");
    assert_eq!(server.calls(), "signin confirm confirm signin confirm");
    assert_eq!(person.attempts(), [1, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_code_service_that_fails_or_hangs_ends_the_renewal() {
    let server = Server::new([sample_two_factor()]);
    let person = Person::default();
    let result = first(&server.builder().person(&person).build().unwrap()).await;
    let error = assert_fails(
        result,
        ErrorKind::CodeUnavailable,
        "the code service failed",
    );
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(why, "the mailbox is empty");
    assert_eq!(server.calls(), "signin");

    let server = Server::new([
        sample_two_factor(),
        sample_two_factor(),
        answer(200, pair(1)),
    ]);
    let person = Person::slow([(301, "1"), (299, "2")]);
    let back_office = server.builder().person(&person).build().unwrap();
    let result = first(&back_office).await;
    assert_fails(
        result,
        ErrorKind::CodeUnavailable,
        "gave no code within 300 s",
    );
    first(&back_office).await.unwrap();
    assert_eq!(server.calls(), "signin signin confirm");
}

#[tokio::test(start_paused = true)]
async fn a_code_service_that_panics_leaves_the_way_free() {
    let server = Server::new([sample_two_factor(), signed_in(1)]);
    let codes = service_fn(|_: CodeRequest| async {
        if true {
            panic!("no codes today");
        }
        Ok::<_, BoxError>(Code::new("1")?)
    });
    let back_office = server.builder().code_service(codes).build().unwrap();
    let task = back_office.clone();
    let task = tokio::spawn(async move { first(&task).await });
    assert!(task.await.unwrap_err().is_panic());
    first(&back_office).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn two_people_are_never_asked_at_once() {
    let server = Server::new([
        sample_two_factor(),
        answer(200, pair(1)),
        sample_two_factor(),
        answer(200, pair(2)),
    ]);
    let person = Person::slow([(10, "1"), (10, "2")]);
    let back_office = server.builder().person(&person).build().unwrap();
    let (one, two) = tokio::join!(first(&back_office), first(&back_office));
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(server.calls(), "signin confirm signin confirm");
}

#[cfg(feature = "testing")]
#[tokio::test]
async fn the_time_for_a_code_runs_while_the_machine_is_suspended() {
    let clock = crate::testing::FakeClock::new();
    let details = json!({"token": FLOW, "expiresAt": "2022-01-01T00:02:00Z"});
    let body = json!({"2faRequired": true, "2faDetails": details}).to_string();
    let date = ("date", "Sat, 01 Jan 2022 00:00:00 GMT".to_owned());
    let flow = || Act::Answer(200, vec![date.clone()], body.clone());
    let server = Server::new([flow(), flow(), answer(200, pair(1))]);
    let (suspended, asked) = (clock.clone(), Arc::new(Mutex::new(Vec::new())));
    let noted = asked.clone();
    let codes = service_fn(move |request: CodeRequest| {
        let mut asked = noted.lock().unwrap();
        asked.push(request.time_left());
        if asked.len() == 1 {
            suspended.suspend(Duration::from_secs(3600));
        }
        async move { Ok::<_, BoxError>(Code::new("1")?) }
    });
    let builder = server.builder().clock(clock).code_service(codes);
    first(&builder.build().unwrap()).await.unwrap();
    assert_eq!(server.calls(), "signin signin confirm");
    let two_minutes = Some(Duration::from_secs(120));
    assert_eq!(*asked.lock().unwrap(), [two_minutes, two_minutes]);
}
