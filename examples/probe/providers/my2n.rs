//! My2N: an account without MFA, login of version 1 or 2.

use tower_reauth::providers::my2n::{ApiVersion, My2n};

use super::request_timeout;
use crate::{
    body::CallBody,
    environment,
    stack::{Meter, Meters, Setup, Stack},
    urls,
    usage::Usage,
};

/// Where the login of version 2 is known.
const VENDOR: &str = "my2n.com";

pub(super) fn stack<B: CallBody>(setup: Setup<'_, B>) -> Result<Stack, Usage> {
    let settings = &setup.settings;
    let version = match setup.given.get("api-version") {
        Some("v1") => ApiVersion::V1,
        Some("v2") => ApiVersion::V2,
        None | Some("auto") => ApiVersion::Auto,
        Some(_) => {
            return Err(Usage::new(
                "the value of --api-version is not one that is known",
                "Write v1, v2 or auto.",
            ));
        }
    };
    let login_url = setup.given.get("login-url");
    if login_url.is_none() && version == ApiVersion::V2 && settings.uri.host() != Some(VENDOR) {
        return Err(Usage::new(
            "--login-url is missing: the login of v2 is on a domain of its own",
            "Add it, as in --login-url https://auth.my2n.com",
        ));
    }
    let username = environment::required("PROBE_USERNAME", "the user name to sign in with")?;
    let password = environment::required("PROBE_PASSWORD", "the password")?;

    let mut my2n = My2n::builder(setup.clients.sign_in.clone(), settings.base_url.as_str())
        .credentials(username, password)
        .api_version(version)
        .logout(settings.plan.sign_out)
        .request_timeout(request_timeout(settings));
    if let Some(url) = login_url {
        urls::check("login-url", url)?;
        my2n = my2n.login_base_url(url);
    }
    let my2n = my2n.build()?;
    let session = setup.session(my2n.session(), my2n.store_key())?;
    let layer = session.layer();
    let meters = Meters {
        upgrades: Meter::new(move || my2n.upgrades()),
        ..Meters::default()
    };
    Ok(setup.stack(Some(session), layer, meters))
}
