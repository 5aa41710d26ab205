//! Sign-in for the APIs of particular vendors.
//!
//! A provider is a token service: a tower `Service<Renewal, Response = Renewed>` that signs in
//! with what the vendor asks for. It takes any HTTP client that is a tower service, and its own
//! requests go through that client as they are: no credential, no cookies.

#[cfg(feature = "__provider")]
mod common;

#[cfg(feature = "back-office")]
#[cfg_attr(docsrs, doc(cfg(feature = "back-office")))]
pub mod back_office;

#[cfg(feature = "fintiv")]
#[cfg_attr(docsrs, doc(cfg(feature = "fintiv")))]
pub mod fintiv;

#[cfg(feature = "glue")]
#[cfg_attr(docsrs, doc(cfg(feature = "glue")))]
pub mod glue;

#[cfg(feature = "my2n")]
#[cfg_attr(docsrs, doc(cfg(feature = "my2n")))]
pub mod my2n;

#[cfg(feature = "oauth2")]
#[cfg_attr(docsrs, doc(cfg(feature = "oauth2")))]
pub mod oauth2;

#[cfg(feature = "q2")]
#[cfg_attr(docsrs, doc(cfg(feature = "q2")))]
pub mod q2;
