use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Response, StatusCode, response};
use http_body::Body;
use pin_project_lite::pin_project;

use super::{
    Failure, Normalized, Reader, Verdict,
    judge::{Judge, Ruling},
    layer::Settings,
};
use crate::{
    BoxError, Error,
    inspect::{Peek, PeekBody},
};

pin_project! {
    /// Response future of [`Normalize`](super::Normalize).
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the request, and the response with what was read of it.
    pub struct ResponseFuture<F, R, ResBody>
    where
        R: Reader,
    {
        settings: Settings,
        #[pin]
        state: State<F, R, ResBody>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, R, ResBody>
    where
        R: Reader,
    {
        // Waiting for the response.
        Sending {
            #[pin]
            future: F,
            reader: Option<R>,
        },
        // Waiting for as much of the body as the verdict takes. Boxed, for often that has come with the
        // head, and each layer outside moves this future.
        Reading {
            reading: Option<Box<Reading<R, ResBody>>>,
        },
    }
}

struct Reading<R: Reader, ResBody> {
    peek: Peek<ResBody, Judge<R>>,
    head: response::Parts,
}

// === impl ResponseFuture ===

impl<F, R: Reader, ResBody> ResponseFuture<F, R, ResBody> {
    pub(super) fn new(future: F, reader: Option<R>, settings: Settings) -> Self {
        Self {
            settings,
            state: State::Sending { future, reader },
        }
    }
}

impl<F, E, R, ResBody> Future for ResponseFuture<F, R, ResBody>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
    E: Into<BoxError>,
    R: Reader,
    ResBody: Body<Data = Bytes>,
    ResBody::Error: Into<BoxError>,
{
    type Output = Result<Response<PeekBody<ResBody>>, BoxError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        match this.state.as_mut().project() {
            StateProj::Sending { future, reader } => {
                let response = ready!(future.poll(cx)).map_err(Into::into)?;
                let reader = reader.take().filter(|_| can_have_body(response.status()));
                let Some(mut reader) = reader else {
                    return Poll::Ready(Ok(response.map(PeekBody::new)));
                };
                let (head, body) = response.into_parts();
                let ruling = match reader.head(&head) {
                    Verdict::More => {
                        let judge = Judge::new(reader, this.settings.max_peek);
                        let mut peek = Peek::until(body, judge);
                        let Poll::Ready(body) = Pin::new(&mut peek).poll(cx) else {
                            let reading = Some(Box::new(Reading { peek, head }));
                            this.state.set(State::Reading { reading });
                            return Poll::Pending;
                        };
                        let ruling = peek.until_mut().ruling(&body);
                        return Poll::Ready(handed_on(head, body, ruling, this.settings));
                    }
                    Verdict::Pass => None,
                    Verdict::Fail(failure) => Some(failure),
                };
                let body = PeekBody::new(body);
                Poll::Ready(handed_on(head, body, ruling, this.settings))
            }
            StateProj::Reading { reading } => {
                let peek = &mut reading.as_mut().expect("polled after it was ready").peek;
                let body = ready!(Pin::new(&mut *peek).poll(cx));
                let ruling = peek.until_mut().ruling(&body);
                let head = reading.take().expect("just looked at").head;
                Poll::Ready(handed_on(head, body, ruling, this.settings))
            }
        }
    }
}

impl<F, R: Reader, ResBody> fmt::Debug for ResponseFuture<F, R, ResBody> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Sending { .. } => "Sending",
            State::Reading { .. } => "Reading",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}

/// Whether a response of this status can have a body: RFC 9110 sections 6.4.1 and 15.3.6.
fn can_have_body(status: StatusCode) -> bool {
    !status.is_informational()
        && !matches!(
            status,
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
        )
}

fn handed_on<R, E>(
    head: response::Parts,
    body: PeekBody<R>,
    ruling: Ruling<E>,
    settings: &Settings,
) -> Result<Response<PeekBody<R>>, BoxError>
where
    E: Into<Error> + Clone + Send + Sync + 'static,
{
    let mut response = Response::from_parts(head, body);
    let Some(Failure { status, error }) = ruling else {
        return Ok(response);
    };
    let general: Error = error.clone().into();
    if settings.as_err && status != StatusCode::UNAUTHORIZED {
        return Err(general.into());
    }
    let original = std::mem::replace(response.status_mut(), status);
    let extensions = response.extensions_mut();
    if original != status {
        extensions.insert(Normalized { original });
    }
    extensions.insert(general);
    extensions.insert(error);
    Ok(response)
}
