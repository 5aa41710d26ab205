use super::Reason;
use crate::Error;

/// What happened to a session's token, or to an [`Mfa`](crate::layers::Mfa)'s code. No event holds
/// a secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The user's own credentials were traded for a token.
    #[non_exhaustive]
    SignedIn {
        /// The generation of the new token.
        generation: u64,
        /// Why a token was needed.
        reason: Reason,
    },
    /// A token was replaced without the user's own credentials, or a code was had.
    #[non_exhaustive]
    Renewed {
        /// The generation that was replaced, if there was one.
        old: Option<u64>,
        /// The generation of the new token.
        new: u64,
        /// Why it was replaced.
        reason: Reason,
    },
    /// A token was taken over from the store: another process, or an earlier run of this one, had
    /// signed in or renewed.
    #[non_exhaustive]
    Adopted {
        /// The generation of the token that was taken over.
        generation: u64,
    },
    /// The token in use is good, but something is amiss: it could not be saved, or its dates
    /// cannot be right.
    #[non_exhaustive]
    Warned {
        /// The generation that is warned of.
        generation: u64,
        /// What is amiss.
        error: Error,
    },
    /// No new token or code could be had, or the server refused a code that was new.
    #[non_exhaustive]
    Failed {
        /// What went wrong.
        error: Error,
        /// Why one was needed.
        reason: Reason,
    },
    /// A token or a code was set by hand.
    #[non_exhaustive]
    Set {
        /// The generation of what was set.
        generation: u64,
    },
    /// The token or code was cleared, by `clear` or `sign_out`.
    Cleared,
    /// This receiver was too slow: so many events are lost to it.
    #[non_exhaustive]
    Missed {
        /// How many.
        count: u64,
    },
}

#[cfg(feature = "tracing")]
impl Event {
    pub(super) fn trace(&self, name: &'static str) {
        match self {
            Self::SignedIn { generation, reason } => {
                tracing::info!(generation, reason = reason.as_str(), "signed in");
            }
            Self::Renewed { old, new, reason } => {
                tracing::info!(old, new, reason = reason.as_str(), "renewed the {name}");
            }
            Self::Adopted { generation } => {
                tracing::info!(generation, "taken over from the store");
            }
            Self::Warned { generation, error } => {
                tracing::warn!(generation, %error, "the {name} is in use, but something is amiss");
            }
            Self::Failed { error, reason } => {
                let kind = error.kind().as_str();
                tracing::warn!(kind, %error, reason = reason.as_str(), "no new {name} could be had");
            }
            Self::Set { .. } | Self::Cleared | Self::Missed { .. } => {}
        }
    }
}
