use std::{fmt, time::Duration};

use http::HeaderValue;

use super::{InvalidToken, credential::sensitive_value};

/// A one-time code that a person, a mailbox or a generator gave, or the answer to a question.
///
/// Surrounding white space is taken off. `Debug` shows nothing, and the code is wiped when dropped.
#[derive(Clone)]
pub struct Code {
    value: HeaderValue,
    lifetime: Option<Duration>,
}

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
///
/// # Questions
///
/// Some vendors ask questions in place of a code: then [`question`](Self::question) is what the
/// person is to be asked, and the answer is made with [`Code::answer`], which takes any text.
#[derive(Clone, Debug)]
pub struct CodeRequest {
    method: Box<str>,
    question: Option<Box<str>>,
    destination: Option<Box<str>>,
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
            None => Ok(Self {
                value: sensitive_value(code.as_bytes()),
                lifetime: None,
            }),
        }
    }

    /// Creates the answer to a question, which may have spaces and letters of any alphabet.
    ///
    /// It is not for a code that travels in a header, where servers take visible ASCII at best.
    ///
    /// # Errors
    ///
    /// Fails if the answer, without the white space around it, is empty or has a control character.
    pub fn answer(answer: impl Into<String>) -> Result<Self, InvalidToken> {
        let answer = zeroize::Zeroizing::new(answer.into());
        let answer = answer.trim();
        if answer.is_empty() {
            return Err(InvalidToken::Empty);
        }
        match answer.find(char::is_control) {
            Some(position) => Err(InvalidToken::Character { position }),
            // Nothing but control characters is forbidden in a header.
            None => Ok(Self {
                value: sensitive_value(answer.as_bytes()),
                lifetime: None,
            }),
        }
    }

    /// Sets how long the code is good for, counted from when the code service hands it over.
    ///
    /// It matters where one code is sent with many requests, as [`Mfa`](crate::layers::Mfa) does:
    /// a code is not sent any more when its time is over. Without it, or with less than 1 s, it is
    /// sent until the server refuses it.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Returns the code itself. Do not log it.
    #[must_use]
    #[allow(clippy::missing_panics_doc, reason = "it was made of text")]
    pub fn expose(&self) -> &str {
        std::str::from_utf8(self.value.as_bytes()).expect("it was made of text")
    }

    /// Returns how long the code is good for from when it was handed over, if that is known.
    #[must_use]
    pub fn lifetime(&self) -> Option<Duration> {
        self.lifetime
    }

    /// Returns the code as the value of a header. It is marked sensitive.
    #[must_use]
    pub fn header_value(&self) -> &HeaderValue {
        &self.value
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code")
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
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
            question: None,
            destination: None,
            attempt: 1,
            time_left: None,
        }
    }

    /// Sets the question that is to be answered, in the vendor's words.
    #[must_use]
    pub fn with_question(mut self, question: impl Into<String>) -> Self {
        self.question = Some(question.into().into_boxed_str());
        self
    }

    /// Sets where the code was sent, as the vendor shows it: `xxx-xxx-1234`.
    #[must_use]
    pub fn with_destination(mut self, destination: impl Into<String>) -> Self {
        self.destination = Some(destination.into().into_boxed_str());
        self
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

    /// Returns the question that is to be answered, in the vendor's words, if it is not a code that
    /// is asked for.
    #[must_use]
    pub fn question(&self) -> Option<&str> {
        self.question.as_deref()
    }

    /// Returns where the code was sent, as the vendor shows it (`xxx-xxx-1234`), if that is known.
    #[must_use]
    pub fn destination(&self) -> Option<&str> {
        self.destination.as_deref()
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

    #[test]
    fn an_answer_is_any_text_in_one_line() {
        let answer = Code::answer(" Fräulein Möwe\n").unwrap();
        assert_eq!(answer.expose(), "Fräulein Möwe");
        assert!(!format!("{answer:?}").contains("Möwe"));
        assert_eq!(answer.header_value().as_bytes(), "Fräulein Möwe".as_bytes());
        assert_eq!(Code::answer("  ").unwrap_err(), InvalidToken::Empty);
        let position = "a\u{7}b".find('\u{7}').unwrap();
        let wrong = InvalidToken::Character { position };
        assert_eq!(Code::answer("a\u{7}b").unwrap_err(), wrong);
    }
}
