//! Composable tower layers that keep outbound HTTP calls signed in.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(test),
    warn(
        clippy::dbg_macro,
        clippy::print_stderr,
        clippy::print_stdout,
        clippy::unwrap_used
    )
)]
#![doc(test(attr(deny(warnings))))]

mod clock;
mod error;
pub mod inspect;
pub mod layers;
mod origin;
#[cfg(feature = "back-office")]
#[cfg_attr(docsrs, doc(cfg(feature = "back-office")))]
pub mod providers;
pub mod renew;
pub mod replay;
pub mod session;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
pub mod token;

pub use self::{
    clock::{Clock, SystemClock},
    error::{BoxError, Error, ErrorKind},
    renew::{Event, Reason, Renewal, Renewed},
    session::{ConfigError, Current, Events, Session, SessionBuilder, SignOut},
    token::{Code, CodeRequest, InvalidToken, Placement, SecretString, Token},
};
