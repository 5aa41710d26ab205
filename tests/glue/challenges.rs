//! Challenges in every form in which the API has them, and what is none.

use bytes::Bytes;
use http::{Method, Request};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::{BoxError, Layer, ServiceExt};
use tower_reauth::{
    ErrorKind,
    layers::mfa::MfaPolicy,
    replay::{NotReplayed, ReplayBody},
    testing::glue::{ErrorShape, Simulator},
};

use crate::support::*;

#[tokio::test]
async fn a_challenge_is_known_in_every_form() {
    guarded(async {
        for shape in [ErrorShape::Detail, ErrorShape::Message, ErrorShape::Bare] {
            for numbers in [false, true] {
                for text in [false, true] {
                    for several in [false, true] {
                        let server = Simulator::builder()
                            .errors(shape)
                            .codes_as_numbers(numbers)
                            .statuses_as_text(text)
                            .several_errors(several);
                        let shop = Shop::open(server).await;
                        shop.works().await;
                        shop.server.invalidate_codes(USERNAME);
                        shop.works().await;
                        let counts = shop.counts();
                        assert_eq!((counts.missing_codes, counts.refused_codes), (1, 1));
                        assert_eq!((counts.triggers, shop.prompts()), (2, 2));
                    }
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn only_protected_calls_are_asked_for_a_code() {
    guarded(async {
        let shop = Shop::open(Simulator::builder()).await;
        for (method, path) in [
            (Method::GET, "/customers/DE--42"),
            (Method::OPTIONS, "/customers/DE--42"),
            (Method::POST, "/wishlists"),
            (Method::GET, "/stores"),
        ] {
            let response = shop.call(shop.request(method, path)).await;
            assert_eq!(outcome(&response), (200, None), "{path}");
        }
        // It has no body, so nobody can know that it is one.
        let head = shop.call(shop.request(Method::HEAD, "/customers/DE--42"));
        assert_eq!(outcome(&head.await), (403, None));
        assert_eq!(
            (shop.counts().triggers, shop.counts().missing_codes),
            (0, 1)
        );
        for (method, path) in [
            (Method::POST, "/customers/DE--42/addresses"),
            (Method::DELETE, "/carts/7"),
            (Method::HEAD, "/customers/DE--42"),
        ] {
            let response = shop.call(shop.request(method, path)).await;
            assert_eq!(outcome(&response), (200, None), "{path}");
        }
        assert_eq!((shop.counts().triggers, shop.prompts()), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn guests_are_not_signed_in() {
    guarded(async {
        let shop = Shop::open(Simulator::builder()).await;
        let mut request = shop.request(Method::POST, "/guest-carts");
        let guest = "guest-1".parse().unwrap();
        request
            .headers_mut()
            .insert("X-Anonymous-Customer-Unique-Id", guest);
        let response = shop.call(request).await;
        assert_eq!(outcome(&response), (200, None));
        assert_eq!(shop.counts().access_tokens, 0);
    })
    .await;
}

#[tokio::test]
async fn with_a_policy_no_call_meets_a_challenge() {
    guarded(async {
        let policy = MfaPolicy::matching(|request| {
            request.method != Method::GET && request.uri.path().starts_with("/customers")
        });
        let server = Simulator::builder();
        let shop = Shop::with(server, |glue| glue, |mfa| mfa.policy(policy)).await;
        for _ in 0..5 {
            shop.works().await;
        }
        let response = shop.call(shop.request(Method::POST, "/wishlists")).await;
        assert_eq!(outcome(&response), (200, None));
        let counts = shop.counts();
        assert_eq!((counts.triggers, counts.missing_codes), (1, 0));
        assert_eq!(counts.api_calls, 6);
    })
    .await;
}

#[tokio::test]
async fn an_upload_is_sent_again_with_the_same_bytes_or_not_at_all() {
    guarded(async {
        for (length, cap, is_again) in [(300_000, 1 << 20, true), (300_000, 1000, false)] {
            let shop = Shop::open(Simulator::builder()).await;
            let client = Client::builder(TokioExecutor::new()).build_http();
            let layer = shop.session.layer().mfa(&shop.mfa).max_body(cap);
            let api = layer.layer(client);
            let whole: Vec<u8> = (0..length).map(|at: u32| at.to_le_bytes()[0]).collect();
            let upload = || {
                let frames: Vec<_> = whole.chunks(10_000).map(<[u8]>::to_vec).collect();
                let frames = frames.into_iter().map(Bytes::from);
                let frames = frames.map(|bytes| Ok::<_, BoxError>(Frame::data(bytes)));
                let body = StreamBody::new(tokio_stream::iter(frames));
                Request::post(format!("{}/carts", shop.server.base_url()))
                    .header("content-type", "application/octet-stream")
                    .body(body)
                    .unwrap()
            };
            let answer = api.clone().oneshot(upload()).await.unwrap();
            if is_again {
                assert_eq!(answer.status(), 200);
            } else {
                assert_eq!(answer.status(), 403);
                let why = answer.extensions().get::<NotReplayed>();
                assert_eq!(why, Some(&NotReplayed::TooLarge));
                // A code was asked for all the same: the next finds it.
                shop.mfa.code().await.unwrap();
                let answer = api.oneshot(upload()).await.unwrap();
                assert_eq!(answer.status(), 200);
                let echo = answer.into_body().collect().await.unwrap().to_bytes();
                assert!(echo == whole, "not the same bytes");
            }
            assert_eq!((shop.counts().triggers, shop.prompts()), (1, 1));
            let uploads = shop.server.uploads();
            assert_eq!(uploads.len(), 1);
            assert!(uploads[0].body == whole, "not the same bytes");
        }
    })
    .await;
}

#[tokio::test]
async fn without_a_code_service_the_challenge_is_the_callers() {
    guarded(async {
        let shop = Shop::open(Simulator::builder()).await;
        let client = Client::builder(TokioExecutor::new()).build_http();
        let glue = tower_reauth::providers::glue::Glue::builder(pooled(), shop.server.base_url())
            .credentials(USERNAME, PASSWORD)
            .build()
            .unwrap();
        let mfa = glue.mfa(&shop.session).build().unwrap();
        let api = shop.session.layer().mfa(&mfa).layer(client);
        let request = shop.protected().map(ReplayBody::<Full<Bytes>>::new);
        let answer = collected(api.oneshot(request).await.unwrap())
            .await
            .unwrap();
        let expected = (403, Some((ErrorKind::CodeRequired, Some(5900))));
        assert_eq!(outcome(&answer), expected);
        assert!(answer.body().starts_with(b"{\"errors\":"));
        assert_eq!((shop.counts().triggers, shop.prompts()), (0, 0));
    })
    .await;
}
