//! The calls that manage multi-factor authentication.

use super::*;
use crate::providers::glue::{MfaStatus, MfaTypes};

fn types(server: &Server, person: &Person) -> (MfaTypes, Mfa) {
    let glue = server.builder().person(person).build().unwrap();
    let session = glue.session().token(held("refresh-0")).build().unwrap();
    let mfa = glue.mfa(&session).build().unwrap();
    (glue.mfa_types(&session, &mfa), mfa)
}

fn codes(server: &Server) -> Vec<String> {
    (0..server.count())
        .map(|number| server.header(number, "x-mfa-code"))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn the_list_is_read_in_every_form() {
    let item = |name: &str, status: Value| {
        json!({"type": "multi-factor-auth-types", "id": null,
            "attributes": {"type": name, "status": status}})
    };
    let items = json!([
        item("email", json!("activated")),
        item("sms", json!("activation is pending")),
        item("app", json!("deactivated")),
        // As before 0.1.3, and in the documentation.
        item("a", json!(2)),
        item("b", json!(1)),
        item("c", json!("0")),
        item("d", json!("odd")),
        item("e", json!(9)),
        {"attributes": {"status": "activated"}},
    ]);
    for body in [json!({"data": items}), items.clone()] {
        let server = Server::new([answer(200, body)]);
        let (types, _) = types(&server, &Person::default());
        let list = types.list().await.unwrap();
        let names: Vec<_> = list.iter().map(|kind| kind.name()).collect();
        assert_eq!(names, ["email", "sms", "app", "a", "b", "c", "d", "e"]);
        let status: Vec<_> = list.iter().map(|kind| kind.status().clone()).collect();
        use MfaStatus::{Activated, Deactivated, Other, Pending};
        let expected = [
            Activated,
            Pending,
            Deactivated,
            Activated,
            Pending,
            Deactivated,
            Other("odd".into()),
            Other("9".into()),
        ];
        assert_eq!(status, expected);
        let seen = server.seen.lock().unwrap();
        assert_eq!(seen[0].method, Method::GET);
        assert_eq!(seen[0].path, format!("{BASE}/multi-factor-auth-types"));
        assert_eq!(seen[0].headers["authorization"], "Bearer access-0");
        assert!(seen[0].headers.get("content-type").is_none());
    }
    for (body, text) in [("", "empty"), ("{}", "`data` is not a list"), ("[", "")] {
        let server = Server::new([answer(200, body)]);
        let (types, _) = types(&server, &Person::default());
        let error = types.list().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_type_is_activated_and_verified_with_the_code_for_it() {
    let server = Server::new([answer(204, ""), answer(204, "")]);
    let person = Person::default();
    let (types, mfa) = types(&server, &person);
    types.activate("email").await.unwrap();
    let code = Code::new("123456").unwrap();
    types.verify("email", &code).await.unwrap();
    assert_eq!(
        server.calls(),
        "multi-factor-auth-type-activate multi-factor-auth-type-verify"
    );
    assert_eq!(codes(&server), ["-", "123456"]);
    let expected = json!({"data": {
        "type": "multi-factor-auth-type-verify", "attributes": {"type": "email"},
    }});
    assert_eq!(server.json(1), expected);
    // The code in hand is another one.
    mfa.set(Code::new("999999").unwrap());
    server.then([answer(204, "")]);
    types.verify("sms", &code).await.unwrap();
    assert_eq!(server.header(2, "x-mfa-code"), "123456");
    assert_eq!(person.attempts().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn activating_a_second_type_takes_a_code_of_the_first() {
    let missing = failure(403, "5900", "X-MFA-Code header is missing.");
    let server = Server::new([missing, answer(204, ""), answer(204, "")]);
    let person = Person::new(["123456"]);
    let (types, _) = types(&server, &person);
    types.activate("sms").await.unwrap();
    assert_eq!(
        server.calls(),
        "multi-factor-auth-type-activate multi-factor-auth-trigger multi-factor-auth-type-activate"
    );
    assert_eq!(codes(&server), ["-", "-", "123456"]);
    let asked: Vec<_> = (0..3)
        .map(|number| server.json(number)["data"]["attributes"]["type"].clone())
        .collect();
    assert_eq!(asked, ["sms", "email", "sms"]);
}

#[tokio::test(start_paused = true)]
async fn a_code_for_deactivating_comes_from_a_trigger_and_is_forgotten() {
    let server = Server::new([answer(204, ""), answer(204, "")]);
    let person = Person::new(["123456", "222222"]);
    let (types, mfa) = types(&server, &person);
    types.deactivate("email").await.unwrap();
    assert_eq!(
        server.calls(),
        "multi-factor-auth-trigger multi-factor-auth-type-deactivate"
    );
    assert_eq!(codes(&server), ["-", "123456"]);
    server.then([answer(204, "")]);
    assert_eq!(mfa.code().await.unwrap().expose(), "222222");

    // One that is dead is replaced, once.
    mfa.set(Code::new("444444").unwrap());
    let invalid = failure(403, "5901", "X-MFA-Code is invalid.");
    server.then([invalid, answer(204, ""), answer(204, "")]);
    person
        .codes
        .lock()
        .unwrap()
        .push_back((Duration::ZERO, "333333"));
    types.deactivate("email").await.unwrap();
    assert_eq!(codes(&server)[3..], ["444444", "-", "333333"]);
}

#[tokio::test(start_paused = true)]
async fn errors_have_the_codes_of_the_source() {
    for (code, kind) in [
        ("5901", ErrorKind::CodeRejected),
        ("5902", ErrorKind::Provider),
        ("5903", ErrorKind::Provider),
        ("5904", ErrorKind::Provider),
        ("5905", ErrorKind::Provider),
        ("5906", ErrorKind::Provider),
        ("5907", ErrorKind::Provider),
        ("5908", ErrorKind::Provider),
        ("5909", ErrorKind::Provider),
        ("5910", ErrorKind::Transport),
    ] {
        let server = Server::new([failure(400, code, "As it is.")]);
        let (types, _) = types(&server, &Person::default());
        let code_ = Code::new("123456").unwrap();
        let error = types.verify("email", &code_).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{code}");
        let number: u16 = code.parse().unwrap();
        assert_eq!(MfaErrorCode::of(&error).unwrap().number(), number);
        assert!(error.to_string().contains("As it is"), "{error}");
        assert_eq!(server.count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_to_have_a_code_is_what_the_caller_is_told() {
    let missing = failure(403, "5900", "");
    let server = Server::new([missing, answer(500, "")]);
    let (types, _) = types(&server, &Person::default());
    let error = types.activate("sms").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert!(
        error.to_string().contains("MFA trigger failed (500"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_trigger_by_hand_makes_the_code_in_hand_worthless() {
    for (act, is_kept) in [
        (answer(204, ""), false),
        // Nobody knows.
        (Act::Hang, false),
        (answer(500, ""), false),
        (failure(400, "5906", ""), true),
    ] {
        let server = Server::new([act, answer(204, "")]);
        let person = Person::new(["222222"]);
        let (types, mfa) = types(&server, &person);
        mfa.set(Code::new("111111").unwrap());
        let _ = types.trigger("email").await;
        let expected = if is_kept { "111111" } else { "222222" };
        assert_eq!(mfa.code().await.unwrap().expose(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_token_is_renewed_for_these_calls_as_well() {
    let dead = failure(401, "001", "Invalid access token.");
    let server = Server::new([dead, tokens(1), answer(200, json!({"data": []}))]);
    let (types, _) = types(&server, &Person::default());
    assert!(types.list().await.unwrap().is_empty());
    assert_eq!(server.header(2, "authorization"), "Bearer access-1");
}
