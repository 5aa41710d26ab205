//! What the providers share: how one request is sent and its answer read, and what may be said of
//! it. Each provider uses some of it.

#![cfg_attr(
    not(feature = "full"),
    allow(dead_code, reason = "no single provider uses all of it")
)]

pub(crate) mod advice;
pub(crate) mod attempts;
pub(crate) mod base_url;
pub(crate) mod dates;
pub(crate) mod exchange;
pub(crate) mod fields;
pub(crate) mod json;
pub(crate) mod lineage;
pub(crate) mod lockout;
pub(crate) mod retry_after;
#[cfg(test)]
pub(crate) mod script;
pub(crate) mod turn;
