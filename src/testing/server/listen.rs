//! A simulator's port: the accept loop and its end.

use std::{future::Future, io, net::SocketAddr, sync::Arc};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::{JoinHandle, JoinSet},
};

use super::{
    flow::{self, Site},
    wire::{Link, Wire},
};

/// A loopback port that a [`Site`] is served at. It is closed when this is dropped.
pub(crate) struct Listening {
    address: SocketAddr,
    /// Never sent to: closing it stops the accept loop.
    stop: Option<oneshot::Sender<()>>,
    accepting: Option<JoinHandle<()>>,
}

/// Counts a connection as open while it lives.
struct Open<S: Site>(Arc<S>);

// === impl Listening ===

impl Listening {
    /// Serves `site` on a free port of 127.0.0.1, over HTTP/1.1 and HTTP/2 with prior knowledge.
    pub(crate) async fn start<S: Site>(site: Arc<S>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(accept(listener, site, stopped));
        Ok(Self {
            address,
            stop: Some(stop),
            accepting: Some(accepting),
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns `http://127.0.0.1:PORT`, without a slash at the end.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Closes every connection and the port, and waits until they are closed.
    pub(crate) async fn shutdown(mut self) {
        self.stop = None;
        if let Some(accepting) = self.accepting.take() {
            // It fails only if the runtime is ending, and the loop with it.
            let _ = accepting.await;
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

async fn accept<S: Site>(listener: TcpListener, site: Arc<S>, mut stop: oneshot::Receiver<()>) {
    // Dropped with this task, and then every connection is closed.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stop => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, site.clone()));
                }
                // Most likely out of file descriptors: others have to run before there are more.
                Err(_) => tokio::task::yield_now().await,
            },
        }
    }
    drop(listener);
    connections.shutdown().await;
}

/// Serves a connection until the client or a fault ends it.
fn serve<S: Site>(stream: TcpStream, site: Arc<S>) -> impl Future<Output = ()> + Send {
    let open = Open::new(site.clone());
    async move {
        let _open = open;
        // Small answers are not held back to be joined with the next; if that fails they are.
        let _ = stream.set_nodelay(true);
        let link = Arc::new(Link::new());
        let wire = TokioIo::new(Wire::new(stream, link.clone()));
        let service = service_fn({
            let link = link.clone();
            move |request| flow::handle(site.clone(), link.clone(), request)
        });
        let mut server = auto::Builder::new(TokioExecutor::new());
        // hyper would take the machine's time, which need not be the simulator's, and would put it
        // where none is wanted.
        server.http1().auto_date_header(false);
        server.http2().auto_date_header(false);
        tokio::select! {
            // How a connection ends is the client's to notice.
            _ = server.serve_connection(wire, service) => {}
            () = link.cut() => {}
        }
    }
}

// === impl Open ===

impl<S: Site> Open<S> {
    fn new(site: Arc<S>) -> Self {
        site.desk().opened();
        Self(site)
    }
}

impl<S: Site> Drop for Open<S> {
    fn drop(&mut self) {
        self.0.desk().closed();
    }
}
