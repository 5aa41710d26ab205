//! Codes and tokens in one stack.

use std::sync::{Arc, Mutex};

use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use http_body_util::{BodyExt, Full};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_reauth::{Token, layers::Mfa};

use crate::{
    common::{Body, Minter, collected, get},
    support::*,
};

/// What each request carried: token, code, body.
type Seen = Arc<Mutex<Vec<String>>>;

/// A server that wants the token `t1` and then the code `c1`.
fn server<B>(
    seen: &Seen,
) -> impl Service<Request<B>, Response = Response<Body>, Error = BoxError, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static
where
    B: http_body::Body<Data = bytes::Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let seen = Arc::clone(seen);
    service_fn(move |request: Request<B>| {
        let seen = Arc::clone(&seen);
        async move {
            let (head, body) = request.into_parts();
            let text = |name| head.headers.get(name).map_or("-", |v| v.to_str().unwrap());
            let (token, code) = (text(AUTHORIZATION), text(HEADER));
            let body = body.collect().await.map_err(Into::into)?.to_bytes();
            let body = String::from_utf8_lossy(&body);
            let note = format!("{} {code} {body}", token.trim_start_matches("Bearer "));
            seen.lock().unwrap().push(note);
            let (status, body) = match (token, code) {
                ("Bearer t1", "c1") => (StatusCode::OK, ""),
                ("Bearer t1", "-") => (StatusCode::FORBIDDEN, "5900"),
                ("Bearer t1", _) => (StatusCode::FORBIDDEN, "5901"),
                _ => (StatusCode::UNAUTHORIZED, ""),
            };
            let mut answer = crate::common::status(status);
            *answer.body_mut() = Full::from(body);
            Ok(answer)
        }
    })
}

fn parts() -> (Minter, tower_reauth::Session, Person, Mfa) {
    let minter = Minter::default();
    let dead = Token::new("t0").unwrap();
    let session = minter.builder().token(dead).build().unwrap();
    let person = Api::default().person();
    let mfa = person.mfa();
    (minter, session, person, mfa)
}

#[tokio::test(start_paused = true)]
async fn one_layer_renews_the_token_and_then_gets_a_code() {
    let (minter, session, person, mfa) = parts();
    let seen = Seen::default();
    let client = session.layer().mfa(&mfa).layer(server(&seen));
    let answer = client.clone().oneshot(post()).await.unwrap();
    assert_eq!(outcome(&answer), DONE);
    assert_eq!(*seen.lock().unwrap(), ["t0 - new", "t1 - new", "t1 c1 new"]);
    assert_eq!((minter.count(), person.asked()), (1, 1));
    let answer = client.oneshot(get()).await.unwrap();
    assert_eq!(outcome(&answer), DONE);
    assert_eq!(seen.lock().unwrap()[3..], ["t1 c1 "]);
}

#[tokio::test(start_paused = true)]
async fn two_layers_do_so_too_in_any_order() {
    for mfa_outside in [true, false] {
        let (minter, session, person, mfa) = parts();
        let seen = Seen::default();
        let answer = if mfa_outside {
            let client = (mfa.layer(), session.layer()).layer(server(&seen));
            let answer = client.oneshot(post()).await.unwrap();
            collected(answer).await.unwrap()
        } else {
            let client = (session.layer(), mfa.layer()).layer(server(&seen));
            let answer = client.oneshot(post()).await.unwrap();
            collected(answer).await.unwrap()
        };
        assert_eq!(outcome(&answer), DONE);
        assert_eq!(*seen.lock().unwrap(), ["t0 - new", "t1 - new", "t1 c1 new"]);
        assert_eq!((minter.count(), person.asked()), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_code_in_hand_is_sent_again_with_the_next_token_and_a_newer_one_in_its_place() {
    let (_, session, _, mfa) = parts();
    let seen = Seen::default();
    mfa.set(tower_reauth::Code::new("c0").unwrap());
    // While the token is renewed another code comes.
    let server = server(&seen);
    let setting = service_fn({
        let mfa = mfa.clone();
        move |request: Request<_>| {
            let (server, mfa) = (server.clone(), mfa.clone());
            async move {
                let answer = server.oneshot(request).await?;
                if answer.status() == StatusCode::UNAUTHORIZED {
                    mfa.set(tower_reauth::Code::new("c1").unwrap());
                }
                Ok::<_, BoxError>(answer)
            }
        }
    });
    let client = session.layer().mfa(&mfa).layer(setting);
    assert_eq!(outcome(&client.oneshot(post()).await.unwrap()), DONE);
    assert_eq!(*seen.lock().unwrap(), ["t0 c0 new", "t1 c1 new"]);
}
