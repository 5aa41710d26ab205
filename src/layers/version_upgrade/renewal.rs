use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::{UpgradeLatch, UpgradeSignal};
use crate::{BoxError, Error, Renewal, Renewed};

pin_project! {
    /// Response future of [`VersionUpgrade`](super::VersionUpgrade) over token services.
    pub struct RenewalFuture<V1, V2, F>
    where
        V1: Service<Renewal>,
        V2: Service<Renewal>,
    {
        #[pin]
        state: State<V1::Future, V2::Future, V2, F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F1, F2, V2, F> {
        // Waiting for the answer of v1.
        First {
            #[pin]
            future: F1,
            // What v2 is to be asked, if it comes to that.
            parts: Option<(V2, Renewal)>,
            latch: UpgradeLatch,
            signal: F,
        },
        // Waiting for v2 to be ready.
        Readying {
            v2: V2,
            renewal: Option<Renewal>,
        },
        // Waiting for the answer of v2.
        Second {
            #[pin]
            future: F2,
        },
    }
}

// === impl RenewalFuture ===

impl<V1, V2, F> RenewalFuture<V1, V2, F>
where
    V1: Service<Renewal>,
    V2: Service<Renewal>,
{
    pub(super) fn first(
        future: V1::Future,
        renewal: Renewal,
        v2: V2,
        latch: UpgradeLatch,
        signal: F,
    ) -> Self {
        Self {
            state: State::First {
                future,
                parts: Some((v2, renewal)),
                latch,
                signal,
            },
        }
    }

    pub(super) fn second(future: V2::Future) -> Self {
        Self {
            state: State::Second { future },
        }
    }

    pub(super) fn second_when_ready(v2: V2, renewal: Renewal) -> Self {
        let renewal = Some(renewal);
        Self {
            state: State::Readying { v2, renewal },
        }
    }
}

impl<V1, V2, F> Future for RenewalFuture<V1, V2, F>
where
    V1: Service<Renewal>,
    V1::Response: Into<Renewed>,
    V1::Error: Into<BoxError>,
    V2: Service<Renewal>,
    V2::Response: Into<Renewed>,
    V2::Error: Into<BoxError>,
    F: UpgradeSignal<Renewed, Error>,
{
    type Output = Result<Renewed, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::First {
                    future,
                    parts,
                    latch,
                    signal,
                } => {
                    let result = ours(ready!(future.poll(cx)));
                    if !signal.is_upgrade(&result) {
                        return Poll::Ready(result);
                    }
                    latch.trip();
                    let (v2, renewal) = parts.take().expect("polled after it was ready");
                    let renewal = Some(renewal);
                    state.set(State::Readying { v2, renewal });
                }
                StateProj::Readying { v2, renewal } => {
                    ready!(v2.poll_ready(cx)).map_err(|error| Error::from_boxed(error.into()))?;
                    let renewal = renewal.take().expect("polled after it was ready");
                    let future = v2.call(renewal);
                    state.set(State::Second { future });
                }
                StateProj::Second { future } => return future.poll(cx).map(ours),
            }
        }
    }
}

impl<V1, V2, F> fmt::Debug for RenewalFuture<V1, V2, F>
where
    V1: Service<Renewal>,
    V2: Service<Renewal>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::First { .. } => "First",
            State::Readying { .. } => "Readying",
            State::Second { .. } => "Second",
        };
        f.debug_struct("RenewalFuture")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}

fn ours<T: Into<Renewed>, E: Into<BoxError>>(result: Result<T, E>) -> Result<Renewed, Error> {
    match result {
        Ok(token) => Ok(token.into()),
        Err(error) => Err(Error::from_boxed(error.into())),
    }
}
