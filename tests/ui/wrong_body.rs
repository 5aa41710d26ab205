//! The client is made for the caller's body, and not for what the layers make of it.

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use tower::ServiceBuilder;
use tower_reauth::{
    Session,
    clients::{self, BoxClient},
};

fn stack(session: Session, client: Client<HttpConnector, Full<Bytes>>) -> BoxClient {
    let client = ServiceBuilder::new().layer(session.layer()).service(client);
    clients::check::<Full<Bytes>, _>(&client);
    clients::boxed(client)
}

fn main() {}
