//! The providers: what each of them wants to know, and the stack that it makes of that.

mod back_office;

use std::sync::Arc;

use bytes::Bytes;
use http_body::Body;
use tower_reauth::BoxError;

use crate::{
    args::Given,
    client::HttpClient,
    settings::Settings,
    stack::{Stack, Traffic},
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

/// What a stack is made of.
pub(crate) struct Setup<B: Body<Data = Bytes>> {
    pub(crate) settings: Settings,
    pub(crate) client: HttpClient<B>,
    pub(crate) traffic: Arc<Traffic>,
}

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

    pub(crate) fn is_built_in(self) -> bool {
        matches!(self, Self::BackOffice)
    }

    /// Returns what is called, below the base URL.
    pub(crate) fn path(self, given: &Given) -> Result<&str, Usage> {
        match self {
            Self::My2n => Ok(given.get("path").unwrap_or("/users/current")),
            _ => given.required("path", "/api/v2/accounts"),
        }
    }

    /// Builds the stack for calls with bodies of type `B`.
    pub(crate) fn stack<B>(self, setup: Setup<B>) -> Result<Stack, Usage>
    where
        B: Body<Data = Bytes> + From<Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        match self {
            Self::BackOffice => back_office::stack(setup),
            _ => unreachable!("refused when the command line was read"),
        }
    }
}
