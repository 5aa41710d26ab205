use http::{Response, StatusCode};

use crate::{Error, ErrorKind, Renewed};

/// What tells that v1 is gone and v2 must be used.
///
/// It is implemented for closures, so any `Fn(&Result<T, E>) -> bool` will do. It sees each answer
/// of v1: of an HTTP service the response or the error; of a token service the [`Renewed`] or the
/// [`Error`], whatever the service's own types are.
///
/// # Example
///
/// A login that says `410 Gone`:
///
/// ```
/// use http::{Response, StatusCode};
/// use http_body_util::Full;
/// use tower_reauth::{BoxError, layers::version_upgrade::VersionUpgradeLayer};
/// # type Body = Full<bytes::Bytes>;
///
/// fn layer<V2>(v2: V2) -> VersionUpgradeLayer<V2, impl Clone> {
///     VersionUpgradeLayer::new(v2).signal(|result: &Result<Response<Body>, BoxError>| {
///         result.as_ref().is_ok_and(|response| response.status() == StatusCode::GONE)
///     })
/// }
/// # let _ = layer::<()>;
/// ```
pub trait UpgradeSignal<T, E> {
    /// Whether this answer of v1 says that v2 must be used.
    fn is_upgrade(&self, result: &Result<T, E>) -> bool;
}

/// The signal that is used unless another is set: of an HTTP service the status `409`, of a token
/// service an error of kind [`Upgrade`](ErrorKind::Upgrade).
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct VersionGone;

impl<T, E, F> UpgradeSignal<T, E> for F
where
    F: Fn(&Result<T, E>) -> bool,
{
    fn is_upgrade(&self, result: &Result<T, E>) -> bool {
        self(result)
    }
}

impl<B, E> UpgradeSignal<Response<B>, E> for VersionGone {
    fn is_upgrade(&self, result: &Result<Response<B>, E>) -> bool {
        matches!(result, Ok(response) if response.status() == StatusCode::CONFLICT)
    }
}

impl UpgradeSignal<Renewed, Error> for VersionGone {
    fn is_upgrade(&self, result: &Result<Renewed, Error>) -> bool {
        matches!(result, Err(error) if error.kind() == ErrorKind::Upgrade)
    }
}
