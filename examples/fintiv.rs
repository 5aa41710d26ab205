//! Fintiv: an API that answers `200` to what fails as well, behind a client that does not.
//!
//! It starts a simulator of the service on a loopback port, which signs on, forgets a token in the
//! middle, and refuses what is not valid:
//!
//! ```sh
//! cargo run --example fintiv
//! ```

use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_reauth::{
    BoxError,
    providers::fintiv::{Fintiv, FintivError, TokenPlacement},
    testing::{
        Fault,
        fintiv::{Endpoint, Quirk, Simulator, TokenIn},
    },
};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // A server, in place of the real one. This generation of the API wants the token in the JSON
    // body.
    let server = Simulator::builder()
        .account("cashier", "Secret123")
        .token_in(TokenIn::Body)
        .start()
        .await?;
    let client = Client::builder(TokioExecutor::new()).build_http();

    let fintiv = Fintiv::builder(client.clone(), server.base_url())
        .api_key(server.api_key())
        .tenant("JANUS")
        .credentials("cashier", "Secret123")
        .token_placement(TokenPlacement::body())
        .build()?;
    let session = fintiv.session().build()?;
    let mut client = ServiceBuilder::new()
        .layer(fintiv.layer(&session))
        .service(client);

    for what in [
        "a call that is in order",
        "one that is not valid",
        "one after the token is dead",
        "a page from a proxy",
    ] {
        match what {
            "one that is not valid" => server.inject_quirk(Endpoint::Api, Quirk::different_user()),
            "one after the token is dead" => server.revoke_tokens(),
            "a page from a proxy" => server.inject(Endpoint::Api, Fault::Html),
            _ => {}
        }
        let sends = server.counts().api_calls;
        let request = Request::post(format!("{}/validatepin", server.base_url()))
            .header("content-type", "application/json")
            .body(Full::from(r#"{"pin":"1234"}"#))?;
        let response = client.ready().await?.call(request).await?;
        let status = response.status().to_string();
        let error = response.extensions().get::<FintivError>();
        let error = error.map(ToString::to_string).unwrap_or_default();
        // The body is what the server sent, to the last byte.
        response.into_body().collect().await?;
        let sends = server.counts().api_calls - sends;
        println!("{what:<32} {status:<24} sent {sends}x  {error}");
    }

    let seen = server.counts();
    println!(
        "\nsign-ons: {}, rules broken: {}",
        seen.sign_ons, seen.violations
    );
    if (seen.sign_ons, seen.violations) != (2, 0) {
        return Err("there should have been one sign-on, and one more for the dead token".into());
    }
    Ok(())
}
