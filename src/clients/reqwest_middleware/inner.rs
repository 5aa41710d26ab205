use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use reqwest_middleware::ClientWithMiddleware;
use tower_service::Service;

use super::error::unwrap;
use crate::{
    BoxError,
    clients::reqwest::{HttpService, into_http, into_reqwest},
};

/// Response future of an [`HttpService`] around a [`ClientWithMiddleware`].
pub struct ChainFuture {
    future: Pin<Box<dyn Future<Output = Result<Response<reqwest::Body>, BoxError>> + Send>>,
}

impl<B> Service<Request<B>> for HttpService<B, ClientWithMiddleware>
where
    B: Body + Send + Sync + 'static,
    B::Data: Into<Bytes>,
    B::Error: Into<BoxError>,
{
    type Response = Response<reqwest::Body>;
    type Error = BoxError;
    type Future = ChainFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::<reqwest::Request>::poll_ready(&mut self.client, cx).map_err(unwrap)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut extensions = request.extensions().clone();
        let request = into_reqwest(request);
        let client = self.client.clone();
        let future = Box::pin(async move {
            let response = client
                .execute_with_extensions(request?, &mut extensions)
                .await
                .map_err(unwrap)?;
            let mut response = into_http(response);
            // The server's own come last, so that they count.
            extensions.extend(std::mem::take(response.extensions_mut()));
            *response.extensions_mut() = extensions;
            Ok(response)
        });
        ChainFuture { future }
    }
}

impl Future for ChainFuture {
    type Output = Result<Response<reqwest::Body>, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.future.as_mut().poll(cx)
    }
}

impl fmt::Debug for ChainFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainFuture").finish_non_exhaustive()
    }
}
