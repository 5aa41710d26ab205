//! The running simulator: its handle and its accept loop.

use std::{fmt, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

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
    Builder, Counts, Endpoint, Fault, Upload, auth, routes,
    state::Shared,
    wire::{Link, Wire},
};

/// A running simulator of the Back Office API, and its controls.
///
/// See the [module](super) for what it does. It stops when it is dropped.
///
/// # Example
///
/// ```
/// use tower_reauth::testing::back_office::Simulator;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let server = Simulator::builder().start().await?;
/// let (access, refresh) = server.issue_access_token("foo@bar.com");
/// // .. give both to the client, then let the next API call be refused:
/// server.expire_access_tokens();
/// # let _ = (access, refresh);
/// # Ok(())
/// # }
/// ```
pub struct Simulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// Never sent to: closing it stops the accept loop.
    stop: Option<oneshot::Sender<()>>,
    accepting: Option<JoinHandle<()>>,
}

/// Counts a connection as open while it lives.
struct Open(Arc<Shared>);

// === impl Simulator ===

impl Simulator {
    /// Returns a builder with the defaults: the documented behaviour, and
    /// [assumptions](super#what-the-documentation-does-not-say) where there is none.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(super) async fn start(shared: Shared) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(shared);
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(accept(listener, shared.clone(), stopped));
        Ok(Self {
            shared,
            address,
            stop: Some(stop),
            accepting: Some(accepting),
        })
    }

    /// Returns where the simulator listens, as `http://127.0.0.1:PORT`, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the address that the simulator listens at.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the newest 2FA code that was mailed to `email`, if there is any.
    #[must_use]
    pub fn latest_code(&self, email: &str) -> Option<String> {
        self.shared.state().mail.latest(email)
    }

    /// Waits for a 2FA code mailed to `email` that this function has not returned before, and
    /// returns the oldest such.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped no code is lost.
    pub async fn next_code(&self, email: &str) -> String {
        loop {
            let mut mailed = std::pin::pin!(self.shared.mailed.notified());
            // Listen before looking, so that a mail that comes in between is not missed.
            mailed.as_mut().enable();
            if let Some(code) = self.shared.state().mail.read(email) {
                return code;
            }
            mailed.await;
        }
    }

    /// Starts a session without a sign-in, and returns its access token and refresh token.
    ///
    /// It counts in [`tokens_issued`](Counts::tokens_issued) and against no limit. The account need
    /// not exist.
    #[must_use]
    pub fn issue_access_token(&self, email: &str) -> (String, String) {
        let mut state = self.shared.state();
        let pair = auth::start(&self.shared, &mut state, email, None);
        let token = |issued: Option<super::sessions::Issued>| {
            issued.map(|issued| issued.token).unwrap_or_default()
        };
        (token(pair.access), token(pair.refresh))
    }

    /// Revokes every access token issued so far: API calls with one get 401.
    pub fn revoke_access_tokens(&self) {
        self.shared.state().sessions.revoke_access();
    }

    /// Lets every access token issued so far expire: API calls with one get 401.
    pub fn expire_access_tokens(&self) {
        let now = self.shared.now();
        self.shared.state().sessions.expire_access(now);
    }

    /// Revokes every refresh token issued so far. Using one afterwards is counted as that of a dead
    /// token, or as a reuse if it was spent before.
    pub fn revoke_refresh_tokens(&self) {
        self.shared.state().sessions.revoke_refresh();
    }

    /// Lets every refresh token issued so far expire.
    pub fn expire_refresh_tokens(&self) {
        let now = self.shared.now();
        self.shared.state().sessions.expire_refresh(now);
    }

    /// Lets every sign-in that waits for its code expire.
    pub fn expire_two_factor(&self) {
        let now = self.shared.now();
        self.shared.state().sessions.expire_pending(now);
    }

    /// Locks everybody out, as if a limit had been exceeded just now.
    ///
    /// The first attempt in it is no violation, as nobody knows of the lock-out before.
    pub fn lock_out(&self) {
        let now = self.shared.now();
        self.shared.state().limiter.lock(now.monotonic, false);
    }

    /// Ends a lock-out and forgets the attempts so far.
    pub fn lift_lockout(&self) {
        self.shared.state().limiter.unlock();
    }

    /// Changes the password of an account, or adds one. Sessions live on.
    pub fn set_password(&self, email: impl Into<String>, password: impl Into<String>) {
        let mut state = self.shared.state();
        state.accounts.insert(email.into(), password.into());
    }

    /// Sets whether the next sign-ins have to be confirmed with a code.
    pub fn set_two_factor(&self, required: bool) {
        self.shared.state().two_factor = required;
    }

    /// Sets how long access tokens issued from now on are good for.
    pub fn set_access_lifetime(&self, lifetime: Duration) {
        self.shared.state().access_lifetime = lifetime;
    }

    /// Queues `fault` for the next request at `endpoint` that has none yet.
    pub fn inject(&self, endpoint: Endpoint, fault: Fault) {
        self.shared.state().faults.push(endpoint, fault);
    }

    /// Queues `fault` for as many requests at `endpoint`.
    pub fn inject_times(&self, times: usize, endpoint: Endpoint, fault: &Fault) {
        for _ in 0..times {
            self.inject(endpoint, fault.clone());
        }
    }

    /// Returns how many faults still wait for a request at `endpoint`.
    #[must_use]
    pub fn faults_left(&self, endpoint: Endpoint) -> usize {
        self.shared.state().faults.left(endpoint)
    }

    /// Returns how often everything happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.state().counts
    }

    /// Returns a sentence for each request that broke a rule, oldest first, without any secret.
    ///
    /// The first 1000 are kept.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.shared.state().violations.clone()
    }

    /// Returns the accepted API calls that had a body or could have had one, oldest first.
    ///
    /// The newest 1024 are kept, and no more than 64 MiB of bodies.
    #[must_use]
    pub fn uploads(&self) -> Vec<Upload> {
        self.shared.state().uploads.to_vec()
    }

    /// Stops the simulator: closes every connection and the port, and waits until they are closed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the simulator stops all the same.
    pub async fn shutdown(mut self) {
        self.stop = None;
        if let Some(accepting) = self.accepting.take() {
            // It fails only if the runtime is ending, and the loop with it.
            let _ = accepting.await;
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator")
            .field("address", &self.address)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stop: oneshot::Receiver<()>) {
    // Dropped with this task, and then every connection is closed.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stop => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, shared.clone()));
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
fn serve(stream: TcpStream, shared: Arc<Shared>) -> impl Future<Output = ()> + Send {
    let open = Open::new(shared.clone());
    async move {
        let _open = open;
        // Small answers are not held back to be joined with the next; if that fails they are.
        let _ = stream.set_nodelay(true);
        let link = Arc::new(Link::new());
        let wire = TokioIo::new(Wire::new(stream, link.clone()));
        let service = service_fn({
            let link = link.clone();
            move |request| routes::handle(shared.clone(), link.clone(), request)
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

impl Open {
    fn new(shared: Arc<Shared>) -> Self {
        let mut state = shared.state();
        state.counts.connections += 1;
        state.counts.open_connections += 1;
        drop(state);
        Self(shared)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.state().counts.open_connections -= 1;
    }
}
