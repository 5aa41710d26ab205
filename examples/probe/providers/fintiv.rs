//! Fintiv: a user's sign-on, an APP key, and failures inside a `200`.

use tower::ServiceBuilder;
use tower_reauth::{ExposeSecret, providers::fintiv::Fintiv};

use super::request_timeout;
use crate::{
    body::CallBody,
    environment,
    normalized::CountNormalized,
    stack::{Counter, Meters, Setup, Stack},
    urls,
    usage::Usage,
};

pub(super) fn stack<B: CallBody>(setup: Setup<'_, B>) -> Result<Stack, Usage> {
    let settings = &setup.settings;
    let api_key = environment::required("PROBE_API_KEY", "the APP key")?;
    let user = environment::required("PROBE_USERNAME", "the user to sign on")?;
    let password = environment::required("PROBE_PASSWORD", "the password")?;
    let mut fintiv = Fintiv::builder(setup.clients.sign_in.clone(), settings.base_url.as_str())
        .api_key(api_key)
        .credentials(user, password)
        .request_timeout(request_timeout(settings));
    if let Some(tenant) = environment::optional("PROBE_TENANT", "the tenant's name")? {
        fintiv = fintiv.tenant(tenant.expose_secret());
    }
    if let Some(url) = setup.given.get("login-url") {
        urls::check_with_query("login-url", url)?;
        fintiv = fintiv.sign_on_url(url);
    }
    let fintiv = fintiv.build()?;
    let session = setup.session(fintiv.session(), fintiv.store_key())?;

    let normalized = Counter::default();
    let meters = Meters {
        normalized: normalized.meter(),
        ..Meters::default()
    };
    // What `Fintiv::layer` has, and a count in between.
    let layer = ServiceBuilder::new()
        .layer(session.layer())
        .layer(fintiv.body_token_layer())
        .layer(fintiv.api_key_layer(&session))
        .layer(CountNormalized(normalized))
        .layer(fintiv.normalize_layer(&session));
    Ok(setup.stack(Some(session), layer, meters))
}
