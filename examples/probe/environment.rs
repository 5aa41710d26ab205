//! What comes from the environment: everything that is secret.

use tower_reauth::SecretString;

use crate::usage::Usage;

/// Returns the variable `name`, which must be there; `what` says what it should hold.
pub(crate) fn required(name: &str, what: &str) -> Result<SecretString, Usage> {
    optional(name, what)?.ok_or_else(|| {
        Usage::new(
            format!("{name} is not set"),
            format!("Set this environment variable to {what}."),
        )
    })
}

/// Returns the variable `name` if it is set to anything.
pub(crate) fn optional(name: &str, what: &str) -> Result<Option<SecretString>, Usage> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(Some(value.into())),
        Ok(_) | Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Usage::new(
            format!("{name} is not UTF-8"),
            format!("Set it to {what}, in UTF-8."),
        )),
    }
}
