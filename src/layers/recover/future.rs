use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, request, response};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::{runtime::Handle, time::Sleep};
use tower_service::Service;

use super::{BoxFuture, Challenge, NotReplayed, Outcome, Prepared, Recovery};
use crate::{
    BoxError, Error, ErrorKind,
    clock::has_timer,
    inspect::{Peek, PeekBody},
    layers::bearer::OneShot,
    replay::{Released, ResendBody},
};

/// How much of a refused response is read before it is dropped, and for how long.
const PEEK_BYTES: usize = 64 * 1024;
const PEEK_TIME: Duration = Duration::from_millis(100);

pin_project! {
    /// Response future of [`Recover`](super::Recover).
    pub struct ResponseFuture<S, P, ReqBody, ResBody>
    where
        S: Service<Request<ReqBody>>,
        P: Recovery,
    {
        // The service that was called, for the second send.
        inner: S,
        recovery: P,
        body_release: Duration,
        // What a second send needs. Taken by the first challenge, so there is only one.
        kept: Option<Kept<ReqBody>>,
        // How often the recovery had to wait before a send.
        rounds: u32,
        // What the send under way carries.
        attempt: Option<P::Attempt>,
        #[pin]
        state: State<S::Future, ReqBody, ResBody>,
    }
}

/// How often a recovery may wait before a send.
const MOST_ROUNDS: u32 = 100;

struct Kept<B> {
    head: request::Parts,
    /// A copy, or why there is none.
    body: Result<B, NotReplayed>,
}

pin_project! {
    #[project = StateProj]
    enum State<F, ReqBody, ResBody> {
        // Waiting for what the recovery wants before the request is sent. The inner service is
        // not ready meanwhile, so that nobody is held up.
        Preparing {
            wait: BoxFuture<Result<(), Error>>,
            request: Option<Request<ReqBody>>,
        },
        // Waiting for the inner service to be ready.
        Readying {
            request: Option<Request<ReqBody>>,
        },
        // Waiting for a response.
        Sending {
            #[pin]
            future: F,
        },
        // Waiting for the start of a challenge's body, so that its connection is free.
        Peeking {
            #[pin]
            peek: Peek<ResBody, Sleep>,
            parts: Option<(response::Parts, request::Parts, ReqBody)>,
        },
        // Waiting for the recovery.
        Recovering {
            recovering: BoxFuture<Outcome>,
            parts: Option<(Response<PeekBody<ResBody>>, request::Parts, ReqBody)>,
            is_cut: bool,
        },
        // Waiting for the client to let go of the first body.
        Releasing {
            #[pin]
            deadline: Sleep,
            parts: Option<(Response<PeekBody<ResBody>>, request::Parts, ReqBody)>,
        },
    }
}

// === impl Kept ===

impl<B: ResendBody> Kept<B> {
    /// Drops the copy if it is known already that it cannot be sent.
    fn looked_at(mut self, cx: &mut Context<'_>) -> Self {
        if let Ok(copy) = &mut self.body
            && let Poll::Ready(Released::NotReplayable) = copy.poll_released(cx)
        {
            self.body = Err(copy.not_replayed());
        }
        self
    }
}

// === impl ResponseFuture ===

impl<S, P, ReqBody, ResBody> ResponseFuture<S, P, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>> + Clone,
    P: Recovery,
    ReqBody: ResendBody,
{
    /// `ready` must have been made ready before.
    pub(super) fn new(
        mut ready: S,
        recovery: P,
        body_release: Duration,
        request: Request<ReqBody>,
    ) -> Self {
        let (mut head, body) = request.into_parts();
        let kept = Kept {
            head: head.clone(),
            body: body.try_copy().ok_or_else(|| body.not_replayed()),
        };
        if kept.body.is_err() {
            head.extensions.insert(OneShot);
        }
        let prepared = recovery.prepare(&mut head);
        let request = Request::from_parts(head, body);
        let (inner, attempt, state) = match prepared {
            Prepared::Ready(attempt) => {
                let future = ready.call(request);
                (ready, Some(attempt), State::Sending { future })
            }
            Prepared::Wait(wait) => {
                // Gives the readied service back, with the permit or place that it may hold.
                let unready = ready.clone();
                drop(ready);
                (
                    unready,
                    None,
                    State::Preparing {
                        wait,
                        request: Some(request),
                    },
                )
            }
        };
        Self {
            inner,
            recovery,
            body_release,
            kept: Some(kept),
            rounds: 0,
            attempt,
            state,
        }
    }
}

impl<S, P, ReqBody, ResBody> Future for ResponseFuture<S, P, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    S::Error: Into<BoxError>,
    P: Recovery,
    ReqBody: ResendBody,
    ResBody: Body<Data = Bytes>,
    ResBody::Error: Into<BoxError>,
{
    type Output = Result<Response<PeekBody<ResBody>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::Preparing { wait, request } => {
                    ready!(wait.as_mut().poll(cx))?;
                    *this.rounds += 1;
                    if *this.rounds > MOST_ROUNDS {
                        return Poll::Ready(Err(never_prepared().into()));
                    }
                    let request = request.take().expect("polled after it was ready");
                    let next = prepare(this.recovery, this.attempt, request);
                    this.state.set(next);
                }
                StateProj::Readying { request } => {
                    ready!(this.inner.poll_ready(cx)).map_err(Into::into)?;
                    let request = request.take().expect("polled after it was ready");
                    let future = this.inner.call(request);
                    this.state.set(State::Sending { future });
                }
                StateProj::Sending { future } => {
                    let response = ready!(future.poll(cx)).map_err(Into::into)?;
                    let (mut head, body) = response.into_parts();
                    let attempt = this.attempt.take().expect("prepared before it was sent");
                    let is_challenge = this.recovery.is_challenge(&attempt, &head);
                    // The copy is freed here unless it is needed.
                    let kept = this.kept.take().filter(|_| is_challenge);
                    match kept.map(|kept| kept.looked_at(cx)) {
                        None => return handed_on(head, body),
                        Some(Kept {
                            head: request,
                            body: Err(why),
                        }) => {
                            let response = head.clone();
                            in_background(this.recovery.recover(Challenge {
                                request,
                                attempt,
                                response,
                                body: Bytes::new(),
                                whole: false,
                            }));
                            head.extensions.insert(why);
                            return handed_on(head, body);
                        }
                        Some(Kept {
                            head: request,
                            body: Ok(copy),
                        }) => {
                            if !has_timer() {
                                head.extensions.insert(no_timer());
                                return handed_on(head, body);
                            }
                            *this.attempt = Some(attempt);
                            let deadline = tokio::time::sleep(PEEK_TIME);
                            let peek = Peek::new(body, PEEK_BYTES, deadline);
                            let parts = Some((head, request, copy));
                            this.state.set(State::Peeking { peek, parts });
                        }
                    }
                }
                StateProj::Peeking { peek, parts } => {
                    let body = ready!(peek.poll(cx));
                    let (head, request, copy) = parts.take().expect("polled after it was ready");
                    let recovering = this.recovery.recover(Challenge {
                        request: request.clone(),
                        attempt: this.attempt.take().expect("kept for this"),
                        response: head.clone(),
                        body: body.prefix().clone(),
                        whole: body.is_read(),
                    });
                    let refused = Response::from_parts(head, body);
                    this.state.set(State::Recovering {
                        recovering,
                        parts: Some((refused, request, copy)),
                        is_cut: false,
                    });
                }
                StateProj::Recovering {
                    recovering,
                    parts,
                    is_cut,
                } => {
                    let outcome = recovering.as_mut().poll(cx);
                    let (mut refused, request, mut copy) =
                        parts.take().expect("polled after it was ready");
                    let Poll::Ready(outcome) = outcome else {
                        // What was not read is dropped: its connection must not wait with us.
                        if !*is_cut {
                            refused = refused.map(|body| body.into_cut(PEEK_BYTES));
                            *is_cut = true;
                        }
                        *parts = Some((refused, request, copy));
                        return Poll::Pending;
                    };
                    match outcome {
                        Outcome::NotMine => return Poll::Ready(Ok(refused)),
                        Outcome::GiveUp(error) => {
                            refused.extensions_mut().insert(error);
                            if let Poll::Ready(Released::NotReplayable) = copy.poll_released(cx) {
                                refused.extensions_mut().insert(copy.not_replayed());
                            }
                            return Poll::Ready(Ok(refused));
                        }
                        Outcome::Resend => {
                            let deadline = tokio::time::sleep(*this.body_release);
                            let refused = refused.map(|body| body.into_cut(PEEK_BYTES));
                            let parts = Some((refused, request, copy));
                            this.state.set(State::Releasing { deadline, parts });
                        }
                    }
                }
                StateProj::Releasing { deadline, parts } => {
                    let (_, _, copy) = parts.as_mut().expect("polled after it was ready");
                    let whole = match copy.poll_released(cx) {
                        Poll::Ready(released) => released == Released::Whole,
                        Poll::Pending => {
                            ready!(deadline.poll(cx));
                            false
                        }
                    };
                    let (mut refused, head, copy) = parts.take().expect("just looked at");
                    if !whole {
                        refused.extensions_mut().insert(copy.not_replayed());
                        return Poll::Ready(Ok(refused));
                    }
                    let request = Request::from_parts(head, copy);
                    let next = prepare(this.recovery, this.attempt, request);
                    this.state.set(next);
                }
            }
        }
    }
}

impl<S, P, ReqBody, ResBody> fmt::Debug for ResponseFuture<S, P, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>>,
    P: Recovery,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Preparing { .. } => "Preparing",
            State::Readying { .. } => "Readying",
            State::Sending { .. } => "Sending",
            State::Peeking { .. } => "Peeking",
            State::Recovering { .. } => "Recovering",
            State::Releasing { .. } => "Releasing",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}

/// Prepares `request` and says what comes next.
fn prepare<P: Recovery, F, ReqBody, ResBody>(
    recovery: &P,
    attempt: &mut Option<P::Attempt>,
    request: Request<ReqBody>,
) -> State<F, ReqBody, ResBody> {
    let (mut head, body) = request.into_parts();
    let prepared = recovery.prepare(&mut head);
    let request = Some(Request::from_parts(head, body));
    match prepared {
        Prepared::Ready(prepared) => {
            *attempt = Some(prepared);
            State::Readying { request }
        }
        Prepared::Wait(wait) => State::Preparing { wait, request },
    }
}

fn handed_on<R, E>(head: response::Parts, body: R) -> Poll<Result<Response<PeekBody<R>>, E>> {
    Poll::Ready(Ok(Response::from_parts(head, PeekBody::new(body))))
}

fn in_background(recovering: BoxFuture<Outcome>) {
    if let Ok(runtime) = Handle::try_current() {
        drop(runtime.spawn(recovering));
    }
}

fn no_timer() -> Error {
    Error::with_message(
        ErrorKind::Config,
        "there is no tokio runtime with timers here to recover on: call from within one, built \
         with enable_all()",
    )
}

fn never_prepared() -> Error {
    Error::with_message(
        ErrorKind::Config,
        "the recovery wants to wait before it sends, again and again: `prepare` must be `Ready` \
         when what it waits for has come",
    )
}
