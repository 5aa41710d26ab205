//! What a credential is: [`Token`], where it is placed, and the [`Code`] a person gives.
//!
//! Tokens and codes are checked when they are made, show nothing in `Debug`, and are wiped from
//! memory when dropped. Header values made from them are always sensitive, so that HTTP/2 never
//! indexes them. Copies that other crates make (hyper's write buffer, the kernel) are not wiped.

mod code;
mod credential;
mod placement;
mod wiped;

#[cfg(any(feature = "back-office", feature = "glue", feature = "oauth2"))]
pub(crate) use self::credential::check_refresh_token;
pub use self::{
    code::{Code, CodeRequest},
    credential::{InvalidToken, Token},
    placement::Placement,
};
pub(crate) use self::{credential::sensitive_value, wiped::wiped_bytes};

pub use secrecy::{ExposeSecret, SecretString};
