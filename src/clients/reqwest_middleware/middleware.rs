use http::{Extensions, Request, Response};
use reqwest_middleware::{Middleware, Next, Result};

use super::{MiddlewareLayer, NextService, error::wrap};
use crate::{
    clients::reqwest::{FinalUrl, note_url},
    replay::ReplayLayer,
};

/// A layer, or a stack of layers, as a [`Middleware`].
///
/// See the [module docs](super) for what passes through it.
///
/// # Cancel safety
///
/// Dropping the call drops the request wherever it is. A sign-in or renewal that it waited for goes
/// on.
#[derive(Clone, Debug)]
pub struct LayerMiddleware<L> {
    layer: L,
    replay: ReplayLayer,
}

impl<L: MiddlewareLayer> LayerMiddleware<L> {
    /// Creates a middleware of `layer`: one layer, a tuple of them (the first is the outermost), or
    /// a `ServiceBuilder`.
    #[must_use]
    pub fn new(layer: L) -> Self {
        Self {
            layer,
            replay: ReplayLayer::new(),
        }
    }
}

#[async_trait::async_trait]
impl<L: MiddlewareLayer> Middleware for LayerMiddleware<L> {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<reqwest::Response> {
        let url = request.url().clone();
        let request = Request::<reqwest::Body>::try_from(request)?;
        let mut request = request.map(|body| self.replay.wrap(body));
        request.extensions_mut().extend(extensions.clone());

        let (next, chain) = NextService::new(next);
        let response = self.layer.send(next, request).await;
        if let Some(left) = chain.take() {
            *extensions = left;
        }
        response.map(|response| answer(response, url)).map_err(wrap)
    }
}

fn answer(mut response: Response<reqwest::Body>, url: reqwest::Url) -> reqwest::Response {
    // A layer may answer in place of the server.
    if response.extensions().get::<FinalUrl>().is_none() {
        note_url(response.extensions_mut(), url);
    }
    response.into()
}
