use http::header::{AUTHORIZATION, HeaderName};

/// The header that carries a token.
///
/// The default is [`Placement::bearer`]: `Authorization: Bearer <token>`, as RFC 6750 section 2.1
/// has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    pub(crate) name: HeaderName,
    pub(crate) scheme: Option<&'static str>,
}

impl Placement {
    /// Creates the placement `Authorization: Bearer <token>`.
    #[must_use]
    pub fn bearer() -> Self {
        Self {
            name: AUTHORIZATION,
            scheme: Some("Bearer"),
        }
    }

    /// Creates the placement `<name>: <token>`, for APIs with a header of their own.
    #[must_use]
    pub fn header(name: HeaderName) -> Self {
        Self { name, scheme: None }
    }

    /// Returns the name of the header.
    #[must_use]
    pub fn header_name(&self) -> &HeaderName {
        &self.name
    }

    /// Whether the token stands behind the scheme `Bearer`.
    #[must_use]
    pub fn is_bearer(&self) -> bool {
        self.scheme == Some("Bearer")
    }
}

impl Default for Placement {
    fn default() -> Self {
        Self::bearer()
    }
}
