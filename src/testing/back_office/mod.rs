//! A strict simulator of the Back Office API on a loopback port.
//!
//! [`Simulator`] is a real HTTP server (HTTP/1.1, and HTTP/2 with prior knowledge) that signs in,
//! asks for 2FA codes, rotates refresh tokens and counts everything. It keeps to the vendor's
//! documentation, and refuses what a careful client never sends: so a test can assert that a
//! client did the right thing, and not merely that it got an answer.
//!
//! # Example
//!
//! ```
//! use tower_reauth::testing::back_office::{Endpoint, Fault, Simulator};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let server = Simulator::builder()
//!     .account("foo@bar.com", "Secret123")
//!     .two_factor(true)
//!     .start()
//!     .await?;
//! server.inject(Endpoint::Refresh, Fault::Status(503));
//!
//! // Point the client at it, and read the code that it is asked for:
//! assert!(server.base_url().starts_with("http://127.0.0.1:"));
//! assert_eq!(server.latest_code("foo@bar.com"), None);
//!
//! // After the test, nothing but what was meant to happen has happened:
//! let counts = server.counts();
//! assert_eq!((counts.sign_ins, counts.confirms, counts.refreshes), (0, 0, 0));
//! assert!(server.violations().is_empty());
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Endpoints
//!
//! | request | body | answer |
//! | --- | --- | --- |
//! | `POST /api/v2/signin` | `email`, `password` | both tokens, or the details of 2FA |
//! | `POST /api/v2/2fa/confirm` | `token`, `code` | both tokens |
//! | `POST /api/v2/refresh` | `refreshToken` | both tokens, new |
//! | `POST /api/v2/signout` | none, but `Authorization: Bearer` | 200, or 401 if the token is dead |
//! | any other path | any | needs `Authorization: Bearer`, or 401 |
//!
//! Behind the sign-in, `GET`, `HEAD` and `OPTIONS` are answered with
//! `{"ok": true, "account": .., "method": .., "path": ..}`, and other methods with their own body,
//! byte for byte and under the same content type. A body of more than 64 MiB gets 413.
//!
//! # Rules
//!
//! A request that breaks one of these is refused, counted in [`Counts::violations`] and told by
//! [`Simulator::violations`]:
//!
//! - No token and no password (of 8 characters or more) in an address; one `Authorization` header.
//! - The four endpoints above take `POST` alone (405), and no query.
//! - Sign-in traffic, which is the first three, carries no credential in its head: neither
//!   `Authorization` nor `Cookie` nor the likes of `X-API-Key`.
//! - Its `Content-Type` is `application/json` (415); parameters such as `charset` are ignored. Its
//!   `Accept` admits `application/json` (406), and may not be missing.
//! - Its body is a JSON object of the documented fields, all strings, and no others (400), of no
//!   more than 64 KiB (413). A sign-out has no body.
//! - No more attempts than the [`Limits`] allow (429), and none in a lock-out that a refusal has told
//!   of. Clients are not told apart: what one is told counts as told to all.
//! - No refresh token is used twice, which revokes all tokens of that sign-in.
//! - No call that took effect is sent again, as far as `Idempotency-Key` tells: each of its values
//!   comes with one accepted API call. Not refused: it takes effect once more.
//! - No refresh token that is dead, by time or by a sign-out, is used again once it was refused.
//!
//! Tokens that this simulator never issued are no violation, as a client may have them from before:
//! they are counted in [`Counts::unknown_tokens`].
//!
//! # What the documentation does not say
//!
//! These are assumptions, and each is a setting of the [`Builder`]:
//!
//! - the statuses for a wrong password, a wrong code, a 2FA token or a refresh token that is no
//!   longer good, and too many attempts; the shape of an error body; `Retry-After`; the challenge
//!   of a 401,
//! - how long tokens live and a lock-out lasts,
//! - whether a refresh ends the old refresh token, or the old access tokens; whether a sign-out ends
//!   the refresh token; whether a new sign-in or wrong codes end one that waits for its code.
//!
//! These are assumptions as well, but fixed: the status of 401 for an API call without a good access
//! token, those in parentheses above but 429, the words of error bodies, that a limit is everybody's,
//! and that a lock-out holds for all sign-in traffic.

mod answer;
mod api;
mod auth;
mod builder;
mod counts;
mod fault;
mod limits;
mod server;
mod sessions;
mod settings;
mod site;
mod state;
mod strict;
#[cfg(test)]
mod tests;

pub use self::{
    answer::ErrorShape,
    builder::Builder,
    counts::Counts,
    fault::{Endpoint, Fault},
    limits::Limits,
    server::Simulator,
};
pub use super::{DateFormat, RetryAfter, Upload};
