//! My2N: the account is migrated from Auth v.1 to v.2 in the middle of the calls.

use std::time::Duration;

use http::Request;
use http_body_util::Full;
use tokio::time::sleep;
use tower::ServiceBuilder;
use tower_reauth::{BoxError, providers::my2n::My2n, testing::my2n::Simulator};

use crate::{
    calls::{self, Api},
    row::Row,
};

pub(crate) async fn run() -> Result<Row, BoxError> {
    // A server, in place of the real one; the login of v.2 listens elsewhere.
    let server = Simulator::builder()
        .account("api@example.com", "Secret123")
        .start()
        .await?;
    let client = calls::client();
    let my2n = My2n::builder(client.clone(), server.base_url())
        .login_base_url(server.login_url())
        .credentials("api@example.com", "Secret123")
        .build()?;
    let session = my2n.session().build()?;

    // The whole stack. The first call signs in with v.1.
    let api = Api::new(ServiceBuilder::new().layer(session.layer()).service(client));

    let request = |url: &str| Request::get(url).body(Full::default());
    let url = format!("{}/users/current", server.base_url());
    let (storm, ()) = tokio::join!(calls::storm(api, request, url), async {
        sleep(Duration::from_secs(1)).await;
        // The old token dies with the migration, and v.1 answers 409 from now on.
        server.migrate("api@example.com");
        sleep(Duration::from_secs(1)).await;
        server.revoke_sessions();
    });
    let (calls, failed) = storm?;

    let seen = server.counts();
    Ok(Row {
        vendor: "My2N",
        calls,
        failed,
        sign_ins: seen.v1_logins_ok + seen.submits_ok,
        renewals: 0,
        codes: 0,
        unseen: seen.unauthorized + seen.conflicts,
        broken: seen.violations,
        story: format!(
            "migrated to v2 by {} answer of 409; X-Api-Key after that: {}",
            seen.conflicts, seen.late_api_keys
        ),
    })
}
