//! What you see, why, and what to do.
//!
//! Each row is said by an error as well: in the `Err` of a call, or in the extensions of the
//! response (`response.extensions().get::<tower_reauth::Error>()`). Its
//! [`kind`](crate::Error::kind) is in the second column, and the vendor's own code in
//! [`provider_code`](crate::Error::provider_code).
//!
//! # Any API
//!
//! | you see | kind | why | what to do |
//! | --- | --- | --- | --- |
//! | a `401` and nothing else | none | the challenge is not about the token: `insufficient_scope`, another scheme, or an origin that is not the session's | look at `WWW-Authenticate`; ask for the scope; name the origin |
//! | a `401` with an error beside it | that of the error | no new token could be had | what the error says |
//! | a `401` or `403` marked `NotReplayed` | none | the body can be sent once, or was too large to keep | a [`ReplayLayer`](crate::replay::ReplayLayer) around it, a larger `max_body`; or call again: the token is new |
//! | calls fail at once, with the same error | `rejected` | the password or the client's secret is wrong. It was tried once, so that nobody is locked out | mend it, then `set`, `clear` or `renew` |
//! | the same | `locked`, `rate-limited` | too many attempts, here or at the server | wait as long as the error says |
//! | the same, "one fresh token after the other" | `rejected` | the server takes none of the tokens that it gives | check that the account may use this API, and that MFA is not enforced on it |
//! | "has no scheme and host" | `config` | the request's URI is relative, so nobody can tell where it goes | an absolute URI; `allow_relative()` for a router in this process |
//! | "went through the session's own layers" | `config` | the provider was given the client with the layers around it | give it the plain client |
//! | "no tokio runtime" | `config` | a token had to be fetched outside of a runtime | call from within one, with timers |
//! | "the store cannot be used" | `store` | the store is away, so nothing is renewed: others might renew the same token | bring it back; `fail_open()` if you must |
//! | "no method named `oneshot`", or `ready`, where it does not compile | none | the parts of the stack do not fit together: a body that cannot be sent twice, a client for another body | have [`clients::check`](crate::clients::check) say which |
//!
//! # My2N Partner API
//!
//! | you see | kind | why | what to do |
//! | --- | --- | --- | --- |
//! | `404` or `500` when a login flow begins | `config`, `transport` | the wrong endpoint: v2 logs in on a domain of its own | check `login_base_url` |
//! | `404` when it is submitted | `flow-expired` | the flow does not exist. A new one was begun, once | try again; if it stays, check that one server answers both steps |
//! | `410` when it is submitted | `flow-expired` | the flow expired. A new one was begun, once | submit sooner: is something slow in between? |
//! | `400` about credentials, or `401` at the login | `rejected` | user name or password are wrong | mend them |
//! | `400` about an active session | `session-active` | the login carried the credential of a live session, or a cookie | give the provider a plain client, without cookies |
//! | `400` about the flow parameter | `protocol` | it is missing or malformed | is something on the way rewriting queries? |
//! | `401` with a valid token | `mfa-not-allowed` | MFA is on for the account; or the header is malformed; or an old `X-Api-Key` is sent along | use an account without MFA: this API is for machines; take the old header out of the calls |
//! | `409` at the v1 login | `upgrade` | the account has been migrated | use v2, or let it upgrade by itself (`auto`) |
//!
//! # Spryker Glue
//!
//! | you see | kind | why | what to do |
//! | --- | --- | --- | --- |
//! | `403` with `5900` | `code-required` | a protected call without `X-MFA-Code`, and nobody to ask for one | set a code service |
//! | `403` with `5901` | `code-rejected` | the code is unknown, expired, blocked, or replaced by a newer one | enter the newest code; nothing is sent twice with the same one |
//! | `400` with `5906` | `provider` | the shop does not know this type of MFA, or it is not active for this user | check `mfa_type`, or look at the list of types |
//! | `400` with `5907` | `provider` | the call came without a valid login | sign in first |
//! | `400` with `5910` | `transport` | the code could not be sent | try again later |
//! | `403` with `002` | none | no access token on a protected route: this is not about MFA | is the origin the session's? |
//! | `401` with `003` | `rejected` | the credentials are wrong, or the address is not confirmed | mend them; confirm the address |
//! | `429` with `4401` | `locked` | too many sign-ins from this address | wait some minutes |
//! | `400` with `005` | none | a token beside `X-Anonymous-Customer-Unique-Id` | leave one of them out: the layer adds no token to a request that has that header |
//!
//! # Fintiv
//!
//! | you see | kind | why | what to do |
//! | --- | --- | --- | --- |
//! | `200` that is a failure, made an honest status | `provider` | `statusCode` is not `SUCCESS` | what `statusMessage` and `additionalStatusMessage` say |
//! | `SECURITY` | `provider` | the token is no good. It was renewed once | check what the user may do |
//! | `VALIDATION` | `provider` | the request is wrong, or about another user's data; signing in again would not help | mend the request |
//! | `401` that a new token does not mend | `rejected` | the `api-key` is missing, wrong or outdated | look at the key in the dashboard |
//! | `502` made of a `200` | `protocol` | the answer has no envelope, or one without a `statusCode`: a page from a proxy, a wrong path, a compressed body | look at the path; decompress inside; where answers have no envelope, set `matcher` or `on_missing_envelope` |
//! | "the token cannot be placed" | `config` | the token goes into the JSON body, and the request has none | send a JSON object, or place the token in a header |
//!
//! # Q2 Open
//!
//! | you see | kind | why | what to do |
//! | --- | --- | --- | --- |
//! | no event came | `timeout` | webhook events for this are off until support enables them | ask support; or set a poll interval |
//! | `401` | `rejected` | the API key is wrong: it is static, so there is nothing to renew. Or requests must be signed | mend the key; set the signing key |
//! | the auth is on hold | `provider` | the company wants something of the person first | show the text that it sent; `fix_hold` goes on afterwards |
//! | the credentials failed | `rejected` | the company refused them | ask the person again: nothing is retried, as that may lock the account |
//! | a second auth for the same client and company | `rate-limited` | their events could not be told apart | wait for the first |
//!
//! # Back Office
//!
//! | you see | kind | why | what to do |
//! | --- | --- | --- | --- |
//! | a sign-in fails with `400`, `401` or `422` | `rejected` | e-mail address or password are wrong | mend them |
//! | a code is refused | `code-rejected` | it is wrong, or an older one | `renew()` sends a new one |
//! | too many attempts | `rate-limited` | 5 sign-ins, 3 codes and 5 refreshes a minute are allowed | wait as the error says |
//!
//! # OAuth 2.0
//!
//! | you see | kind | why | what to do |
//! | --- | --- | --- | --- |
//! | `invalid_grant` | `rejected` | the refresh token is spent, expired or revoked | sign in anew |
//! | `invalid_client` | `rejected` | the client's id, secret or way of authentication is wrong: it is not tried again | look at the registration |
//! | `invalid_scope` | `config` | the scope is unknown, or wider than what was granted | ask for less |
//! | `insufficient_scope` at the API | `provider`, in the response's extensions | the token may not do this | ask for the scope at the sign-in |
