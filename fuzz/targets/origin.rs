//! Where a token goes: to no address that a browser would call another origin.
#![no_main]

use bytes::Bytes;
use http::{Request, Response, Uri, header};
use http_body_util::Full;
use libfuzzer_sys::fuzz_target;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_reauth::{Renewal, Session, Token, layers::BearerLayer};
use tower_reauth_fuzz::block_on;
use url::Url;

fuzz_target!(|data: &str| {
    let Some((origin, address)) = data.split_once('\n') else {
        return;
    };
    let Ok(uri) = address.parse::<Uri>() else {
        return;
    };
    block_on(async {
        let tokens = service_fn(|_: Renewal| async { Token::new("t") });
        let session = Session::builder(tokens)
            .origin(origin)
            .insecure_http()
            .token(Token::new("t").expect("visible ASCII"))
            .build();
        let Ok(session) = session else {
            return;
        };
        let server = service_fn(|request: Request<Full<Bytes>>| async move {
            let carries = request.headers().contains_key(header::AUTHORIZATION);
            Ok::<_, BoxError>(Response::new(carries))
        });
        let client = BearerLayer::new(session).layer(server);
        let mut request = Request::new(Full::default());
        *request.uri_mut() = uri;
        let Ok(response) = client.oneshot(request).await else {
            return;
        };
        if response.into_body() {
            let (ours, theirs) = (Url::parse(origin), Url::parse(address));
            // What a browser cannot read it does not send anywhere.
            if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
                assert_eq!(ours.origin(), theirs.origin(), "{origin:?} {address:?}");
            }
        }
    });
});
