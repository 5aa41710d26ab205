//! What is made of good answers, and of those that are nearly good.

use proptest::prelude::*;

use super::*;

async fn renewed(act: Act) -> Renewed {
    let server = Server::new([act]);
    first(&server.builder().build().unwrap()).await.unwrap()
}

fn warning(renewed: &Renewed) -> Option<String> {
    renewed.warning.as_ref().map(ToString::to_string)
}

async fn lifetime(expires_in: &str) -> (Option<Duration>, bool) {
    let body = format!(r#"{{"access_token":"a","token_type":"bearer","expires_in":{expires_in}}}"#);
    let renewed = renewed(answer(200, body)).await;
    (renewed.credential().lifetime(), renewed.warning.is_some())
}

#[tokio::test]
async fn a_good_answer_has_no_warning() {
    let renewed = renewed(answer(200, tokens(1))).await;
    let token = renewed.credential();
    assert_eq!(token.header().1, "Bearer access-1");
    assert_eq!(refresh_of(&renewed), Some("refresh-1"));
    assert_eq!(token.lifetime(), Some(Duration::from_secs(3600)));
    assert_eq!(renewed.signed_in, Some(true));
    assert_eq!(warning(&renewed), None);
}

#[tokio::test]
async fn expires_in_is_a_number_or_a_text() {
    let seconds = |seconds: f64| Some(Duration::from_secs_f64(seconds));
    for (expires_in, expected) in [
        ("3600", seconds(3600.0)),
        ("\"3600\"", seconds(3600.0)),
        ("\" 3600 \"", seconds(3600.0)),
        ("3600.5", seconds(3600.5)),
        ("3.6e3", seconds(3600.0)),
        ("1", seconds(1.0)),
        ("0.25", seconds(0.25)),
        ("3153600000", seconds(3_153_600_000.0)),
    ] {
        assert_eq!(
            lifetime(expires_in).await,
            (expected, false),
            "{expires_in}"
        );
    }
    // For ever.
    for expires_in in [
        "3153600001",
        "9223372036854775808",
        "\"9223372036854775808\"",
        "18446744073709551616",
        "1e300",
        "1e999",
        "\"1e300\"",
        "99999999999999999999999999999999999999999999",
        "null",
    ] {
        assert_eq!(lifetime(expires_in).await, (None, false), "{expires_in}");
    }
    // None that could be used: so the server decides.
    for expires_in in [
        "0",
        "-0",
        "-1",
        "-1e300",
        "\"0\"",
        "\"-1\"",
        "\"\"",
        "\"soon\"",
        "\"inf\"",
        "\"NaN\"",
        "\"infinity\"",
        "\"0x10\"",
        "1e-400",
        "true",
        "[]",
        "{\"a\":1}",
    ] {
        assert_eq!(lifetime(expires_in).await, (None, true), "{expires_in}");
    }
}

#[tokio::test]
async fn a_default_lifetime_is_for_servers_that_say_nothing() {
    let default = Duration::from_secs(600);
    for (act, expected) in [
        (tokens_without("expires_in"), Some(default)),
        (tokens_but("expires_in", Value::Null), Some(default)),
        (
            tokens_but("expires_in", json!(60)),
            Some(Duration::from_secs(60)),
        ),
        (tokens_but("expires_in", json!(0)), None),
        (tokens_but("expires_in", json!(1e300)), None),
    ] {
        let server = Server::new([act]);
        let oauth2 = server.builder().default_lifetime(default).build().unwrap();
        let renewed = first(&oauth2).await.unwrap();
        assert_eq!(renewed.credential().lifetime(), expected);
    }
}

proptest! {
    #[test]
    fn no_lifetime_is_too_much(expires_in in prop_oneof![
        any::<f64>().prop_map(|number| serde_json::to_string(&number).unwrap()),
        any::<i64>().prop_map(|number| number.to_string()),
        "[0-9eE+.\\-]{0,24}".prop_map(|text| format!("\"{text}\"")),
        "\\PC{0,12}".prop_map(|text| serde_json::to_string(&text).unwrap()),
    ]) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (lifetime, _) = runtime.block_on(lifetime(&expires_in));
        prop_assert!(lifetime.is_none_or(|lifetime| lifetime <= Duration::from_secs(3_153_600_000)));
    }
}

#[tokio::test]
async fn the_type_is_bearer_or_an_error() {
    for (kind, is_silent) in [
        (json!("Bearer"), true),
        (json!("bearer"), true),
        (json!("BEARER"), true),
        (json!(" bearer "), true),
        (Value::Null, false),
    ] {
        let renewed = renewed(tokens_but("token_type", kind.clone())).await;
        assert_eq!(renewed.credential().header().1, "Bearer access-1");
        assert_eq!(renewed.warning.is_none(), is_silent, "{kind}");
    }
    for (kind, text) in [
        (json!("mac"), "its token_type `mac` is none"),
        (json!("DPoP"), "its token_type `DPoP` is none"),
        (json!("N_A"), "its token_type `N_A` is none"),
        (json!("Bearer x"), "its token_type is none"),
        (json!("\u{1b}[2J"), "its token_type is none"),
        (json!(""), "its token_type is none"),
        (json!(7), "its token_type is none"),
        (json!(["Bearer"]), "its token_type is none"),
    ] {
        let server = Server::new([tokens_but("token_type", kind), answer(200, tokens(2))]);
        let oauth2 = server.builder().build().unwrap();
        assert_fails(first(&oauth2).await, ErrorKind::Protocol, text);
        // Its refresh token is good.
        first(&oauth2).await.unwrap();
        assert_eq!(grants(&server), "client_credentials refresh-1");
    }
    let server = Server::new([tokens_but("token_type", json!("bearertoken"))]);
    let oauth2 = server.builder().token_type("BearerToken").build().unwrap();
    assert_eq!(warning(&first(&oauth2).await.unwrap()), None);
}

#[tokio::test]
async fn less_scope_than_asked_for_is_a_warning() {
    for (granted, missing) in [
        (Value::Null, None),
        (json!(""), None),
        (json!("read write"), None),
        (json!("write admin read"), None),
        (json!("read,write"), None),
        (json!("read"), Some("did not grant: write")),
        (json!("all"), Some("did not grant: read write")),
    ] {
        let server = Server::new([tokens_but("scope", granted.clone())]);
        let oauth2 = server.builder().scope("read write").build().unwrap();
        let warning = warning(&first(&oauth2).await.unwrap());
        match missing {
            None => assert_eq!(warning, None, "{granted}"),
            Some(missing) => assert!(warning.unwrap().contains(missing), "{granted}"),
        }
    }
}

#[tokio::test]
async fn oddities_do_no_harm_to_the_tokens() {
    for body in [
        format!("\u{FEFF}{}", tokens(1)),
        format!("{} trailing", tokens(1)),
        r#"{"access_token":"x","access_token":"access-1","refresh_token":"refresh-1"}"#.into(),
        r#"{"error":"","access_token":"access-1","refresh_token":"refresh-1"}"#.into(),
        r#"{"error":"odd","access_token":"access-1","refresh_token":"refresh-1"}"#.into(),
        r#"{"acc\u0065ss_token":"access-1","refresh_token":"refresh\u002d1"}"#.into(),
        r#"{"x":[[{"access_token":"y"}]],"access_token":"access-1","refresh_token":"refresh-1"}"#
            .into(),
    ] {
        let renewed = renewed(answer(200, &body)).await;
        assert_eq!(renewed.credential().expose(), "access-1", "{body}");
        assert_eq!(refresh_of(&renewed), Some("refresh-1"), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_answer_is_an_error_and_is_read_no_further_than_the_cap() {
    let huge = format!(r#"{{"access_token":"{}"}}"#, "x".repeat(2000));
    for (act, kind, text) in [
        (answer(200, ""), ErrorKind::Protocol, "it is empty"),
        (answer(204, ""), ErrorKind::Protocol, "it is empty"),
        (answer(200, "<html>"), ErrorKind::Protocol, "a web page"),
        (answer(200, "[]"), ErrorKind::Protocol, "a list"),
        (
            answer(200, "null"),
            ErrorKind::Protocol,
            "not what was asked",
        ),
        (
            answer(200, "{}"),
            ErrorKind::Protocol,
            "has no access_token",
        ),
        (
            answer(200, "access_token=a"),
            ErrorKind::Protocol,
            "not JSON",
        ),
        (
            answer(200, r#"{"access_token":"#),
            ErrorKind::Protocol,
            "breaks off",
        ),
        (
            tokens_without("access_token"),
            ErrorKind::Protocol,
            "no access_token",
        ),
        (
            tokens_but("access_token", json!(7)),
            ErrorKind::Protocol,
            "no text",
        ),
        (
            tokens_but("access_token", json!("")),
            ErrorKind::Protocol,
            "cannot be sent",
        ),
        (
            tokens_but("access_token", json!("a b")),
            ErrorKind::Protocol,
            "cannot be sent",
        ),
        (
            answer(200, &huge),
            ErrorKind::Protocol,
            "longer than 1000 bytes",
        ),
        (
            Act::Endless(200, b"0123456789"),
            ErrorKind::Protocol,
            "longer than 1000 bytes",
        ),
        (
            with(200, "content-encoding", "gzip"),
            ErrorKind::Protocol,
            "compressed",
        ),
        (
            Act::BreakAfter(200, "{".into()),
            ErrorKind::Transport,
            "did not get through",
        ),
        (refuse("no"), ErrorKind::Transport, "did not get through"),
        (Act::Hang, ErrorKind::Timeout, "within 5 s"),
        (
            Act::HangAfter(200, vec![], "{".into()),
            ErrorKind::Timeout,
            "within 5 s",
        ),
    ] {
        let server = Server::new([act]);
        let oauth2 = server.builder().max_answer(1000);
        let oauth2 = oauth2
            .request_timeout(Duration::from_secs(5))
            .build()
            .unwrap();
        assert_fails(first(&oauth2).await, kind, text);
        assert_eq!(server.count(), 1);
        assert!(*server.frames.lock().unwrap() <= 102);
    }
}
