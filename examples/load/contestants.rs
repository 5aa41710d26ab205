//! Who takes turns: the same client, with a fixed header or with the layers, and its peers.

use std::{
    future::Future,
    pin::Pin,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header, response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use reqwest_middleware::{ClientBuilder, Middleware, Next};
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_http::auth::AddAuthorizationLayer;
use tower_reauth::{
    BoxError, Session,
    layers::{BearerLayer, Mfa, NormalizeLayer, normalize::OAuthErrors},
    providers::oauth2::OAuth2,
    replay::ReplayBody,
};

use crate::{
    args::Settings,
    server::{FIXED, Server, token},
    slice::{Call, HandedOn, calls},
};

pub(crate) trait Contestant {
    fn name(&self) -> &'static str;

    /// Makes calls for `slice`.
    fn call(&mut self, slice: Duration, begun: Instant) -> Turn<'_>;
}

type Turn<'a> = Pin<Box<dyn Future<Output = Vec<Call>> + 'a>>;

struct Named<F> {
    name: &'static str,
    call: F,
}

impl<F, T> Contestant for Named<F>
where
    F: FnMut(Duration, Instant) -> T,
    T: Future<Output = Vec<Call>> + 'static,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn call(&mut self, slice: Duration, begun: Instant) -> Turn<'_> {
        Box::pin((self.call)(slice, begun))
    }
}

pub(crate) fn contestants(
    settings: &Settings,
    server: &Server,
) -> Result<Vec<Box<dyn Contestant>>, BoxError> {
    let make = |name: &String| contestant(name, settings, server);
    settings.contestants.iter().map(make).collect()
}

fn contestant(
    name: &str,
    settings: &Settings,
    server: &Server,
) -> Result<Box<dyn Contestant>, BoxError> {
    let callers = settings.callers;
    let (url, http2) = (server.url("/users/current"), settings.http2);
    Ok(match name {
        "fixed" => {
            let layer = AddAuthorizationLayer::bearer(&token(FIXED, None));
            let service = ServiceBuilder::new().layer(layer);
            of(
                "fixed",
                callers,
                &url,
                service.service(client::<Full<Bytes>>(http2)),
            )
        }
        "bearer" => {
            let session = session(server, http2)?;
            let service = ServiceBuilder::new().layer(BearerLayer::new(session));
            of(
                "bearer",
                callers,
                &url,
                service.service(client::<Full<Bytes>>(http2)),
            )
        }
        "full" => {
            let session = session(server, http2)?;
            // No code is ever wanted here: what it costs to be ready for it is.
            let challenge = |_: &response::Parts, _: &[u8]| None;
            let mfa = Mfa::builder(HeaderName::from_static("x-mfa-code"), challenge);
            let mfa = mfa.origin(server.url("")).build()?;
            let service = ServiceBuilder::new()
                .layer(session.layer().mfa(&mfa))
                .layer(NormalizeLayer::new(OAuthErrors::new()))
                .service(client::<ReplayBody<Full<Bytes>>>(http2));
            of("full", callers, &url, service)
        }
        "reqwest" => {
            let client = reqwest(http2)?;
            let value = fixed()?;
            Box::new(Named {
                name: "reqwest",
                call: move |slice, begun| {
                    let (client, value, url) = (client.clone(), value.clone(), url.clone());
                    calls(callers, slice, begun, move || {
                        let request = client.get(&url).header(header::AUTHORIZATION, &value);
                        async move {
                            let response = request.send().await.ok()?;
                            let status = response.status();
                            response.bytes().await.ok().map(|_| status)
                        }
                    })
                },
            })
        }
        "middleware" => {
            let client = ClientBuilder::new(reqwest(http2)?)
                .with(ByHand(fixed()?))
                .build();
            Box::new(Named {
                name: "middleware",
                call: move |slice, begun| {
                    let (client, url) = (client.clone(), url.clone());
                    calls(callers, slice, begun, move || {
                        let request = client.get(&url);
                        async move {
                            let response = request.send().await.ok()?;
                            let status = response.status();
                            response.bytes().await.ok().map(|_| status)
                        }
                    })
                },
            })
        }
        _ => return Err(format!("there is no contestant `{name}`").into()),
    })
}

/// The contestant that calls through `service`.
fn of<S, B>(name: &'static str, callers: usize, url: &str, service: S) -> Box<dyn Contestant>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Body<Data: Send> + Send + 'static,
{
    let uri: http::Uri = url.parse().expect("the server's own");
    Box::new(Named {
        name,
        call: move |slice, begun| {
            let (service, uri) = (service.clone(), uri.clone());
            calls(callers, slice, begun, move || {
                let (service, mut request) = (service.clone(), Request::new(Full::default()));
                *request.uri_mut() = uri.clone();
                whole_answer(service, request)
            })
        },
    })
}

async fn whole_answer<S, B>(service: S, request: Request<Full<Bytes>>) -> Option<StatusCode>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    B: Body,
{
    let response = service.oneshot(request).await.ok()?;
    let status = response.status();
    let body = response.into_body().collect().await.ok();
    body.map(|_| status)
}

/// A hyper client that counts what gets as far as it.
fn client<B>(http2: bool) -> HandedOn<Client<HttpConnector, B>>
where
    B: Body<Data: Send> + Send + 'static + Unpin,
    B::Error: Into<BoxError>,
{
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let mut builder = Client::builder(TokioExecutor::new());
    HandedOn(builder.http2_only(http2).build(connector))
}

fn session(server: &Server, http2: bool) -> Result<Session, BoxError> {
    let tokens = client::<Full<Bytes>>(http2).0;
    let oauth2 = OAuth2::builder(tokens, server.url("/token"))
        .client_id("load")
        .client_secret("s3cret-of-load")
        .client_credentials()
        .build()?;
    Ok(oauth2.session().origin(server.url("")).build()?)
}

fn reqwest(http2: bool) -> Result<reqwest::Client, BoxError> {
    // It asks for one, though nothing here is encrypted. The second time there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder().no_proxy();
    if http2 {
        builder = builder.http2_prior_knowledge();
    }
    Ok(builder.build()?)
}

fn fixed() -> Result<HeaderValue, BoxError> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token(FIXED, None)))?;
    value.set_sensitive(true);
    Ok(value)
}

/// What people write.
struct ByHand(HeaderValue);

#[async_trait::async_trait]
impl Middleware for ByHand {
    async fn handle(
        &self,
        mut request: reqwest::Request,
        extensions: &mut http::Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, self.0.clone());
        next.run(request, extensions).await
    }
}
