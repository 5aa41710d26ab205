//! A strict simulator of an OAuth 2.0 authorization server and resource server on a loopback port.
//!
//! [`Simulator`] is a real HTTP server (HTTP/1.1, and HTTP/2 with prior knowledge) that issues,
//! rotates and revokes tokens, guards an API with them, and counts everything. It keeps to RFC 6749,
//! 6750, 7009 and 8707, refuses what a careful client never sends, and can be told to do what
//! servers do that keep to less.
//!
//! # Example
//!
//! ```
//! use tower_reauth::testing::oauth2::{Endpoint, Quirk, Simulator};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let server = Simulator::builder()
//!     .client("me", "s3cret")
//!     .start()
//!     .await?;
//! let quirk = Quirk::Error("invalid_grant".to_owned());
//! server.inject_quirk(Endpoint::Token, quirk);
//!
//! // Point the client at it:
//! assert!(server.token_url().ends_with("/token"));
//!
//! // After the test, nothing but what was meant to happen has happened:
//! let counts = server.counts();
//! assert_eq!((counts.token_requests, counts.api_calls), (0, 0));
//! assert!(server.violations().is_empty());
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Endpoints
//!
//! | request | parameters | answer |
//! | --- | --- | --- |
//! | `POST /token` | `grant_type=client_credentials`; `scope`, `resource` | an access token |
//! | `POST /token` | `grant_type=refresh_token`, `refresh_token`; `scope`, `resource` | both tokens |
//! | `POST /token` | `grant_type=password`, `username`, `password`; `scope`, `resource` | both tokens, if there is a [user](Builder::user) |
//! | `POST /revoke` | `token`; `token_type_hint` | 200, whether there was such a token or not |
//! | any other path | any, with `Authorization: Bearer` | what was asked, or the body that was sent |
//!
//! A client authenticates itself by Basic, with both parts form-urlencoded inside, or in the form.
//! Refusals of the first four rows have the `error` and the status of RFC 6749, section 5.2: 401 for
//! `invalid_client` (with `WWW-Authenticate` if the client came with Basic), 400 for the others.
//! Parameters that are not known are ignored, and `resource` is one of those until there is a
//! [resource](Builder::resource).
//!
//! API calls are refused as RFC 6750, section 3 says: without a token 401 and no `error`, 401
//! `invalid_token`, 403 `insufficient_scope` with the scope that is [needed](Builder::needs), 400
//! `invalid_request`. `GET`, `HEAD` and `OPTIONS` are answered with `{"ok": true, "client": ..,
//! "user": .., "scope": .., "method": .., "path": ..}`, and other methods with their own body, byte
//! for byte and under the same content type. A body of more than 64 MiB gets 413.
//!
//! # Rules
//!
//! A request that breaks one of these is refused, counted in [`Counts::violations`] and told by
//! [`Simulator::violations`]. To the first two endpoints:
//!
//! - It is a `POST` (405), and neither the parameters above nor a secret are in its address.
//! - One `Authorization`, and no other credential in the head, such as `Cookie` or `X-API-Key`.
//! - Its `Content-Type` is `application/x-www-form-urlencoded`. The form is encoded, of no more than
//!   64 KiB (413), and has no parameter twice but `resource`. One without a value is not there.
//! - The client authenticates itself in one way, and Basic is form-urlencoded inside. The `client_id`
//!   may be in the form as well, if it is the same.
//! - `grant_type` is there, and what the grant needs. `scope` is a list of tokens with single spaces.
//! - A refresh asks for no more scope than was granted. `resource` is an absolute URI without a
//!   fragment.
//! - No refresh token is used twice, which revokes all tokens of its family. None that is dead is used
//!   again once it was refused. No token of another client is used or revoked.
//! - No token is asked for before a [time](Simulator::put_off) is over of which a refusal has told.
//!   Clients are not told apart: what one is told counts as told to all.
//!
//! To the API:
//!
//! - No token and no secret (of 8 characters or more) is in an address, and no `access_token` at all.
//! - One `Authorization` header, and what follows `Bearer` is a token.
//! - No call with an `Idempotency-Key` takes effect twice. (That one is told, and not refused.)
//!
//! Clients that are not known, tokens that this simulator never issued, scopes and resources that
//! there are not are no violation, but counted or answered as the RFCs say.
//!
//! # What the RFCs leave open
//!
//! These are settings of the [`Builder`]: how clients authenticate themselves, whether refresh
//! tokens rotate, whether a spent one may be repeated for a while, how `expires_in` is written, what
//! stands beside the challenge, and two ways of GitHub's: errors in a 200, and answers in a form.
//!
//! These are fixed: 400 with `invalid_request` for all rules but those in parentheses; that revoking a
//! refresh token ends its family, and revoking an access token that token alone; that revoking another
//! client's token is `invalid_request`; that a token for another resource is `invalid_token`; that a
//! token that is for no resource opens only what belongs to none; that `scope` is in every answer.

mod answer;
mod api;
mod builder;
mod challenge;
mod counts;
mod endpoint;
mod form;
mod grants;
mod settings;
mod simulator;
mod site;
mod state;
#[cfg(test)]
mod tests;
mod tokens;

pub use self::{
    builder::Builder,
    counts::{Counts, TokenRequest},
    endpoint::{Endpoint, Quirk},
    settings::{Challenges, ClientAuth, ExpiresIn, RefreshTokens},
    simulator::Simulator,
};
