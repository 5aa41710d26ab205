//! The providers: what each of them wants to know, and the stack that it makes of that.

mod back_office;
mod fintiv;
mod glue;
mod my2n;
mod oauth2;
mod q2;

use std::time::Duration;

use crate::{
    args::Given,
    body::CallBody,
    settings::Settings,
    stack::{Setup, Stack},
    usage::Usage,
};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    My2n,
    Glue,
    Fintiv,
    Q2,
    BackOffice,
    OAuth2,
}

pub(crate) const PROVIDERS: [Provider; 6] = [
    Provider::My2n,
    Provider::Glue,
    Provider::Fintiv,
    Provider::Q2,
    Provider::BackOffice,
    Provider::OAuth2,
];

impl Provider {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::My2n => "my2n",
            Self::Glue => "glue",
            Self::Fintiv => "fintiv",
            Self::Q2 => "q2",
            Self::BackOffice => "back-office",
            Self::OAuth2 => "oauth2",
        }
    }

    /// Returns what is called, below the base URL.
    pub(crate) fn path(self, given: &Given) -> Result<&str, Usage> {
        match self {
            Self::My2n => Ok(given.get("path").unwrap_or("/users/current")),
            Self::Q2 if q2::is_auth(given) => Ok("/auth"),
            _ => given.required("path", "/api/v2/accounts"),
        }
    }

    /// Builds the stack for calls with bodies of type `B`.
    pub(crate) async fn stack<B: CallBody>(self, setup: Setup<'_, B>) -> Result<Stack, Usage> {
        match self {
            Self::My2n => my2n::stack(setup),
            Self::Glue => glue::stack(setup),
            Self::Fintiv => fintiv::stack(setup),
            Self::Q2 => q2::stack(setup).await,
            Self::BackOffice => back_office::stack(setup),
            Self::OAuth2 => oauth2::stack(setup),
        }
    }
}

/// How long one exchange of a sign-in may take: it may outlive the call that waits for it, and should
/// not be cut off before.
fn request_timeout(settings: &Settings) -> Duration {
    settings.plan.timeout.max(Duration::from_secs(30))
}
