//! Fintiv: what fails is a `200` as well, a token that is dead among it.

use std::time::Duration;

use http::Request;
use http_body_util::Full;
use tokio::time::sleep;
use tower::{ServiceBuilder, util::BoxCloneSyncService};
use tower_reauth::{
    BoxError,
    providers::fintiv::{Fintiv, TokenPlacement},
    testing::fintiv::{Simulator, TokenIn},
};

use crate::{calls, row::Row};

pub(crate) async fn run() -> Result<Row, BoxError> {
    // A server, in place of the real one. It wants the token in the JSON body.
    let server = Simulator::builder()
        .account("cashier", "Secret123")
        .token_in(TokenIn::Body)
        .start()
        .await?;
    let client = calls::client();

    let fintiv = Fintiv::builder(client.clone(), server.base_url())
        .api_key(server.api_key())
        .tenant("JANUS")
        .credentials("cashier", "Secret123")
        .token_placement(TokenPlacement::body())
        .build()?;
    let session = fintiv.session().build()?;
    let layer = fintiv.layer(&session);
    let api = BoxCloneSyncService::new(ServiceBuilder::new().layer(layer).service(client));

    let request = |url: &str| {
        Request::post(url)
            .header("content-type", "application/json")
            .body(Full::from(r#"{"pin":"1234"}"#))
    };
    let url = format!("{}/validatepin", server.base_url());
    let (storm, ()) = tokio::join!(calls::storm(api, request, url), async {
        for _ in 0..2 {
            sleep(Duration::from_secs(1)).await;
            server.revoke_tokens();
        }
    });
    let (calls, failed) = storm?;

    let seen = server.counts();
    Ok(Row {
        vendor: "Fintiv",
        calls,
        failed,
        sign_ins: seen.sign_ons_ok,
        renewals: 0,
        codes: 0,
        unseen: seen.denied,
        broken: seen.violations,
        story: format!(
            "tokens killed twice, told inside of {} answers of 200",
            seen.failures_in_200
        ),
    })
}
