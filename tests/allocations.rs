//! What the layers allocate while the token is good: Bearer nothing.
#![allow(unsafe_code, reason = "a counting allocator cannot do without")]

mod common;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use common::{Body, Minter, ORIGIN};
use http::{HeaderName, Request, Response, response};
use http_body_util::Full;
use tower::{BoxError, Layer, Service};
use tower_reauth::{
    Code, Error, Session, Token,
    layers::{
        BearerLayer, Mfa, NormalizeLayer, RefreshLayer,
        normalize::{End, Envelope, Failure, Reader, Verdict},
    },
    replay::ReplayLayer,
};

/// Counts the allocations of the thread that asks.
struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: it passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller keeps the contract.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A client that answers at once with a body, which is empty by default.
#[derive(Clone, Default)]
struct Sink(&'static str);

impl<B> Service<Request<B>> for Sink {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        drop(black_box(request));
        ready(Ok(Response::new(Full::from(self.0))))
    }
}

fn session() -> Session {
    Minter::default()
        .builder()
        .token(Token::new("t").unwrap())
        .build()
        .unwrap()
}

/// The allocations of one call, the making of the request included.
fn allocations<S>(mut service: S) -> usize
where
    S: Service<Request<Body>>,
    S::Error: Into<BoxError>,
{
    let mut cx = Context::from_waker(Waker::noop());
    let mut call = || {
        let request = Request::post(format!("{ORIGIN}/users"))
            .header("accept", "application/json")
            .body(Body::from("{}"))
            .unwrap();
        assert!(service.poll_ready(&mut cx).is_ready());
        let mut future = std::pin::pin!(service.call(request));
        assert!(future.as_mut().poll(&mut cx).is_ready());
    };
    // The first calls set up what is made once.
    call();
    call();
    let before = COUNT.get();
    call();
    COUNT.get() - before
}

#[test]
fn bearer_adds_none() {
    let bare = allocations(Sink::default());
    assert!(bare > 0, "the allocator counts");
    let bearer = allocations(BearerLayer::new(session()).layer(Sink::default()));
    assert_eq!(bearer - bare, 0);
}

#[test]
fn refresh_adds_three_for_the_copy_of_the_head() {
    let bare = allocations(Sink::default());
    let session = session();
    let layers = (
        RefreshLayer::new(session.clone()),
        BearerLayer::new(session),
    );
    let refreshing = allocations(layers.layer(Sink::default()));
    // Two vectors of the header map, and the count by which two URIs share one text.
    assert_eq!(refreshing - bare, 3);
}

#[test]
fn mfa_beside_refresh_adds_none_while_there_is_no_code() {
    let session = session();
    let alone = allocations(session.layer().layer(Sink::default()));
    let mfa = Mfa::builder(
        HeaderName::from_static("x-code"),
        |_: &response::Parts, _: &[u8]| None,
    );
    let mfa = mfa.origin(ORIGIN).build().unwrap();
    let both = allocations(session.layer().mfa(&mfa).layer(Sink::default()));
    assert_eq!(both - alone, 0);
    mfa.set(Code::new("123456").unwrap());
    let both = allocations(session.layer().mfa(&mfa).layer(Sink::default()));
    assert_eq!(both - alone, 0);
}

#[test]
fn replay_adds_none_for_a_body_in_memory() {
    let bare = allocations(Sink::default());
    let session = session();
    let layers = (ReplayLayer::new(), RefreshLayer::new(session.clone()));
    let stack = allocations(layers.layer(BearerLayer::new(session).layer(Sink::default())));
    assert_eq!(stack - bare, 3);
}

#[test]
fn normalize_adds_none_but_for_the_body_that_it_looks_into() {
    /// Says whether a body begins with a bracket.
    #[derive(Clone, Copy)]
    struct Bracket {
        looks: bool,
    }

    impl Envelope for Bracket {
        type Reader = Self;

        fn reader<B>(&self, _: &Request<B>) -> Option<Self> {
            self.looks.then_some(*self)
        }
    }

    impl Reader for Bracket {
        type Error = Error;

        fn head(&mut self, _: &response::Parts) -> Verdict<Error> {
            Verdict::More
        }

        fn body(&mut self, start: &[u8]) -> Verdict<Error> {
            assert!(start.starts_with(b"{"));
            Verdict::Pass
        }

        fn end(&mut self, _: &[u8], _: End<'_>) -> Option<Failure<Error>> {
            None
        }
    }

    for (looks, body, expected) in [
        (false, "{}", 0),
        (true, "", 0),
        // The rest of the body moves, so it is boxed.
        (true, "{}", 1),
    ] {
        let bare = allocations(Sink(body));
        let layer = NormalizeLayer::new(Bracket { looks });
        assert_eq!(allocations(layer.layer(Sink(body))) - bare, expected);
    }
}
