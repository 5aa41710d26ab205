use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio_test::{assert_pending, assert_ready, task};
use tower::{BoxError, Layer, Service, ServiceExt, buffer::Buffer, service_fn};
use tower_reauth::{
    Error, ErrorKind, Reason, Renewal, Renewed, Session, Token,
    layers::version_upgrade::{UpgradeLatch, VersionUpgradeLayer},
};

use crate::common::{Minter, ORIGIN, calls};

/// A version that fails with `kind`, and how often it was asked.
fn failing(
    kind: ErrorKind,
) -> (
    impl Service<Renewal, Response = Token, Error = Error, Future: Send> + Clone + Send + 'static,
    Arc<AtomicUsize>,
) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let service = service_fn(move |_: Renewal| {
        counter.fetch_add(1, Ordering::SeqCst);
        async move { Err(Error::new(kind, "no")) }
    });
    (service, asked)
}

#[tokio::test]
async fn an_error_of_kind_upgrade_asks_v2_with_the_same_renewal_and_only_v2_from_then_on() {
    let (v1, asked) = failing(ErrorKind::Upgrade);
    let (v2, mut calls) = calls();
    let latch = UpgradeLatch::new();
    let tokens = VersionUpgradeLayer::new(v2).latch(latch.clone()).layer(v1);
    for number in 1..=2 {
        let previous = Token::new("t0").unwrap();
        let renewal = Renewal::new(Reason::Rejected).with_previous(previous);
        let mut call = task::spawn(tokens.clone().oneshot(renewal));
        assert_pending!(call.poll());
        let at_v2 = calls.next().await;
        assert_eq!(at_v2.renewal.reason(), Reason::Rejected);
        assert_eq!(at_v2.renewal.previous().unwrap().expose(), "t0");
        at_v2.give("t1");
        let renewed = assert_ready!(call.poll()).unwrap();
        assert_eq!(renewed.credential().expose(), "t1");
        assert!(calls.is_idle());
        assert_eq!(asked.load(Ordering::SeqCst), 1, "call {number}");
    }
    assert!(latch.has_tripped());
}

#[tokio::test]
async fn other_errors_are_the_callers() {
    for kind in [
        ErrorKind::Rejected,
        ErrorKind::Transport,
        ErrorKind::RateLimited,
        ErrorKind::Protocol,
    ] {
        let (v1, asked) = failing(kind);
        let minter = Minter::default();
        let tokens = VersionUpgradeLayer::new(minter.service()).layer(v1);
        let error = tokens
            .clone()
            .oneshot(Renewal::new(Reason::Missing))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(!tokens.latch().is_set());
        assert_eq!((asked.load(Ordering::SeqCst), minter.count()), (1, 0));
    }
}

#[tokio::test]
async fn the_error_is_found_below_those_of_other_layers() {
    let (v1, asked) = failing(ErrorKind::Upgrade);
    let minter = Minter::default();
    let v1 = Buffer::new(v1.map_err(BoxError::from), 1);
    let tokens = VersionUpgradeLayer::new(minter.service()).layer(v1);
    let renewed = tokens.oneshot(Renewal::new(Reason::Missing)).await.unwrap();
    assert_eq!(renewed.credential().expose(), "t1");
    assert_eq!((asked.load(Ordering::SeqCst), minter.count()), (1, 1));
}

#[tokio::test]
async fn what_v2_fails_with_is_the_callers_also_if_it_says_upgrade() {
    let (v1, first) = failing(ErrorKind::Upgrade);
    let (v2, second) = failing(ErrorKind::Upgrade);
    let tokens = VersionUpgradeLayer::new(v2).layer(v1);
    for number in 1..=2 {
        let error = tokens
            .clone()
            .oneshot(Renewal::new(Reason::Missing))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Upgrade);
        assert_eq!(
            (first.load(Ordering::SeqCst), second.load(Ordering::SeqCst)),
            (1, number)
        );
    }
}

#[tokio::test]
async fn a_session_signs_in_through_it_and_the_signal_can_be_its_own() {
    // v1 works, but what it gives is worthless from some day on.
    let v1 = service_fn(|_: Renewal| async { Token::new("expired") });
    let minter = Minter::default();
    let tokens = VersionUpgradeLayer::new(minter.service())
        .signal(|result: &Result<Renewed, Error>| {
            result
                .as_ref()
                .is_ok_and(|renewed| renewed.credential().expose() == "expired")
        })
        .layer(v1);
    let session = Session::builder(tokens).origin(ORIGIN).build().unwrap();
    assert_eq!(session.token().await.unwrap().token().expose(), "t1");
    assert_eq!(session.renew().await.unwrap().token().expose(), "t2");
    assert_eq!(minter.count(), 2);
}
