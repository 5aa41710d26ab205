//! The whole job against a provider's simulator: one client signs in, calls and renews.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use tower::{BoxError, ServiceBuilder, service_fn};
use tower_reauth::{
    Code, CodeRequest, providers::back_office::BackOffice, testing::back_office::Simulator,
};

use crate::{
    kinds::{Body, Kind, on_each_client},
    support::send,
};

on_each_client!(one_client_signs_in_calls_renews_and_signs_out);

async fn one_client_signs_in_calls_renews_and_signs_out(kind: Kind) {
    let server = Simulator::builder().two_factor(true).start().await.unwrap();
    let server = Arc::new(server);
    let codes = service_fn({
        let server = Arc::clone(&server);
        move |_: CodeRequest| {
            let server = Arc::clone(&server);
            async move { Ok::<_, BoxError>(Code::new(server.next_code("foo@bar.com").await)?) }
        }
    });
    // Below the layers, as a provider needs it.
    let plain = ServiceBuilder::new()
        .map_request(|request: Request<Bytes>| request.map(Body::from))
        .service(kind.plain());
    let back_office = BackOffice::builder(plain, server.base_url())
        .credentials("foo@bar.com", "Secret123")
        .code_service(codes)
        .build()
        .unwrap();
    let session = back_office.session().build().unwrap();
    let client = kind.signed_in(session.layer());

    for round in 0..3 {
        for call in 0..5 {
            let text = format!("round {round}, call {call}");
            let request = Request::put(format!("{}/api/v2/accounts", server.base_url()));
            let request = request.body(Body::from(text.clone())).unwrap();
            let answer = send(&client, request).await.unwrap();
            assert_eq!((answer.status.as_u16(), answer.body), (200, text.into()));
        }
        server.revoke_access_tokens();
    }
    let counts = server.counts();
    assert_eq!(
        (counts.sign_ins, counts.confirms, counts.refreshes),
        (1, 1, 2)
    );
    assert_eq!(
        (counts.api_calls, counts.unauthorized, counts.api_ok),
        (17, 2, 15)
    );

    // The token is dead, so the refresh token is traded for one that can be signed out.
    session.sign_out().await.unwrap();
    assert_eq!(server.counts().sign_outs_ok, 1);
    assert_eq!(server.violations(), [""; 0]);
}
