//! The token in the JSON body, where an API wants it there.
//!
//! [`BearerLayer`](crate::layers::BearerLayer) outside sees to everything else: it waits for the
//! token, checks the origin, and notes which token a refused request carried. What it hands in is a
//! header that is meant for this layer; it never goes further than here.

mod future;
mod layer;
mod placing;
mod service;

use http::HeaderName;

pub use self::{
    future::ResponseFuture,
    layer::{BodyToken, BodyTokenLayer},
};

pub(super) use self::placing::Place;

/// The header in which the token comes to this layer.
pub(super) const HANDED_IN: HeaderName = HeaderName::from_static("x-token-for-the-body");
