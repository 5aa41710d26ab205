//! Each provider's flow to a token. Q2 has none: its auths are in `tests/q2`.

use http::{Request, Response};
use tower::service_fn;
use tower_reauth::{
    Code, CodeRequest, Session,
    providers::{back_office::BackOffice, fintiv::Fintiv, glue::Glue, my2n::My2n, oauth2::OAuth2},
};

use crate::sweep::{Log, answer, server, sweep, takes_a_while};

/// Drops a call for a token after every number of polls. Then there is a token, and each of `once`
/// was asked once.
async fn once(make: impl Fn(&Log) -> Session, once: &[&str]) {
    let start = || {
        let log = Log::default();
        let session = make(&log);
        let call = {
            let session = session.clone();
            async move { session.token().await.map(|current| current.generation()) }
        };
        (call, (log, session))
    };
    let polls = sweep(start, |(log, session), polls| async move {
        assert_eq!(log.is_empty(), polls == 0, "after {polls} polls");
        session.token().await.unwrap();
        for path in once {
            assert_eq!(log.count(path), 1, "{path} after {polls} polls");
        }
    })
    .await;
    // There is an exchange of 3 ms for each.
    assert!(polls > 3 * once.len(), "{polls}");
}

fn codes(
    log: &Log,
) -> impl tower::Service<CodeRequest, Response = Code, Error = tower_reauth::Error, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static
+ use<> {
    let log = log.clone();
    service_fn(move |_: CodeRequest| {
        let log = log.clone();
        async move {
            log.add("code");
            takes_a_while().await;
            Code::new("123456").map_err(Into::into)
        }
    })
}

type Answer = Response<http_body_util::Full<bytes::Bytes>>;

#[tokio::test(start_paused = true)]
async fn oauth2() {
    let make = |log: &Log| {
        let tokens = |_: &Request<()>, _: usize| -> Answer {
            answer(
                200,
                r#"{"access_token":"t","token_type":"Bearer","expires_in":3600}"#,
            )
        };
        let oauth2 = OAuth2::builder(server(log, tokens), "https://auth.example.com/token")
            .client_id("id")
            .client_secret("s3cret")
            .client_credentials()
            .build()
            .unwrap();
        oauth2
            .session()
            .origin("https://api.example.com")
            .build()
            .unwrap()
    };
    once(make, &["/token"]).await;
}

#[tokio::test(start_paused = true)]
async fn back_office_with_a_code() {
    let make = |log: &Log| {
        let api = |request: &Request<()>, _: usize| -> Answer {
            match request.uri().path() {
                "/api/v2/signin" => answer(
                    200,
                    r#"{"2faRequired":true,"2faDetails":{"token":"f","provider":"email"}}"#,
                ),
                _ => answer(
                    200,
                    r#"{"accessToken":{"token":"t"},"refreshToken":{"token":"r"}}"#,
                ),
            }
        };
        let back_office = BackOffice::builder(server(log, api), "https://host.example.com")
            .credentials("user@example.com", "Secret123")
            .code_service(codes(log))
            .build()
            .unwrap();
        back_office.session().build().unwrap()
    };
    once(make, &["/api/v2/signin", "code", "/api/v2/2fa/confirm"]).await;
}

#[tokio::test(start_paused = true)]
async fn my2n_through_the_upgrade() {
    let make = |log: &Log| {
        let api = |request: &Request<()>, _: usize| -> Answer {
            match request.uri().path() {
                "/middleware/api/partner/v1/auth" => answer(409, "{}"),
                "/self-service/login/api" => answer(
                    200,
                    r#"{"id":"8a2f3e5c-1b2d-4c3e-9f4a-5b6c7d8e9f00","type":"api"}"#,
                ),
                _ => answer(200, r#"{"session_token":"t"}"#),
            }
        };
        let base = "https://my2n.com/middleware/api/partner/v1";
        let my2n = My2n::builder(server(log, api), base)
            .credentials("user@example.com", "Secret123")
            .build()
            .unwrap();
        my2n.session().build().unwrap()
    };
    let steps = [
        "/middleware/api/partner/v1/auth",
        "/self-service/login/api",
        "/self-service/login",
    ];
    once(make, &steps).await;
}

#[tokio::test(start_paused = true)]
async fn glue() {
    let make = |log: &Log| {
        let api = |_: &Request<()>, _: usize| -> Answer {
            answer(
                201,
                r#"{"data":{"type":"access-tokens","attributes":{"tokenType":"Bearer",
                    "expiresIn":28800,"accessToken":"t","refreshToken":"r"}}}"#,
            )
        };
        let glue = Glue::builder(server(log, api), "https://glue.example.com")
            .credentials("user@example.com", "Secret123")
            .build()
            .unwrap();
        glue.session().build().unwrap()
    };
    once(make, &["/access-tokens"]).await;
}

#[tokio::test(start_paused = true)]
async fn fintiv() {
    let make = |log: &Log| {
        let api = |_: &Request<()>, _: usize| -> Answer {
            answer(
                200,
                r#"{"contextResponse":{"statusCode":"SUCCESS","token":"t"}}"#,
            )
        };
        let fintiv = Fintiv::builder(server(log, api), "https://api.example.com/auth")
            .api_key("key")
            .tenant("tenant")
            .credentials("user@example.com", "Secret123")
            .build()
            .unwrap();
        fintiv.session().build().unwrap()
    };
    once(make, &["/auth/signon"]).await;
}
