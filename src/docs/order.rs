//! In which order the layers stand, why, and what another order does.
//!
//! Outermost first, which is how `ServiceBuilder` reads:
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//! use tower_reauth::{
//!     Session,
//!     layers::{Mfa, NormalizeLayer, normalize::GrpcStatus},
//!     replay::ReplayBody,
//! };
//!
//! async fn call(session: Session, mfa: Mfa) -> Result<(), BoxError> {
//!     let client = service_fn(|_: Request<ReplayBody<Full<Bytes>>>| async {
//!         Ok::<_, BoxError>(Response::new(Full::<Bytes>::default()))
//!     });
//!     let client = ServiceBuilder::new()
//!         // 1. Whatever follows redirects.
//!         // 2 to 5. Replay, Mfa and Refresh in one engine, Bearer.
//!         .layer(session.layer().mfa(&mfa))
//!         // 6. Normalize.
//!         .layer(NormalizeLayer::new(GrpcStatus::new()))
//!         // 7. Whatever decompresses, then the client.
//!         .service(client);
//!     client.oneshot(Request::get("https://api.example.com/").body(Full::default())?).await?;
//!     Ok(())
//! }
//! # let _ = call;
//! ```
//!
//! # The places
//!
//! | place | layer | why there | elsewhere |
//! | --- | --- | --- | --- |
//! | 1 | whatever follows redirects | each hop passes the origin check of Bearer and Mfa | below them, what it sends on carries the credentials along: a client that follows by itself must be set not to leave the origin (`clients::reqwest` has the policy for reqwest) |
//! | 2 | [`ReplayLayer`](crate::replay::ReplayLayer) | it keeps a streaming body for those inside, who send again | inside a layer that sends again, that layer sends a stream once: the refusal goes to the caller, marked [`NotReplayed`](crate::replay::NotReplayed), and the renewal is made for those who come next. Bodies in memory need no Replay at all |
//! | 3 | [`MfaLayer`](crate::layers::MfaLayer) | a challenge is answered with a good token in hand | it works in any place. In an engine of its own inside Refresh, the copy that Refresh keeps holds no code; outside Bearer or inside, each second send is whole |
//! | 4 | [`RefreshLayer`](crate::layers::RefreshLayer) | it answers the 401s that Bearer has marked | inside Bearer it sees no mark, and a 401 goes to the caller |
//! | 5 | [`BearerLayer`](crate::layers::BearerLayer) | each send, the first and the second, gets the token of its moment | see 4 |
//! | 6 | [`NormalizeLayer`](crate::layers::NormalizeLayer) | a 401 that it makes is one to Bearer and Refresh | outside Bearer the failure still gets its honest status, but nothing renews |
//! | 7 | whatever decompresses | Normalize and Mfa look into bodies, and cannot look into compressed ones | outside, what an [envelope](crate::layers::normalize::Envelope) makes of a compressed body is what it says, and a compressed challenge is not recognised |
//!
//! No order leaks a credential, sends more than three times, or asks twice for a token or a code for
//! one request. Those that mend less than they could hand the refusal to the caller.
//!
//! # Around and in between
//!
//! | layer of tower or tower-http | place | why |
//! | --- | --- | --- |
//! | `Timeout` | outermost | it bounds the whole call, sign-in included. A renewal that the call was waiting for goes on without it. Inside, it bounds one send |
//! | `Retry` | outside | each try gets the token of its moment. Inside Refresh it would retry with the token that was refused. It must not retry a 401: Refresh has done so |
//! | `ConcurrencyLimit`, `RateLimit`, `Buffer` | inside, next to the client | a call that waits for a sign-in gives its permit back meanwhile. Outside, calls that wait count |
//! | `LoadShed` | around the limits | a second send that is shed fails the call |
//! | `Trace` | outermost for calls, innermost for sends | credentials are marked sensitive, and `Trace` shows no headers by default |
//! | a cache | outside Bearer | its key must hold whose session it is |
//!
//! # The sign-in has a stack of its own
//!
//! A provider is given the plain client, below the layers: its requests carry no credential, and one
//! that went through the session's own layers would wait for itself (it is refused instead, with the
//! advice to do this). [`VersionUpgradeLayer`](crate::layers::VersionUpgradeLayer) stands around
//! sign-ins alone, so that a `409` that means something else never switches anything.
//!
//! The store stands around the provider, inside the session: see [`store`](crate::store).
