//! Who the client is, and how it says so: RFC 6749 section 2.3.1.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Request, header::AUTHORIZATION};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::{
    providers::common::{
        advice::Secrets,
        exchange::{form, post_form},
    },
    token::wiped_bytes,
};

/// How the client authenticates at the authorization server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientAuth {
    /// By HTTP Basic (`client_secret_basic`), which every server has to support. The id and the
    /// secret are form-encoded first, as RFC 6749 section 2.3.1 has it.
    #[default]
    Basic,
    /// By the fields `client_id` and `client_secret` in the form (`client_secret_post`).
    Form,
}

/// The id of the client, and its secret if it has one.
pub(super) struct ClientId {
    pub(super) id: SecretString,
    pub(super) secret: Option<SecretString>,
    pub(super) auth: ClientAuth,
}

// === impl ClientId ===

impl ClientId {
    /// Makes a `POST` to `uri` that brings `fields` and says who the client is.
    pub(super) fn post(&self, uri: http::Uri, fields: &[(&str, &str)]) -> Request<Bytes> {
        let id = self.id.expose_secret();
        match (&self.secret, self.auth) {
            (Some(secret), ClientAuth::Basic) => {
                let mut request = post_form(uri, form(fields));
                let value = basic(id, secret.expose_secret());
                request.headers_mut().insert(AUTHORIZATION, value);
                request
            }
            (Some(secret), ClientAuth::Form) => {
                let own = [("client_id", id), ("client_secret", secret.expose_secret())];
                post_form(uri, form(&[fields, &own].concat()))
            }
            (None, _) => post_form(uri, form(&[fields, &[("client_id", id)]].concat())),
        }
    }

    pub(super) fn add_to(&self, secrets: &mut Secrets) {
        secrets.add_secret(&self.id);
        if let Some(secret) = &self.secret {
            secrets.add_secret(secret);
        }
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientId")
            .field("has_secret", &self.secret.is_some())
            .field("auth", &self.auth)
            .finish_non_exhaustive()
    }
}

fn basic(id: &str, secret: &str) -> HeaderValue {
    // `form` writes `name=value`, and the first `=` is the one in between.
    let mut pair = form(&[(id, secret)]);
    if let Some(between) = pair.iter().position(|&byte| byte == b'=') {
        pair[between] = b':';
    }
    let scheme = b"Basic ";
    let mut text = Zeroizing::new(vec![0; scheme.len() + pair.len().div_ceil(3) * 4]);
    text[..scheme.len()].copy_from_slice(scheme);
    BASE64_STANDARD
        .encode_slice(&*pair, &mut text[scheme.len()..])
        .expect("base64 writes four bytes for three");
    let mut value = HeaderValue::from_maybe_shared(wiped_bytes(text))
        .expect("letters, digits and a few marks are a valid header value");
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(id: &str, secret: Option<&str>, auth: ClientAuth) -> ClientId {
        ClientId {
            id: id.into(),
            secret: secret.map(Into::into),
            auth,
        }
    }

    fn sent(client: &ClientId) -> (Option<String>, String) {
        let uri = http::Uri::from_static("https://host.name/token");
        let request = client.post(uri, &[("a", "b")]);
        let header = request.headers().get(AUTHORIZATION);
        if let Some(header) = header {
            assert!(header.is_sensitive());
        }
        let header = header.map(|value| value.to_str().unwrap().to_owned());
        let body = String::from_utf8(request.into_body().to_vec()).unwrap();
        (header, body)
    }

    #[test]
    fn basic_is_form_encoded_inside() {
        // The pair of RFC 6749 section 4.4.2.
        let (header, body) = sent(&client(
            "s6BhdRkqt3",
            Some("7Fjfp0ZBr1KtDRbnfVdmIw"),
            ClientAuth::Basic,
        ));
        let expected = "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3";
        assert_eq!((header.as_deref(), body.as_str()), (Some(expected), "a=b"));

        let (header, _) = sent(&client("a:b=c", Some("p+ä /:"), ClientAuth::Basic));
        let encoded = BASE64_STANDARD.encode("a%3Ab%3Dc:p%2B%C3%A4+%2F%3A");
        assert_eq!(header.unwrap(), format!("Basic {encoded}"));
    }

    #[test]
    fn a_form_has_both_and_a_public_client_its_id_alone() {
        let (header, body) = sent(&client("a b", Some("c&d"), ClientAuth::Form));
        assert_eq!(header, None);
        assert_eq!(body, "a=b&client_id=a+b&client_secret=c%26d");
        for auth in [ClientAuth::Basic, ClientAuth::Form] {
            let (header, body) = sent(&client("a b", None, auth));
            assert_eq!((header, body.as_str()), (None, "a=b&client_id=a+b"));
        }
    }
}
