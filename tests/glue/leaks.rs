//! A server that repeats what it was sent finds no way into our texts.

use tower_reauth::{
    Error,
    testing::glue::{ErrorShape, Simulator},
};

use crate::support::*;

#[tokio::test]
async fn no_secret_shows_in_an_error() {
    guarded(async {
        for shape in [ErrorShape::Detail, ErrorShape::Message, ErrorShape::Bare] {
            for is_form in [false, true] {
                let server = Simulator::builder().errors(shape).echo_secrets(true);
                let settings = |glue: tower_reauth::providers::glue::GlueBuilder| {
                    if is_form { glue.token_form() } else { glue }
                };
                let shop = Shop::with(server, settings, |mfa| mfa).await;
                let mut texts = Vec::new();
                let note = |error: &Error, texts: &mut Vec<String>| {
                    texts.push(format!("{error} {error:?}"));
                };
                // A wrong code.
                shop.mistyped.lock().unwrap().push("913377");
                let response = shop.call(shop.protected()).await;
                note(response.extensions().get().unwrap(), &mut texts);
                // Dead tokens, and a password that is wrong by now.
                let token = shop.session.current().unwrap();
                shop.server.revoke_access_tokens();
                shop.server.revoke_refresh_tokens();
                shop.server.set_password(USERNAME, "Another123");
                let response = shop.call(shop.protected()).await;
                note(response.extensions().get().unwrap(), &mut texts);
                let refresh = token.token().refresh_token().unwrap();
                let refresh = tower_reauth::ExposeSecret::expose_secret(refresh);
                let all = texts.join("\n");
                for secret in [
                    USERNAME,
                    PASSWORD,
                    "913377",
                    token.token().expose(),
                    refresh,
                ] {
                    assert!(!all.contains(secret), "{secret} in {all}");
                }
                assert_eq!(texts.len(), 2);
            }
        }
    })
    .await;
}
