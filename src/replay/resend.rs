use std::{
    error::Error as StdError,
    fmt,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::{Empty, Full};

/// A request body of which a copy can be kept, to be sent if the first send is refused.
///
/// The layers that send again require it of the request body. It is implemented for bodies that
/// are in memory ([`Full`], [`Empty`]) and for [`ReplayBody`](super::ReplayBody), into which
/// [`ReplayLayer`](super::ReplayLayer) turns any other body. Implement it for a body of your own
/// that is cheap to clone.
///
/// The order is: take the copy *before* the body is sent; drop the copy as soon as it is not
/// needed; before sending it, wait with [`poll_released`](Self::poll_released), for a bounded time.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use tower_reauth::replay::ResendBody;
///
/// fn is_resendable(body: &impl ResendBody) -> bool {
///     body.try_copy().is_some()
/// }
/// assert!(is_resendable(&Full::new(Bytes::from("hello"))));
/// ```
#[diagnostic::on_unimplemented(
    message = "a request body of type `{Self}` cannot be kept for a second send",
    label = "is no `ResendBody`",
    note = "have a `ReplayLayer` outside, which keeps streams up to a cap: \
            `ServiceBuilder::new().layer(ReplayLayer::new()).layer(RefreshLayer::new(..))`; \
            `Session::layer` has one",
    note = "`Full<Bytes>` and `Empty<Bytes>` need none"
)]
pub trait ResendBody: Sized {
    /// Returns a second body that sends the same bytes and trailers as this one, which has not
    /// been polled yet; `None` if this body can be sent only once.
    fn try_copy(&self) -> Option<Self>;

    /// Waits until the bodies sent before this copy are finished or dropped by the client, so that
    /// this one can be sent in their place.
    ///
    /// Called on the copy, and followed by sending or dropping it: with [`Released::Whole`] it
    /// counts as sent, and other copies wait for it in turn. It answers early if the copy is known
    /// to be lost.
    fn poll_released(&mut self, cx: &mut Context<'_>) -> Poll<Released>;

    /// Returns why this body cannot be sent again, once [`try_copy`](Self::try_copy) has returned
    /// `None`, or [`poll_released`](Self::poll_released) has answered
    /// [`Released::NotReplayable`] or took too long.
    fn not_replayed(&self) -> NotReplayed {
        NotReplayed::NotCopyable
    }
}

/// Whether a copy can be sent, once the bodies before it are released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Released {
    /// The copy sends all that the first body sent, or would have sent.
    Whole,
    /// The copy cannot be sent.
    NotReplayable,
}

/// Why a request was not sent again.
///
/// Found in the extensions of a response that would have been answered by sending the request
/// again if its body had allowed it. It is also the error of a [`ReplayBody`](super::ReplayBody)
/// that is sent although it must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotReplayed {
    /// The body can be sent only once.
    NotCopyable,
    /// The body is larger than the memory for one request.
    TooLarge,
    /// The memory for all requests was used up by others.
    OverBudget,
    /// The body failed while it was sent.
    Failed,
    /// The client did not let go of the body in time.
    StillSending,
}

// === impl NotReplayed ===

impl fmt::Display for NotReplayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotCopyable => "the request body can be sent only once",
            Self::TooLarge => "the request body is larger than can be kept for sending it again",
            Self::OverBudget => "the memory for sending request bodies again is used up",
            Self::Failed => "the request body failed while it was sent",
            Self::StillSending => "the request body is still being sent",
        })
    }
}

impl StdError for NotReplayed {}

// === impl ResendBody ===

impl ResendBody for Full<Bytes> {
    fn try_copy(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn poll_released(&mut self, _: &mut Context<'_>) -> Poll<Released> {
        Poll::Ready(Released::Whole)
    }
}

impl ResendBody for Empty<Bytes> {
    fn try_copy(&self) -> Option<Self> {
        Some(*self)
    }

    fn poll_released(&mut self, _: &mut Context<'_>) -> Poll<Released> {
        Poll::Ready(Released::Whole)
    }
}
