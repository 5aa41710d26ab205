//! Answers of every sort: good, half good, and from somebody else's server.

use super::*;

async fn protocol_error(act: Act, text: &str) {
    let server = Server::new([act]);
    assert_fails(
        first(&server.back_office()).await,
        ErrorKind::Protocol,
        text,
    );
    assert_eq!(server.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_answer_is_told_with_advice() {
    let details = json!({"token": FLOW});
    for (body, text) in [
        (String::new(), "it is empty"),
        (
            "<!doctype html><p>Hi".into(),
            "it is a web page; is the base URL that of the API?",
        ),
        ("welcome".into(), "it is not JSON, from line 1 column 1 on"),
        ("[1, 2]".into(), "it is a list and not an object"),
        (
            r#" [false, null, {"token": "a"}, null]"#.into(),
            "it is a list",
        ),
        (
            r#"{"accessToken":["a","b",null,null]}"#.into(),
            "not an object",
        ),
        ("7".into(), "line 1 column"),
        (
            "{".into(),
            "the answer to the sign-in could not be understood: it breaks off",
        ),
        ("{}".into(), "it has no tokens and asks for no code either"),
        (
            json!({"2faRequired": false}).to_string(),
            "it has no tokens",
        ),
        (
            json!({"2faRequired": true}).to_string(),
            "its `2faDetails` are missing",
        ),
        (
            json!({"2faRequired": true, "2faDetails": null}).to_string(),
            "`2faDetails` are missing",
        ),
        (
            json!({"2faRequired": true, "2faDetails": {}}).to_string(),
            "`2faDetails.token` is",
        ),
        (
            json!({"2faRequired": "yes", "2faDetails": details}).to_string(),
            "neither true nor",
        ),
        (json!({"accessToken": "abc"}).to_string(), "not an object"),
        (
            json!({"accessToken": {"token": 7}}).to_string(),
            "is no text",
        ),
        (
            r#"{"2faRequired":false,"2faRequired":true}"#.into(),
            "`2faDetails` are missing",
        ),
        (
            "{\"accessToken\":".into(),
            "it breaks off at line 1 column 15",
        ),
        ("{\"a\":".repeat(100_000), "line 1 column"),
    ] {
        protocol_error(answer(200, body), text).await;
    }
    protocol_error(with(200, "content-encoding", "gzip"), "is compressed").await;
    protocol_error(answer(202, ""), "it is empty").await;
    protocol_error(answer(403, ""), "access is forbidden").await;
    protocol_error(answer(418, ""), "this status was not expected").await;
}

#[tokio::test(start_paused = true)]
async fn a_wrong_address_is_told_as_such() {
    for status in [404, 405] {
        let server = Server::new([answer(status, "<html>")]);
        let text = "there is no such endpoint, is the base URL right?";
        assert_fails(first(&server.back_office()).await, ErrorKind::Config, text);
        let server = Server::new([answer(status, "")]);
        let result = again(&server.back_office(), &held("refresh-0")).await;
        assert_fails(result, ErrorKind::Config, text);
        assert_eq!(server.count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_flag_decides_where_both_are_there() {
    let both = |flag: bool| {
        let mut body = pair(1);
        body["2faRequired"] = flag.into();
        body["2faDetails"] = json!({"token": FLOW, "provider": "email"});
        answer(200, body)
    };
    let server = Server::new([both(true), answer(200, pair(2))]);
    let person = Person::new(["1"]);
    let back_office = server.builder().person(&person).build().unwrap();
    assert_eq!(access_of(&first(&back_office).await.unwrap()), "access-2");
    assert_eq!(server.calls(), "signin confirm");

    let server = Server::new([both(false)]);
    let renewed = first(&server.back_office()).await.unwrap();
    assert_eq!(access_of(&renewed), "access-1");
}

#[tokio::test(start_paused = true)]
async fn a_byte_order_mark_and_unknown_fields_are_tolerated() {
    let mut body = pair(1);
    body["accessToken"]["scope"] = json!({"a": [1e300, null]});
    body["2faDetails"] = Value::Null;
    let text = format!("\u{FEFF}\r\n {body} ");
    let server = Server::new([answer(201, text)]);
    first(&server.back_office()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_token_without_a_refresh_token_is_taken() {
    let server = Server::new([answer(200, json!({"accessToken": issued("access-1")}))]);
    let renewed = first(&server.back_office()).await.unwrap();
    assert_eq!(refresh_of(&renewed), None);
}

#[tokio::test(start_paused = true)]
async fn a_long_answer_is_read_to_the_cap_and_one_frame() {
    let server = Server::new([Act::Endless(200, &[b' '; 1000])]);
    let back_office = server.builder().max_answer(10_500).build().unwrap();
    let text = "is longer than 10500 bytes";
    assert_fails(first(&back_office).await, ErrorKind::Protocol, text);
    assert_eq!(*server.frames.lock().unwrap(), 11);

    // An honest length is not read at all, and frames without data end as well.
    let server = Server::new([answer(200, " ".repeat(101)), Act::Endless(200, b"")]);
    let back_office = server.builder().max_answer(100).build().unwrap();
    assert_fails(
        first(&back_office).await,
        ErrorKind::Protocol,
        "is longer than 100",
    );
    assert_fails(
        first(&back_office).await,
        ErrorKind::Protocol,
        "is longer than 100",
    );

    // For a failure the status is enough.
    let server = Server::new([Act::Endless(401, &[b' '; 1000])]);
    assert_fails(
        first(&server.back_office()).await,
        ErrorKind::Rejected,
        "check",
    );
}

#[tokio::test(start_paused = true)]
async fn an_exchange_has_one_deadline_for_head_and_body() {
    let server = Server::new([
        Act::Hang,
        Act::HangAfter(200, vec![], "{".into()),
        Act::HangLate(Duration::from_millis(1_500)),
    ]);
    let builder = server.builder().request_timeout(Duration::from_secs(2));
    let back_office = builder.build().unwrap();
    for _ in 0..3 {
        let start = tokio::time::Instant::now();
        let result = first(&back_office).await;
        assert_fails(
            result,
            ErrorKind::Timeout,
            "the sign-in had no answer within 2 s",
        );
        assert!(start.elapsed() < Duration::from_millis(2_010));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_timed_out_says_so() {
    let late = io::Error::new(io::ErrorKind::TimedOut, "late");
    let server = Server::new([Act::Refuse(Box::new(late)), refuse("port closed")]);
    let back_office = server.back_office();
    assert_fails(
        first(&back_office).await,
        ErrorKind::Timeout,
        "did not get through",
    );
    let error = assert_fails(
        first(&back_office).await,
        ErrorKind::Transport,
        "did not get",
    );
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(why, "port closed");
    // It is known to be the network, so it is no guess.
    assert!(!error.is_foreign());
}

/// `createdAt`, `expiresAt` and the header `Date`; then the lifetime in seconds, if there is one,
/// and whether there is a warning. The local clock says 2022-01-01T00:00:00Z.
#[tokio::test(start_paused = true)]
async fn lifetimes_come_from_the_servers_own_clock() {
    let t = |time: &str| Some(format!("2022-01-01T{time}+00:00"));
    let date = Some("Sat, 01 Jan 2022 00:00:10 GMT");
    let some = |text: &str| Some(text.to_owned());
    for (created, expires, date, lifetime, warned) in [
        (t("00:00:00"), t("10:00:00"), None, Some(36_000), false),
        // A local clock that is years off does no harm.
        (
            some("1999-01-01T00:00:00Z"),
            some("1999-01-01T01:00:00Z"),
            None,
            Some(3_600),
            false,
        ),
        (
            some("2021-12-31T19:00:00-05:00"),
            t("01:00:00"),
            None,
            Some(3_600),
            false,
        ),
        // Of two ways to tell, the shorter time.
        (t("00:00:00"), t("01:00:00"), date, Some(3_590), false),
        (t("00:00:20"), t("01:00:20"), date, Some(3_600), false),
        (
            some("2021-12-31T15:00:00Z"),
            t("01:00:00"),
            date,
            Some(3_590),
            false,
        ),
        // Expired, as the server's own clock says.
        (
            some("2021-12-31T10:00:00Z"),
            some("2021-12-31T20:00:00Z"),
            date,
            None,
            true,
        ),
        (t("00:01:00"), t("00:01:00"), date, Some(50), false),
        (t("00:02:00"), t("00:01:00"), date, Some(50), false),
        (None, t("00:01:00"), date, Some(50), false),
        (None, t("00:00:05"), date, None, true),
        (None, t("00:01:00"), None, Some(30), false),
        (None, t("00:00:30"), None, None, true),
        // The vendor's samples.
        (t("00:00:00"), t("00:00:00"), None, None, true),
        (t("00:00:00"), None, date, None, true),
        (None, None, None, None, true),
        (t("00:00:00"), some("tomorrow"), date, None, true),
        (some("yesterday"), t("00:01:00"), date, Some(50), false),
        (
            some("0000-01-01T00:00:00Z"),
            some("9999-12-31T23:59:59-23:59"),
            None,
            Some(0),
            false,
        ),
    ] {
        let case = format!("{created:?} {expires:?} {date:?}");
        let body = json!({"accessToken": {
            "token": "access-1", "createdAt": created, "expiresAt": expires,
        }});
        let headers = date.map(|date| ("date", date.to_owned()));
        let act = Act::Answer(200, headers.into_iter().collect(), body.to_string());
        let renewed = first(&Server::new([act]).back_office()).await.unwrap();
        let found = renewed
            .credential()
            .lifetime()
            .map(|lifetime| lifetime.as_secs());
        match lifetime {
            Some(0) => assert!(found > Some(300_000_000_000), "{case}"),
            _ => assert_eq!(found, lifetime, "{case}"),
        }
        assert_eq!(renewed.warning.is_some(), warned, "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn dates_that_are_no_text_lose_no_token() {
    for date in [
        json!(1_640_995_200),
        json!(true),
        json!({"a": 1}),
        json!(-1e300),
    ] {
        let body = json!({
            "accessToken": {"token": "access-1", "createdAt": date, "expiresAt": date},
            "refreshToken": {"token": "refresh-1", "createdAt": date, "expiresAt": date},
        });
        let renewed = first(&Server::new([answer(200, body)]).back_office())
            .await
            .unwrap();
        assert_eq!(refresh_of(&renewed), Some("refresh-1"));
        assert!(renewed.warning.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn strict_dates_are_an_error() {
    for expires in ["2022-01-01T10:00:00+0000", "2022-01-01T10:00:00", "soon"] {
        let access = json!({"token": "access-1", "expiresAt": expires});
        let details = json!({"token": FLOW, "expiresAt": expires});
        for body in [
            json!({"accessToken": access}),
            json!({"2faRequired": true, "2faDetails": details}),
        ] {
            let server = Server::new([answer(200, body)]);
            let back_office = server.builder().strict_dates(true).build().unwrap();
            assert_fails(
                first(&back_office).await,
                ErrorKind::Protocol,
                "strict_dates",
            );
        }
    }
}

/// What stands beside good tokens, and the access token that counts.
#[tokio::test(start_paused = true)]
async fn tokens_are_not_lost_beside_garbage() {
    let good = pair(1).to_string();
    let replaced = |by: &str| good.replacen('{', by, 1);
    for (body, text) in [
        (format!("{good}<br />Warning: x in y.php"), "stands behind"),
        (format!("{good}\n{{}}"), "stands behind"),
        (format!("{good}\0"), "stands behind"),
        (replaced("{\"accessToken\":null,"), "given twice"),
        (
            replaced("{\"refreshToken\":{\"token\":\"x\"},"),
            "given twice",
        ),
        (
            replaced("{\"2faRequired\":true,\"2faRequired\":false,"),
            "given twice",
        ),
        (
            good.replacen("\"token\"", "\"token\":\"x\",\"token\"", 1),
            "given twice",
        ),
    ] {
        let server = Server::new([answer(200, &body), answer(200, &body)]);
        let back_office = server.back_office();
        for result in [
            again(&back_office, &held("refresh-0")).await,
            first(&back_office).await,
        ] {
            let renewed = result.unwrap();
            assert_eq!(access_of(&renewed), "access-1", "{body}");
            assert_eq!(refresh_of(&renewed), Some("refresh-1"), "{body}");
            let warning = renewed.warning.unwrap().to_string();
            assert!(warning.contains(text), "{warning}");
        }
        assert_eq!(server.calls(), "refresh signin");
    }

    let mut body = pair(1);
    body["2faRequired"] = "no".into();
    let renewed = first(&Server::new([answer(200, body)]).back_office()).await;
    let renewed = renewed.unwrap();
    assert_eq!(refresh_of(&renewed), Some("refresh-1"));
    let warning = renewed.warning.unwrap().to_string();
    assert!(warning.contains("neither true nor false"), "{warning}");
}
