//! Spryker Glue: protected resources want a code, and codes die early.

use std::{sync::Arc, time::Duration};

use http::Request;
use http_body_util::Full;
use tokio::time::sleep;
use tower::{ServiceBuilder, service_fn};
use tower_reauth::{BoxError, Code, CodeRequest, providers::glue::Glue, testing::glue::Simulator};

use crate::{
    calls::{self, Api},
    row::Row,
};

pub(crate) async fn run() -> Result<Row, BoxError> {
    // A server, in place of the real one. Its account has MFA by e-mail.
    let server = Simulator::builder()
        .account("sonia@example.com", "Secret123")
        .start()
        .await?;
    let server = Arc::new(server);
    let client = calls::client();

    // Where the code comes from that the shop sends. A person would be asked here.
    let mailbox = Arc::clone(&server);
    let codes = service_fn(move |_: CodeRequest| {
        let mailbox = Arc::clone(&mailbox);
        async move { Ok::<_, BoxError>(Code::new(mailbox.next_code("sonia@example.com").await)?) }
    });
    let glue = Glue::builder(client.clone(), server.base_url())
        .credentials("sonia@example.com", "Secret123")
        .code_service(codes)
        .build()?;
    let session = glue.session().build()?;
    let mfa = glue.mfa(&session).build()?;

    // The whole stack. The first call signs in, and the first that needs a code has one sent.
    let layer = session.layer().mfa(&mfa);
    let api = Api::new(ServiceBuilder::new().layer(layer).service(client));

    let request = |url: &str| {
        Request::patch(url)
            .header("content-type", "application/vnd.api+json")
            .body(Full::from(
                r#"{"data":{"type":"customers","attributes":{}}}"#,
            ))
    };
    let url = format!("{}/customers/DE--42", server.base_url());
    let (storm, ()) = tokio::join!(calls::storm(api, request, url), async {
        sleep(Duration::from_secs(1)).await;
        server.revoke_access_tokens();
        sleep(Duration::from_secs(1)).await;
        // As it happens when the user signs in on the web.
        server.invalidate_codes("sonia@example.com");
    });
    let (calls, failed) = storm?;
    session.sign_out().await?;

    let seen = server.counts();
    Ok(Row {
        vendor: "Glue",
        calls,
        failed,
        sign_ins: seen.logins_ok,
        renewals: seen.refreshes_ok,
        codes: seen.triggers_ok,
        unseen: seen.unauthorized + seen.missing_codes + seen.refused_codes,
        broken: seen.violations,
        story: "a token killed, a code that died early; signed out".into(),
    })
}
