//! Nothing that is secret is in any text.

use std::{error::Error as StdError, fmt::Write as _};

use super::*;

/// Everything that can be printed of an error and those below it.
fn texts(error: &Error) -> String {
    let mut all = format!("{error} {error:?} {error:#?}");
    let mut below = error.source();
    while let Some(cause) = below {
        let _ = write!(all, " {cause} {cause:?}");
        below = cause.source();
    }
    all
}

/// Words that no text has by chance, long and short.
struct Canaries {
    email: String,
    password: String,
    refresh: String,
    access: String,
    code: String,
    flow: String,
}

impl Canaries {
    fn new() -> Self {
        let word = |length| {
            let letters = std::iter::repeat_with(fastrand::alphanumeric);
            letters.take(length).collect::<String>()
        };
        Self {
            email: format!("{}@{}.example", word(9), word(9)),
            password: format!("{}\"\\/ü{}", word(5), word(5)),
            refresh: word(40),
            access: word(40),
            code: word(6),
            flow: word(16),
        }
    }

    fn all(&self) -> [&str; 6] {
        [
            &self.email,
            &self.password,
            &self.refresh,
            &self.access,
            &self.code,
            &self.flow,
        ]
    }

    #[track_caller]
    fn assert_not_in(&self, text: &str) {
        for secret in self.all() {
            let escaped = serde_json::to_string(secret).unwrap();
            for form in [secret, escaped.trim_matches('"'), &secret[..5]] {
                assert!(!text.contains(form), "{form} in {text}");
            }
        }
    }

    fn echo(&self, shape: usize) -> String {
        let all = self.all().join(" , ");
        match shape {
            0 => all,
            1 => json!({"message": all}).to_string(),
            2 => json!({"error": {"sent": {"body": self.all()}}}).to_string(),
            3 => json!({"errors": [json!({"message": all}).to_string()]}).to_string(),
            4 => json!({"message": self.all().map(|secret| secret.to_uppercase()).join("-")})
                .to_string(),
            5 => {
                json!({"message": "no", "accessToken": self.access, "2faRequired": all}).to_string()
            }
            _ => json!({"accessToken": {"token": {"x": all}}}).to_string() + &all,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn errors_never_repeat_what_the_server_echoes() {
    let canaries = Canaries::new();
    let mut failures = 0;
    for shape in 0..7 {
        for status in [200, 302, 400, 401, 403, 404, 410, 418, 422, 423, 429, 500] {
            for stage in 0..4 {
                let echo = || answer(status, canaries.echo(shape));
                let details = json!({"token": canaries.flow, "provider": "email"});
                let flow = answer(200, json!({"2faRequired": true, "2faDetails": details}));
                let server = match stage {
                    0 => Server::new([echo(), echo()]),
                    1 => Server::new([answer(401, ""), echo()]),
                    2 => Server::new([answer(401, ""), flow, echo(), echo()]),
                    _ => Server::new([echo()]),
                };
                let code = canaries.code.clone();
                let codes = service_fn(move |_: CodeRequest| {
                    let code = code.clone();
                    async move { Ok::<_, BoxError>(Code::new(code)?) }
                });
                let client = server.clone();
                let client = service_fn(move |request| client.clone().serve(request));
                let builder = BackOffice::builder(client, "https://host.name")
                    .credentials(canaries.email.as_str(), canaries.password.as_str())
                    .code_service(codes);
                canaries.assert_not_in(&format!("{builder:?}"));
                let back_office = builder.build().unwrap();
                canaries.assert_not_in(&format!("{back_office:?} {back_office:#?}"));
                let token = Token::new(canaries.access.as_str()).unwrap();
                let token = token.with_refresh_token(canaries.refresh.as_str()).unwrap();
                let error = match stage {
                    3 => back_office.sign_out(&token).await.err(),
                    _ => again(&back_office, &token).await.err(),
                };
                if let Some(error) = error {
                    failures += 1;
                    canaries.assert_not_in(&texts(&error));
                }
            }
        }
    }
    assert!(failures > 300, "{failures}");
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_client_and_the_code_service_are_looked_through() {
    let canaries = Canaries::new();
    let sent = json!({"email": canaries.email, "password": canaries.password});
    let server = Server::new([Act::Refuse(format!("could not send {sent}").into())]);
    let back_office = server
        .builder()
        .credentials(canaries.email.as_str(), canaries.password.as_str())
        .build()
        .unwrap();
    let error = assert_fails(
        first(&back_office).await,
        ErrorKind::Transport,
        "did not get",
    );
    canaries.assert_not_in(&texts(&error));
    assert!(texts(&error).contains("may repeat a secret"));

    let details = json!({"token": canaries.flow, "provider": "email"});
    let server = Server::new([answer(
        200,
        json!({"2faRequired": true, "2faDetails": details}),
    )]);
    let email = canaries.email.clone();
    let codes = service_fn(move |_: CodeRequest| {
        let text = format!("no mail for {email}");
        async move { Err::<Code, BoxError>(text.into()) }
    });
    let back_office = server
        .builder()
        .credentials(canaries.email.as_str(), canaries.password.as_str())
        .code_service(codes)
        .build()
        .unwrap();
    let result = first(&back_office).await;
    let error = assert_fails(
        result,
        ErrorKind::CodeUnavailable,
        "the code service failed",
    );
    canaries.assert_not_in(&texts(&error));
}

#[tokio::test(start_paused = true)]
async fn a_classifier_sees_everything_and_shows_nothing() {
    let server = Server::new([Act::Answer(
        401,
        vec![("x-trace", "canary-1".into())],
        "canary-2".into(),
    )]);
    let debug = Arc::new(Mutex::new(String::new()));
    let seen = debug.clone();
    let back_office = server
        .builder()
        .classifier(move |answer| {
            assert_eq!(answer.headers()["x-trace"], "canary-1");
            assert_eq!(answer.body(), b"canary-2");
            assert_eq!(answer.endpoint(), super::super::Endpoint::SignIn);
            *seen.lock().unwrap() = format!("{answer:?}");
            Some(ErrorKind::SessionActive)
        })
        .build()
        .unwrap();
    let result = first(&back_office).await;
    assert_fails(result, ErrorKind::SessionActive, "the classifier says so");
    assert!(!debug.lock().unwrap().contains("canary"));
}

/// What the server says, and how it may have disguised what it was sent.
#[tokio::test(start_paused = true)]
async fn secrets_in_disguise_are_not_repeated() {
    for (password, said) in [
        ("aB\"c1&d2", "bad: aB&quot;c1&amp;d2"),
        ("it's <me>", "bad: it&#039;s &lt;me&gt;"),
        ("my pass word", "you sent password=my+pass+word"),
        ("Secret123", "you sent U2VjcmV0MTIz"),
        ("Secret123", "you sent Secret1*3"),
        ("Secret123", "you sent S e c r e t 1 2 3"),
        ("Secret123", "you sent 'Secret' '123'"),
        ("Secret123", "you sent 536563726574313233"),
        ("pässwörd9", "you sent p&auml;sswörd9"),
        ("pässwörd9", "you sent p%E4ssw%F6rd9"),
        ("pässwörd9", "you sent p?ssw?rd9"),
        ("Secret123", "no user foo&#64;bar.com, foo (at) bar.com"),
    ] {
        let server = Server::new([answer(401, json!({"message": said}))]);
        let builder = server.builder().credentials(EMAIL, password);
        let result = first(&builder.build().unwrap()).await;
        let error = assert_fails(result, ErrorKind::Rejected, "the password");
        assert!(!texts(&error).contains("the server says"), "{error}");
    }
}
