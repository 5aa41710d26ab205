//! What is kept of a request for sending it again.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use http::request;

use crate::{
    Error, ErrorKind,
    layers::bearer::OneShot,
    replay::{NotReplayed, Released, ResendBody},
};

/// How much of a refused response is read before it is dropped, and for how long.
pub(in crate::layers) const PEEK_BYTES: usize = 64 * 1024;
pub(in crate::layers) const PEEK_TIME: Duration = Duration::from_millis(100);

pub(in crate::layers) struct Kept<B> {
    /// The head, as it came to the engine.
    pub(in crate::layers) head: request::Parts,
    copy: Copied<B>,
}

/// The copy of a body.
enum Copied<B> {
    Here(B),
    /// There is none, though it might be wanted.
    Lost(NotReplayed),
    /// The request is not sent again, whatever is answered.
    Unwanted,
}

/// What there is to send.
pub(in crate::layers) enum Second<B> {
    Body(B),
    Lost(NotReplayed),
}

impl<B: ResendBody> Kept<B> {
    /// Keeps what is about to be sent. Those inside learn from `head` if there will be no second
    /// send.
    #[inline]
    pub(in crate::layers) fn of(head: &mut request::Parts, body: &B) -> Self {
        let copy = Copied::of(body);
        if let Copied::Lost(_) = copy {
            head.extensions.insert(OneShot);
        }
        let head = head.clone();
        Self { head, copy }
    }

    pub(in crate::layers) fn can_be_sent(&self) -> bool {
        matches!(self.copy, Copied::Here(_))
    }

    /// Frees the copy.
    pub(in crate::layers) fn free(&mut self) {
        self.copy = Copied::Unwanted;
    }

    /// Frees the copy if it is known already that it cannot be sent.
    pub(in crate::layers) fn look_at_copy(&mut self, cx: &mut Context<'_>) {
        if let Copied::Here(copy) = &mut self.copy
            && let Poll::Ready(Released::NotReplayable) = copy.poll_released(cx)
        {
            self.copy = Copied::Lost(copy.not_replayed());
        }
    }

    /// Says why the request could not be sent again, if that is so.
    pub(in crate::layers) fn lost(&mut self, cx: &mut Context<'_>) -> Option<NotReplayed> {
        self.look_at_copy(cx);
        match self.copy {
            Copied::Lost(why) => Some(why),
            Copied::Here(_) | Copied::Unwanted => None,
        }
    }

    /// Waits until the body before has been let go of.
    pub(in crate::layers) fn poll_released(&mut self, cx: &mut Context<'_>) -> Poll<Released> {
        match &mut self.copy {
            Copied::Here(copy) => copy.poll_released(cx),
            Copied::Lost(_) | Copied::Unwanted => Poll::Ready(Released::NotReplayable),
        }
    }

    /// Takes the copy, for sending it. Another is kept if there may be a send after that.
    pub(in crate::layers) fn take(&mut self, released: Released, again: bool) -> Second<B> {
        let copy = match std::mem::replace(&mut self.copy, Copied::Unwanted) {
            Copied::Here(copy) => copy,
            Copied::Lost(why) => return Second::Lost(why),
            Copied::Unwanted => return Second::Lost(NotReplayed::NotCopyable),
        };
        if released != Released::Whole {
            return Second::Lost(copy.not_replayed());
        }
        if again {
            self.copy = Copied::of(&copy);
        }
        Second::Body(copy)
    }
}

impl<B: ResendBody> Copied<B> {
    fn of(body: &B) -> Self {
        match body.try_copy() {
            Some(copy) => Self::Here(copy),
            None => Self::Lost(body.not_replayed()),
        }
    }
}

pub(in crate::layers) fn no_timer() -> Error {
    Error::with_message(
        ErrorKind::Config,
        "there is no tokio runtime with timers here to recover on: call from within one, built \
         with enable_all()",
    )
}
