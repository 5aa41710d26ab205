use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, request};
use http_body::Body;
use pin_project_lite::pin_project;
use secrecy::SecretString;
use tower_service::Service;
use zeroize::Zeroizing;

use super::{account::Account, answer, service::Shared};
use crate::{
    BoxError, Error,
    inspect::PeekBody,
    layers::{Bearer, recover, refresh::RefreshRecovery},
    providers::common::{exchange::append, fields::Fields, json},
    replay::ResendBody,
    token::wiped_bytes,
};

/// No login is longer.
const LONGEST_LOGIN: usize = 64 * 1024;

type Answer<R> = Result<Response<PeekBody<R>>, BoxError>;
type SigningIn = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;
type Call<S, ReqBody, ResBody> =
    recover::ResponseFuture<Bearer<S>, RefreshRecovery, ReqBody, ResBody>;

pin_project! {
    /// Response future of [`DropIn`](super::DropIn).
    pub struct ResponseFuture<S, ReqBody, ResBody>
    where
        S: Service<Request<ReqBody>>,
        Bearer<S>: Service<Request<ReqBody>>,
    {
        #[pin]
        state: State<S, ReqBody, S::Future, Call<S, ReqBody, ResBody>, ResBody>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, ReqBody, P, C, ResBody> {
        // Waiting for the answer to a request that is none of ours.
        Passing {
            #[pin]
            future: P,
        },
        // Waiting for the answer to a call, which is kept signed in.
        Calling {
            #[pin]
            future: C,
            account: Arc<Account>,
        },
        // Waiting for the end of the program's login.
        Reading {
            #[pin]
            body: ReqBody,
            read: Zeroizing<Vec<u8>>,
            parts: Option<(S, Arc<Shared>, request::Parts)>,
        },
        // Waiting for a token.
        SigningIn {
            future: SigningIn,
            account: Arc<Account>,
        },
        // Waiting for the inner service to be ready for a login that is none.
        Readying {
            parts: Option<(S, Request<ReqBody>)>,
        },
        // Waiting for nothing.
        Answered {
            answer: Option<Answer<ResBody>>,
        },
    }
}

/// What the body of a login says.
enum Login {
    Of(SecretString, SecretString),
    /// It is not what a login looks like.
    Odd,
}

// === impl ResponseFuture ===

impl<S, ReqBody, ResBody> ResponseFuture<S, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>>,
    Bearer<S>: Service<Request<ReqBody>>,
{
    pub(super) fn passing(future: S::Future) -> Self {
        Self {
            state: State::Passing { future },
        }
    }

    pub(super) fn calling(future: Call<S, ReqBody, ResBody>, account: Arc<Account>) -> Self {
        Self {
            state: State::Calling { future, account },
        }
    }

    pub(super) fn reading(unready: S, shared: Arc<Shared>, request: Request<ReqBody>) -> Self {
        let (head, body) = request.into_parts();
        Self {
            state: State::Reading {
                body,
                read: Zeroizing::default(),
                parts: Some((unready, shared, head)),
            },
        }
    }

    pub(super) fn answered(response: Response<PeekBody<ResBody>>) -> Self {
        let answer = Some(Ok(response));
        Self {
            state: State::Answered { answer },
        }
    }
}

impl<S, ReqBody, ResBody> Future for ResponseFuture<S, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    S::Error: Into<BoxError>,
    ReqBody: ResendBody + Body<Data = Bytes> + From<Bytes>,
    ReqBody::Error: Into<BoxError>,
    ResBody: Body<Data = Bytes>,
    ResBody::Error: Into<BoxError>,
{
    type Output = Answer<ResBody>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Passing { future } => {
                    let response = ready!(future.poll(cx)).map_err(Into::into)?;
                    return Poll::Ready(Ok(response.map(PeekBody::new)));
                }
                StateProj::Calling { future, account } => {
                    let response = ready!(future.poll(cx))?;
                    if response.status() == StatusCode::UNAUTHORIZED {
                        account.refused(response.extensions());
                    }
                    return Poll::Ready(Ok(response));
                }
                StateProj::Reading { body, read, parts } => {
                    match ready!(body.poll_frame(cx)) {
                        Some(Ok(frame)) => {
                            let data = frame.into_data().unwrap_or_default();
                            if data.len() > LONGEST_LOGIN - read.len() {
                                return Poll::Ready(Ok(answer::too_long()));
                            }
                            append(read, &data);
                            continue;
                        }
                        Some(Err(error)) => return Poll::Ready(Err(error.into())),
                        None => {}
                    }
                    let (unready, shared, head) = parts.take().expect("polled after it was ready");
                    let read = mem::take(read);
                    let next = match Login::read(&read) {
                        Login::Of(username, password) => sign_in(&shared, username, password),
                        Login::Odd => {
                            let body = ReqBody::from(wiped_bytes(read));
                            let parts = Some((unready, Request::from_parts(head, body)));
                            State::Readying { parts }
                        }
                    };
                    state.set(next);
                }
                StateProj::SigningIn { future, account } => {
                    let answer = match ready!(future.as_mut().poll(cx)) {
                        Ok(()) => Ok(answer::logged_in(&account.handle)),
                        Err(error) => answer::failed(error),
                    };
                    return Poll::Ready(answer);
                }
                StateProj::Readying { parts } => {
                    let (inner, _) = parts.as_mut().expect("polled after it was ready");
                    ready!(inner.poll_ready(cx)).map_err(Into::into)?;
                    let (mut inner, request) = parts.take().expect("just looked at");
                    let future = inner.call(request);
                    state.set(State::Passing { future });
                }
                StateProj::Answered { answer } => {
                    return Poll::Ready(answer.take().expect("polled after it was ready"));
                }
            }
        }
    }
}

impl<S, ReqBody, ResBody> fmt::Debug for ResponseFuture<S, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>>,
    Bearer<S>: Service<Request<ReqBody>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Passing { .. } => "Passing",
            State::Calling { .. } => "Calling",
            State::Reading { .. } => "Reading",
            State::SigningIn { .. } => "SigningIn",
            State::Readying { .. } => "Readying",
            State::Answered { .. } => "Answered",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}

// === impl Login ===

impl Login {
    fn read(body: &[u8]) -> Self {
        let names = &["username", "password"];
        let Ok(fields) = Fields::first_of(json::without_mark(body), names) else {
            return Self::Odd;
        };
        match (fields.text("username"), fields.text("password")) {
            (Some(username), Some(password)) if !username.is_empty() && !password.is_empty() => {
                Self::Of(username.as_str().into(), password.as_str().into())
            }
            _ => Self::Odd,
        }
    }
}

/// Begins to sign in.
fn sign_in<S, ReqBody, P, C, ResBody>(
    shared: &Shared,
    username: SecretString,
    password: SecretString,
) -> State<S, ReqBody, P, C, ResBody> {
    match shared.accounts.with_credentials(username, password) {
        Ok(account) => {
            let signing_in = Arc::clone(&account);
            let future = Box::pin(async move { signing_in.log_in().await });
            State::SigningIn { future, account }
        }
        Err(error) => State::Answered {
            answer: Some(answer::failed(error)),
        },
    }
}
