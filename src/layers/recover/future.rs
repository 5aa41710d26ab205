use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, response};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::{runtime::Handle, time::Sleep};
use tower_service::Service;

use super::{
    BoxFuture, Challenge, Outcome, Prepared, Recoveries,
    kept::{Kept, PEEK_BYTES, PEEK_TIME, Second, no_timer},
    recoveries::Places,
};
use crate::{
    BoxError, Error, ErrorKind,
    clock::has_timer,
    inspect::{Limit, Peek, PeekBody},
    replay::{Released, ResendBody},
};

/// How often a recovery may wait before a send.
const MOST_ROUNDS: u32 = 100;

pin_project! {
    /// Response future of [`Recover`](super::Recover).
    pub struct ResponseFuture<S, P, ReqBody, ResBody>
    where
        S: Service<Request<ReqBody>>,
        P: Recoveries,
    {
        // For the next send: a clone of the service that was called, made ready before that.
        inner: S,
        recovery: P,
        body_release: Duration,
        // What the next send needs. It is freed when there will be none.
        kept: Kept<ReqBody>,
        // The recoveries that have had the request sent again: each may once.
        answered: Places,
        // How often the recovery had to wait before a send.
        rounds: u32,
        // What the send under way carries.
        attempt: Option<P::Attempt>,
        #[pin]
        state: State<S::Future, ReqBody, ResBody>,
    }
}

/// The response that is handed on if the request is not sent again.
type Refused<ResBody> = Option<Box<Response<PeekBody<ResBody>>>>;

pin_project! {
    #[project = StateProj]
    enum State<F, ReqBody, ResBody> {
        // Waiting for what the recovery wants before the request is sent. The inner service is
        // not ready meanwhile, so that nobody is held up.
        Preparing {
            wait: BoxFuture<Result<(), Error>>,
            body: Option<ReqBody>,
        },
        // Waiting for the inner service to be ready.
        Readying {
            body: Option<ReqBody>,
        },
        // Waiting for a response.
        Sending {
            #[pin]
            future: F,
        },
        // Waiting for the start of a challenge's body, so that its connection is free.
        //
        // This and what comes after it is rare and large, so it is boxed: each layer outside moves
        // this future.
        Peeking {
            peek: Pin<Box<Peek<ResBody, Limit<Sleep>>>>,
            head: Option<Box<response::Parts>>,
            claims: Places,
        },
        // Waiting for the recovery at `place`; those in `rest` are asked if it declines.
        Recovering {
            recovering: Option<BoxFuture<Outcome>>,
            place: u32,
            rest: Places,
            refused: Refused<ResBody>,
            is_cut: bool,
        },
        // Waiting for the client to let go of the body before.
        Releasing {
            deadline: Pin<Box<Sleep>>,
            refused: Refused<ResBody>,
        },
    }
}

// === impl ResponseFuture ===

impl<S, P, ReqBody, ResBody> ResponseFuture<S, P, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>> + Clone,
    P: Recoveries,
    ReqBody: ResendBody,
{
    /// `ready` has been made ready before, and is called or gives its readiness back.
    #[inline]
    pub(super) fn new(
        ready: &mut S,
        recovery: P,
        body_release: Duration,
        request: Request<ReqBody>,
    ) -> Self {
        let inner = ready.clone();
        let (mut head, body) = request.into_parts();
        let kept = Kept::of(&mut head, &body);
        let answered = Places::default();
        let (attempt, state) = match recovery.prepare_all(&mut head, answered) {
            Prepared::Ready(attempt) => {
                let future = ready.call(Request::from_parts(head, body));
                (Some(attempt), State::Sending { future })
            }
            Prepared::Wait(wait) => {
                give_back(ready);
                let body = Some(body);
                (None, State::Preparing { wait, body })
            }
        };
        Self {
            inner,
            recovery,
            body_release,
            kept,
            answered,
            rounds: 0,
            attempt,
            state,
        }
    }
}

impl<S, P, ReqBody, ResBody> Future for ResponseFuture<S, P, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    S::Error: Into<BoxError>,
    P: Recoveries,
    ReqBody: ResendBody,
    ResBody: Body<Data = Bytes>,
    ResBody::Error: Into<BoxError>,
{
    type Output = Result<Response<PeekBody<ResBody>>, BoxError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let this = self.as_mut().project();
            // Most often there is nothing to wait for but the response, and it is handed on.
            if let StateProj::Sending { future } = this.state.project() {
                let response = ready!(future.poll(cx)).map_err(Into::into)?;
                let (mut head, body) = response.into_parts();
                let claims = self.as_mut().claims(&mut head, cx);
                if claims.is_empty() {
                    return Poll::Ready(Ok(untouched(head, body)));
                }
                if let Some(answer) = self.as_mut().claimed(claims, head, body) {
                    return Poll::Ready(Ok(answer));
                }
            }
            if let Some(answer) = ready!(self.as_mut().poll_sent(cx))? {
                return Poll::Ready(Ok(answer));
            }
        }
    }
}

impl<S, P, ReqBody, ResBody> ResponseFuture<S, P, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    S::Error: Into<BoxError>,
    P: Recoveries,
    ReqBody: ResendBody,
    ResBody: Body<Data = Bytes>,
    ResBody::Error: Into<BoxError>,
{
    /// Who takes the answer for a challenge, and has a say.
    #[inline]
    fn claims(self: Pin<&mut Self>, head: &mut response::Parts, cx: &mut Context<'_>) -> Places {
        let this = self.project();
        let attempt = this.attempt.as_ref().expect("prepared before it was sent");
        let claims = this.recovery.claims(attempt, head);
        if claims.is_empty() {
            this.kept.free();
            return claims;
        }
        let resending = claims.without(*this.answered);
        let readers = claims.which_are_in(this.recovery.readers());
        let spent = claims.without(resending).without(readers);
        this.recovery.refused_again_at(spent, attempt, head);
        if resending.is_empty() {
            this.kept.free();
        } else {
            this.kept.look_at_copy(cx);
        }
        // Who has had the request sent again has a say only if it reads the body.
        resending.and(readers)
    }

    /// Lets those who have a say see the answer; returns it if nothing can come of that.
    fn claimed(
        self: Pin<&mut Self>,
        claims: Places,
        mut head: response::Parts,
        body: ResBody,
    ) -> Option<Response<PeekBody<ResBody>>> {
        let mut this = self.project();
        let readers = claims.which_are_in(this.recovery.readers());
        if !this.kept.can_be_sent() && readers.is_empty() {
            let refused = untouched(head, body);
            let next = ask(this.recovery, this.kept, this.attempt, claims, refused);
            this.state.set(next);
            return None;
        }
        if !has_timer() {
            head.extensions.insert(no_timer());
            return Some(untouched(head, body));
        }
        let deadline = tokio::time::sleep(PEEK_TIME);
        let peek = Box::pin(Peek::new(body, PEEK_BYTES, deadline));
        let head = Some(Box::new(head));
        this.state.set(State::Peeking { peek, head, claims });
        None
    }

    /// Waits until the request is sent: then it returns `None`. Or until it is clear that it is not sent
    /// again: then it returns the answer.
    #[inline(never)]
    fn poll_sent(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Response<PeekBody<ResBody>>>, BoxError>> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::Preparing { wait, body } => {
                    ready!(wait.as_mut().poll(cx))?;
                    *this.rounds += 1;
                    if *this.rounds > MOST_ROUNDS {
                        return Poll::Ready(Err(never_prepared().into()));
                    }
                    let body = body.take();
                    this.state.set(State::Readying { body });
                }
                StateProj::Readying { body } => {
                    ready!(this.inner.poll_ready(cx)).map_err(Into::into)?;
                    let body = body.take().expect("polled after it was ready");
                    // Only now: while the inner service got ready, much may have happened.
                    let mut head = this.kept.head.clone();
                    match this.recovery.prepare_all(&mut head, *this.answered) {
                        Prepared::Ready(attempt) => {
                            *this.attempt = Some(attempt);
                            let future = this.inner.call(Request::from_parts(head, body));
                            this.state.set(State::Sending { future });
                        }
                        Prepared::Wait(wait) => {
                            give_back(this.inner);
                            let body = Some(body);
                            this.state.set(State::Preparing { wait, body });
                        }
                    }
                }
                StateProj::Sending { .. } => return Poll::Ready(Ok(None)),
                StateProj::Peeking { peek, head, claims } => {
                    let body = ready!(peek.as_mut().poll(cx));
                    let head = head.take().expect("polled after it was ready");
                    let refused = Response::from_parts(*head, body);
                    let next = ask(this.recovery, this.kept, this.attempt, *claims, refused);
                    this.state.set(next);
                }
                StateProj::Recovering {
                    recovering,
                    place,
                    rest,
                    refused,
                    is_cut,
                } => {
                    let future = recovering.as_mut().expect("polled after it was ready");
                    let outcome = future.as_mut().poll(cx);
                    let can_resend = !this.answered.has(*place) && this.kept.can_be_sent();
                    let mut answer = *refused.take().expect("polled after it was ready");
                    let outcome = match outcome {
                        Poll::Ready(outcome) => outcome,
                        Poll::Pending if can_resend => {
                            // What was not read is dropped: its connection must not wait with us.
                            if !*is_cut {
                                answer = answer.map(|body| body.into_cut(PEEK_BYTES));
                                *is_cut = true;
                            }
                            *refused = Some(Box::new(answer));
                            return Poll::Pending;
                        }
                        Poll::Pending => {
                            in_background(recovering.take());
                            // Nobody waits for what comes of it.
                            Outcome::Resend
                        }
                    };
                    match outcome {
                        Outcome::NotMine if rest.is_empty() => {
                            return Poll::Ready(Ok(Some(answer)));
                        }
                        Outcome::NotMine => {
                            let next = ask(this.recovery, this.kept, this.attempt, *rest, answer);
                            this.state.set(next);
                        }
                        Outcome::Resend if can_resend => {
                            *this.answered = this.answered.and(Places::of(*place));
                            let deadline = Box::pin(tokio::time::sleep(*this.body_release));
                            let answer = answer.map(|body| body.into_cut(PEEK_BYTES));
                            let refused = Some(Box::new(answer));
                            this.state.set(State::Releasing { deadline, refused });
                        }
                        Outcome::Resend | Outcome::GiveUp(_) => {
                            if let Outcome::GiveUp(error) = outcome {
                                answer.extensions_mut().insert(error);
                            }
                            if let Some(why) = this.kept.lost(cx) {
                                answer.extensions_mut().insert(why);
                            }
                            return Poll::Ready(Ok(Some(answer)));
                        }
                    }
                }
                StateProj::Releasing { deadline, refused } => {
                    let released = match this.kept.poll_released(cx) {
                        Poll::Ready(released) => released,
                        Poll::Pending => {
                            ready!(deadline.as_mut().poll(cx));
                            Released::NotReplayable
                        }
                    };
                    let left = Places::first(P::COUNT).without(*this.answered);
                    match this.kept.take(released, !left.is_empty()) {
                        Second::Body(body) => {
                            let body = Some(body);
                            this.state.set(State::Readying { body });
                        }
                        Second::Lost(why) => {
                            let mut answer = *refused.take().expect("polled after it was ready");
                            answer.extensions_mut().insert(why);
                            return Poll::Ready(Ok(Some(answer)));
                        }
                    }
                }
            }
        }
    }
}

impl<S, P, ReqBody, ResBody> fmt::Debug for ResponseFuture<S, P, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>>,
    P: Recoveries,
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

/// Gives the readied service back, with the permit or place that it may hold.
fn give_back<S: Clone>(ready: &mut S) {
    let unready = ready.clone();
    *ready = unready;
}

/// Asks the first of `claims`, which are some, to recover.
fn ask<P: Recoveries, F, ReqBody, ResBody: Body>(
    recovery: &P,
    kept: &Kept<ReqBody>,
    attempt: &Option<P::Attempt>,
    mut claims: Places,
    refused: Response<PeekBody<ResBody>>,
) -> State<F, ReqBody, ResBody> {
    let place = claims.next().expect("somebody claims it");
    let (head, body) = refused.into_parts();
    let challenge = Challenge {
        request: kept.head.clone(),
        attempt: attempt.clone().expect("prepared before it was sent"),
        response: head.clone(),
        body: body.prefix().clone(),
        whole: body.is_read(),
    };
    State::Recovering {
        recovering: Some(recovery.recover_at(place, challenge)),
        place,
        rest: claims,
        refused: Some(Box::new(Response::from_parts(head, body))),
        is_cut: false,
    }
}

fn untouched<R>(head: response::Parts, body: R) -> Response<PeekBody<R>> {
    Response::from_parts(head, PeekBody::new(body))
}

fn in_background(recovering: Option<BoxFuture<Outcome>>) {
    if let (Ok(runtime), Some(recovering)) = (Handle::try_current(), recovering) {
        drop(runtime.spawn(recovering));
    }
}

fn never_prepared() -> Error {
    Error::with_message(
        ErrorKind::Config,
        "the recovery wants to wait before it sends, again and again: `prepare` must be `Ready` \
         when what it waits for has come",
    )
}
