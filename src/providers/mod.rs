//! Sign-in for the APIs of particular vendors.

#[cfg(feature = "back-office")]
#[cfg_attr(docsrs, doc(cfg(feature = "back-office")))]
pub mod back_office;
