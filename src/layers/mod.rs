//! The layers.
//!
//! | layer | does |
//! | --- | --- |
//! | [`BearerLayer`] | attaches the current token; waits for the first one; never sends without one |
//! | [`RefreshLayer`] | on a `401`: renews the very token that was refused, once for all, and sends again |
//! | [`MfaLayer`] | attaches the current code; on a challenge gets a new one, once for all, and sends again |
//! | [`RecoverLayer`] | the engine of both, for challenges of your own kind |
//! | [`VersionUpgradeLayer`] | on a `409` to a sign-in: switches to its next version for good, and sends again |
//! | [`NormalizeLayer`] | gives a failure inside a `200` an honest status |
//! | [`ReplayLayer`](crate::replay::ReplayLayer) | makes a streaming request body sendable twice, up to a cap |
//!
//! # Order
//!
//! Outermost first: whatever follows redirects, `ReplayLayer`, `MfaLayer`, `RefreshLayer`,
//! `BearerLayer`, `NormalizeLayer`, the client. [`Session::layer`](crate::Session::layer) has all of
//! ours in one but `NormalizeLayer`, and `MfaLayer`, which [`SessionLayer::mfa`] adds.
//!
//! Redirects stand outermost so that each hop passes the origin check of `BearerLayer`. A client
//! that follows redirects by itself, below the layers, takes a token in a header of its own along
//! to wherever it is sent: set it not to follow them, or not to leave the origin.
//!
//! `NormalizeLayer` stands inside `BearerLayer` and `RefreshLayer`, so that a `401` that it makes is
//! one to them; and around whatever decompresses bodies, for it cannot look into those.
//!
//! `VersionUpgradeLayer` is for the sign-in, which has a plain client of its own: see
//! [`version_upgrade`].

pub mod bearer;
mod challenge;
mod copies;
pub(crate) mod headers;
pub mod mfa;
pub mod normalize;
pub mod recover;
pub mod refresh;
mod session;
pub mod version_upgrade;

pub use self::{
    bearer::{Bearer, BearerLayer},
    mfa::{Mfa, MfaLayer},
    normalize::{Normalize, NormalizeLayer},
    recover::{Recover, RecoverLayer, Recovery},
    refresh::{Refresh, RefreshLayer},
    session::SessionLayer,
    version_upgrade::{VersionUpgrade, VersionUpgradeLayer},
};
