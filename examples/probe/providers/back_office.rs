//! The Back Office API: e-mail and password, and a code by e-mail at a sign-in.

use http::Request;
use tower::{service_fn, util::MapRequest};
use tower_reauth::{CodeRequest, providers::back_office::BackOffice, replay::ReplayBody};

use super::request_timeout;
use crate::{
    body::CallBody,
    codes::{self, SIGN_IN},
    environment,
    stack::{Counter, Meters, Setup, Stack},
    usage::Usage,
};

pub(super) fn stack<B: CallBody>(setup: Setup<'_, B>) -> Result<Stack, Usage> {
    let email = environment::required("PROBE_USERNAME", "the e-mail address to sign in with")?;
    let password = environment::required("PROBE_PASSWORD", "the password")?;
    let rounds = Counter::default();
    let meters = Meters {
        mfa_rounds: rounds.meter(),
        ..Meters::default()
    };
    // Codes are counted when they are sent, right or wrong.
    let client = setup.clients.sign_in.clone();
    let client = MapRequest::new(client, move |request: Request<ReplayBody<B>>| {
        if request.uri().path().ends_with("/2fa/confirm") {
            rounds.add();
        }
        request
    });
    let back_office = BackOffice::builder(client, setup.settings.base_url.as_str())
        .credentials(email, password)
        .code_service(service_fn(|request: CodeRequest| {
            codes::get(SIGN_IN, request)
        }))
        .request_timeout(request_timeout(&setup.settings))
        .build()?;
    let session = setup.session(back_office.session(), back_office.store_key())?;
    let layer = session.layer();
    Ok(setup.stack(Some(session), layer, meters))
}
