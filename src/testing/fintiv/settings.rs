//! What the builder fixes for the life of a simulator.

use std::time::Duration;

use http::{HeaderName, header};

/// Where a call carries its token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenIn {
    /// `Authorization: Bearer`.
    #[default]
    Bearer,
    /// The token alone, in a header of this name.
    Header(HeaderName),
    /// `contextRequest.token` of the JSON body, as the oldest known client has it.
    Body,
}

/// Where the answer to a sign-on has the token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenAt {
    /// `contextResponse.token`
    #[default]
    Context,
    /// `responseData.token`
    ResponseToken,
    /// `responseData.access_token`
    AccessToken,
}

/// How a call is refused whose token is not good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denial {
    /// 200, with `SECURITY` in the envelope.
    #[default]
    Envelope,
    /// 401.
    Status,
}

/// How the fields of a sign-on are spelt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spelling {
    /// Either of the two, but not a mixture.
    #[default]
    Either,
    /// `contextRequest` and `pass`, as in the oldest known client.
    Camel,
    /// `contextrequest` and `Pass`, as on the vendor's page of the cashier's login.
    Page,
}

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) tenant: String,
    pub(super) tenant_needed: bool,
    pub(super) token_lifetime: Duration,
    pub(super) token_in: TokenIn,
    pub(super) token_at: TokenAt,
    pub(super) denial: Denial,
    pub(super) spelling: Spelling,
    /// The code of a sign-on with a wrong password.
    pub(super) wrong_password: String,
    /// Paths below the base that need no token.
    pub(super) open: Vec<String>,
    pub(super) echo_secrets: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tenant: "JANUS".to_owned(),
            tenant_needed: false,
            token_lifetime: Duration::from_secs(3600),
            token_in: TokenIn::default(),
            token_at: TokenAt::default(),
            denial: Denial::default(),
            spelling: Spelling::default(),
            wrong_password: "SECURITY".to_owned(),
            open: Vec::new(),
            echo_secrets: false,
        }
    }
}

impl TokenIn {
    /// Returns the header that carries tokens, if one does.
    pub(super) fn header(&self) -> Option<&HeaderName> {
        match self {
            Self::Bearer => Some(&header::AUTHORIZATION),
            Self::Header(name) => Some(name),
            Self::Body => None,
        }
    }
}
