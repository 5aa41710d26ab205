use std::{fmt, time::Duration};

use secrecy::{ExposeSecret, SecretString};

use super::InvalidToken;

/// A one-time code that a person, a mailbox or a generator gave.
///
/// Surrounding white space is taken off. `Debug` shows nothing, and the code is wiped when dropped.
#[derive(Clone)]
pub struct Code(SecretString);

/// What a code service is asked for.
///
/// A code service is any tower `Service<CodeRequest, Response = Code>`: a prompt, a mailbox, a
/// generator. With tower's `service_fn` a closure will do.
///
/// # Example
///
/// ```
/// use tower::service_fn;
/// use tower_reauth::{BoxError, Code, CodeRequest};
///
/// let codes = service_fn(|request: CodeRequest| async move {
///     let prompt = format!("The code sent by {}: ", request.method());
///     # fn ask_on_the_terminal(_: String) -> String { "123456".into() }
///     let answer = ask_on_the_terminal(prompt);
///     Ok::<_, BoxError>(Code::new(answer)?)
/// });
/// # let _ = codes;
/// ```
#[derive(Clone, Debug)]
pub struct CodeRequest {
    method: Box<str>,
    attempt: u32,
    time_left: Option<Duration>,
}

// === impl Code ===

impl Code {
    /// Creates a code.
    ///
    /// # Errors
    ///
    /// Fails if the code, without the white space around it, is empty or has a character outside
    /// visible ASCII (0x21 to 0x7E).
    pub fn new(code: impl Into<String>) -> Result<Self, InvalidToken> {
        let code = zeroize::Zeroizing::new(code.into());
        let code = code.trim();
        if code.is_empty() {
            return Err(InvalidToken::Empty);
        }
        match code.bytes().position(|byte| !(0x21..=0x7E).contains(&byte)) {
            Some(position) => Err(InvalidToken::Character { position }),
            None => Ok(Self(SecretString::from(code))),
        }
    }

    /// Returns the code itself. Do not log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Code").finish_non_exhaustive()
    }
}

// === impl CodeRequest ===

impl CodeRequest {
    /// Creates a request for a code that is delivered by `method`, as the vendor names it:
    /// `email`. Providers call this; it is public so that a code service can be tested.
    #[must_use]
    pub fn new(method: impl Into<String>) -> Self {
        Self {
            method: method.into().into_boxed_str(),
            attempt: 1,
            time_left: None,
        }
    }

    /// Sets the number of this attempt, from 1.
    #[must_use]
    pub fn with_attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    /// Sets how long the code can be used from now.
    #[must_use]
    pub fn with_time_left(mut self, time_left: Duration) -> Self {
        self.time_left = Some(time_left);
        self
    }

    /// Returns how the code is delivered, as the vendor names it: `email`.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the number of this attempt. From 2 on, the code given before was refused.
    ///
    /// It stays the same where the time for the last code was over before it came: a new code has
    /// been sent then, and the old one is worth nothing.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Returns how long the code can be used from now, if the server said so.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        self.time_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_trimmed_checked_and_hidden() {
        let code = Code::new(" 123456\n").unwrap();
        assert_eq!(code.expose(), "123456");
        assert!(!format!("{code:?}").contains("123456"));
        assert_eq!(Code::new(" \n").unwrap_err(), InvalidToken::Empty);
        assert!(Code::new("12\r\n34").is_err());
    }
}
