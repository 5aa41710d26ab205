use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

/// Says when enough of a body was read.
pub(crate) trait Until {
    /// Whether `start`, all the data that was read, is enough. Asked after each frame of data.
    fn is_enough(self: Pin<&mut Self>, start: &[u8]) -> bool;

    /// Waits until the reading is to end with what there is. Polled when the body has nothing more
    /// at the moment: what is there already is read whatever the time.
    fn poll_late(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;
}

pin_project! {
    /// Until more than `bytes` are read, or until `deadline` is ready.
    pub(crate) struct Limit<D> {
        bytes: usize,
        #[pin]
        deadline: D,
    }
}

impl<D> Limit<D> {
    pub(super) fn new(bytes: usize, deadline: D) -> Self {
        Self { bytes, deadline }
    }
}

impl<D: Future<Output = ()>> Until for Limit<D> {
    fn is_enough(self: Pin<&mut Self>, start: &[u8]) -> bool {
        start.len() > self.bytes
    }

    fn poll_late(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().deadline.poll(cx)
    }
}

impl<D> fmt::Debug for Limit<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limit")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}
