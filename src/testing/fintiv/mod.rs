//! A strict simulator of Fintiv's authentication service on a loopback port.
//!
//! [`Simulator`] is a real HTTP server (HTTP/1.1, and HTTP/2 with prior knowledge) that signs
//! people on, wants an APP key and a token, and says what failed inside a 200. It refuses what the
//! real service refuses, notes what a careful client never sends, and counts everything.
//!
//! # Example
//!
//! ```
//! use tower_reauth::testing::fintiv::{Endpoint, Quirk, Simulator};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let server = Simulator::builder()
//!     .account("merchant@example.com", "Secret123")
//!     .start()
//!     .await?;
//! server.inject_quirk(Endpoint::Api, Quirk::failure("TRANSACTION_VALIDATION"));
//!
//! // Point the client at it:
//! assert!(server.base_url().ends_with("/auth"));
//! assert_eq!(server.api_key(), "app-key-of-tests");
//!
//! // After the test, nothing but what was meant to happen has happened:
//! let counts = server.counts();
//! assert_eq!((counts.sign_ons, counts.api_calls, counts.failures_in_200), (0, 0, 0));
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
//! | `POST /auth/signon`, `POST /payment/api/v1/services/signon` | a sign-on | a token |
//! | any other path below `/auth/` | JSON or none | who called what |
//!
//! A sign-on is `{"contextRequest": {"tenantName"}, "login": {"credentialType", "value"}, "pass":
//! {"securityElementType", "value"}}`, or with the vendor's page `contextrequest` and `Pass`. The
//! `credentialType` is `USER` or `EMAIL`, the `securityElementType` is `password`.
//!
//! Every answer but those below is a 200 with an envelope, the fields in the documented order:
//! `SUCCESS`, or the code of a failure and `"responseData": null`. Calls that are let in have
//! `{"account", "method", "path"}` for `responseData`; what they sent is found with
//! [`Simulator::uploads`] (with [`TokenIn::Body`] the token is in there).
//!
//! | answer | when |
//! | --- | --- |
//! | 200 `SECURITY` | the token is missing, unknown or dead; the name or the password is wrong |
//! | 200 `VALIDATION` | a body or the tenant breaks a rule |
//! | 400 | the head of a request breaks a rule |
//! | 401 | the `api-key` is missing, wrong or outdated; the token, with [`Denial::Status`] |
//! | 404 | there is nothing at the path, or not for the method |
//! | 413 | a call's body is longer than 64 MiB, a sign-on's than 64 KiB |
//!
//! # Rules
//!
//! A request that breaks one of these is refused, counted in [`Counts::violations`] and told by
//! [`Simulator::violations`]:
//!
//! - No token, password or key (of 8 characters or more) in an address; no header twice that
//!   carries a credential, the tenant or a content type; no other path than those above.
//! - Every request carries an `api-key`. A wrong or outdated one is refused, but no violation.
//! - A sign-on is a `POST` without a query, and carries neither token nor cookie. No call carries a
//!   credential but the `api-key` and the token, and that in its one place.
//! - Whatever is not `GET`, `HEAD` or `OPTIONS` is `application/json`, parameters aside, and JSON if
//!   it is not empty. A sign-on has the documented fields and no others.
//! - `tenantName`, in the header or in the body, is the tenant's.
//! - No call that took effect is sent again, as far as `Idempotency-Key` tells: each of its values
//!   comes with one accepted API call. Not refused: it takes effect once more.
//!
//! A token that is dead or was never issued is no violation: both are counted apart.
//!
//! # What the documentation does not say
//!
//! The documentation leaves out how a token is sent and what is said of one that is not good, and
//! the vendor's pages and an old client spell the sign-on differently. These are assumptions, and
//! each is a setting of the [`Builder`]:
//!
//! - where the token travels, and where the answer to a sign-on has it; how long it lives,
//! - whether a token that is not good is a 401 or `SECURITY` inside a 200,
//! - the code of a wrong password,
//! - whether the header `tenantName` has to be there,
//! - which paths need no token.
//!
//! These are assumptions as well, but fixed: that the sign-on stands below `/auth` too; the bodies
//! of answers that are no 200 (`{"message": ..}`); the statuses of what is malformed; that there is
//! no way to renew a token, and that several live side by side.

mod api;
mod builder;
mod counts;
mod endpoint;
mod envelope;
mod rules;
mod settings;
mod sign_on;
mod simulator;
mod site;
mod state;
#[cfg(test)]
mod tests;

pub use self::{
    builder::Builder,
    counts::Counts,
    endpoint::{Endpoint, Quirk},
    settings::{Denial, Spelling, TokenAt, TokenIn},
    simulator::Simulator,
};
