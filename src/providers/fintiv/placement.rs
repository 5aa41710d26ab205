use super::body_token::HANDED_IN;
use crate::Placement;

/// Where requests carry the token.
///
/// A [`Placement`] is one by [`From`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPlacement {
    repr: Repr,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Repr {
    Header(Placement),
    Body { field: Box<str> },
}

// === impl TokenPlacement ===

impl TokenPlacement {
    /// Creates a placement in a header.
    #[must_use]
    pub fn header(placement: Placement) -> Self {
        Self {
            repr: Repr::Header(placement),
        }
    }

    /// Creates a placement in the JSON body, as `contextRequest.token`: so an older client of a
    /// third party has it.
    #[must_use]
    pub fn body() -> Self {
        Self::body_in("contextRequest")
    }

    /// Creates a placement in the JSON body, as `token` in the object of the name `field`.
    #[must_use]
    pub fn body_in(field: impl Into<String>) -> Self {
        Self {
            repr: Repr::Body {
                field: field.into().into_boxed_str(),
            },
        }
    }

    /// Returns the object in the body that has the token, if it is placed there.
    #[must_use]
    pub fn body_field(&self) -> Option<&str> {
        match &self.repr {
            Repr::Header(_) => None,
            Repr::Body { field } => Some(field),
        }
    }

    /// Returns where the session is to place the token.
    pub(super) fn in_session(&self) -> Placement {
        match &self.repr {
            Repr::Header(placement) => placement.clone(),
            Repr::Body { .. } => Placement::header(HANDED_IN),
        }
    }
}

impl Default for TokenPlacement {
    fn default() -> Self {
        Self::header(Placement::bearer())
    }
}

impl From<Placement> for TokenPlacement {
    fn from(placement: Placement) -> Self {
        Self::header(placement)
    }
}
