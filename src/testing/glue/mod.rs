//! A strict simulator of Spryker's Glue API with Multi-Factor Authentication (MFA) on a loopback
//! port.
//!
//! [`Simulator`] is a real HTTP server (HTTP/1.1, and HTTP/2 with prior knowledge) that issues and
//! rotates tokens, asks protected calls for codes, sends the codes to mailboxes that a test can
//! read, and counts everything. It refuses what the real service refuses, and notes what a careful
//! client never sends.
//!
//! # Example
//!
//! ```
//! use tower_reauth::testing::Fault;
//! use tower_reauth::testing::glue::{Endpoint, Simulator};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let server = Simulator::builder()
//!     .account("sonia@example.com", "Secret123")
//!     .start()
//!     .await?;
//! server.inject(Endpoint::Trigger, Fault::Status(503));
//!
//! // Point the client at it, and read the code that a person would get:
//! assert!(server.base_url().starts_with("http://127.0.0.1:"));
//! assert_eq!(server.latest_code("sonia@example.com"), None);
//!
//! // After the test, nothing but what was meant to happen has happened:
//! let counts = server.counts();
//! assert_eq!((counts.access_tokens, counts.triggers, counts.refused_codes), (0, 0, 0));
//! assert!(server.violations().is_empty());
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Endpoints
//!
//! | request | needs | answer |
//! | --- | --- | --- |
//! | `POST /access-tokens` | `username`, `password` | 201, both tokens; 401 `003`; 422 `901`; 429 `4401` |
//! | `POST /refresh-tokens` | `refreshToken` | 201, both tokens, new; 401 `004` |
//! | `DELETE /refresh-tokens/{token or mine}` | a token | 204, whatever was revoked; 400 without an id |
//! | `POST /token` | a form of one of two grants | 200, both tokens; 400 with `error` and `error_description` |
//! | `POST /company-user-access-tokens` | a token, `idCompanyUser` | 201, both tokens; 422 `901` |
//! | `GET /multi-factor-auth-types` | a token | 200, the types; 400 `5905` without a token |
//! | `POST /multi-factor-auth-trigger` | a token, `type` | 204, a code is sent; 400 `5906` if the type is not active |
//! | `POST /multi-factor-auth-type-activate` | a token, `type`; a code if another type is active | 204, a code is sent; 400 `5904` if it is active |
//! | `POST /multi-factor-auth-type-verify` | a token, `type`, the code | 204; 400 `5904` if it is active, `5906` if it is not pending |
//! | `POST /multi-factor-auth-type-deactivate` | a token, `type`, a code of that type | 204; 400 `5906` if it is not active |
//! | any other path | a token, unless its resource is open | as below |
//!
//! Bodies are JSON:API documents, the form apart. The four MFA endpoints say 400 with `5907` without
//! a token, `5902` without a type, and `5910` if a code cannot be sent. Calls without a token get
//! 403 with `002`, and a token that is not good gets 401 with `001` at every endpoint that takes one.
//!
//! `GET`, `HEAD` and `OPTIONS` are answered with `{"ok": true, "account": .., "method": .., "path":
//! ..}`, and other methods with their own body, byte for byte and under the same content type. A
//! body of more than 64 MiB gets 413.
//!
//! # Codes
//!
//! A call needs a code if somebody is signed in who has an active MFA type, its method is neither
//! `GET` nor `OPTIONS` (`HEAD` needs one), and its resource is protected: the last type in its path.
//! Without one it gets 403 with `5900`, and if the code is not good 403 with `5901`.
//!
//! A code lives for 30 min from when it is sent, and can be used any number of times while it is the
//! newest of its type. A code that a newer one has superseded is refused, and counts as an attempt
//! against the newer one, which the third blocks. One that was never sent to the account is refused
//! without such an attempt. That a code was good once, at activation or anywhere else, is no reason
//! to send it again after a trigger.
//!
//! # Rules
//!
//! A request that breaks one of these is refused, counted in [`Counts::violations`] and told by
//! [`Simulator::violations`]:
//!
//! - No token and no password (of 8 characters or more) in an address, but for the revocation of a
//!   token; no header twice that carries a credential, a code or a content type; the method of the
//!   endpoint (405), and no query but that of an API call.
//! - Logins and refreshes carry neither credential nor `Cookie` nor `X-MFA-Code` in their heads.
//! - No `Authorization` travels along with `X-Anonymous-Customer-Unique-Id`: 400 `005`.
//! - The `Content-Type` is `application/vnd.api+json` or `application/json`, and at `/token` that of
//!   a form (415). Its parameters are ignored.
//! - Bodies have the documented fields and no others (400), the type of the endpoint (400), and
//!   nothing empty (422 `901`; at `/token` 400 `invalid_request`). They are of no more than 64 KiB
//!   (413).
//! - No refresh token is used twice, and none that is dead is used again once it was refused.
//! - No login is tried in a lock that a refusal has told of.
//! - No old code is sent although the newer one was accepted before; and no call is sent again with
//!   the code that it was refused with, as far as its `Idempotency-Key` tells it from others.
//! - No call that took effect is sent again, as far as `Idempotency-Key` tells: each of its values
//!   comes with one accepted API call. Not refused: it takes effect once more.
//!
//! Other codes that are refused are no violation, as calls that were on their way already cannot
//! know of a newer code: [`Counts`] tells how many there were.
//!
//! # What neither documentation nor source say
//!
//! These are settings of the [`Builder`], with a default where the vendor's texts contradict
//! themselves or leave it to the project:
//!
//! - the shape of error bodies and of the answer of `/token`, and numbers that may be text,
//! - which resources are protected by MFA, and which need no token,
//! - whether a refresh token dies when it is used; how long tokens live; when logins are locked,
//! - the statuses for an unconfirmed address and for a missing attribute.
//!
//! These are assumptions, and fixed: the statuses in parentheses above; what is checked first where
//! a request has several faults; that the resource of a call is the last one in its path; that every
//! resource which is not open needs a token; that `idCompanyUser` of somebody else is `901`; that a
//! code of one type opens what any active type protects; that a code verified at activation is good
//! afterwards.

mod builder;
mod codes;
mod counts;
mod endpoint;
mod errors;
mod mfa;
mod rules;
mod settings;
mod sign_in;
mod simulator;
mod site;
mod state;
#[cfg(test)]
mod tests;
mod tokens;

pub use self::{
    builder::Builder,
    codes::TypeStatus,
    counts::Counts,
    endpoint::{Endpoint, Quirk},
    settings::{ErrorShape, TokenShape},
    simulator::Simulator,
};
