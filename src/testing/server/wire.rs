//! A connection that can be cut on cue.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::Notify,
};

/// What the requests of a connection may do to it.
#[derive(Debug)]
pub(crate) struct Link {
    /// How many bytes may still be written.
    left: AtomicUsize,
    reset: AtomicBool,
    cut: Notify,
}

/// The server's end of a connection.
pub(crate) struct Wire {
    stream: TcpStream,
    link: Arc<Link>,
}

// === impl Link ===

impl Link {
    pub(crate) fn new() -> Self {
        Self {
            left: AtomicUsize::new(usize::MAX),
            reset: AtomicBool::new(false),
            cut: Notify::new(),
        }
    }

    /// Resets the connection at once.
    pub(crate) fn reset(&self) {
        self.reset.store(true, Ordering::Relaxed);
        self.cut.notify_one();
    }

    /// Resets the connection once this many more bytes are written.
    pub(crate) fn reset_after(&self, bytes: usize) {
        self.left.store(bytes, Ordering::Relaxed);
    }

    /// Waits until the connection is to be dropped.
    pub(crate) async fn cut(&self) {
        self.cut.notified().await;
    }
}

// === impl Wire ===

impl Wire {
    pub(crate) fn new(stream: TcpStream, link: Arc<Link>) -> Self {
        Self { stream, link }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let left = self.link.left.load(Ordering::Relaxed);
        if left == 0 {
            self.link.reset();
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let most = buf.len().min(left);
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &buf[..most]))?;
        if left != usize::MAX {
            self.link.left.store(left - written, Ordering::Relaxed);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.link.reset.load(Ordering::Relaxed) {
            // Without lingering, closing sends RST instead of FIN. It cannot block: the deprecation
            // is about lingering for longer. If it fails the client sees an orderly close instead.
            #[allow(
                deprecated,
                reason = "its successor is newer than the oldest tokio we support"
            )]
            let _ = self.stream.set_linger(Some(Duration::ZERO));
        }
    }
}
