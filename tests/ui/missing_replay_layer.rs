//! A stream can be sent once, and nothing keeps it for a second send.

use bytes::Bytes;
use http::Request;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use tower::{BoxError, Service, ServiceBuilder};
use tower_reauth::{
    Session, clients,
    layers::{BearerLayer, RefreshLayer},
};

type Stream = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;

fn call(_: impl Service<Request<Stream>>) {}

fn stack(session: Session, client: Client<HttpConnector, Stream>) {
    let client = ServiceBuilder::new()
        .layer(RefreshLayer::new(session.clone()))
        .layer(BearerLayer::new(session))
        .service(client);
    clients::check::<Stream, _>(&client);
    call(client);
}

fn main() {}
