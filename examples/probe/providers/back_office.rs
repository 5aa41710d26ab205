//! The Back Office API: e-mail and password, and a code by e-mail at a sign-in.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use http_body::Body;
use tower::{service_fn, util::MapRequest};
use tower_reauth::{BoxError, providers::back_office::BackOffice, replay::ReplayBody};

use super::Setup;
use crate::{codes, environment, stack::Stack, usage::Usage};

/// An exchange may outlive the call that waits for it, and should not be cut off before.
const LEAST: Duration = Duration::from_secs(30);

pub(super) fn stack<B>(setup: Setup<B>) -> Result<Stack, Usage>
where
    B: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let email = environment::required("PROBE_USERNAME", "the e-mail address to sign in with")?;
    let password = environment::required("PROBE_PASSWORD", "the password")?;
    let traffic = Arc::clone(&setup.traffic);
    // One client for both: the sign-in goes through a clone of it, below the layers.
    let client = MapRequest::new(
        setup.client.clone(),
        move |request: Request<ReplayBody<B>>| {
            if request.uri().path().ends_with("/2fa/confirm") {
                traffic.mfa_rounds.fetch_add(1, Ordering::Relaxed);
            }
            request
        },
    );
    let back_office = BackOffice::builder(client, setup.settings.base_url.as_str())
        .credentials(email, password)
        .code_service(service_fn(codes::get))
        .request_timeout(setup.settings.plan.timeout.max(LEAST))
        .build()?;
    setup.signed_in(back_office.session())
}
