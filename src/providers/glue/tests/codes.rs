//! Codes: triggered with the session's token, asked for, and sent with the request.

use super::*;
use crate::{Event, inspect::PeekBody};

/// A session that is signed in, and its codes.
struct Parts {
    session: Session,
    mfa: Mfa,
    client: BoxCloneSyncService<Request<Full<Bytes>>, Response<Bytes>, BoxError>,
}

fn parts(server: &Server, glue: GlueBuilder) -> Parts {
    let glue = glue.build().unwrap();
    let session = glue.session().token(held("refresh-0")).build().unwrap();
    let mfa = glue.mfa(&session).build().unwrap();
    let layer = session.layer().mfa(&mfa);
    let client = layer.layer(server.client()).and_then(collected);
    Parts {
        session,
        mfa,
        client: BoxCloneSyncService::new(client),
    }
}

async fn collected(response: Response<PeekBody<Full<Bytes>>>) -> Result<Response<Bytes>, BoxError> {
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(Response::from_parts(head, body))
}

impl Parts {
    async fn patch(&self) -> Response<Bytes> {
        let request = Request::patch(format!("{BASE}/customers/DE--42"));
        let request = request.body(Full::from("{}")).unwrap();
        self.client.clone().oneshot(request).await.unwrap()
    }
}

fn error(response: &Response<Bytes>) -> Error {
    let error = response.extensions().get::<Error>();
    error.expect("an error in the extensions").clone()
}

fn missing() -> Act {
    failure(403, "5900", "X-MFA-Code header is missing.")
}

fn invalid() -> Act {
    failure(403, "5901", "X-MFA-Code is invalid.")
}

const TRIGGER: &str = "multi-factor-auth-trigger";

#[tokio::test(start_paused = true)]
async fn a_challenge_is_a_trigger_a_question_and_a_second_send() {
    let server = Server::new([
        missing(),
        answer(204, ""),
        answer(200, "done"),
        answer(200, ""),
    ]);
    let person = Person::slow([(60, "123456")]);
    let parts = parts(&server, server.builder().person(&person));
    let response = parts.patch().await;
    assert_eq!(
        (response.status().as_u16(), &response.body()[..]),
        (200, &b"done"[..])
    );
    assert_eq!(server.calls(), "DE--42 multi-factor-auth-trigger DE--42");
    let expected = json!({"data": {"type": TRIGGER, "attributes": {"type": "email"}}});
    assert_eq!(server.json(1), expected);
    assert_eq!(server.header(1, "authorization"), "Bearer access-0");
    assert_eq!(server.header(1, "content-type"), "application/vnd.api+json");
    let codes: Vec<_> = (0..3)
        .map(|number| server.header(number, "x-mfa-code"))
        .collect();
    assert_eq!(codes, ["-", "-", "123456"]);
    {
        let asked = person.asked.lock().unwrap();
        assert_eq!((asked[0].method(), asked[0].attempt()), ("email", 1));
        // 30 min, less 30 s.
        assert_eq!(asked[0].time_left(), Some(secs(1770)));
    }
    // It is sent from then on, until its time is over: counted from the 204.
    tokio::time::sleep(secs(1770 - 60 - 1)).await;
    parts.patch().await;
    assert_eq!(server.header(3, "x-mfa-code"), "123456");
    tokio::time::sleep(secs(2)).await;
    parts.patch().await;
    assert_eq!(server.header(4, "x-mfa-code"), "-");
}

#[tokio::test(start_paused = true)]
async fn the_challenge_is_known_in_every_shape_and_nothing_else_is_one() {
    for body in [
        json!({"errors": [{"code": "5900", "status": 403, "detail": "X-MFA-Code header is missing."}]}),
        json!({"errors": [{"code": 5900, "status": "403", "message": "X-MFA-Code header is missing."}]}),
        json!([{"code": "5900", "status": 403, "message": "X-MFA-Code header is missing."}]),
        json!([{"code": "901"}, {"code": 5901}]),
    ] {
        let server = Server::new([answer(403, &body), answer(204, ""), answer(200, "")]);
        let person = Person::new(["123456"]);
        let parts = parts(&server, server.builder().person(&person));
        assert_eq!(parts.patch().await.status().as_u16(), 200, "{body}");
        assert_eq!((server.count(), person.attempts().len()), (3, 1));
    }
    for body in [
        json!({"errors": [{"code": "002", "status": 403, "detail": "Missing access token."}]})
            .to_string(),
        json!([{"code": "002"}]).to_string(),
        String::new(),
        "<html>5900</html>".into(),
    ] {
        let server = Server::new([answer(403, &body)]);
        let person = Person::new(["123456"]);
        let parts = parts(&server, server.builder().person(&person));
        let response = parts.patch().await;
        assert_eq!(response.status().as_u16(), 403);
        assert_eq!(response.body(), &body);
        assert!(response.extensions().get::<Error>().is_none());
        assert_eq!((server.count(), person.attempts().len()), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_code_that_dies_early_is_replaced_at_once_and_a_wrong_one_is_told() {
    let server = Server::new([missing(), answer(204, ""), answer(200, "")]);
    let person = Person::new(["111111", "222222", "333333"]);
    let parts = parts(&server, server.builder().person(&person));
    assert_eq!(parts.patch().await.status().as_u16(), 200);
    server.then([invalid(), answer(204, ""), answer(200, "")]);
    assert_eq!(parts.patch().await.status().as_u16(), 200);
    assert_eq!(person.attempts(), [1, 1]);
    server.then([invalid(), answer(204, ""), invalid()]);
    let response = parts.patch().await;
    assert_eq!(response.status().as_u16(), 403);
    let said = error(&response);
    assert_eq!(said.kind(), ErrorKind::CodeRejected);
    assert_eq!(MfaErrorCode::of(&said), Some(MfaErrorCode::CodeInvalid));
    let codes: Vec<_> = (0..9)
        .map(|number| server.header(number, "x-mfa-code"))
        .collect();
    let expected = [
        "-", "-", "111111", "111111", "-", "222222", "222222", "-", "333333",
    ];
    assert_eq!(codes, expected);
    // Without progress nobody is asked for a while.
    server.then([missing()]);
    assert_eq!(error(&parts.patch().await).kind(), ErrorKind::CodeRejected);
    assert_eq!((server.count(), person.attempts().len()), (10, 3));
}

#[tokio::test(start_paused = true)]
async fn what_a_trigger_answers_decides_when_it_is_tried_again() {
    for (act, kind, code, text, wait) in [
        (
            answer(500, "<html>"),
            ErrorKind::Transport,
            "5900",
            "2.4.0",
            30,
        ),
        (answer(503, ""), ErrorKind::Transport, "5900", "(503)", 30),
        (
            failure(400, "5910", "Something went wrong while sending your code."),
            ErrorKind::Transport,
            "5910",
            "could not be sent",
            30,
        ),
        (refuse("no"), ErrorKind::Transport, "5900", "", 30),
        (Act::Hang, ErrorKind::Timeout, "5900", "", 31),
        (
            failure(400, "5906", "No."),
            ErrorKind::Provider,
            "5906",
            "not active",
            300,
        ),
        (
            failure(400, "5908", "User not found."),
            ErrorKind::Provider,
            "5908",
            "User not found",
            300,
        ),
        (
            failure(400, "5907", ""),
            ErrorKind::Provider,
            "5907",
            "login",
            300,
        ),
        (failure(403, "002", ""), ErrorKind::Provider, "002", "", 300),
        (answer(404, ""), ErrorKind::Config, "5900", "module", 300),
        (
            with(429, "retry-after", "77"),
            ErrorKind::RateLimited,
            "5900",
            "",
            77,
        ),
        // The server wants a code for sending a code.
        (
            missing(),
            ErrorKind::CodeUnavailable,
            "5900",
            "does not send a code",
            300,
        ),
    ] {
        let server = Server::new([missing(), act]);
        let person = Person::new(["111111", "222222"]);
        let parts = parts(&server, server.builder().person(&person));
        let response = parts.patch().await;
        assert_eq!(response.status().as_u16(), 403);
        let said = error(&response);
        assert_eq!(said.kind(), kind, "{said:?}");
        assert_eq!(said.provider_code(), Some(code));
        assert!(said.to_string().contains(text), "{said}");
        assert_eq!(person.attempts().len(), 0);
        assert_eq!(server.count(), 2);
        // Not before, and then once more. (The first took 30 s if it was not answered.)
        let took = if kind == ErrorKind::Timeout { 30 } else { 0 };
        tokio::time::sleep(secs(wait - took - 1)).await;
        server.then([missing()]);
        assert_eq!(error(&parts.patch().await).kind(), kind);
        assert_eq!(server.count(), 3);
        tokio::time::sleep(secs(2) + secs(wait / 10)).await;
        server.then([missing(), answer(204, ""), answer(200, "")]);
        assert_eq!(parts.patch().await.status().as_u16(), 200, "{said}");
        assert_eq!(person.attempts().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_trigger_renews_the_token_that_it_needs() {
    // The token dies between the call and the trigger.
    let dead = failure(401, "001", "Invalid access token.");
    let server = Server::new([missing(), dead, tokens(1), answer(204, ""), answer(200, "")]);
    let person = Person::new(["123456"]);
    let parts = parts(&server, server.builder().person(&person));
    assert_eq!(parts.patch().await.status().as_u16(), 200);
    assert_eq!(
        server.calls(),
        "DE--42 multi-factor-auth-trigger refresh-tokens multi-factor-auth-trigger \
         DE--42"
    );
    assert_eq!(server.header(3, "authorization"), "Bearer access-1");
    assert_eq!(server.header(4, "authorization"), "Bearer access-1");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_cannot_sign_in_does_not_block_codes_for_good() {
    let server = Server::new([failure(401, "003", ""), tokens(1), answer(204, "")]);
    let person = Person::new(["123456"]);
    let glue = server.builder().person(&person).build().unwrap();
    let session = glue.session().build().unwrap();
    let mfa = glue.mfa(&session).build().unwrap();
    let failed = mfa.code().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::CodeUnavailable);
    let below = std::error::Error::source(&failed).unwrap().to_string();
    assert!(below.contains("sign-in failed"), "{below}");
    session.clear();
    tokio::time::sleep(secs(320)).await;
    assert_eq!(mfa.code().await.unwrap().expose(), "123456");
}

#[tokio::test(start_paused = true)]
async fn an_older_code_is_not_taken_and_asked_for_again() {
    let server = Server::new([answer(204, ""), answer(204, "")]);
    let person = Person::new(["111111", "111111", "222222"]);
    let parts = parts(&server, server.builder().person(&person));
    assert_eq!(parts.mfa.code().await.unwrap().expose(), "111111");
    parts.mfa.clear();
    assert_eq!(parts.mfa.code().await.unwrap().expose(), "222222");
    // One trigger, and two questions.
    assert_eq!(server.count(), 2);
    assert_eq!(person.attempts(), [1, 1, 2]);

    let server = Server::new([answer(204, ""), answer(204, "")]);
    let person = Person::new(["111111"; 5]);
    let parts = self::parts(&server, server.builder().person(&person));
    parts.mfa.code().await.unwrap();
    parts.mfa.clear();
    let failed = parts.mfa.code().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::CodeRejected);
    assert_eq!((server.count(), person.attempts().len()), (2, 4));
}

#[tokio::test(start_paused = true)]
async fn a_code_that_comes_too_late_is_not_sent() {
    for (seconds, ttl, expected) in [
        (301, 1800, "within 300 s"),
        (30, 60, "its time was over"),
        (29, 60, ""),
    ] {
        let server = Server::new([answer(204, "")]);
        let person = Person::slow([(seconds, "123456")]);
        let builder = server.builder().person(&person).code_ttl(secs(ttl));
        let parts = parts(&server, builder);
        match parts.mfa.code().await {
            Ok(code) => {
                assert_eq!(expected, "");
                assert_eq!(code.lifetime(), Some(secs(1)));
            }
            Err(failed) => {
                assert_eq!(failed.kind(), ErrorKind::CodeUnavailable);
                assert!(failed.to_string().contains(expected), "{failed}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_code_service_that_fails_is_told_without_what_it_says_of_secrets() {
    let server = Server::new([answer(204, "")]);
    let codes = service_fn(|_: CodeRequest| async {
        Err::<Code, BoxError>("no mail for spencor.hopkin".into())
    });
    let parts = parts(&server, server.builder().code_service(codes));
    let failed = parts.mfa.code().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::CodeUnavailable);
    assert!(!format!("{failed:?}").contains("spencor"));
}

#[tokio::test(start_paused = true)]
async fn without_a_code_service_nothing_is_triggered() {
    let server = Server::new([missing()]);
    let parts = parts(&server, server.builder());
    let response = parts.patch().await;
    assert_eq!(error(&response).kind(), ErrorKind::CodeRequired);
    assert_eq!(
        MfaErrorCode::of(&error(&response)),
        Some(MfaErrorCode::CodeMissing)
    );
    assert_eq!(server.count(), 1);
    parts.mfa.set(Code::new("123456").unwrap());
    server.then([answer(200, "")]);
    parts.patch().await;
    assert_eq!(server.header(1, "x-mfa-code"), "123456");
    let _ = &parts.session;
}

#[tokio::test(start_paused = true)]
async fn the_type_is_set_or_found_in_the_list() {
    let list = |types: &[(&str, &str)]| {
        let item = |(name, status): &(&str, &str)| {
            json!({"type": "multi-factor-auth-types", "id": null,
                "attributes": {"type": name, "status": status}})
        };
        let items: Vec<_> = types.iter().map(item).collect();
        answer(200, json!({"data": items}))
    };
    for (types, expected) in [
        (vec![("sms", "activated"), ("app", "activated")], "app"),
        (vec![("app", "deactivated"), ("sms", "activated")], "sms"),
        (
            vec![("app", "activation is pending"), ("sms", "activated")],
            "sms",
        ),
    ] {
        let server = Server::new([list(&types), answer(204, "")]);
        let person = Person::new(["123456"]);
        let builder = server.builder().person(&person);
        let parts = parts(&server, builder.mfa_type("app").discover_mfa_type());
        parts.mfa.code().await.unwrap();
        assert_eq!(
            server.calls(),
            "multi-factor-auth-types multi-factor-auth-trigger"
        );
        assert_eq!(server.json(1)["data"]["attributes"]["type"], expected);
        assert_eq!(person.asked.lock().unwrap()[0].method(), expected);
    }
    let server = Server::new([list(&[("email", "deactivated")])]);
    let person = Person::default();
    let parts = parts(
        &server,
        server.builder().person(&person).discover_mfa_type(),
    );
    let failed = parts.mfa.code().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Provider);
    assert_eq!((server.count(), person.attempts().len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_covers_the_whole_asking() {
    // The trigger and the person take all the time that they may.
    let server = Server::new([Act::Later(secs(29), 204, String::new())]);
    let person = Person::slow([(299, "123456")]);
    let parts = parts(&server, server.builder().person(&person));
    let mut events = parts.mfa.events();
    assert_eq!(parts.mfa.code().await.unwrap().expose(), "123456");
    assert!(matches!(events.next().await, Some(Event::Renewed { .. })));
}

#[tokio::test(start_paused = true)]
async fn guests_go_without_the_token() {
    for (header, expected) in [(true, "-"), (false, "Bearer access-0")] {
        let server = Server::new([answer(200, "")]);
        let mut builder = server.builder();
        if !header {
            builder = builder.guest_header(None);
        }
        let parts = parts(&server, builder);
        let request = Request::post(format!("{BASE}/guest-cart-items"))
            .header("X-Anonymous-Customer-Unique-Id", "guest-1")
            .body(Full::from("{}"))
            .unwrap();
        parts.client.clone().oneshot(request).await.unwrap();
        assert_eq!(server.header(0, "authorization"), expected);
        assert_eq!(
            server.header(0, "x-anonymous-customer-unique-id"),
            "guest-1"
        );
    }
}
