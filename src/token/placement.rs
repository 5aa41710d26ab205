use std::borrow::Cow;

use http::header::{AUTHORIZATION, HeaderName};

/// The header that carries a token.
///
/// The default is [`Placement::bearer`]: `Authorization: Bearer <token>`, as RFC 6750 section 2.1
/// has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    pub(crate) name: HeaderName,
    pub(crate) scheme: Option<Cow<'static, str>>,
}

impl Placement {
    /// Creates the placement `Authorization: Bearer <token>`.
    #[must_use]
    pub fn bearer() -> Self {
        Self {
            name: AUTHORIZATION,
            scheme: Some(Cow::Borrowed("Bearer")),
        }
    }

    /// Creates the placement `Authorization: <scheme> <token>`, for APIs with a scheme of their
    /// own, such as `Token`.
    ///
    /// # Panics
    ///
    /// Panics if `scheme` is empty or not a token of RFC 9110 section 5.6.2 (letters, digits, and
    /// some marks, but no spaces).
    #[must_use]
    pub fn scheme(scheme: &'static str) -> Self {
        let placement = Self {
            name: AUTHORIZATION,
            scheme: Some(Cow::Borrowed(scheme)),
        };
        assert!(
            placement.is_valid(),
            "`{scheme}` is not the name of an authentication scheme"
        );
        placement
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
        self.scheme
            .as_deref()
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("Bearer"))
    }

    /// Whether the scheme is one by its letters: a token of RFC 9110 section 5.6.2.
    pub(crate) fn is_valid(&self) -> bool {
        self.scheme
            .as_deref()
            .is_none_or(|scheme| HeaderName::from_bytes(scheme.as_bytes()).is_ok())
    }
}

impl Default for Placement {
    fn default() -> Self {
        Self::bearer()
    }
}
