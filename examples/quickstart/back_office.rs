//! The Back Office: signs in with 2FA, and renews with a refresh token that is good once.

use std::{sync::Arc, time::Duration};

use http::Request;
use http_body_util::Full;
use tokio::time::interval;
use tower::{ServiceBuilder, service_fn};
use tower_reauth::{
    BoxError, Code, CodeRequest,
    providers::back_office::BackOffice,
    testing::back_office::{Limits, Simulator},
};

use crate::{
    calls::{self, Api},
    row::Row,
};

pub(crate) async fn run() -> Result<Row, BoxError> {
    // A server, in place of the real one. It allows more renewals a minute than the real one
    // does, because here so many tokens die within a few seconds.
    let server = Simulator::builder()
        .account("foo@bar.com", "Secret123")
        .two_factor(true)
        .access_lifetime(Duration::from_secs(2))
        .limits(Limits::new().refresh(60))
        .start()
        .await?;
    let server = Arc::new(server);
    let client = calls::client();

    // Where the code comes from that the server sends by e-mail. A person would be asked here.
    let mailbox = Arc::clone(&server);
    let codes = service_fn(move |_: CodeRequest| {
        let mailbox = Arc::clone(&mailbox);
        async move { Ok::<_, BoxError>(Code::new(mailbox.next_code("foo@bar.com").await)?) }
    });
    let back_office = BackOffice::builder(client.clone(), server.base_url())
        .credentials("foo@bar.com", "Secret123")
        .code_service(codes)
        .refresh_limit(60)
        .build()?;
    let session = back_office.session().build()?;

    // The whole stack. The first call signs in.
    let api = Api::new(ServiceBuilder::new().layer(session.layer()).service(client));

    let killing = tokio::spawn(kill_tokens(Arc::clone(&server)));
    let request = |url: &str| Request::post(url).body(Full::from(r#"{"hello":"world"}"#));
    let url = format!("{}/api/v2/accounts", server.base_url());
    let (calls, failed) = calls::storm(api, request, url).await?;
    killing.abort();
    session.sign_out().await?;

    let seen = server.counts();
    Ok(Row {
        vendor: "Back Office",
        calls,
        failed,
        sign_ins: seen.sign_ins_ok,
        renewals: seen.refreshes_ok,
        codes: seen.confirms_ok,
        unseen: seen.unauthorized,
        broken: seen.violations,
        story: "tokens of 2 s, some killed before; signed out".into(),
    })
}

/// Revokes or expires all access tokens now and then. In between it leaves them alone for so long
/// that they are renewed ahead of their end.
async fn kill_tokens(server: Arc<Simulator>) {
    let mut ticks = interval(Duration::from_millis(450));
    for tick in 0_u32.. {
        ticks.tick().await;
        match tick % 8 {
            1 => server.revoke_access_tokens(),
            2 => server.expire_access_tokens(),
            _ => {}
        }
    }
}
