//! [`reqwest::Client`] as an HTTP service: `http::Request` in,
//! `http::Response` out.
//!
//! [`HttpService`] is the inner service for the layers, and for the providers' sign-in. Nothing is
//! lost on the way: bodies stream in both directions, trailers included; a client's timeouts,
//! proxies, default headers and cookies apply; extensions of the response are kept, and the address
//! that answered in the end is among them as [`FinalUrl`].
//!
//! # Example
//!
//! ```no_run
//! use bytes::Bytes;
//! use http::Request;
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_reauth::{
//!     BoxError, Renewal, Session, Token,
//!     clients::reqwest::{HttpService, same_origin},
//!     replay::ReplayBody,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! # let tokens = service_fn(|_: Renewal| async { Token::new("mF_9.B5f-4.1JqM") });
//! # let session = Session::builder(tokens).origin("https://api.example.com").build()?;
//! let client = reqwest::Client::builder().redirect(same_origin()).build()?;
//! let client = HttpService::<ReplayBody<Full<Bytes>>>::new(client);
//! let client = ServiceBuilder::new().layer(session.layer()).service(client);
//!
//! let request = Request::get("https://api.example.com/users").body(Full::default())?;
//! let response = client.oneshot(request).await?;
//!
//! // For those who like reqwest's own responses better:
//! let response = reqwest::Response::from(response.map(reqwest::Body::wrap));
//! println!("from {}:", response.url());
//! println!("{}", response.text().await?);
//! # Ok(())
//! # }
//! ```
//!
//! # Redirects
//!
//! reqwest follows redirects by itself, up to 10, below the layers: no layer is asked about the
//! next hop. When it leaves the origin it drops `Authorization`, `Cookie` and
//! `Proxy-Authorization`, and *nothing else*: an API key, a code or a token in a header of its own
//! ([`Placement::header`](crate::Placement::header)) goes to wherever the server, or whoever speaks
//! for it, points. So does the body, on a `307` or `308`.
//!
//! [`same_origin`] is the policy that ends this: redirects within the scheme, host and port are
//! followed, and one that leaves them is not. It protects
//!
//! - credentials in any header, those that a layer attached and your own alike,
//! - request bodies, with the password of a sign-in in them,
//! - the address itself, which would go along as `Referer`.
//!
//! The caller gets the `3xx` then, and follows it if it means to. Do that *above* the layers
//! (with tower-http's `FollowRedirect`, say), where each hop passes the session's origin check.
//!
//! What it cannot protect: a client that is built without it, as this cannot be seen from outside;
//! and what is lost within the origin, to another tenant of the same host. For the sign-in alone
//! [`Policy::none`](::reqwest::redirect::Policy::none) is stricter still.
//!
//! # Timeouts
//!
//! The client's timeouts apply to each send by itself: a call that is refused, waits for a renewal
//! and is sent again has them twice, and the renewal has a
//! [deadline](crate::SessionBuilder::flight_timeout) of its own. For a limit on all of it put
//! tower's `Timeout` outermost. A timeout that was set on a `reqwest::Request` survives
//! `http::Request::try_from`, and applies to each send as well.
//!
//! # Retries
//!
//! The layers send again only what the server has refused. reqwest, below them, sends again up to
//! twice what an HTTP/2 server says it did not process (`REFUSED_STREAM`, RFC 9113 section 8.7), if
//! the body is in memory; `retry(reqwest::retry::never())` on its builder ends that.
//!
//! # Proxies
//!
//! Plain http passes a proxy in the clear, and reqwest takes proxies from the environment unless
//! the client is built with `no_proxy`. Sessions allow plain http to loopback addresses, on the
//! ground that it does not leave the machine: see that such addresses are not sent to a proxy.

mod body;
mod redirect;
mod response;
mod service;

pub use self::{
    redirect::same_origin,
    response::FinalUrl,
    service::{HttpService, ResponseFuture},
};
#[cfg(feature = "reqwest-middleware")]
pub(super) use self::{
    response::{into_http, note_url},
    service::into_reqwest,
};
