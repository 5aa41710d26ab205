use tower_layer::Layer;

use super::Bearer;
use crate::Session;

/// Layer that attaches the session's token to each request.
///
/// See the [module docs](self::super) for more details.
#[derive(Clone, Debug)]
#[must_use]
pub struct BearerLayer {
    session: Session,
}

impl BearerLayer {
    /// Creates a layer that attaches the token of `session`.
    pub fn new(session: Session) -> Self {
        Self { session }
    }
}

impl<S> Layer<S> for BearerLayer {
    type Service = Bearer<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Bearer::new(inner, self.session.clone())
    }
}
