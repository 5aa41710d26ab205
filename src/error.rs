//! The crate's error: one opaque, cloneable type with a kind.

use std::{error::Error as StdError, fmt, sync::Arc, time::Duration};

/// A boxed error, as tower uses it.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// The reason why a sign-in, a renewal or a request failed.
///
/// It is opaque: [`kind`](Self::kind) says what to do about it, [`Display`](fmt::Display) says what
/// happened and what to do, and [`source`](StdError::source) is the error below. It is cheap to
/// clone, because one failed renewal answers many callers.
///
/// Token services of your own make one with [`Error::new`], so that the session knows whether to
/// try again. Any other error type counts as [`ErrorKind::Transport`].
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tower_reauth::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::RateLimited, "5 sign-ins a minute are allowed")
///     .retry_after(Duration::from_secs(12));
/// assert_eq!(error.kind(), ErrorKind::RateLimited);
/// assert_eq!(error.to_string(), "rate-limited, try again in 12 s");
/// ```
#[derive(Clone)]
pub struct Error {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: Option<Box<str>>,
    code: Option<Box<str>>,
    retry_after: Option<Duration>,
    foreign: bool,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// What kind of failure an [`Error`] is, and so what the session does about it.
///
/// After a *transient* kind the session tries again with growing pauses (about 1 s, doubling to
/// 60 s). After a *terminal* kind it pauses for about 5 minutes, unless the kind says otherwise
/// below. Either pause is at least what [`retry_after`](Error::retry_after) asks for, up to 1 hour.
/// Meanwhile callers who need a new token get the stored error at once. The pause ends with `set` or
/// `clear`; an explicit `renew` goes past it, unless the kind is `Locked` or `RateLimited`.
///
/// An error type that is not ours counts as `Transport`, and the third in a row as terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The credentials are wrong. Terminal: nothing is tried again until `set`, `clear` or an
    /// explicit `renew`.
    ///
    /// Also the kind of a refusal to renew because the server refused 3 fresh tokens in a row: one
    /// more is tried after 10 s, doubling to 5 minutes, until one is accepted.
    Rejected,
    /// The account is locked for a while: until [`Error::retry_after_hint`] has passed, of at most
    /// 24 hours, or about 5 minutes if it is not known.
    Locked,
    /// A limit on attempts is reached, here or at the server. Transient.
    RateLimited,
    /// Multi-factor authentication is enabled on an account that must not have it. Terminal.
    MfaNotAllowed,
    /// A code is needed and no code service is configured. Terminal.
    CodeRequired,
    /// The code was refused. Terminal.
    CodeRejected,
    /// The code service failed or took too long. Terminal.
    CodeUnavailable,
    /// The server says that a session is active already. Terminal.
    SessionActive,
    /// The login flow expired before it was finished. Terminal.
    FlowExpired,
    /// The provider answered with a typed error in the body. Terminal.
    Provider,
    /// The answer cannot be understood. Terminal.
    Protocol,
    /// The network, the connection or the server (5xx) failed. Transient.
    Transport,
    /// No answer came in time. Transient.
    Timeout,
    /// The token could not be loaded or saved. Transient.
    Store,
    /// A setting is wrong or missing. Terminal.
    Config,
    /// This version of the login is gone: the next version must be used. Terminal.
    Upgrade,
    /// The session was cleared or signed out while the call waited. Not stored: the next call
    /// signs in again.
    Cleared,
}

// === impl Error ===

impl Error {
    /// Creates an error of `kind` with the error below it.
    ///
    /// `source` may be a text or any error. It reaches callers through
    /// [`source`](StdError::source): do not put secrets into it.
    pub fn new(kind: ErrorKind, source: impl Into<BoxError>) -> Self {
        Self::from_inner(Inner {
            source: Some(Arc::from(source.into())),
            ..Inner::bare(kind)
        })
    }

    /// Creates an error of `kind` whose [`Display`](fmt::Display) is `message`.
    ///
    /// The message says what happened and what to do: do not put secrets into it.
    pub fn with_message(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::from_inner(Inner {
            message: Some(message.into().into_boxed_str()),
            ..Inner::bare(kind)
        })
    }

    /// Sets how long to wait before the next attempt, as the server or a limit says.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        self.edit(|inner| inner.retry_after = Some(wait))
    }

    /// Sets the provider's own code for this failure.
    #[must_use]
    pub fn code(self, code: impl Into<String>) -> Self {
        self.edit(|inner| inner.code = Some(code.into().into_boxed_str()))
    }

    /// Sets the error below this one.
    #[must_use]
    pub fn caused_by(self, source: impl Into<BoxError>) -> Self {
        self.edit(|inner| inner.source = Some(Arc::from(source.into())))
    }

    /// Returns the kind of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// Returns how long to wait before the next attempt, if the server or a limit said so.
    #[must_use]
    pub fn retry_after_hint(&self) -> Option<Duration> {
        self.inner.retry_after
    }

    /// Returns the provider's own code for this failure, as it was sent.
    #[must_use]
    pub fn provider_code(&self) -> Option<&str> {
        self.inner.code.as_deref()
    }

    /// Finds the `Error` in `error` or among the errors below it; makes one of kind
    /// [`ErrorKind::Transport`] if there is none.
    ///
    /// tower's `Buffer` and others wrap the errors of the service inside: this finds ours again.
    #[must_use]
    pub fn from_boxed(error: BoxError) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(ours) => return *ours,
            Err(error) => error,
        };
        let mut below = error.source();
        while let Some(cause) = below {
            if let Some(ours) = cause.downcast_ref::<Self>() {
                return ours.clone();
            }
            below = cause.source();
        }
        Self::from_inner(Inner {
            source: Some(Arc::from(error)),
            foreign: true,
            ..Inner::bare(ErrorKind::Transport)
        })
    }

    /// Whether this was made from an error type that is not ours, so that its kind is a guess.
    pub(crate) fn is_foreign(&self) -> bool {
        self.inner.foreign
    }

    /// Says what it means, if this was made from an error type that is not ours.
    pub(crate) fn unless_ours(self, kind: ErrorKind, message: &str) -> Self {
        if !self.is_foreign() {
            return self;
        }
        self.edit(|inner| {
            inner.kind = kind;
            inner.message = Some(message.into());
            inner.foreign = false;
        })
    }

    fn from_inner(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    fn edit(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.inner));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner.message {
            Some(message) => f.write_str(message)?,
            None => f.write_str(self.inner.kind.describe())?,
        }
        if let Some(wait) = self.inner.retry_after {
            // Rounded up, so that whoever waits as told does not come too early.
            let seconds = wait
                .as_secs()
                .saturating_add(u64::from(wait.subsec_nanos() > 0));
            write!(f, ", try again in {seconds} s")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.inner.kind)
            .field("message", &self.inner.message)
            .field("code", &self.inner.code)
            .field("retry_after", &self.inner.retry_after)
            .field("source", &self.inner.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.as_ref().map(|source| &**source as _)
    }
}

// === impl Inner ===

impl Inner {
    fn bare(kind: ErrorKind) -> Self {
        Self {
            kind,
            message: None,
            code: None,
            retry_after: None,
            foreign: false,
            source: None,
        }
    }
}

// === impl ErrorKind ===

impl ErrorKind {
    /// Returns the kind's name in kebab case, as logs and metrics show it: `rate-limited`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Locked => "locked",
            Self::RateLimited => "rate-limited",
            Self::MfaNotAllowed => "mfa-not-allowed",
            Self::CodeRequired => "code-required",
            Self::CodeRejected => "code-rejected",
            Self::CodeUnavailable => "code-unavailable",
            Self::SessionActive => "session-active",
            Self::FlowExpired => "flow-expired",
            Self::Provider => "provider",
            Self::Protocol => "protocol",
            Self::Transport => "transport",
            Self::Timeout => "timeout",
            Self::Store => "store",
            Self::Config => "config",
            Self::Upgrade => "upgrade",
            Self::Cleared => "cleared",
        }
    }

    /// Whether the same attempt may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::RateLimited | Self::Transport | Self::Timeout | Self::Store | Self::Cleared
        )
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Rejected => "the credentials were rejected",
            Self::Locked => "the account is locked",
            Self::RateLimited => "rate-limited",
            Self::MfaNotAllowed => "MFA is enabled on this account: use one without",
            Self::CodeRequired => "a code is required: configure a code service",
            Self::CodeRejected => "the code was refused",
            Self::CodeUnavailable => "no code could be had",
            Self::SessionActive => "a session is active already",
            Self::FlowExpired => "the login flow expired: start again",
            Self::Provider => "the provider reported an error",
            Self::Protocol => "the answer could not be understood",
            Self::Transport => "the request did not get through",
            Self::Timeout => "no answer came in time",
            Self::Store => "the token store failed",
            Self::Config => "a setting is wrong",
            Self::Upgrade => "this version of the login is gone: use the next one",
            Self::Cleared => "the session was cleared while the call waited",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_says_what_to_do_and_never_repeats_the_source() {
        let error = Error::new(ErrorKind::Transport, "connection refused");
        assert_eq!(error.to_string(), "the request did not get through");
        assert_eq!(error.source().unwrap().to_string(), "connection refused");
    }

    #[test]
    fn a_wait_is_rounded_up() {
        let error = Error::with_message(ErrorKind::RateLimited, "5 sign-ins a minute")
            .retry_after(Duration::from_millis(1_001));
        assert_eq!(error.to_string(), "5 sign-ins a minute, try again in 2 s");
    }

    #[test]
    fn the_longest_wait_can_be_shown() {
        let error = Error::with_message(ErrorKind::Locked, "locked").retry_after(Duration::MAX);
        let text = format!("locked, try again in {} s", u64::MAX);
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn our_error_is_found_below_others() {
        #[derive(Debug)]
        struct Wrapped(Error);
        impl fmt::Display for Wrapped {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("buffered service failed")
            }
        }
        impl StdError for Wrapped {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                Some(&self.0)
            }
        }
        let inner = Error::new(ErrorKind::Locked, "for a while");
        assert_eq!(
            Error::from_boxed(Box::new(Wrapped(inner))).kind(),
            ErrorKind::Locked
        );

        let foreign = Error::from_boxed("some other error".into());
        assert_eq!(foreign.kind(), ErrorKind::Transport);
        assert!(foreign.is_foreign());
    }
}
