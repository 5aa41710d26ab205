use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use tower::util::{BoxCloneSyncService, MapErr, MapResponse};
use tower_service::Service;

use super::BoxClient;
use crate::BoxError;

/// A finished HTTP client for requests with the body `B`: a tower [`Service`] of `http::Request<B>`
/// that answers with an `http::Response`, cheap to clone, and shared by threads.
///
/// It is implemented for all there are, clients with layers around them among them. [`check`] and
/// [`boxed`](super::boxed) ask for it, so that the compiler can say what is wrong with others.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no HTTP client for requests with the body `{B}`",
    label = "takes no `http::Request<{B}>`",
    note = "`Session::layer` and `ReplayLayer` make a `ReplayBody` of a request's body, so the client \
            inside has to take that: \
            `Client::builder(..).build::<_, ReplayBody<YourBody>>(..)` for hyper-util's, \
            `HttpService::<ReplayBody<YourBody>>::new(..)` for reqwest's",
    note = "`RefreshLayer` and `MfaLayer` take bodies that can be sent twice: `Full<Bytes>`, \
            `Empty<Bytes>`, and any other behind a `ReplayLayer`, which `Session::layer` has",
    note = "it answers with an `http::Response` whose body is a `Body<Data = Bytes>`, and is `Clone`, \
            `Send`, `Sync` and `'static`, as are all services inside"
)]
pub trait HttpClient<B>: Service<Request<B>> + Clone + Send + Sync + 'static {
    #[doc(hidden)]
    fn into_boxed(self) -> BoxClient<B>;
}

#[diagnostic::do_not_recommend]
impl<S, B, R> HttpClient<B> for S
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: 'static,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    fn into_boxed(self) -> BoxClient<B> {
        let client = MapErr::new(self, Into::into);
        BoxCloneSyncService::new(MapResponse::new(client, |response: Response<R>| {
            response.map(|body| body.map_err(Into::into).boxed_unsync())
        }))
    }
}

/// Has the compiler check that `client` takes requests with the body `B`, and does nothing.
///
/// Where a stack does not fit together, methods such as `oneshot` and `ready` seem not to exist, and
/// the compiler does not say why. Here it does.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use tower::{BoxError, ServiceBuilder, service_fn};
/// use tower_reauth::{Renewal, Session, Token, clients, replay::ReplayBody};
///
/// # fn main() -> Result<(), BoxError> {
/// # let tokens = service_fn(|_: Renewal| async { Token::new("mF_9.B5f-4.1JqM") });
/// let session = Session::builder(tokens).origin("https://api.example.com").build()?;
/// // In place of an HTTP client:
/// let client = service_fn(|_: Request<ReplayBody<Full<Bytes>>>| async {
///     Ok::<_, BoxError>(Response::new(Full::<Bytes>::default()))
/// });
/// let client = ServiceBuilder::new().layer(session.layer()).service(client);
/// clients::check::<Full<Bytes>, _>(&client);
/// # Ok(())
/// # }
/// ```
pub fn check<B, S: HttpClient<B>>(client: &S) {
    let _ = client;
}
