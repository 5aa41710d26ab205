//! Spryker's Glue API: user name and password, and a code for the calls that want one.

use tower::service_fn;
use tower_reauth::{BoxError, CodeRequest, Error, providers::glue::Glue};

use super::request_timeout;
use crate::{
    body::CallBody,
    codes::{self, CHALLENGE},
    environment,
    stack::{Counter, Meters, Setup, Stack},
    usage::Usage,
};

pub(super) fn stack<B: CallBody>(setup: Setup<'_, B>) -> Result<Stack, Usage> {
    let username = environment::required("PROBE_USERNAME", "the user name to sign in with")?;
    let password = environment::required("PROBE_PASSWORD", "the password")?;
    let rounds = Counter::default();
    let meters = Meters {
        mfa_rounds: rounds.meter(),
        ..Meters::default()
    };
    let codes = service_fn(move |request: CodeRequest| {
        let rounds = rounds.clone();
        async move {
            let code = codes::get(CHALLENGE, request).await?;
            rounds.add();
            Ok::<_, BoxError>(code)
        }
    });
    let client = setup.clients.sign_in.clone();
    let glue = Glue::builder(client, setup.settings.base_url.as_str())
        .credentials(username, password)
        .code_service(codes)
        .mfa_type(setup.given.get("mfa-type").unwrap_or("email"))
        .request_timeout(request_timeout(&setup.settings))
        .build()?;
    let session = setup.session(glue.session(), glue.store_key())?;
    let mfa = glue.mfa(&session).build().map_err(Error::from)?;
    let layer = session.layer().mfa(&mfa);
    Ok(setup.stack(Some(session), layer, meters))
}
