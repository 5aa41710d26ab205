//! Each provider's flow to a token: in a session, whose sign-in goes on without its callers, and by
//! itself, as it is dropped by a deadline. Q2 has auths instead.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use tower::{Layer, Service, service_fn};
use tower_reauth::{
    Error, Reason, Renewal, Renewed, SessionBuilder, Token,
    providers::{
        back_office::BackOffice,
        fintiv::Fintiv,
        glue::Glue,
        my2n::{ApiVersion, My2n},
        oauth2::OAuth2,
        q2::{Event, NewAuth, Q2},
    },
};

use crate::{
    calls::{Case, World, failed, status, token},
    sweep::{Log, answer, limited, server, sweep, takes_a_while},
    worlds::codes,
};

/// Drops a call for a token after every number of polls. Then there is a token, and each of `once`
/// was asked once.
async fn once<P>(make: impl Fn(&Log) -> P, session: impl Fn(&P) -> SessionBuilder, once: &[&str]) {
    let start = || {
        let log = Log::default();
        let session = session(&make(&log)).build().unwrap();
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

/// Drops a renewal of its own after every number of polls. It asks for nothing more then, and the
/// next one gets a token.
async fn by_itself<P>(make: impl Fn(&Log) -> P, previous: Option<&Token>, steps: usize)
where
    P: Service<Renewal, Response = Renewed, Error = Error>,
{
    let case = Case {
        make: || {
            let log = Log::default();
            World {
                service: make(&log),
                log,
                permits: Vec::new(),
            }
        },
        request: || match previous {
            Some(previous) => Renewal::new(Reason::Expiring).with_previous(previous.clone()),
            None => Renewal::new(Reason::Missing),
        },
        told: token,
        once: &[],
    };
    let polls = case.holds("t").await;
    assert!(polls > 3 * steps, "{polls} polls for {steps} steps");
}

type Answer = Response<Full<Bytes>>;

fn with_refresh_token() -> Token {
    Token::new("t0").unwrap().with_refresh_token("r0").unwrap()
}

#[tokio::test(start_paused = true)]
async fn oauth2() {
    let make = |log: &Log| {
        let tokens = |_: &Request<()>, _: usize| -> Answer {
            answer(
                200,
                r#"{"access_token":"t","token_type":"Bearer","expires_in":3600}"#,
            )
        };
        OAuth2::builder(server(log, tokens), "https://auth.example.com/token")
            .client_id("id")
            .client_secret("s3cret")
            .client_credentials()
            .build()
            .unwrap()
    };
    let session = |oauth2: &OAuth2| oauth2.session().origin("https://api.example.com");
    once(make, session, &["/token"]).await;
    by_itself(make, None, 1).await;
    by_itself(make, Some(&with_refresh_token()), 1).await;
}

#[tokio::test(start_paused = true)]
async fn back_office_with_a_code() {
    let make = |log: &Log| {
        let api = |request: &Request<()>, before: usize| -> Answer {
            match request.uri().path() {
                "/api/v2/signin" => answer(
                    200,
                    r#"{"2faRequired":true,"2faDetails":{"token":"f","provider":"email"}}"#,
                ),
                // It takes a refresh token once, whether or not anybody heard the answer.
                "/api/v2/refresh" if before > 0 => answer(401, "{}"),
                _ => answer(
                    200,
                    r#"{"accessToken":{"token":"t"},"refreshToken":{"token":"r"}}"#,
                ),
            }
        };
        BackOffice::builder(server(log, api), "https://host.example.com")
            .credentials("user@example.com", "Secret123")
            .code_service(codes(log))
            .build()
            .unwrap()
    };
    let steps = ["/api/v2/signin", "code", "/api/v2/2fa/confirm"];
    once(make, BackOffice::session, &steps).await;
    by_itself(make, None, 3).await;
    by_itself(make, Some(&with_refresh_token()), 1).await;
}

fn my2n(log: &Log, version: ApiVersion) -> My2n {
    let api = move |request: &Request<()>, _: usize| -> Answer {
        match request.uri().path() {
            "/middleware/api/partner/v1/auth" if version == ApiVersion::V1 => {
                answer(200, r#"{"accessToken":"t"}"#)
            }
            "/middleware/api/partner/v1/auth" => answer(409, "{}"),
            "/self-service/login/api" => answer(
                200,
                r#"{"id":"8a2f3e5c-1b2d-4c3e-9f4a-5b6c7d8e9f00","type":"api"}"#,
            ),
            _ => answer(200, r#"{"session_token":"t"}"#),
        }
    };
    let base = "https://my2n.com/middleware/api/partner/v1";
    My2n::builder(server(log, api), base)
        .credentials("user@example.com", "Secret123")
        .api_version(version)
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn my2n_of_each_version_and_through_the_upgrade() {
    let v1 = ["/middleware/api/partner/v1/auth"];
    let v2 = ["/self-service/login/api", "/self-service/login"];
    let both = [v1[0], v2[0], v2[1]];
    for (version, steps) in [
        (ApiVersion::V1, &v1[..]),
        (ApiVersion::V2, &v2[..]),
        (ApiVersion::Auto, &both[..]),
    ] {
        let make = |log: &Log| my2n(log, version);
        once(make, My2n::session, steps).await;
        by_itself(make, None, steps.len()).await;
    }
}

fn glue_of(log: &Log) -> Glue {
    Glue::builder(server(log, shop), "https://glue.example.com")
        .credentials("user@example.com", "Secret123")
        .code_service(codes(log))
        .build()
        .unwrap()
}

/// Signs in whoever comes, and wants a code for everything else.
fn shop(request: &Request<()>, _: usize) -> Answer {
    match request.uri().path() {
        "/access-tokens" | "/refresh-tokens" => answer(
            201,
            r#"{"data":{"type":"access-tokens","attributes":{"tokenType":"Bearer",
                "expiresIn":28800,"accessToken":"t","refreshToken":"r"}}}"#,
        ),
        "/multi-factor-auth-trigger" => answer(204, ""),
        _ if request.headers().contains_key("x-mfa-code") => answer(200, "{}"),
        _ => answer(
            403,
            r#"{"errors":[{"code":"5900","status":403,"detail":"X-MFA-Code header is missing."}]}"#,
        ),
    }
}

#[tokio::test(start_paused = true)]
async fn glue() {
    once(glue_of, Glue::session, &["/access-tokens"]).await;
    by_itself(glue_of, None, 1).await;
    by_itself(glue_of, Some(&with_refresh_token()), 1).await;
}

#[tokio::test(start_paused = true)]
async fn glue_with_a_code() {
    let case = Case {
        make: || {
            let log = Log::default();
            let glue = glue_of(&log);
            let session = glue.session().build().unwrap();
            let mfa = glue.mfa(&session).build().unwrap();
            let (limited, permits) = limited(server(&log, shop));
            World {
                service: session.layer().mfa(&mfa).layer(limited),
                log,
                permits: vec![permits],
            }
        },
        request: || {
            let request = Request::post("https://glue.example.com/checkout");
            request.body(Full::new(Bytes::from("{}"))).unwrap()
        },
        told: status,
        once: &["/access-tokens", "/multi-factor-auth-trigger", "code"],
    };
    // A sign-in, a challenge, a trigger, a prompt and the call.
    let polls = case.holds("200").await;
    assert!(polls > 3 * 5, "{polls}");
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
        Fintiv::builder(server(log, api), "https://api.example.com/auth")
            .api_key("key")
            .tenant("tenant")
            .credentials("user@example.com", "Secret123")
            .build()
            .unwrap()
    };
    once(make, Fintiv::session, &["/auth/signon"]).await;
    by_itself(make, None, 1).await;
}

/// What Q2 tells about `auth`, some time after it has answered.
fn tell(q2: &Arc<OnceLock<Q2>>, auth: &str, kind: &str, data: &Value) {
    let event = json!({"event": {
        "_id": format!("{kind} of {auth}"), "type": kind, "clientId": "c1",
        "payload": {"resource": {"type": "auth", "id": auth}, "data": data},
    }});
    let q2 = Arc::clone(q2);
    tokio::spawn(async move {
        takes_a_while().await;
        let event = Event::from_json(event.to_string()).expect("an event");
        // If nobody waits for it any more, it is as good as delivered.
        let _ = q2.get().expect("it is there by now").deliver(&event);
    });
}

#[tokio::test(start_paused = true)]
async fn q2_with_a_question() {
    let make = || {
        let log = Log::default();
        let there = Arc::new(OnceLock::new());
        let api = {
            let (there, log) = (Arc::clone(&there), log.clone());
            move |request: &Request<()>, _: usize| -> Answer {
                let auth = format!("a{}", log.count("/v1/auth"));
                if request.uri().path() == "/v1/auth" {
                    let asked = json!({"token": "f", "method": "questions",
                        "mfa": [{"question": "First pet?", "identifier": "i"}],
                        "company": {"_id": "co1"}});
                    tell(&there, &auth, "auth.mfa-required", &asked);
                    let queued = json!({"success": true, "authId": auth});
                    return answer(200, &queued.to_string());
                }
                let done = json!({"auth": {"_id": auth, "status": {"type": "verified"}},
                    "company": {"_id": "co1"}});
                tell(&there, &auth, "auth.success", &done);
                answer(200, r#"{"success":true}"#)
            }
        };
        let q2 = Q2::builder(server(&log, api), "https://api.q2open.io/v1")
            .api_key("key")
            .code_service(codes(&log))
            .build()
            .unwrap();
        assert!(there.set(q2.clone()).is_ok());
        let service = service_fn(move |auth: NewAuth| {
            let q2 = q2.clone();
            async move { q2.create_auth(auth).await }
        });
        World {
            service,
            log,
            permits: Vec::new(),
        }
    };
    let case = Case {
        make,
        request: || NewAuth::new("c1", "co1").field("password", "Secret123"),
        told: |result: Result<_, Error>| match result {
            Ok(_) => "verified".to_owned(),
            Err(error) => failed(error),
        },
        // Nobody submits credentials or answers a question in the name of one who has left.
        once: &[],
    };
    // A request, an event, a person, an answer and another event.
    let polls = case.holds("verified").await;
    assert!(polls > 3 * 5, "{polls}");
}
