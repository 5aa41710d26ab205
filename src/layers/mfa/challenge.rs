use http::response;

use crate::{Error, ErrorKind};

/// Says which responses ask for a code.
///
/// One is made for the API in hand: by a provider, or by hand. A closure of head and body will do:
///
/// ```
/// use http::{StatusCode, response};
/// use tower_reauth::{Error, ErrorKind, layers::mfa::CodeChallenge};
///
/// let challenge = |head: &response::Parts, body: &[u8]| {
///     (head.status == StatusCode::UNAUTHORIZED && body.starts_with(b"one-time pass"))
///         .then(|| Error::new(ErrorKind::CodeRequired, "a one-time password is required"))
/// };
/// fn check(_: impl CodeChallenge) {}
/// check(challenge);
/// ```
pub trait CodeChallenge: Send + Sync + 'static {
    /// Whether a response with this head may ask for a code, so that its body must be looked at.
    ///
    /// It is called for every response, so it should be cheap. By default those with a status of
    /// 401 and 403 may.
    fn is_candidate(&self, head: &response::Parts) -> bool {
        matches!(head.status.as_u16(), 401 | 403)
    }

    /// Judges a candidate by its head and the start of its body: up to 64 KiB of it, or what came
    /// within 100 ms. `None` if it does not ask for a code.
    ///
    /// The error is what the caller finds in the response's extensions if no code can be had or the
    /// code is refused: of kind [`CodeRequired`](ErrorKind::CodeRequired) if none came with the
    /// request, of kind [`CodeRejected`](ErrorKind::CodeRejected) if it was no good, with the
    /// provider's own [`code`](Error::code) for it.
    fn judge(&self, head: &response::Parts, body: &[u8]) -> Option<Error>;
}

impl<F> CodeChallenge for F
where
    F: Fn(&response::Parts, &[u8]) -> Option<Error> + Send + Sync + 'static,
{
    fn judge(&self, head: &response::Parts, body: &[u8]) -> Option<Error> {
        self(head, body)
    }
}

/// What the caller is told whose code was refused.
pub(super) fn refused(said: &Error) -> Error {
    if said.kind() == ErrorKind::CodeRejected {
        return said.clone();
    }
    // It says that there was none, but there was.
    let message = "the server says that a code is missing, though one was sent: does something on \
                   the way take the header out, or does it have another name?";
    let error = Error::with_message(ErrorKind::CodeRejected, message).caused_by(said.clone());
    match said.provider_code() {
        Some(code) => error.code(code),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Handles hold it as a trait object.
    fn _obj_safe(_: Box<dyn CodeChallenge>) {}
}
