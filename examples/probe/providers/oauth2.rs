//! OAuth 2.0: a client that signs in as itself at a token endpoint.

use tower_reauth::providers::oauth2::OAuth2;

use super::request_timeout;
use crate::{
    body::CallBody,
    environment,
    stack::{Meters, Setup, Stack},
    urls,
    usage::Usage,
};

pub(super) fn stack<B: CallBody>(setup: Setup<'_, B>) -> Result<Stack, Usage> {
    let settings = &setup.settings;
    let id = environment::required("PROBE_CLIENT_ID", "the client's id")?;
    let secret = environment::required("PROBE_CLIENT_SECRET", "the client's secret")?;
    let token_url = match setup.given.get("login-url") {
        Some(url) => {
            urls::check_with_query("login-url", url)?;
            url.to_owned()
        }
        None => urls::join(&settings.base_url, "/token")?.to_string(),
    };
    let oauth2 = OAuth2::builder(setup.clients.sign_in.clone(), token_url)
        .client_id(id)
        .client_secret(secret)
        .client_credentials()
        .request_timeout(request_timeout(settings))
        .build()?;
    let session = oauth2.session().origin(urls::origin(&settings.uri));
    let session = setup.session(session, oauth2.store_key())?;
    let layer = session.layer();
    Ok(setup.stack(Some(session), layer, Meters::default()))
}
