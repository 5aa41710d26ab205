//! Whatever a body does and however it is cut, the caller gets it as the server sent it.

use http::Response;
use proptest::prelude::*;
use tower::ServiceExt;
use tower_reauth::layers::normalize::{GrpcStatus, NormalizeLayer, OAuthErrors};

use crate::support::{self, Acme, Script, Step, client, data, get, said};

/// Bodies with a verdict early, late, broken or none.
const TEXTS: [&str; 6] = [
    r#"{"status":"ok","data":{"a":[1,2,3]}}"#,
    r#"{"data":{"a":[1,2,3]},"status":"no","more":"data"}"#,
    r#"{"error":"bad_verification_code","error_description":"expired"}"#,
    r#"{"data":[1,2,3"#,
    "<html><body>Gateway</body></html>",
    "",
];

fn script() -> impl Strategy<Value = Vec<Step>> {
    let text = prop::sample::select(&TEXTS[..]);
    let cuts = prop::collection::vec(any::<prop::sample::Index>(), 0..8);
    let pauses = prop::collection::vec(any::<bool>(), 9);
    (text, cuts, pauses, any::<bool>(), any::<bool>()).prop_map(
        |(text, cuts, pauses, trailers, fails)| {
            let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            at.extend([0, text.len()]);
            at.sort_unstable();
            let mut steps = Vec::new();
            for (cut, pause) in at.windows(2).zip(pauses) {
                steps.push(data(&text.as_bytes()[cut[0]..cut[1]]));
                steps.extend(pause.then_some(Step::Pause));
            }
            steps.extend(trailers.then(|| Step::Trailers(support::trailers("etag", "\"a\""))));
            steps.extend(fails.then_some(Step::Fail));
            steps
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_handed_on_is_what_was_sent(
        steps in script(),
        knows_its_end in any::<bool>(),
        cap in prop_oneof![0..60_usize, Just(1024 * 1024)],
        grpc in any::<bool>(),
    ) {
        let knows_its_end = knows_its_end && !matches!(steps.last(), Some(Step::Fail));
        let make = move || {
            let mut body = Script::new(steps.clone());
            body.knows_its_end = knows_its_end;
            Response::builder()
                .header("content-type", if grpc { "application/grpc" } else { "application/json" })
                .body(body)
                .unwrap()
        };
        tokio_test::block_on(async {
            let sent = said(make().into_body()).await;
            let clients = [
                client(NormalizeLayer::new(Acme { strict: false }).max_peek(cap), make.clone()),
                client(NormalizeLayer::new(Acme { strict: true }).max_peek(cap), make.clone()),
                client(NormalizeLayer::new(OAuthErrors::new()).max_peek(cap), make.clone()),
                client(NormalizeLayer::new(GrpcStatus::new()).max_peek(cap), make.clone()),
                client(NormalizeLayer::new(GrpcStatus::new().unary()).max_peek(cap), make),
            ];
            for client in clients {
                let response = client.oneshot(get()).await.unwrap();
                prop_assert_eq!(&said(response.into_body()).await, &sent);
            }
            Ok(())
        })?;
    }
}
