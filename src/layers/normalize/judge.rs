use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http_body::Body;
use pin_project_lite::pin_project;

use super::{End, Failure, Reader, Verdict};
use crate::inspect::{PeekBody, Until};

/// The final verdict; `None` lets the response pass.
pub(super) type Ruling<E> = Option<Failure<E>>;

pin_project! {
    /// Reads until a reader has its verdict, and no further than `cap` bytes.
    pub(super) struct Judge<R>
    where
        R: Reader,
    {
        reader: R,
        cap: usize,
        verdict: Verdict<R::Error>,
    }
}

impl<R: Reader> Judge<R> {
    pub(super) fn new(reader: R, cap: usize) -> Self {
        Self {
            reader,
            cap,
            verdict: Verdict::More,
        }
    }

    /// Returns the verdict on what was read, which is `body`.
    pub(super) fn ruling<B: Body>(&mut self, body: &PeekBody<B>) -> Ruling<R::Error> {
        let start = body.prefix();
        match std::mem::replace(&mut self.verdict, Verdict::Pass) {
            Verdict::Pass => return None,
            Verdict::Fail(failure) => return Some(failure),
            Verdict::More => {}
        }
        let end = match start.len() > self.cap {
            true => End::OverCap,
            false if body.has_failed() => End::Broken,
            false if body.is_read() => End::Whole {
                trailers: body.trailers(),
            },
            false => End::NotThere,
        };
        self.reader.end(within(start, self.cap), end)
    }
}

impl<R: Reader> Until for Judge<R> {
    fn is_enough(self: Pin<&mut Self>, start: &[u8]) -> bool {
        let this = self.project();
        *this.verdict = this.reader.body(within(start, *this.cap));
        !matches!(this.verdict, Verdict::More) || start.len() > *this.cap
    }

    fn poll_late(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match self.project().reader.waits() {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    }
}

fn within(start: &[u8], cap: usize) -> &[u8] {
    &start[..start.len().min(cap)]
}
