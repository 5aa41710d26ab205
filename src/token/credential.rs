use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{Placement, wiped_bytes};
use crate::{Error, ErrorKind};

/// An access token, with its refresh token and lifetime if it has any.
///
/// A `Token` is checked when it is made and cheap to clone. `Debug` shows no secret; the access
/// token leaves only as the sensitive header value that the layers insert, or through
/// [`expose`](Self::expose).
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tower_reauth::Token;
///
/// # fn main() -> Result<(), tower_reauth::InvalidToken> {
/// let token = Token::new("mF_9.B5f-4.1JqM")?
///     .with_refresh_token("tGzv3JOkF0XG5Qx2TlKWIA")?
///     .with_lifetime(Duration::from_secs(3600));
/// assert!(!format!("{token:?}").contains("mF_9"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Token {
    /// The whole header value, with the scheme. The access token is a part of it.
    header: HeaderValue,
    placement: Placement,
    refresh: Option<SecretString>,
    lifetime: Option<Duration>,
}

/// A token that cannot be sent, with the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidToken {
    /// The token is empty.
    Empty,
    /// The token has a character that it must not have at this byte: in an access token or a code
    /// one outside visible ASCII (0x21 to 0x7E), in a refresh token or an answer a control character.
    Character {
        /// Where in the token, in bytes from 0.
        position: usize,
    },
}

// === impl Token ===

impl Token {
    /// Creates a token that is sent as `Authorization: Bearer <access>`.
    ///
    /// # Errors
    ///
    /// Fails if `access` is empty or has a character outside visible ASCII (0x21 to 0x7E): a
    /// header cannot carry line breaks, and servers disagree about the rest.
    pub fn new(access: impl Into<String>) -> Result<Self, InvalidToken> {
        Self::placed(access, Placement::bearer())
    }

    /// Creates a token that is sent in the header that `placement` names.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn placed(access: impl Into<String>, placement: Placement) -> Result<Self, InvalidToken> {
        let access = Zeroizing::new(access.into());
        check(&access, |c| ('\x21'..='\x7E').contains(&c))?;
        Ok(Self {
            header: sensitive(&access, placement.scheme.as_deref()),
            placement,
            refresh: None,
            lifetime: None,
        })
    }

    /// Sets the token that is traded for the next access token. It is opaque and travels in a
    /// body, so it may have letters of any alphabet.
    ///
    /// # Errors
    ///
    /// Fails if `refresh` is empty or has a control character, such as a line break.
    pub fn with_refresh_token(self, refresh: impl Into<String>) -> Result<Self, InvalidToken> {
        let refresh = Zeroizing::new(refresh.into());
        check_refresh_token(&refresh)?;
        Ok(self.keep_refresh_token(Some(SecretString::from(refresh.as_str()))))
    }

    /// Sets how long the token is good for, counted from when the server answered.
    ///
    /// Take it from the server's own words (`expires_in`, or `expiresAt` minus `createdAt`), so
    /// that a local clock that is wrong does no harm. Without it, or with less than 1 s, the token
    /// is used until the server refuses it.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Returns the access token itself, without a scheme. Do not log it.
    #[must_use]
    #[allow(clippy::missing_panics_doc, reason = "it was checked to be ASCII")]
    pub fn expose(&self) -> &str {
        let value = std::str::from_utf8(self.header.as_bytes())
            .expect("checked to be ASCII when the token was made");
        match &self.placement.scheme {
            Some(scheme) => &value[scheme.len() + 1..],
            None => value,
        }
    }

    /// Returns the refresh token, if there is one.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&SecretString> {
        self.refresh.as_ref()
    }

    /// Returns how long the token is good for from when the server answered, if that is known.
    #[must_use]
    pub fn lifetime(&self) -> Option<Duration> {
        self.lifetime
    }

    /// Returns where the token is placed.
    #[must_use]
    pub fn placement(&self) -> &Placement {
        &self.placement
    }

    /// Returns the header that carries the token. The value is marked sensitive.
    #[must_use]
    pub fn header(&self) -> (&HeaderName, &HeaderValue) {
        (&self.placement.name, &self.header)
    }

    pub(crate) fn keep_refresh_token(mut self, refresh: Option<SecretString>) -> Self {
        self.refresh = refresh;
        self
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("placement", &self.placement)
            .field("refreshable", &self.refresh.is_some())
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

// === impl InvalidToken ===

impl fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the token is empty"),
            Self::Character { position } => write!(
                f,
                "the token has a character that cannot be sent at byte {position}: \
                 was it read with a line break, or not as plain text?"
            ),
        }
    }
}

impl std::error::Error for InvalidToken {}

impl From<InvalidToken> for Error {
    fn from(error: InvalidToken) -> Self {
        Self::new(ErrorKind::Protocol, error)
    }
}

/// Checks that `token` can be a refresh token.
pub(crate) fn check_refresh_token(token: &str) -> Result<(), InvalidToken> {
    check(token, |c| !c.is_control())
}

fn check(token: &str, is_good: impl Fn(char) -> bool) -> Result<(), InvalidToken> {
    if token.is_empty() {
        return Err(InvalidToken::Empty);
    }
    match token.find(|c| !is_good(c)) {
        Some(position) => Err(InvalidToken::Character { position }),
        None => Ok(()),
    }
}

fn sensitive(token: &str, scheme: Option<&str>) -> HeaderValue {
    match scheme {
        Some(scheme) => {
            // Sized once: a buffer that grows would leave a copy behind that is not wiped.
            let mut text = Zeroizing::new(Vec::with_capacity(scheme.len() + 1 + token.len()));
            text.extend_from_slice(scheme.as_bytes());
            text.push(b' ');
            text.extend_from_slice(token.as_bytes());
            sensitive_value(&text)
        }
        None => sensitive_value(token.as_bytes()),
    }
}

/// Makes a header value of a copy of `text`, which has no control characters.
pub(crate) fn sensitive_value(text: &[u8]) -> HeaderValue {
    let bytes: Bytes = wiped_bytes(Zeroizing::new(text.to_vec()));
    let mut value = HeaderValue::from_maybe_shared(bytes)
        .expect("text without control characters is a valid header value");
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_token_is_visible_ascii_and_a_refresh_token_any_text() {
        for byte in 0..=0xFFu8 {
            let token = format!("a{}b", char::from(byte));
            let visible = (0x21..=0x7E).contains(&byte);
            assert_eq!(Token::new(token.as_str()).is_ok(), visible, "{byte:#x}");
            let refresh = Token::new("a").unwrap().with_refresh_token(token);
            let control = char::from(byte).is_control();
            assert_eq!(refresh.is_ok(), !control, "{byte:#x}");
        }
        let refresh = Token::new("a").unwrap().with_refresh_token("");
        assert_eq!(refresh.unwrap_err(), InvalidToken::Empty);
        assert_eq!(Token::new("").unwrap_err(), InvalidToken::Empty);
        assert_eq!(
            Token::new("abc\r\nx: y").unwrap_err(),
            InvalidToken::Character { position: 3 }
        );
    }

    #[test]
    fn is_placed_where_it_is_told() {
        let token = Token::new("abc").unwrap();
        assert_eq!(token.header().0, "authorization");
        assert_eq!(token.header().1, "Bearer abc");
        assert_eq!(token.expose(), "abc");
        assert!(token.header().1.is_sensitive());

        let token = Token::placed("abc", Placement::scheme("Token")).unwrap();
        assert_eq!(token.header().1, "Token abc");
        assert_eq!(token.expose(), "abc");

        let named = Placement::header(HeaderName::from_static("x-api-key"));
        let token = Token::placed("abc", named).unwrap();
        assert_eq!(token.header().0, "x-api-key");
        assert_eq!(token.header().1, "abc");
        assert_eq!(token.expose(), "abc");
        assert!(token.header().1.is_sensitive());
    }

    #[test]
    fn debug_shows_no_secret() {
        let token = Token::new("s3cr3t-access").unwrap();
        let token = token.with_refresh_token("s3cr3t-refresh").unwrap();
        for text in [
            format!("{token:?}"),
            format!("{token:#?}"),
            format!("{:?}", token.header()),
        ] {
            assert!(!text.contains("s3cr3t"), "{text}");
        }
    }
}
