use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};

use crate::renew::Event;

/// A stream of what happens to a session's token, from [`Session::events`](super::Session::events),
/// or to a code, from [`Mfa::events`](crate::layers::Mfa::events).
///
/// 64 events are kept for a receiver that is slow; then the oldest are dropped and
/// [`Event::Missed`] says how many. The stream ends when the session and its clones are gone.
pub struct Events {
    inner: BroadcastStream<Event>,
}

impl Events {
    pub(crate) fn new(receiver: tokio::sync::broadcast::Receiver<Event>) -> Self {
        Self {
            inner: BroadcastStream::new(receiver),
        }
    }

    /// Returns the next event, or `None` when the session and its clones are gone.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no event is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        Pin::new(&mut self.inner).poll_next(cx).map(|event| {
            event.map(|event| {
                event.unwrap_or_else(|BroadcastStreamRecvError::Lagged(count)| Event::Missed {
                    count,
                })
            })
        })
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}
