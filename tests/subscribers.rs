//! A subscriber of `tracing` may use the session that it hears of.
//!
//! The only test of its process, because `tracing` keeps for the whole process what is listened to.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use common::Minter;
use tower_reauth::{Event, Token};
use tracing_subscriber::util::SubscriberInitExt;

#[test]
fn a_subscriber_can_set_and_clear_at_once() {
    let (done, finished) = mpsc::channel();
    let tester = thread::spawn(move || {
        set_and_clear();
        done.send(()).ok();
    });
    let answer = finished.recv_timeout(Duration::from_secs(30));
    assert_ne!(answer, Err(mpsc::RecvTimeoutError::Timeout), "a deadlock");
    tester.join().unwrap();
}

#[tokio::main(flavor = "current_thread")]
async fn set_and_clear() {
    let session = Minter::default().session();
    let has_meddled = Arc::new(AtomicBool::new(false));
    let _subscribed = tracing_subscriber::fmt()
        .with_writer({
            let session = session.clone();
            let has_meddled = Arc::clone(&has_meddled);
            move || {
                if !has_meddled.swap(true, Ordering::SeqCst) {
                    session.set(Token::new("meddled").unwrap());
                    session.clear();
                }
                std::io::sink()
            }
        })
        .finish()
        .set_default();
    let mut events = session.events();
    let current = session.token().await.unwrap();
    assert_eq!(current.token().expose(), "t1");
    assert!(has_meddled.load(Ordering::SeqCst));
    assert!(session.current().is_none());

    let mut next = async || events.next().await.unwrap();
    let event = next().await;
    assert!(matches!(event, Event::SignedIn { generation: 1, .. }));
    let event = next().await;
    assert!(matches!(event, Event::Set { generation: 2, .. }));
    assert!(matches!(next().await, Event::Cleared));
}
