//! Challenges: one asking for all, and the request is sent again once.

use http::{HeaderValue, Request, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::task::JoinSet;
use tower::{BoxError, Layer, ServiceExt};
use tower_reauth::{
    Code, Event, Reason,
    replay::{NotReplayed, ReplayLayer},
};

use crate::{
    common::{ORIGIN, get},
    support::*,
};

#[tokio::test(start_paused = true)]
async fn however_many_are_challenged_one_is_asked_and_all_succeed() {
    let api = Api::default();
    let person = api.person().latency(secs(60));
    let mfa = person.mfa();
    let (client, mut events) = (api.client(&mfa), mfa.events());
    let mut calls = JoinSet::new();
    for _ in 0..64 {
        calls.spawn(client.clone().oneshot(post()));
    }
    while let Some(answer) = calls.join_next().await {
        assert_eq!(outcome(&answer.unwrap().unwrap()), DONE);
    }
    assert_eq!((person.asked(), api.sends()), (1, 128));
    api.codes();
    // Whoever comes later is sent with it.
    assert_eq!(outcome(&call(&client, post()).await), DONE);
    assert_eq!(outcome(&call(&client, get()).await), DONE);
    assert_eq!(api.codes(), "c1 c1");
    assert_eq!(person.asked(), 1);
    let event = events.next().await.unwrap();
    let expected = matches!(
        event,
        Event::Renewed {
            new: 1,
            reason: Reason::Missing,
            ..
        }
    );
    assert!(expected, "{event:?}");
}

#[tokio::test(start_paused = true)]
async fn what_needs_no_code_does_not_wait_for_one() {
    let api = Api::default();
    let person = api.person().latency(secs(60));
    let client = api.client(&person.mfa());
    let waiting = tokio::spawn(client.clone().oneshot(post()));
    pass(secs(1)).await;
    assert!(person.is_present());
    let answer = client.clone().oneshot(get());
    let answer = tokio::time::timeout(secs(1), answer).await;
    assert_eq!(outcome(&answer.expect("it is free").unwrap()), DONE);
    assert_eq!(outcome(&waiting.await.unwrap().unwrap()), DONE);
    assert_eq!(api.codes(), "- - c1");
}

#[tokio::test(start_paused = true)]
async fn an_expired_code_is_not_sent() {
    let api = Api::default();
    let person = api.person().lifetime(secs(1800));
    let client = api.client(&person.mfa());
    assert_eq!(outcome(&call(&client, post()).await), DONE);
    pass(secs(1799)).await;
    assert_eq!(outcome(&call(&client, post()).await), DONE);
    assert_eq!((api.codes().as_str(), person.asked()), ("- c1 c1", 1));
    pass(secs(2)).await;
    // Nobody is asked for another before it is needed.
    assert_eq!(outcome(&call(&client, get()).await), DONE);
    assert_eq!((api.codes().as_str(), person.asked()), ("-", 1));
    assert_eq!(outcome(&call(&client, post()).await), DONE);
    assert_eq!((api.codes().as_str(), person.asked()), ("- c2", 2));
}

#[tokio::test(start_paused = true)]
async fn the_lifetime_that_is_set_is_for_codes_that_have_none() {
    for (own, expected) in [(None, 600), (Some(secs(60)), 60)] {
        let api = Api::default();
        let mut person = api.person();
        if let Some(own) = own {
            person = person.lifetime(own);
        }
        let mfa = person.builder().code_ttl(secs(600)).build().unwrap();
        let client = api.client(&mfa);
        call(&client, post()).await;
        pass(secs(expected - 1)).await;
        call(&client, get()).await;
        pass(secs(2)).await;
        call(&client, get()).await;
        assert_eq!(api.codes(), "- c1 c1 -");
    }
}

#[tokio::test(start_paused = true)]
async fn a_challenge_that_comes_late_finds_the_code_that_is_there() {
    // For a request without a code, and for one with the code before.
    for first in [None, Some("c0")] {
        let api = Api::default();
        let person = api.person();
        let mfa = person.mfa();
        let client = api.client(&mfa);
        if let Some(code) = first {
            mfa.set(Code::new(code).unwrap());
        }
        api.latency(secs(10));
        let late = tokio::spawn(client.clone().oneshot(post()));
        pass(secs(1)).await;
        api.accept(Some("c9"));
        mfa.set(Code::new("c9").unwrap());
        assert_eq!(outcome(&late.await.unwrap().unwrap()), DONE);
        assert_eq!(person.asked(), 0);
        let expected = format!("{} c9", first.unwrap_or("-"));
        assert_eq!(api.codes(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_other_reasons_is_the_callers() {
    let api = Api::default();
    let person = api.person();
    let client = api.client(&person.mfa());
    for (status, body) in [
        (StatusCode::FORBIDDEN, "002 Missing access token"),
        (StatusCode::UNAUTHORIZED, "001"),
        (StatusCode::BAD_REQUEST, "5900"),
        (StatusCode::FORBIDDEN, ""),
    ] {
        api.order(status, body);
        let answer = call(&client, post()).await;
        assert_eq!(outcome(&answer), (status.as_u16(), None));
        assert_eq!(answer.body(), body);
    }
    assert_eq!((person.asked(), api.sends()), (0, 4));
}

#[tokio::test(start_paused = true)]
async fn a_request_is_sent_again_once() {
    let api = Api::default();
    let person = api.person();
    let client = api.client(&person.mfa());
    api.order(StatusCode::FORBIDDEN, "5900");
    api.order(StatusCode::FORBIDDEN, "not allowed");
    let answer = call(&client, post()).await;
    assert_eq!(outcome(&answer), (403, None));
    assert_eq!(answer.body(), "not allowed");
    // That was no word on the code, so it is still good.
    assert_eq!(outcome(&call(&client, post()).await), DONE);
    assert_eq!((api.codes().as_str(), person.asked()), ("- c1 c1", 1));
}

#[tokio::test(start_paused = true)]
async fn a_code_of_the_callers_own_gives_way_to_ours() {
    let api = Api::default();
    let person = api.person();
    let client = api.client(&person.mfa());
    let own = || {
        let mut request = post();
        let mut own = HeaderValue::from_static("own");
        own.set_sensitive(true);
        request.headers_mut().insert(HEADER, own);
        request
    };
    api.accept(Some("own"));
    assert_eq!(outcome(&call(&client, own()).await), DONE);
    api.accept(None);
    assert_eq!(outcome(&call(&client, own()).await), DONE);
    assert_eq!(outcome(&call(&client, own()).await), DONE);
    assert_eq!(api.codes(), "own own c1 c1");
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_cannot_be_sent_again_gets_a_code_for_the_next() {
    let api = Api::default();
    let person = api.person().latency(secs(60));
    let mfa = person.mfa();
    let stack = (ReplayLayer::new().max_body(2), mfa.layer());
    let client = stack.layer(api.service());
    let upload = || {
        let frames = ["lo", "ng"].map(|part| Ok::<_, BoxError>(Frame::data(part.into())));
        let body = StreamBody::new(tokio_stream::iter(frames));
        Request::post(format!("{ORIGIN}/upload"))
            .body(body)
            .unwrap()
    };
    let answer = client.clone().oneshot(upload());
    let answer = tokio::time::timeout(secs(1), answer).await;
    let answer = answer.expect("it waits for nobody").unwrap();
    assert_eq!(outcome(&answer), (403, None));
    assert_eq!(why(&answer), Some(NotReplayed::TooLarge));
    let body = crate::common::collected(answer).await.unwrap();
    assert_eq!(body.body(), "5900");
    pass(secs(1)).await;
    assert!(person.is_present());
    pass(secs(61)).await;
    let answer = client.clone().oneshot(upload()).await.unwrap();
    assert_eq!(outcome(&answer), DONE);
    assert_eq!((api.codes().as_str(), person.asked()), ("- c1", 1));
    // A refusal for other reasons has nothing to do with it.
    api.order(StatusCode::FORBIDDEN, "no");
    let answer = client.oneshot(upload()).await.unwrap();
    assert_eq!((outcome(&answer), why(&answer)), ((403, None), None));
}

#[tokio::test(start_paused = true)]
async fn a_code_can_be_had_beforehand() {
    let api = Api::default();
    let person = api.person().latency(secs(5));
    let mfa = person.mfa();
    let (one, two) = tokio::join!(mfa.code(), mfa.code());
    assert_eq!(one.unwrap().expose(), "c1");
    assert_eq!(two.unwrap().expose(), "c1");
    assert_eq!(mfa.code().await.unwrap().expose(), "c1");
    assert_eq!(outcome(&call(&api.client(&mfa), post()).await), DONE);
    assert_eq!((api.codes().as_str(), person.asked()), ("c1", 1));
}

#[tokio::test(start_paused = true)]
async fn no_code_shows_in_what_is_printed() {
    let api = Api::default();
    let mfa = api.person().mfa();
    mfa.set(Code::new("913377").unwrap().with_lifetime(secs(9)));
    let layer = mfa.layer();
    let client = layer.clone().layer(api.service::<crate::common::Body>());
    let texts = format!(
        "{mfa:?} {layer:?} {:?} {:?}",
        mfa.code().await.unwrap(),
        client.get_ref().clone().oneshot(post())
    );
    assert!(!texts.contains("913377"), "{texts}");
}
