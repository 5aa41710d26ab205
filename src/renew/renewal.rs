use std::{fmt, sync::Arc};

use super::flight::Flight;
use crate::{Error, Token};

/// Why a new token is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// There is no token, or the one there was has expired.
    Missing,
    /// The token runs out soon.
    Expiring,
    /// The server refused the token.
    Rejected,
    /// The user asked for it.
    Explicit,
}

/// What a token service is asked: a new token, why, and with what to get it.
///
/// A token service is any tower `Service<Renewal>` that answers with a [`Token`] or a [`Renewed`].
/// With [`service_fn`](tower::service_fn) a closure will do.
///
/// # Example
///
/// ```
/// use tower::service_fn;
/// use tower_reauth::{BoxError, Renewal, Session, Token};
///
/// # fn main() -> Result<(), BoxError> {
/// let tokens = service_fn(|renewal: Renewal| async move {
///     // Trade `renewal.previous()`'s refresh token, or sign in.
///     # let _ = renewal;
///     Ok::<_, BoxError>(Token::new("mF_9.B5f-4.1JqM")?)
/// });
/// let session = Session::builder(tokens).origin("https://api.example.com").build()?;
/// # let _ = session;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Renewal<C = Token> {
    pub(crate) reason: Reason,
    pub(crate) previous: Option<C>,
    pub(crate) generation: Option<u64>,
    pub(crate) challenge: Option<Box<str>>,
    pub(crate) accepted: bool,
    /// What is waited for its result.
    pub(super) flight: Option<Arc<Flight<C>>>,
}

/// A new token, with what there is to say about it.
///
/// A token service that has nothing to say answers with the [`Token`] itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Renewed<C = Token> {
    pub(crate) credential: C,
    pub(crate) signed_in: Option<bool>,
    /// Others had it before: it was not fetched just now.
    pub(crate) adopted: bool,
    pub(crate) warning: Option<Error>,
}

/// Marks a request of a sign-in, in its extensions.
///
/// A layer that attaches credentials refuses such a request: it waits for the very token that the
/// sign-in is to bring, so a sign-in that goes through it would wait for itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignInTraffic;

// === impl Renewal ===

impl<C> Renewal<C> {
    /// Creates a renewal for `reason`. Sessions call this; it is public so that a token service
    /// can be tested.
    #[must_use]
    pub fn new(reason: Reason) -> Self {
        Self {
            reason,
            previous: None,
            generation: None,
            challenge: None,
            accepted: false,
            flight: None,
        }
    }

    /// Sets the token that is to be replaced.
    #[must_use]
    pub fn with_previous(mut self, previous: C) -> Self {
        self.previous = Some(previous);
        self
    }

    /// Says that the server has accepted the token that is to be replaced.
    #[must_use]
    pub fn with_accepted(mut self) -> Self {
        self.accepted = true;
        self
    }

    /// Returns why a new token is asked for.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Returns the token that is to be replaced. It holds the refresh token, also when the access
    /// token is dead.
    #[must_use]
    pub fn previous(&self) -> Option<&C> {
        self.previous.as_ref()
    }

    /// Returns the generation of the token that is to be replaced: 1 for the session's first.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        self.generation
    }

    /// Whether the server is known to have accepted the token that is to be replaced, in answer to
    /// some request before.
    ///
    /// A token that was refused though it was never accepted says more about the account than about
    /// the token: another may be refused as well. Only
    /// [`RefreshLayer`](crate::layers::RefreshLayer) looks, and a session that begins with a token
    /// from elsewhere does not know.
    #[must_use]
    pub fn was_accepted(&self) -> bool {
        self.accepted
    }

    /// Returns the server's challenge (the values of `WWW-Authenticate`, joined by commas), where
    /// the reason is [`Reason::Rejected`] and the server sent one.
    #[must_use]
    pub fn challenge(&self) -> Option<&str> {
        self.challenge.as_deref()
    }

    /// Waits until nobody wants the new token any more: the session was cleared, signed out or
    /// given another token, or the renewal's deadline has passed.
    ///
    /// For a token service that takes long, because a person is asked or because it waits for its
    /// turn: it can stop then, with [`ErrorKind::Cleared`](crate::ErrorKind::Cleared). A request
    /// that is on its way is better awaited: [`Session::sign_out`](crate::Session::sign_out)
    /// revokes the token that it brings.
    ///
    /// It never resolves for a renewal that was made by [`new`](Self::new).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it only looks on.
    ///
    /// # Example
    ///
    /// ```
    /// use tower_reauth::{Error, ErrorKind, Renewal};
    ///
    /// async fn code_for(renewal: &Renewal) -> Result<String, Error> {
    ///     tokio::select! {
    ///         code = ask_a_person() => Ok(code),
    ///         () = renewal.abandoned() => {
    ///             Err(Error::with_message(ErrorKind::Cleared, "nobody needs the code any more"))
    ///         }
    ///     }
    /// }
    /// # async fn ask_a_person() -> String { "123456".into() }
    /// # let _ = code_for;
    /// ```
    pub async fn abandoned(&self) {
        match &self.flight {
            Some(flight) => drop(flight.ended().await),
            None => std::future::pending().await,
        }
    }

    /// Whether nobody wants the new token any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.flight
            .as_ref()
            .is_some_and(|flight| flight.has_ended())
    }
}

impl<C> fmt::Debug for Renewal<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewal")
            .field("reason", &self.reason)
            .field("previous", &self.previous.is_some())
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

// === impl Renewed ===

impl<C> Renewed<C> {
    /// Creates the answer of a token service.
    #[must_use]
    pub fn new(credential: C) -> Self {
        Self {
            credential,
            signed_in: None,
            adopted: false,
            warning: None,
        }
    }

    /// Says whether the user's own credentials were used (a sign-in) or a refresh token.
    ///
    /// Unless it is said, the first token counts as a sign-in and the others do not.
    #[must_use]
    pub fn signed_in(mut self, signed_in: bool) -> Self {
        self.signed_in = Some(signed_in);
        self
    }

    /// Says that the token comes from a store: others have signed in or renewed.
    pub(crate) fn adopted(mut self) -> Self {
        self.adopted = true;
        self
    }

    /// Adds a warning: the token is good, but something is amiss. It becomes an event.
    #[must_use]
    pub fn with_warning(mut self, warning: Error) -> Self {
        self.warning = Some(warning);
        self
    }

    /// Returns the new token.
    #[must_use]
    pub fn credential(&self) -> &C {
        &self.credential
    }
}

impl<C> From<C> for Renewed<C> {
    fn from(credential: C) -> Self {
        Self::new(credential)
    }
}

// === impl Reason ===

impl Reason {
    /// Returns the reason's name in kebab case, as logs and metrics show it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Expiring => "expiring",
            Self::Rejected => "rejected",
            Self::Explicit => "explicit",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_names_for_logs_and_metrics() {
        let all = [
            (Reason::Missing, "missing"),
            (Reason::Expiring, "expiring"),
            (Reason::Rejected, "rejected"),
            (Reason::Explicit, "explicit"),
        ];
        for (reason, name) in all {
            assert_eq!(reason.as_str(), name);
        }
    }
}
