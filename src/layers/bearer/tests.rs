//! What only this crate can send: a sign-in that meets the layers it is for.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use http::{Request, Response};
use tokio::sync::Semaphore;
use tokio_test::{assert_ready, task};
use tower::{BoxError, Layer, Service, ServiceExt, limit::ConcurrencyLimit, service_fn};

use super::BearerLayer;
use crate::{Error, ErrorKind, Renewal, Session, Token, renew::SignInTraffic};

#[test]
fn a_sign_in_is_not_sent_and_gives_the_readiness_back() {
    let tokens = service_fn(|_: Renewal| async { Token::new("t") });
    let session = Session::builder(tokens)
        .origin("https://api.example.com")
        .token(Token::new("t").unwrap())
        .build()
        .unwrap();
    let sends = Arc::new(AtomicUsize::new(0));
    let server = service_fn({
        let sends = Arc::clone(&sends);
        move |_: Request<()>| {
            sends.fetch_add(1, Ordering::SeqCst);
            async { Ok::<_, BoxError>(Response::new(())) }
        }
    });
    let permits = Arc::new(Semaphore::new(1));
    let limited = ConcurrencyLimit::with_semaphore(server, Arc::clone(&permits));
    let mut client = BearerLayer::new(session).layer(limited);
    assert!(task::spawn(client.ready()).poll().is_ready());
    assert_eq!(permits.available_permits(), 0);

    let mut request = Request::get("https://api.example.com/").body(()).unwrap();
    request.extensions_mut().insert(SignInTraffic);
    let call = client.call(request);
    // Neither the client nor the call is gone.
    assert_eq!(permits.available_permits(), 1);
    let error = assert_ready!(task::spawn(call).poll()).unwrap_err();
    assert_eq!(Error::from_boxed(error).kind(), ErrorKind::Config);
    assert_eq!(sends.load(Ordering::SeqCst), 0);
}
