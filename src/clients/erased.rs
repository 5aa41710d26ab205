use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Full, combinators::UnsyncBoxBody};
use tower::util::BoxCloneSyncService;

use super::HttpClient;
use crate::BoxError;

/// A finished HTTP client whose layers nobody has to name: cheap to clone, and shared by threads.
///
/// `B` is the body of requests, and `R` that of responses. [`boxed`] makes one, and so does
/// [`BoxCloneSyncService::new`] around a service whose response body you want to keep as it is:
/// `BoxClient<Full<Bytes>, PeekBody<Incoming>>` for hyper's, say.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::{BodyExt, Full};
/// use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
/// use tower_reauth::{
///     Renewal, Session, Token,
///     clients::{BoxClient, boxed},
///     replay::ReplayBody,
/// };
///
/// #[derive(Clone)]
/// struct Users {
///     client: BoxClient,
/// }
///
/// impl Users {
///     async fn first(&self) -> Result<Bytes, BoxError> {
///         let request = Request::get("https://api.example.com/users/1").body(Full::default())?;
///         let response = self.client.clone().oneshot(request).await?;
///         Ok(response.into_body().collect().await?.to_bytes())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// let tokens = service_fn(|_: Renewal| async { Token::new("mF_9.B5f-4.1JqM") });
/// let session = Session::builder(tokens).origin("https://api.example.com").build()?;
/// // In place of an HTTP client:
/// let client = service_fn(|request: Request<ReplayBody<Full<Bytes>>>| async move {
///     Ok::<_, BoxError>(Response::new(Full::from(request.uri().path().to_owned())))
/// });
/// let client = ServiceBuilder::new().layer(session.layer()).service(client);
/// let users = Users { client: boxed(client) };
/// assert_eq!(users.first().await?, "/users/1");
/// # Ok(())
/// # }
/// ```
pub type BoxClient<B = Full<Bytes>, R = BoxResponseBody> =
    BoxCloneSyncService<Request<B>, Response<R>, BoxError>;

/// A response body of any client.
pub type BoxResponseBody = UnsyncBoxBody<Bytes, BoxError>;

/// Makes one type of a finished client, whatever its layers, its errors and its response bodies.
///
/// It costs an allocation for each call, and one for each response.
pub fn boxed<S: HttpClient<B>, B>(client: S) -> BoxClient<B> {
    client.into_boxed()
}
