//! Which requests may carry a credential: those to the origins (scheme, host and port) that the
//! session was built for.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::{Uri, uri::Scheme};

use crate::session::ConfigError;

/// What a request's URI says about its credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// One of our origins: the credential is attached.
    Ours,
    /// Another origin: nothing is added, and what is ours is removed.
    Foreign,
    /// The URI names no authority, so nobody can say where the request goes.
    Unknown,
}

/// The origins that may be sent the credential.
#[derive(Clone, Debug)]
pub(crate) struct Origins {
    list: Box<[Origin]>,
    relative: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    https: bool,
    /// As in the URI, but in lower case and without a default port.
    authority: Box<str>,
    /// In lower case; IPv6 in brackets.
    host: Box<str>,
    port: u16,
}

// === impl Origins ===

impl Origins {
    /// Parses `values`; plain http is refused beyond loopback unless `insecure`.
    pub(crate) fn parse(
        values: &[String],
        insecure: bool,
        relative: bool,
    ) -> Result<Self, ConfigError> {
        if values.is_empty() && !relative {
            return Err(ConfigError::NoOrigin);
        }
        let list = values
            .iter()
            .map(|value| Origin::parse(value, insecure))
            .collect::<Result<_, _>>()?;
        Ok(Self { list, relative })
    }

    #[inline]
    pub(crate) fn check(&self, uri: &Uri) -> Destination {
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return if self.relative && uri.authority().is_none() {
                Destination::Ours
            } else {
                Destination::Unknown
            };
        };
        let https = *scheme == Scheme::HTTPS;
        if !https && *scheme != Scheme::HTTP {
            return Destination::Foreign;
        }
        let same = self.list.iter().any(|origin| {
            origin.https == https
                && (*origin.authority == *authority.as_str()
                    || origin.is_spelled_otherwise(authority))
        });
        if same {
            Destination::Ours
        } else {
            Destination::Foreign
        }
    }
}

// === impl Origin ===

impl Origin {
    fn parse(value: &str, insecure: bool) -> Result<Self, ConfigError> {
        let invalid = |reason| ConfigError::InvalidOrigin {
            value: value.to_owned(),
            reason,
        };
        // The text may hold a password or a key: it is not shown back.
        for (mark, value_shown, reason) in [
            ('@', "…@…", "an origin holds no user or password"),
            (
                '?',
                "…?…",
                "an origin has no query: give the scheme, host and port only",
            ),
            (
                '#',
                "…#…",
                "an origin has no fragment: give the scheme, host and port only",
            ),
        ] {
            if value.contains(mark) {
                return Err(ConfigError::InvalidOrigin {
                    value: value_shown.to_owned(),
                    reason,
                });
            }
        }
        let uri: Uri = value.parse().map_err(|_| invalid("it is not a URL"))?;
        let https = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(_) => return Err(invalid("the scheme must be https or http")),
            None => {
                return Err(invalid(
                    "the scheme is missing: write https:// before the host",
                ));
            }
        };
        if !matches!(uri.path(), "" | "/") {
            return Err(invalid(
                "an origin has no path: give the scheme, host and port only",
            ));
        }
        let authority = uri
            .authority()
            .ok_or_else(|| invalid("the host is missing"))?;
        let host = authority.host().to_ascii_lowercase();
        if host.is_empty() {
            return Err(invalid("the host is missing"));
        }
        let port = port_of(authority, https).ok_or_else(|| invalid("the port is not a port"))?;
        if !https && !insecure && !is_loopback(&host) {
            return Err(ConfigError::InsecureOrigin {
                value: value.to_owned(),
            });
        }
        Ok(Self {
            https,
            authority: if port == default_port(https) {
                host.as_str().into()
            } else {
                format!("{host}:{port}").into()
            },
            host: host.into(),
            port,
        })
    }

    /// Whether `authority` is this one with another case, an explicit default port or a user.
    fn is_spelled_otherwise(&self, authority: &http::uri::Authority) -> bool {
        authority.host().eq_ignore_ascii_case(&self.host)
            && port_of(authority, self.https) == Some(self.port)
    }
}

fn default_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

/// The port, or the scheme's own; `None` if there is one that is not a number up to 65535.
fn port_of(authority: &http::uri::Authority, https: bool) -> Option<u16> {
    match authority.port() {
        // Parsing took a plus sign as well, which is no part of a port.
        Some(port) => port
            .as_str()
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then_some(port.as_u16()),
        // `port` is also `None` where what follows the colon is empty or too large.
        None => {
            let text = authority.as_str();
            let text = text.rsplit_once('@').map_or(text, |(_, host)| host);
            (text.len() == authority.host().len()).then_some(default_port(https))
        }
    }
}

/// Whether `host`, as it stands in a URI, is this machine itself.
pub(crate) fn is_loopback(host: &str) -> bool {
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    if let Some(inner) = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        return inner
            .parse::<Ipv6Addr>()
            .is_ok_and(|address| address.is_loopback());
    }
    host.parse::<Ipv4Addr>()
        .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(values: &[&str]) -> Result<Origins, ConfigError> {
        let values: Vec<_> = values.iter().map(|value| (*value).to_owned()).collect();
        Origins::parse(&values, false, false)
    }

    fn check(origin: &str, uri: &str) -> Destination {
        origins(&[origin]).unwrap().check(&uri.parse().unwrap())
    }

    #[test]
    fn only_the_same_scheme_host_and_port_are_ours() {
        let ours = [
            ("https://api.example.com", "https://api.example.com/v1?x=y"),
            ("https://api.example.com", "https://API.Example.com:443/"),
            ("https://API.example.com:443/", "https://api.example.com/"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/a"),
            ("http://[::1]:8080", "http://[::1]:8080/a"),
            ("https://api.example.com", "https://user@api.example.com/"),
        ];
        for (origin, uri) in ours {
            assert_eq!(check(origin, uri), Destination::Ours, "{origin} {uri}");
        }
        let foreign = [
            ("https://api.example.com", "http://api.example.com/"),
            ("https://api.example.com", "http://api.example.com:443/"),
            ("https://api.example.com", "https://api.example.com:8443/"),
            ("https://api.example.com:8443", "https://api.example.com/"),
            ("http://127.0.0.1:8080", "http://127.0.0.1/"),
            ("https://api.example.com", "https://api.example.com./"),
            ("https://api.example.com", "https://example.com/"),
            (
                "https://api.example.com",
                "https://api.example.com.evil.test/",
            ),
            (
                "https://api.example.com",
                "https://api.example.com@evil.test/",
            ),
            ("https://api.example.com", "ftp://api.example.com/"),
            ("http://[::1]:8080", "http://[::2]:8080/a"),
            ("http://[::1]:8080", "https://[::1]:8080/a"),
            ("http://[::1]:8080", "ftp://[::1]:8080/a"),
            ("http://localhost", "ws://localhost/"),
        ];
        for (origin, uri) in foreign {
            assert_eq!(check(origin, uri), Destination::Foreign, "{origin} {uri}");
        }
    }

    #[test]
    fn a_port_that_is_no_port_is_never_taken_for_the_default() {
        let all = origins(&["https://api.example.com"]).unwrap();
        for uri in [
            "https://api.example.com:/",
            "https://api.example.com:99999/",
            "https://api.example.com:+443/",
        ] {
            if let Ok(uri) = uri.parse::<Uri>() {
                assert_eq!(all.check(&uri), Destination::Foreign, "{uri}");
            }
        }
    }

    #[test]
    fn a_uri_without_authority_is_ours_only_if_allowed() {
        let uri: Uri = "/v1/users".parse().unwrap();
        let strict = origins(&["https://api.example.com"]).unwrap();
        assert_eq!(strict.check(&uri), Destination::Unknown);
        let relative = Origins::parse(&[], false, true).unwrap();
        assert_eq!(relative.check(&uri), Destination::Ours);
        let connect: Uri = "api.example.com:443".parse().unwrap();
        assert_eq!(relative.check(&connect), Destination::Unknown);
    }

    #[test]
    fn bad_origins_are_refused_with_advice() {
        let refused = [
            ("api.example.com", "write https://"),
            ("https://api.example.com/v1", "no path"),
            ("ftp://api.example.com", "must be https or http"),
            ("https://u:hunter2@api.example.com", "no user"),
            ("not a url", "not a URL"),
            ("http://api.example.com", "insecure_http"),
            ("http://localhost.evil.test", "insecure_http"),
        ];
        for (value, advice) in refused {
            let error = origins(&[value]).unwrap_err().to_string();
            assert!(error.contains(advice), "{value}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(matches!(origins(&[]), Err(ConfigError::NoOrigin)));
        assert!(origins(&["http://localhost:1", "http://127.9.9.9", "http://[::1]"]).is_ok());
    }

    /// Each address that WHATWG has parsed, against each origin that one of them has: what is ours
    /// to us is the same origin to a browser as well.
    #[test]
    #[cfg(feature = "json")]
    fn no_address_is_ours_that_is_another_origin_to_whatwg() {
        let Some(file) = crate::vectors::file("whatwg-url/urltestdata.json") else {
            return;
        };
        let vectors: serde_json::Value =
            serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let cases: Vec<_> = vectors
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|case| Some((case["origin"].as_str()?, case)))
            .collect();
        assert_eq!(cases.len(), 393);
        let origins: std::collections::BTreeMap<_, _> = cases
            .iter()
            .filter_map(|(origin, _)| {
                let parsed = Origins::parse(&[(*origin).to_owned()], true, false);
                Some((*origin, parsed.ok()?))
            })
            .collect();
        assert!(origins.len() > 50, "{}", origins.len());
        let (mut same, mut foreign) = (0, 0);
        for (origin, case) in &cases {
            // As it was written, and as it was understood.
            for address in [&case["input"], &case["href"]] {
                let Ok(uri) = address.as_str().unwrap().parse::<Uri>() else {
                    continue;
                };
                for (ours, parsed) in &origins {
                    match parsed.check(&uri) {
                        Destination::Ours => {
                            assert_eq!(ours, origin, "{address}");
                            same += 1;
                        }
                        Destination::Foreign | Destination::Unknown => foreign += 1,
                    }
                }
            }
        }
        assert!(same > 200, "{same}");
        assert!(foreign > 10_000, "{foreign}");
    }
}
