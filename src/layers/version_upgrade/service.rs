use std::{
    fmt, mem,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{RenewalFuture, ResponseFuture, UpgradeLatch, UpgradeSignal, VersionGone};
use crate::{
    BoxError, Error, Renewal, Renewed, inspect::PeekBody, layers::recover::kept::Kept,
    replay::ResendBody,
};

/// Middleware that moves a sign-in to its next version when the server says that the old one is
/// gone.
///
/// See the [module docs](self::super) for more details.
pub struct VersionUpgrade<V1, V2, F = VersionGone> {
    v1: V1,
    v2: V2,
    latch: UpgradeLatch,
    signal: F,
    body_release: Duration,
    /// v1 was polled, and may hold a permit or a place in a buffer.
    is_v1_polled: bool,
    is_v2_ready: bool,
}

/// Where a request goes.
enum Way {
    First,
    Second,
    /// Through v2, which is not ready yet.
    SecondWhenReady,
}

// === impl VersionUpgrade ===

impl<V1, V2, F> VersionUpgrade<V1, V2, F> {
    pub(super) fn with_settings(
        v1: V1,
        v2: V2,
        latch: UpgradeLatch,
        signal: F,
        body_release: Duration,
    ) -> Self {
        Self {
            v1,
            v2,
            latch,
            signal,
            body_release,
            is_v1_polled: false,
            is_v2_ready: false,
        }
    }

    /// Returns v1, the service that was wrapped.
    pub fn get_ref(&self) -> &V1 {
        &self.v1
    }

    /// Returns the latch, which says whether v2 is in use.
    pub fn latch(&self) -> &UpgradeLatch {
        &self.latch
    }

    fn poll_ready_for<T>(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>>
    where
        V1: Service<T> + Clone,
        V1::Error: Into<BoxError>,
        V2: Service<T>,
        V2::Error: Into<BoxError>,
    {
        if !self.latch.is_set() {
            self.is_v1_polled = true;
            return self.v1.poll_ready(cx).map_err(Into::into);
        }
        self.leave_v1();
        ready!(self.v2.poll_ready(cx)).map_err(Into::into)?;
        self.is_v2_ready = true;
        Poll::Ready(Ok(()))
    }

    /// Says where the next request goes, and takes the readiness for it.
    fn way(&mut self) -> Way
    where
        V1: Clone,
    {
        if !self.latch.is_set() {
            self.is_v1_polled = false;
            return Way::First;
        }
        // It may have been v1 that was made ready, before the latch was set.
        self.leave_v1();
        if mem::take(&mut self.is_v2_ready) {
            Way::Second
        } else {
            Way::SecondWhenReady
        }
    }

    /// Gives back what v1 may hold: nothing goes there any more.
    fn leave_v1(&mut self)
    where
        V1: Clone,
    {
        if mem::take(&mut self.is_v1_polled) {
            self.v1 = self.v1.clone();
        }
    }
}

impl<V1, V2, F, ReqBody, ResBody> Service<Request<ReqBody>> for VersionUpgrade<V1, V2, F>
where
    V1: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    V1::Error: Into<BoxError>,
    V2: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    V2::Error: Into<BoxError>,
    F: UpgradeSignal<Response<ResBody>, V1::Error> + Clone,
    ReqBody: ResendBody,
    ResBody: Body<Data = Bytes>,
    ResBody::Error: Into<BoxError>,
{
    type Response = Response<PeekBody<ResBody>>;
    type Error = BoxError;
    type Future = ResponseFuture<V1, V2, F, ReqBody, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.poll_ready_for(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        match self.way() {
            Way::First => {
                let (mut head, body) = request.into_parts();
                let kept = Kept::of(&mut head, &body);
                ResponseFuture::first(
                    self.v1.call(Request::from_parts(head, body)),
                    kept,
                    self.v2.clone(),
                    self.latch.clone(),
                    self.signal.clone(),
                    self.body_release,
                )
            }
            Way::Second => ResponseFuture::second(self.v2.call(request)),
            Way::SecondWhenReady => ResponseFuture::second_when_ready(self.v2.clone(), request),
        }
    }
}

impl<V1, V2, F> Service<Renewal> for VersionUpgrade<V1, V2, F>
where
    V1: Service<Renewal> + Clone,
    V1::Response: Into<Renewed>,
    V1::Error: Into<BoxError>,
    V2: Service<Renewal> + Clone,
    V2::Response: Into<Renewed>,
    V2::Error: Into<BoxError>,
    F: UpgradeSignal<Renewed, Error> + Clone,
{
    type Response = Renewed;
    type Error = Error;
    type Future = RenewalFuture<V1, V2, F>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.poll_ready_for(cx).map_err(Error::from_boxed)
    }

    fn call(&mut self, renewal: Renewal) -> Self::Future {
        match self.way() {
            Way::First => RenewalFuture::first(
                self.v1.call(renewal.clone()),
                renewal,
                self.v2.clone(),
                self.latch.clone(),
                self.signal.clone(),
            ),
            Way::Second => RenewalFuture::second(self.v2.call(renewal)),
            Way::SecondWhenReady => RenewalFuture::second_when_ready(self.v2.clone(), renewal),
        }
    }
}

// By hand: new clones do not carry the readiness.
impl<V1: Clone, V2: Clone, F: Clone> Clone for VersionUpgrade<V1, V2, F> {
    fn clone(&self) -> Self {
        Self::with_settings(
            self.v1.clone(),
            self.v2.clone(),
            self.latch.clone(),
            self.signal.clone(),
            self.body_release,
        )
    }
}

// By hand: the signal can be a closure.
impl<V1: fmt::Debug, V2: fmt::Debug, F> fmt::Debug for VersionUpgrade<V1, V2, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VersionUpgrade")
            .field("v1", &self.v1)
            .field("v2", &self.v2)
            .field("latch", &self.latch)
            .finish_non_exhaustive()
    }
}
