//! A user's token service that panics, wherever it does.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::sleep;
use tower::service_fn;
use tower_reauth::{Error, Renewal, Session, Token};

/// Wakes itself, and panics at this poll; never, if it has none.
struct Panics {
    at: Option<usize>,
    polls: usize,
}

impl Future for Panics {
    type Output = Result<Token, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert_ne!(Some(self.polls), self.at, "on purpose");
        self.polls += 1;
        if self.polls > 5 {
            return Poll::Ready(Ok(Token::new("t").unwrap()));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn who_panics_at_any_poll_fails_who_waits_and_nobody_later() {
    for at in 0..=5 {
        let calls = Arc::new(AtomicUsize::new(0));
        let tokens = {
            let calls = Arc::clone(&calls);
            service_fn(move |_: Renewal| {
                let is_first = calls.fetch_add(1, Ordering::SeqCst) == 0;
                let at = is_first.then_some(at);
                Panics { at, polls: 0 }
            })
        };
        let session = Session::builder(tokens)
            .origin("https://api.example.com")
            .build()
            .unwrap();
        let (one, other) = tokio::join!(session.token(), session.token());
        assert!(one.is_err() && other.is_err(), "poll {at}");
        assert_eq!(calls.load(Ordering::SeqCst), 1, "poll {at}");
        // When the pause after a failure is over.
        sleep(Duration::from_secs(120)).await;
        session.token().await.unwrap();
        assert_eq!(calls.load(Ordering::SeqCst), 2, "poll {at}");
    }
}
