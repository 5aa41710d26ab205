//! A strict simulator of Q2 Open (CardSwap, Biller Direct) on a loopback port.
//!
//! [`Simulator`] is a real HTTP server (HTTP/1.1, and HTTP/2 with prior knowledge) that takes the
//! credentials of end users, tries them at a company that does not exist, asks for multi-factor
//! authentication, and delivers the outcome to a webhook as a real HTTP client. It keeps to the
//! vendor's documentation, refuses what a careful client never sends, and counts everything; its
//! events come early, late, twice, out of order, forged or never, as the test says.
//!
//! # Example
//!
//! ```
//! use tower_reauth::testing::q2::{Delivery, Signature, Simulator};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let server = Simulator::builder()
//!     .sign_events(Signature::new())
//!     .start()
//!     .await?;
//! server.script("auth.success", Delivery::Twice);
//!
//! // Point the client at it, and tell it where the receiver listens:
//! assert!(server.base_url().ends_with("/v1"));
//! server.set_webhook("http://127.0.0.1:8080/q2");
//!
//! // After the test, nothing but what was meant to happen has happened:
//! let counts = server.counts();
//! assert_eq!((counts.creates, counts.steps, counts.deliveries), (0, 0, 0));
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
//! | `POST /v1/auth` | `clientId`, `companyId`, `items`, `form`; `paymentIdentifier`, `meta` | `authId` |
//! | `POST /v1/auth/step` | `token`, `mfa` | `success` |
//! | `POST /v1/auth/{authId}/answer-questions` | `answers` | `success` |
//! | `POST /v1/auth/{authId}/fix-hold` | none | `success` |
//! | `DELETE /v1/auth/{authId}` | none | `success` |
//! | `GET /v1/auth/list/{clientId}` | none | `data`: the auths of a client |
//! | `GET /v1/partner/public-keys`, `/{kid}`, `/latest` | none | JSON Web Keys |
//! | any other path | any | what was asked, or the body that was sent |
//!
//! All of them need `Authorization: Bearer` with the API key, or get 401. Every answer has a
//! `request-id`. An auth is one for a client and a company: creating another gives the `authId` of
//! the one that is there, and starts that again.
//!
//! # Sandbox
//!
//! Who signs in at the company is in `form.username`, or else in `form.email`, with or without
//! `@test.test` at the end. The password does not matter. Anybody else fails.
//!
//! | login | events | what is next |
//! | --- | --- | --- |
//! | `test` | `auth.success` | |
//! | `testfail` | `auth.failed` | |
//! | `testhold` | `auth.hold` | `fix-hold`, then `auth.success` |
//! | `testmfaquestion` | `auth.mfa-required`: `questions` | the answer `Rex`, then `auth.success` |
//! | `testmfacode` | `auth.mfa-required`: `code` | a choice, the [code](Simulator::next_code), then `auth.success` |
//! | `testmfaprompt` | `auth.mfa-required`: `prompt` | a [tap on the phone](Simulator::answer_prompt), then `auth.success` |
//! | `testswap` | `auth.success`, `swap.success` | |
//!
//! A new auth begins with `auth.created`. A wrong answer or code is asked for again, with a new
//! token, before it ends in `auth.failed`.
//!
//! # Events
//!
//! Events are delivered one after the other as soon as the answer to the request that caused them is
//! on its way: a client may see either first. Where that matters, a [`Delivery`] settles it.
//! `auth.mfa-required`, `auth.success` and `auth.failed` tell the client and the company; of the three
//! only `auth.success` tells the auth. `auth.mfa-required` with the method `code` has neither
//! `clientId` nor `partnerId` nor `identifier`, as in the vendor's sample.
//!
//! They can be [signed](Builder::sign_events), [encrypted](Builder::encrypt_events) and sent with a
//! [bearer token](Builder::webhook_oauth). The signature is a JWT that says nothing about the event.
//!
//! # Rules
//!
//! A request that breaks one of these is refused, counted in [`Counts::violations`] and told by
//! [`Simulator::violations`]:
//!
//! - No API key, no token of a step, and nothing of a form but who signs in is in an address, if it
//!   has 8 characters or more; one `Authorization` header.
//! - The API key is there (401). Another one is no violation, but counted in
//!   [`Counts::wrong_keys`].
//! - The endpoints above take their one method (405), and no query.
//! - The `Content-Type` of a body is `application/json` (415); parameters such as `charset` are
//!   ignored. Where the table has no body there is none (400).
//! - A body is a JSON object of the documented fields and no others (400), of no more than 64 KiB
//!   (413): `items` is `["swap"]`, `form` has at least one field, and text in each; `meta` does not
//!   have both `billId` and `swapId`.
//! - A step answers the questions asked, each once; or chooses a way for the code that was offered;
//!   or gives the code under the name of the way it came. A prompt is not answered by a step (400).
//! - No token of a step is used again (400).
//! - Answers and mended holds come when they are waited for (400).
//! - If [request signing](Builder::request_signing) is on: the right `Signature`, with a `Date` in
//!   ISO format that is at most 5 min from now (401).
//! - No key is fetched from where a forged event says (404).
//!
//! Two more are counted and told, though nobody is refused:
//!
//! - The credentials of an end user are submitted once. The same form for the same client and
//!   company is a violation until the outcome was told, by an event that the webhook took or in the
//!   list, or until the test [says that it is meant](Simulator::forget_submissions). That holds for
//!   requests that a fault keeps from being processed as well: the credentials were on their way.
//! - A webhook takes no [forged event](Forgery).
//!
//! # What the documentation does not say
//!
//! These are assumptions, and each is a setting of the [`Builder`]:
//!
//! - the shape of error bodies, and the status that an auth has in the list before anything is known,
//! - with which token a code is sent in, and how often another try is given,
//! - how often, after what pause and how patiently an event is delivered,
//! - whether the public keys need the API key,
//! - whether today's API still sends `auth.created`, as that of 2019 did.
//!
//! These are assumptions as well, but fixed: the statuses in parentheses above but the 401 of request
//! signing; 404 for an auth or a key that is not there; 400 for a token that was never issued, or
//! whose auth began anew; how old a signed request may be; that a code is sent in as the answer under
//! the name of the way it came; the body of a `prompt`, whose `mfa` is empty; `x5t`, which is the
//! thumbprint of the key, as there is no certificate; that a swap is told of right after its auth.
//! `auth.invalid` and `auth.needs-resync` come only [by hand](Simulator::deliver). Encrypted
//! requests (`encrypted` and `hash`) are not understood.

mod answer;
mod auth;
mod auths;
mod bodies;
mod builder;
mod counts;
mod courier;
mod delivery;
mod endpoint;
mod event;
mod forgery;
mod ids;
mod jose;
mod key;
mod login;
mod mfa;
mod post;
mod request_signing;
mod server;
mod settings;
mod signature;
mod signing_keys;
mod site;
mod state;
mod strict;
mod submissions;
#[cfg(test)]
mod tests;

pub use self::{
    answer::ErrorShape,
    builder::Builder,
    counts::Counts,
    delivery::{Delivered, Delivery},
    endpoint::Endpoint,
    event::{Envelope, Event},
    forgery::Forgery,
    key::RsaKey,
    login::Login,
    server::Simulator,
    signature::Signature,
    submissions::Submitted,
};
