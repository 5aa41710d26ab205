//! A strict simulator of My2N (2N) on loopback ports: the Partner API, and the logins v1 and v2.
//!
//! [`Simulator`] is two real HTTP servers (HTTP/1.1, and HTTP/2 with prior knowledge), one for the
//! API and one for the login host of Auth v.2, which is another domain at the vendor's. Accounts
//! begin with v1 and can be [migrated](Simulator::migrate) at any time. It refuses what the real
//! service refuses, counts everything, and notes what a careful client never sends.
//!
//! # Example
//!
//! ```
//! use tower_reauth::testing::my2n::{Endpoint, Simulator};
//! use tower_reauth::testing::Fault;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let server = Simulator::builder()
//!     .account("api@example.com", "Secret123")
//!     .start()
//!     .await?;
//! server.inject(Endpoint::Init, Fault::Status(503));
//!
//! // Point the client at both hosts, and migrate its account while it is busy:
//! assert!(server.base_url().ends_with("/middleware/api/partner/v1"));
//! assert_ne!(server.address(), server.login_address());
//! server.migrate("api@example.com");
//!
//! // After the test, nothing but what was meant to happen has happened:
//! let counts = server.counts();
//! assert_eq!((counts.v1_logins, counts.conflicts, counts.submits_ok), (0, 0, 0));
//! assert!(server.violations().is_empty());
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Endpoints
//!
//! At the API, below [`base_url`](Simulator::base_url):
//!
//! | request | body | answer |
//! | --- | --- | --- |
//! | `POST /auth` | `username`, `password` | `accessToken`; 401; 409 once the account is migrated, whatever the password |
//! | `GET /users/current` | | `id`, `username` |
//! | any other path | any | as below |
//!
//! Calls carry `X-Api-Key` (the token of v1) or `Authorization: Bearer` (that of v2), or get 401.
//! `GET`, `HEAD` and `OPTIONS` are answered with `{"ok": true, "account": .., "method": ..,
//! "path": ..}`, and other methods with their own body, byte for byte and under the same content
//! type. A body of more than 64 MiB gets 413.
//!
//! At the login host, below [`login_url`](Simulator::login_url), as Ory Kratos has it:
//!
//! | request | body | answer |
//! | --- | --- | --- |
//! | `GET /self-service/login/api` | | a flow, with its `id` |
//! | `POST /self-service/login?flow=..` | `identifier`, `password`, `method` | `session_token`, `session` |
//! | `DELETE /self-service/logout/api` | `session_token` | 204; 403 if there is no such session |
//!
//! Several sessions live side by side, and there is no way to renew one. An error of a living flow
//! (wrong credentials, a session that is sent along) is a 400 with the flow in its body, and the
//! flow can be used again; any other error is an error object. If neither `Accept` names
//! `application/json` nor `Content-Type` is exactly that, an error is instead a 303 to a web page.
//!
//! # Rules
//!
//! A request that breaks one of these is told by [`Simulator::violations`] and counted in
//! [`Counts::violations`]. It is refused as well, unless it says here that it is not:
//!
//! - No token and no password (of 8 characters or more) in an address; no header twice that carries
//!   a credential or a content type; the method of the endpoint (405), no query but a submit's, and
//!   no path that there is not (404).
//! - Logins and logouts carry no credential, no `Cookie` and no `Origin` in their heads. Kratos
//!   refuses a session that lives, at init with an error object (`session_already_available`) and at
//!   submit with the flow (message 4000001), and at submit every `Cookie` but Cloudflare's and every
//!   `Origin` (4000001); it lets the rest pass. The v1 login refuses them all (assumed).
//! - Both steps of a login say that JSON is wanted. Not refused, but see above.
//! - Bodies are `application/json` and of the documented fields, with no others; init has none (not
//!   refused). At a submit these are refused with the flow: 4000002 for a missing field, else
//!   4000001. No body of a login is longer than 64 KiB (413).
//! - A submit's query is a `flow` and its UUID (400), and no flow is submitted again that has led to
//!   a session (404, assumed).
//! - No `X-Api-Key` travels along with `Authorization`: 401.
//! - No web page is asked for, as a client does that follows the 303. Not refused: it gets the page.
//! - No call that took effect is sent again, as far as `Idempotency-Key` tells: each of its values
//!   comes with one accepted API call. Not refused: it takes effect once more.
//!
//! A flow that has expired or is unknown is no violation, nor is a credential that is dead or was
//! never issued: they are counted apart.
//!
//! # What the documentation does not say
//!
//! That the login host is Kratos is inferred from the vendor's own client, and all that is said
//! above about its bodies is read from the source of Kratos. These are assumptions, and each is a
//! setting of the [`Builder`]:
//!
//! - how long flows, sessions and v1 tokens live, and whether a session says so,
//! - the status of wrong credentials at v2, and how much the messages tell,
//! - the status of a call whose account has MFA enabled: 401 in the vendor's help page, 403 in
//!   Kratos,
//! - whether an account can log in the v2 way before its migration, and whether the migration ends
//!   its v1 tokens,
//! - whether there is a logout,
//! - whether a 401 carries `WWW-Authenticate`.
//!
//! These are assumptions as well, but fixed: the bodies of the API's errors, those of the v1 login
//! among them, which look like Kratos' error objects; the statuses in parentheses above; that
//! `Accept: */*` does not ask for JSON; that a session is looked for in `X-Session-Token`, then in
//! the cookie `ory_kratos_session`, then in `Authorization`, at the login host alone.

mod builder;
mod counts;
mod endpoint;
mod errors;
mod login;
mod partner;
mod rules;
mod settings;
mod simulator;
mod site;
mod state;
#[cfg(test)]
mod tests;

pub use self::{
    builder::Builder,
    counts::Counts,
    endpoint::{Endpoint, Quirk},
    simulator::Simulator,
};
