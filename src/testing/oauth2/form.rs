//! What is sent to the token endpoint and to the revocation endpoint.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, header};

use super::ClientAuth;

/// The parameters of a request: none empty, and none twice but `resource`.
#[derive(Debug, Default)]
pub(super) struct Form {
    parameters: BTreeMap<String, String>,
    /// RFC 8707, section 2: there may be several.
    pub(super) resources: Vec<String>,
}

/// Who sends a request, as it says.
#[derive(Debug, PartialEq)]
pub(super) struct Client {
    pub(super) id: String,
    /// `None` for a public client.
    pub(super) secret: Option<String>,
    pub(super) by: ClientAuth,
    /// What stands in Basic as it is, for those who forgot to encode it.
    pub(super) raw: Option<(String, String)>,
}

// === impl Form ===

impl Form {
    /// Reads a form, or returns a sentence without secrets.
    pub(super) fn read(body: &[u8]) -> Result<Self, &'static str> {
        if !is_encoded(body) {
            return Err("the form has characters that are not encoded");
        }
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            // RFC 6749, section 3.2: sent without a value is not sent.
            if value.is_empty() {
                continue;
            }
            let (name, value) = (name.into_owned(), value.into_owned());
            if name == "resource" {
                form.resources.push(value);
            } else if form.parameters.insert(name, value).is_some() {
                return Err("the form has a parameter twice");
            }
        }
        Ok(form)
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    pub(super) fn names(&self) -> Vec<String> {
        let resource = (!self.resources.is_empty()).then(|| "resource".to_owned());
        let mut names: Vec<_> = self.parameters.keys().cloned().chain(resource).collect();
        names.sort();
        names
    }

    /// Returns the scopes that are asked for, or a sentence (RFC 6749, section 3.3).
    pub(super) fn scopes(&self) -> Result<Option<Vec<String>>, &'static str> {
        let Some(text) = self.get("scope") else {
            return Ok(None);
        };
        let is_token = |token: &str| {
            let good = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
            !token.is_empty() && token.bytes().all(good)
        };
        let scopes: Vec<_> = text.split(' ').map(str::to_owned).collect();
        if !scopes.iter().all(|scope| is_token(scope)) {
            return Err("the scope is not a list of tokens with single spaces between them");
        }
        Ok(Some(scopes))
    }

    /// Returns who sends the form, or `None` if it does not say.
    pub(super) fn client(&self, headers: &HeaderMap) -> Result<Option<Client>, &'static str> {
        let (id, secret) = (self.get("client_id"), self.get("client_secret"));
        if let Some(basic) = headers.get(header::AUTHORIZATION) {
            let basic = basic.to_str().ok().and_then(Client::basic);
            let basic = basic.ok_or("the Authorization header is not a good Basic")??;
            if secret.is_some() {
                return Err("the client authenticates itself in two ways");
            }
            if id.is_some_and(|id| id != basic.id) {
                return Err("the client has one id in Basic and another in the form");
            }
            return Ok(Some(basic));
        }
        let Some(id) = id else {
            return Ok(None);
        };
        Ok(Some(Client {
            id: id.to_owned(),
            secret: secret.map(str::to_owned),
            by: match secret {
                Some(_) => ClientAuth::Form,
                None => ClientAuth::Public,
            },
            raw: None,
        }))
    }
}

// === impl Client ===

impl Client {
    /// Reads the value of a header; `None` if it is not Basic, a sentence if it is not a good one.
    fn basic(value: &str) -> Option<Result<Self, &'static str>> {
        let (scheme, text) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        let raw = (id.to_owned(), secret.to_owned());
        let encoded =
            [id, secret].map(|part| is_encoded(part.as_bytes()) && !part.contains(['&', '=', ':']));
        if encoded != [true, true] {
            return Some(Err("what stands in Basic is not form-urlencoded"));
        }
        let decoded = [id, secret].map(decode);
        let [id, secret] = decoded;
        Some(Ok(Self {
            id,
            secret: Some(secret),
            by: ClientAuth::Basic,
            raw: Some(raw),
        }))
    }
}

fn decode(text: &str) -> String {
    let mut parsed = form_urlencoded::parse(text.as_bytes());
    parsed
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}

/// Whether nothing is left to be encoded: visible ASCII, and each `%` before two digits.
fn is_encoded(text: &[u8]) -> bool {
    let visible = text.iter().all(u8::is_ascii_graphic);
    let digits = |after: &[u8]| after.len() >= 2 && after[..2].iter().all(u8::is_ascii_hexdigit);
    let mut signs = text.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    visible && signs.all(|(at, _)| digits(&text[at + 1..]))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(basic: Option<&str>, form: &str) -> Result<Option<Client>, &'static str> {
        let mut headers = HeaderMap::new();
        if let Some(basic) = basic {
            headers.insert("authorization", HeaderValue::from_str(basic).unwrap());
        }
        Form::read(form.as_bytes()).unwrap().client(&headers)
    }

    fn basic(text: &str) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(text))
    }

    #[test]
    fn a_form_is_read_strictly() {
        let form = Form::read(b"a=1&b=%C3%A4+%2B&c=&c=2&resource=x&resource=y").unwrap();
        assert_eq!(form.get("b"), Some("ä +"));
        assert_eq!(form.get("c"), Some("2"));
        assert_eq!(form.resources, ["x", "y"]);
        assert_eq!(form.names(), ["a", "b", "c", "resource"]);
        assert_eq!(
            Form::read(b"a=1&a=1").unwrap_err(),
            "the form has a parameter twice"
        );
        for bad in ["a=1 2", "a=%", "a=%4", "a=%zz", "a=\u{e4}", "a=1\n"] {
            let refused = Form::read(bad.as_bytes()).unwrap_err();
            assert_eq!(refused, "the form has characters that are not encoded");
        }
    }

    #[test]
    fn scopes_are_tokens_with_single_spaces() {
        let scopes = |text: &str| Form::read(text.as_bytes()).unwrap().scopes();
        assert_eq!(scopes("").unwrap(), None);
        let two = Some(vec!["a".to_owned(), "b:c".to_owned()]);
        assert_eq!(scopes("scope=a+b%3Ac").unwrap(), two);
        for bad in [
            "scope=a++b",
            "scope=+a",
            "scope=%22",
            "scope=a%0Ab",
            "scope=a%5C",
        ] {
            assert!(scopes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn basic_is_form_urlencoded_inside() {
        let client = client(Some(&basic("a%3Ab:c+d%25")), "").unwrap().unwrap();
        assert_eq!(client.id, "a:b");
        assert_eq!(client.secret.as_deref(), Some("c d%"));
        assert_eq!(client.by, ClientAuth::Basic);
    }

    #[test]
    fn a_client_says_who_it_is_in_one_way() {
        let both = "the client authenticates itself in two ways";
        let other = "the client has one id in Basic and another in the form";
        let plain = "what stands in Basic is not form-urlencoded";
        let strange = "the Authorization header is not a good Basic";
        for (header, form, sentence) in [
            (basic("a:b"), "client_id=a&client_secret=b", both),
            (basic("a:b"), "client_secret=b", both),
            (basic("a:b"), "client_id=c", other),
            (basic("a:b:c"), "", plain),
            (basic("a:b c"), "", plain),
            (basic("a:b%"), "", plain),
            (basic("a:b=c"), "", plain),
            (basic("ab"), "", strange),
            ("Basic !".to_owned(), "", strange),
            ("Bearer abc".to_owned(), "", strange),
        ] {
            assert_eq!(client(Some(&header), form).unwrap_err(), sentence);
        }
        assert!(client(Some(&basic("a:b")), "client_id=a").is_ok());
        assert_eq!(client(None, "").unwrap(), None);
        let public = client(None, "client_id=a").unwrap().unwrap();
        assert_eq!((public.by, public.secret), (ClientAuth::Public, None));
    }
}
