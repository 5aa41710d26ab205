//! The signature that requests carry once request signing is on.

use std::time::{Duration, SystemTime};

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, header, request::Parts};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::strict::{Breach, breach};

/// How requests are signed.
#[derive(Clone)]
pub(super) struct RequestSigning {
    /// X.509 SubjectPublicKeyInfo.
    pub(super) key: Vec<u8>,
    /// How far the date may be from now.
    pub(super) tolerance: Duration,
}

impl RequestSigning {
    /// Checks `Signature` and `Date` of a request that carries `api_key`.
    pub(super) fn check(&self, head: &Parts, api_key: &str, now: SystemTime) -> Result<(), Breach> {
        let Some(date) = one(&head.headers, header::DATE.as_str()) else {
            return breach(401, "there is not one Date, as signed requests have it");
        };
        let Some(at) = iso(date) else {
            return breach(401, "the Date is not in ISO format with milliseconds and Z");
        };
        let apart = now.duration_since(at).or_else(|_| at.duration_since(now));
        if apart.is_ok_and(|apart| apart > self.tolerance) {
            return breach(401, "the Date is too far from now");
        }
        let Some(signature) = one(&head.headers, "signature") else {
            return breach(401, "there is not one Signature");
        };
        let Ok(signature) = BASE64_STANDARD.decode(signature) else {
            return breach(401, "the Signature is not base64");
        };
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let text = format!("{}:{path}:{api_key}:{date}", head.method);
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.key);
        match key.verify(text.as_bytes(), &signature) {
            Ok(()) => Ok(()),
            Err(_) => breach(401, "the Signature is wrong"),
        }
    }
}

fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Reads a date such as `2019-09-17T14:14:24.874Z`, and no other.
fn iso(text: &str) -> Option<SystemTime> {
    let is_iso = text.len() == 24 && text.as_bytes()[19] == b'.' && text.ends_with('Z');
    let date = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    is_iso.then(|| date.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_iso_with_milliseconds() {
        assert!(iso("2019-09-17T14:14:24.874Z").is_some());
        for other in [
            "2019-09-17T14:14:24Z",
            "2019-09-17T14:14:24.87+00:00",
            "2019-09-17T14:14:24.8740Z",
            "Tue, 17 Sep 2019 14:14:24 GMT",
            "1568729664874",
            "",
        ] {
            assert_eq!(iso(other), None, "{other}");
        }
    }
}
