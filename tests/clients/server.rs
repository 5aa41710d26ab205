//! An API that knows its tokens, counts, and misbehaves on cue.

use std::{
    collections::{HashSet, VecDeque},
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc, watch},
    task::JoinSet,
};
use tokio_stream::{Stream, StreamExt, wrappers::UnboundedReceiverStream};

pub(crate) type Reply = UnsyncBoxBody<Bytes, Infallible>;

/// What happens to the next request, whatever its token.
pub(crate) enum Act {
    /// Answers 401 before the body is read, then reads it to its end.
    RefuseEarly,
    /// Answers 401 with a body that never ends.
    RefuseWithoutEnd,
    Redirect(StatusCode, String),
    /// Reads the request, then drops the connection.
    Drop,
    /// Reads the request and never answers.
    Hang,
    /// Answers 200, with what the test sends as its body.
    Stream(mpsc::UnboundedReceiver<Frame<Bytes>>),
    /// Answers 200, with the frames of the request as they come.
    EchoFrames,
    /// Answers this.
    Answer(Response<Bytes>),
    /// Switches to an echo of bytes.
    Upgrade,
}

#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: http::Method,
    pub(crate) uri: http::Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Requests whose head has arrived.
    pub(crate) sends: usize,
    /// Those answered with 401.
    pub(crate) refused: usize,
    /// Those read to their end and not refused: what they ask for was done.
    pub(crate) effects: usize,
    pub(crate) connections: usize,
}

pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    _connections: JoinSet<()>,
}

struct Shared {
    state: Mutex<State>,
    open: watch::Sender<usize>,
    hanging: watch::Sender<usize>,
    go_away: watch::Sender<usize>,
    cut: watch::Sender<usize>,
    gathered: Notify,
}

struct State {
    /// Where the token is looked for; after a prefix.
    place: (header::HeaderName, &'static str),
    valid: HashSet<String>,
    acts: VecDeque<Act>,
    seen: Vec<Seen>,
    counts: Counts,
    /// Refusals wait until so many are there.
    together: usize,
    waiting: usize,
}

/// One more in `0`, until it is dropped.
struct Counted(Arc<Shared>, fn(&Shared) -> &watch::Sender<usize>);

// === impl Server ===

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        Self::on(listener)
    }

    pub(crate) fn on(listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                place: (header::AUTHORIZATION, "Bearer "),
                valid: HashSet::new(),
                acts: VecDeque::new(),
                seen: Vec::new(),
                counts: Counts::default(),
                together: 0,
                waiting: 0,
            }),
            open: watch::channel(0).0,
            hanging: watch::channel(0).0,
            go_away: watch::channel(0).0,
            cut: watch::channel(0).0,
            gathered: Notify::new(),
        });
        let mut connections = JoinSet::new();
        connections.spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            _connections: connections,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Looks for the token in a header of its own.
    pub(crate) fn token_in(&self, name: header::HeaderName) {
        self.state().place = (name, "");
    }

    pub(crate) fn accept(&self, token: &str) {
        self.state().valid.insert(token.to_owned());
    }

    pub(crate) fn revoke_all(&self) {
        self.state().valid.clear();
    }

    /// The first `count` refusals are answered together, once all of them are there.
    pub(crate) fn refuse_together(&self, count: usize) {
        self.state().together = count;
    }

    pub(crate) fn next(&self, act: Act) {
        self.state().acts.push_back(act);
    }

    pub(crate) fn counts(&self) -> Counts {
        self.state().counts
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    /// Ends the connections in order: GOAWAY, or nothing more after this answer.
    pub(crate) fn go_away(&self) {
        self.shared.go_away.send_modify(|count| *count += 1);
    }

    /// Drops the connections as they are.
    pub(crate) fn cut(&self) {
        self.shared.cut.send_modify(|count| *count += 1);
    }

    /// Waits until so many connections are open.
    pub(crate) async fn open(&self, count: usize) {
        let mut open = self.shared.open.subscribe();
        open.wait_for(|open| *open == count).await.unwrap();
    }

    /// Waits until so many requests hang.
    pub(crate) async fn hanging(&self, count: usize) {
        let mut hanging = self.shared.hanging.subscribe();
        hanging.wait_for(|hanging| *hanging == count).await.unwrap();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        shared.state().counts.connections += 1;
        connections.spawn(serve(stream, Arc::clone(&shared)));
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let _open = Counted::new(&shared, |shared| &shared.open);
    let (mut go_away, mut cut) = (shared.go_away.subscribe(), shared.cut.subscribe());
    let kill = Arc::new(Notify::new());
    let service = service_fn({
        let (shared, kill) = (Arc::clone(&shared), Arc::clone(&kill));
        move |request| answer(Arc::clone(&shared), request, Arc::clone(&kill))
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    loop {
        tokio::select! {
            // The client may be gone.
            _ = connection.as_mut() => return,
            () = kill.notified() => return,
            _ = cut.changed() => return,
            _ = go_away.changed() => connection.as_mut().graceful_shutdown(),
        }
    }
}

async fn answer(
    shared: Arc<Shared>,
    mut request: Request<Incoming>,
    kill: Arc<Notify>,
) -> Result<Response<Reply>, Infallible> {
    let act = {
        let mut state = shared.state();
        state.counts.sends += 1;
        state.acts.pop_front()
    };
    if let Some(Act::RefuseEarly) = act {
        shared.state().counts.refused += 1;
        // To its end, so that the connection can be used again.
        tokio::spawn(request.into_body().collect());
        return Ok(status(StatusCode::UNAUTHORIZED));
    }
    if let Some(Act::EchoFrames) = act {
        let frames = request.into_body().map_err(|error| panic!("{error}"));
        return Ok(Response::new(frames.boxed_unsync()));
    }
    let upgrade = hyper::upgrade::on(&mut request);
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        // The client has broken off.
        kill.notify_one();
        return std::future::pending().await;
    };
    let (trailers, body) = (body.trailers().cloned(), body.to_bytes());
    let is_good = {
        let mut state = shared.state();
        let is_good = state.knows(&head.headers);
        if act.is_some() || is_good {
            state.counts.effects += 1;
        }
        state.seen.push(Seen {
            method: head.method,
            uri: head.uri,
            headers: head.headers,
            body: body.clone(),
            trailers: trailers.clone(),
        });
        is_good
    };
    Ok(match act {
        None if is_good => {
            let frames = [Some(Frame::data(body)), trailers.map(Frame::trailers)];
            Response::new(reply(tokio_stream::iter(frames.into_iter().flatten())))
        }
        None => {
            shared.refuse_together().await;
            status(StatusCode::UNAUTHORIZED)
        }
        Some(Act::RefuseWithoutEnd) => {
            let mut state = shared.state();
            (state.counts.refused, state.counts.effects) =
                (state.counts.refused + 1, state.counts.effects - 1);
            let chunks = std::iter::repeat_with(|| Frame::data(Bytes::from_static(&[b'x'; 4096])));
            status(StatusCode::UNAUTHORIZED).map(|_| reply(tokio_stream::iter(chunks)))
        }
        Some(Act::Redirect(status_code, location)) => {
            let mut response = status(status_code);
            let location = HeaderValue::try_from(location).unwrap();
            response.headers_mut().insert(header::LOCATION, location);
            response
        }
        Some(Act::Drop) => {
            kill.notify_one();
            std::future::pending().await
        }
        Some(Act::Hang) => {
            let _hanging = Counted::new(&shared, |shared| &shared.hanging);
            std::future::pending().await
        }
        Some(Act::Stream(frames)) => Response::new(reply(UnboundedReceiverStream::new(frames))),
        Some(Act::Answer(response)) => response.map(|body| Full::new(body).boxed_unsync()),
        Some(Act::Upgrade) => {
            tokio::spawn(async move {
                let (mut from, mut to) = tokio::io::split(TokioIo::new(upgrade.await.unwrap()));
                tokio::io::copy(&mut from, &mut to).await.unwrap();
            });
            let mut response = status(StatusCode::SWITCHING_PROTOCOLS);
            let echo = HeaderValue::from_static("echo");
            response.headers_mut().insert(header::UPGRADE, echo);
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            response
        }
        Some(Act::RefuseEarly | Act::EchoFrames) => unreachable!("answered above"),
    })
}

fn reply(frames: impl Stream<Item = Frame<Bytes>> + Send + 'static) -> Reply {
    StreamBody::new(frames.map(Ok)).boxed_unsync()
}

fn status(status: StatusCode) -> Response<Reply> {
    let body = Full::new(Bytes::from(status.to_string())).boxed_unsync();
    Response::builder().status(status).body(body).unwrap()
}

// === impl State ===

impl State {
    fn knows(&self, headers: &HeaderMap) -> bool {
        let (name, prefix) = &self.place;
        let token = headers.get(name).and_then(|value| value.to_str().ok());
        token
            .and_then(|value| value.strip_prefix(prefix))
            .is_some_and(|token| self.valid.contains(token))
    }
}

// === impl Shared ===

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn refuse_together(&self) {
        let gathered = self.gathered.notified();
        {
            let mut state = self.state();
            state.counts.refused += 1;
            state.waiting += 1;
            if state.waiting >= state.together {
                self.gathered.notify_waiters();
                return;
            }
        }
        gathered.await;
    }
}

// === impl Counted ===

impl Counted {
    fn new(shared: &Arc<Shared>, what: fn(&Shared) -> &watch::Sender<usize>) -> Self {
        what(shared).send_modify(|count| *count += 1);
        Self(Arc::clone(shared), what)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.1)(&self.0).send_modify(|count| *count -= 1);
    }
}
