//! The layers under a client that is generated for [tonic](https://docs.rs/tonic), against a server
//! that answers `UNAUTHENTICATED`.
//!
//! ```sh
//! cargo run --example grpc
//! ```

mod greeter;
mod server;

use std::sync::Arc;

use greeter::{Hello, greeter_client::GreeterClient};
use http::Request;
use server::Server;
use tonic::{Status, body::Body, transport::Endpoint};
use tower::{ServiceBuilder, service_fn};
use tower_reauth::{
    BoxError, Event, Renewal, Session, Token,
    layers::{NormalizeLayer, normalize::GrpcStatus},
    replay::ReplayBody,
};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // In place of the real one. It takes the newest token, and no other.
    let server = Arc::new(Server::start().await?);

    let tokens = service_fn({
        let server = Arc::clone(&server);
        move |_: Renewal| {
            let token = Token::new(server.issue());
            async { token }
        }
    });
    let session = Session::builder(tokens).origin(server.url()).build()?;
    let mut events = session.events();

    // The channel as everybody makes it, with three layers around it.
    let channel = Endpoint::from_shared(server.url())?.connect_lazy();
    let channel = ServiceBuilder::new()
        // One concrete type of errors, without which calls cannot be spawned (the compiler says that
        // an "implementation of `From` is not general enough").
        .map_err(Status::from_error)
        .layer(session.layer())
        // `UNAUTHENTICATED` comes in a 200: here it becomes a 401 for the layer above.
        .layer(NormalizeLayer::new(GrpcStatus::new()))
        .map_request(|request: Request<ReplayBody<Body>>| request.map(Body::new))
        .service(channel);
    // With an origin, so that the layers know where a call goes.
    let mut client = GreeterClient::with_origin(channel, server.url().parse()?);

    let hello = |name: &str| Hello { name: name.into() };
    for name in ["Ada", "Grace", "Edsger"] {
        let greeting = client.greet(hello(name)).await?;
        println!("{}", greeting.into_inner().text);
        // The next call is refused, and no caller sees it.
        server.revoke();
    }
    // A stream of messages is kept for a second send, up to a cap.
    let names = tokio_stream::iter(["Barbara", "Donald"].map(hello));
    let greeting = client.greet_all(names).await?;
    println!("{}", greeting.into_inner().text);
    let mut greetings = client.greet_often(hello("Tony")).await?.into_inner();
    while let Some(greeting) = greetings.message().await? {
        println!("{}", greeting.text);
    }
    let said = client.greet(hello("Mallory")).await;
    println!("{}", said.expect_err("the server does not like him"));

    println!(
        "{} greetings, and {} refusals that nobody saw",
        server.greeted(),
        server.refused()
    );
    drop((client, session));
    while let Some(event) = events.next().await {
        match event {
            Event::SignedIn { generation, .. } => println!("signed in: token {generation}"),
            Event::Renewed { new, .. } => println!("renewed: token {new}"),
            _ => {}
        }
    }
    Ok(())
}
