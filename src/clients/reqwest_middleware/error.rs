use reqwest_middleware::Error;

use crate::BoxError;

/// Makes an error of the chain; one that came out of the chain is what it was.
pub(super) fn wrap(error: BoxError) -> Error {
    let error = match error.downcast::<Error>() {
        Ok(error) => return *error,
        Err(error) => error,
    };
    match error.downcast::<reqwest::Error>() {
        Ok(error) => Error::Reqwest(*error),
        Err(error) => Error::Middleware(anyhow::Error::from_boxed(error)),
    }
}

/// Takes the error out of the chain's, which hides what it wraps from those who look for sources.
pub(super) fn unwrap(error: Error) -> BoxError {
    match error {
        Error::Middleware(error) => error.into_boxed_dyn_error(),
        Error::Reqwest(error) => error.into(),
    }
}
