//! Looking at the start of a response body and handing it on unchanged.
//!
//! Some layers must read a piece of the body before they know what a response means: a refusal
//! that is to be answered, an error inside a `200`. What they hand on is a [`PeekBody`]: the bytes
//! read, followed by what was left in the body, trailers and errors in their places. The caller
//! cannot tell it from the body that the server sent.
//!
//! A body that nobody looked at passes through as it is, at no cost.
//!
//! # When the rest is missing
//!
//! A refused response must not hold its connection while the credential is renewed. So it is read
//! into memory first, up to a limit and for a short time only. What is longer is dropped, which
//! frees the connection. If the renewal fails the caller gets that response after all: its head,
//! the bytes read, and then the body error [`Cut`], so that nobody takes the piece for the whole.
//!
//! # Example
//!
//! ```
//! use http_body_util::BodyExt;
//! use tower_reauth::{BoxError, inspect::{Cut, PeekBody}};
//!
//! /// Reads a body for a log entry: a refusal that was cut is good enough.
//! async fn for_the_log<B>(body: PeekBody<B>) -> Result<Vec<u8>, BoxError>
//! where
//!     B: http_body::Body<Data = bytes::Bytes>,
//!     B::Error: Into<BoxError>,
//! {
//!     let mut read = Vec::new();
//!     let mut body = std::pin::pin!(body);
//!     while let Some(frame) = body.frame().await {
//!         match frame {
//!             Ok(frame) => read.extend(frame.into_data().unwrap_or_default()),
//!             Err(error) if error.is::<Cut>() => break,
//!             Err(error) => return Err(error),
//!         }
//!     }
//!     Ok(read)
//! }
//! # let _ = for_the_log::<http_body_util::Full<bytes::Bytes>>;
//! ```

mod body;
mod peek;
#[cfg(test)]
mod tests;
mod until;

pub use self::body::{Cut, PeekBody};
pub(crate) use self::{
    peek::Peek,
    until::{Limit, Until},
};
