use reqwest_middleware::Error;

use crate::BoxError;

/// Makes an error of the chain; one that came out of the chain is what it was.
pub(super) fn wrap(error: BoxError) -> Error {
    let error = match error.downcast::<Error>() {
        Ok(error) => return *error,
        Err(error) => error,
    };
    let error = match error.downcast::<reqwest::Error>() {
        Ok(error) => return Error::Reqwest(*error),
        Err(error) => error,
    };
    match error.downcast::<crate::Error>() {
        Ok(error) => Error::middleware(*error),
        Err(error) => Error::Middleware(anyhow::Error::from_boxed(error)),
    }
}

/// Takes the error out of the chain's, which hides what it wraps from those who look for sources.
pub(super) fn unwrap(error: Error) -> BoxError {
    match error {
        Error::Middleware(error) => error.reallocate_into_boxed_dyn_error_without_backtrace(),
        Error::Reqwest(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::ErrorKind;

    #[test]
    fn errors_come_out_as_they_went_in() {
        let ours = || crate::Error::new(ErrorKind::Locked, "for a while");
        let error = unwrap(wrap(ours().into()));
        assert_eq!(
            error.downcast::<crate::Error>().unwrap().kind(),
            ErrorKind::Locked
        );
        let Error::Middleware(error) = wrap(ours().into()) else {
            panic!("it is none of reqwest's");
        };
        assert!(error.is::<crate::Error>());

        let theirs = unwrap(wrap(io::Error::other("theirs").into()));
        assert_eq!(
            theirs.downcast::<io::Error>().unwrap().to_string(),
            "theirs"
        );

        // As it is when it comes from a middleware further in.
        let inner = wrap(Error::middleware(ours()).into());
        assert!(unwrap(inner).is::<crate::Error>());
    }
}
