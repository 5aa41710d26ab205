use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Signature, Signatures, service::sign};
use crate::{
    BoxError, Error, Session, Token,
    layers::challenge,
    renew::{Credential, Entry, Usable},
};

type Wait = Pin<Box<dyn Future<Output = Result<Arc<Entry<Token>>, Error>> + Send>>;

/// What is needed for sending later. Boxed, so that the future of a request that need not wait is
/// small: it is moved by each layer outside.
type Later<S, ReqBody> = Option<Box<(Session, S, Request<ReqBody>)>>;

pin_project! {
    /// Response future of [`Bearer`](super::Bearer).
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the request; before its first poll nothing of that is sent. A sign-in that it
    /// waited for goes on, and has begun with the call already.
    pub struct ResponseFuture<S, ReqBody>
    where
        S: Service<Request<ReqBody>>,
    {
        #[pin]
        state: State<S, ReqBody, S::Future>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, ReqBody, F> {
        // Waiting for a token, without holding the inner service's readiness.
        Waiting {
            wait: Wait,
            parts: Later<S, ReqBody>,
        },
        // Waiting for the inner service to be ready.
        Readying {
            parts: Later<S, ReqBody>,
        },
        // Waiting for the response.
        Sending {
            #[pin]
            future: F,
            signed: Option<Signature>,
        },
        // Waiting for nothing: there is no token to send the request with.
        Failed {
            error: Option<Error>,
        },
    }
}

// === impl ResponseFuture ===

impl<S, ReqBody> ResponseFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>>,
{
    #[inline]
    pub(super) fn sending(future: S::Future, signed: Option<Signature>) -> Self {
        Self {
            state: State::Sending { future, signed },
        }
    }

    pub(super) fn waiting(
        wait: Wait,
        session: Session,
        inner: S,
        request: Request<ReqBody>,
    ) -> Self {
        let parts = Some(Box::new((session, inner, request)));
        Self {
            state: State::Waiting { wait, parts },
        }
    }

    pub(super) fn failed(error: Error) -> Self {
        Self {
            state: State::Failed { error: Some(error) },
        }
    }
}

impl<S, ReqBody, ResBody> Future for ResponseFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    S::Error: Into<BoxError>,
{
    type Output = Result<Response<ResBody>, BoxError>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        // Most often there is nothing to wait for but the response.
        if !matches!(*state, State::Sending { .. }) {
            match state.as_mut().poll_sent(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        let StateProj::Sending { future, signed } = state.project() else {
            unreachable!("it was sent");
        };
        match future.poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
            Poll::Ready(Ok(mut response)) => {
                if response.status().is_client_error()
                    && let Some(signed) = signed
                {
                    note(&mut response, *signed);
                }
                Poll::Ready(Ok(response))
            }
        }
    }
}

impl<S, ReqBody, ResBody> State<S, ReqBody, S::Future>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    S::Error: Into<BoxError>,
{
    /// Waits until the request is sent.
    #[inline(never)]
    fn poll_sent(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        loop {
            match self.as_mut().project() {
                StateProj::Waiting { wait, parts } => {
                    ready!(wait.as_mut().poll(cx))?;
                    let parts = parts.take();
                    self.set(Self::Readying { parts });
                }
                StateProj::Readying { parts } => {
                    let (_, inner, _) = &mut **parts.as_mut().expect("polled after it was ready");
                    ready!(inner.poll_ready(cx)).map_err(Into::into)?;
                    let (session, mut inner, mut request) = *parts.take().expect("just looked at");
                    // Much may have happened while the inner service got ready. There was a token, so
                    // if there is none it was taken away.
                    if session.renewer().load().is_none() {
                        return Poll::Ready(Err(Token::cleared().into()));
                    }
                    match session.usable(true) {
                        Usable::Now(entry) => {
                            let signed = sign(&mut request, &session, &entry);
                            let future = inner.call(request);
                            self.set(Self::Sending {
                                future,
                                signed: Some(signed),
                            });
                        }
                        Usable::Failed(error) => return Poll::Ready(Err(error.into())),
                        waiting @ Usable::Wait(_) => {
                            // Gives the readied service back once more.
                            let unready = inner.clone();
                            drop(inner);
                            let wait = Box::pin(session.renewer().clone().wait(waiting));
                            let parts = Some(Box::new((session, unready, request)));
                            self.set(Self::Waiting { wait, parts });
                        }
                    }
                }
                StateProj::Sending { .. } => return Poll::Ready(Ok(())),
                StateProj::Failed { error } => {
                    let error = error.take().expect("polled after it was ready");
                    return Poll::Ready(Err(error.into()));
                }
            }
        }
    }
}

/// Notes in a refusal which token it refuses, and what else is wrong if it says so.
#[inline(never)]
fn note<B>(response: &mut Response<B>, signed: Signature) {
    let reason = challenge::reason(response.status(), response.headers());
    let status = response.status();
    let extensions = response.extensions_mut();
    if status == StatusCode::UNAUTHORIZED {
        extensions
            .get_or_insert_default::<Signatures>()
            .0
            .push(signed);
    }
    if let Some(reason) = reason {
        // Whoever read the body knows better.
        extensions.get_or_insert_with(|| reason);
    }
}

impl<S, ReqBody> fmt::Debug for ResponseFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Waiting { .. } => "Waiting",
            State::Readying { .. } => "Readying",
            State::Sending { .. } => "Sending",
            State::Failed { .. } => "Failed",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
