use std::{
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tower::ServiceExt;
use tower_service::Service;

use super::{link::Link, transaction};
use crate::{BoxError, Error, Renewal, Renewed};

/// Token service that keeps the tokens of another in a store.
///
/// See the [module docs](super) for more details.
#[derive(Clone)]
pub struct Stored<S> {
    inner: S,
    link: Arc<Link>,
}

impl<S> Stored<S> {
    pub(crate) fn new(inner: S, link: Arc<Link>) -> Self {
        Self { inner, link }
    }

    /// Returns the token service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S> Service<Renewal> for Stored<S>
where
    S: Service<Renewal> + Clone + Send + 'static,
    S::Response: Into<Renewed>,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    type Response = Renewed;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Renewed, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // The inner service is made ready when it is needed: mostly others have renewed already.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, renewal: Renewal) -> Self::Future {
        let unready = self.inner.clone();
        let inner = mem::replace(&mut self.inner, unready);
        let link = Arc::clone(&self.link);
        Box::pin(async move {
            let renew = |renewal| async move {
                let renewed = inner.oneshot(renewal).await;
                renewed
                    .map(Into::into)
                    .map_err(|error| Error::from_boxed(error.into()))
            };
            transaction::run(&link, renewal, renew).await
        })
    }
}

impl<S: fmt::Debug> fmt::Debug for Stored<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored")
            .field("inner", &self.inner)
            .field("link", &self.link)
            .finish()
    }
}
