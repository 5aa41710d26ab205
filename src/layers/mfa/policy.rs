use std::{fmt, sync::Arc};

use http::request;

/// Which requests get a code before the server asks for one.
///
/// Whatever is said here, a request that the server asks a code for is sent again with one.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum MfaPolicy {
    /// None has to wait for a code, and all are sent with the code in hand if there is one.
    ///
    /// For APIs that do not say which of their resources want a code.
    #[default]
    OnChallenge,
    /// All are sent with a code, and wait for it. Without one a request is not sent.
    Always,
    /// Those that match are sent with a code, and wait for it; without one they are not sent. The
    /// others are sent without one. Made by [`matching`](Self::matching).
    #[non_exhaustive]
    Matching(Arc<dyn Fn(&request::Parts) -> bool + Send + Sync>),
}

impl MfaPolicy {
    /// Creates the policy that gives a code to the requests for which `matcher` says yes.
    ///
    /// Uploads that cannot be sent twice are best served by it: they cannot wait for a challenge.
    ///
    /// # Example
    ///
    /// ```
    /// use tower_reauth::layers::mfa::MfaPolicy;
    ///
    /// let policy = MfaPolicy::matching(|request| request.uri.path().starts_with("/checkout"));
    /// # let _ = policy;
    /// ```
    #[must_use]
    pub fn matching(matcher: impl Fn(&request::Parts) -> bool + Send + Sync + 'static) -> Self {
        Self::Matching(Arc::new(matcher))
    }

    /// Whether this request must not be sent without a code.
    pub(super) fn requires(&self, request: &request::Parts) -> bool {
        match self {
            Self::OnChallenge => false,
            Self::Always => true,
            Self::Matching(matcher) => matcher(request),
        }
    }

    /// Whether the other requests get the code in hand.
    pub(super) fn lends(&self) -> bool {
        !matches!(self, Self::Matching(_))
    }
}

impl fmt::Debug for MfaPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OnChallenge => "OnChallenge",
            Self::Always => "Always",
            Self::Matching(_) => "Matching(..)",
        })
    }
}
