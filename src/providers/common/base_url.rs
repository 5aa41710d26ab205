//! The address of a provider.

use std::fmt;

use http::{Uri, uri::Authority};

use crate::{Error, ErrorKind, origin::is_loopback};

/// The checked address of a provider: scheme, host, port, and a path prefix that does not end in a
/// slash.
#[derive(Clone, Debug)]
pub(crate) struct BaseUrl {
    origin: Box<str>,
    prefix: Box<str>,
    /// Plain http beyond loopback, which was allowed.
    is_insecure: bool,
}

/// A URL that somebody gave, and what errors call it.
struct Url<'a> {
    name: &'a str,
    text: &'a str,
}

// === impl BaseUrl ===

impl BaseUrl {
    /// Checks `text`. Plain http is for loopback alone, unless `insecure` says otherwise.
    pub(crate) fn parse(text: &str, insecure: bool) -> Result<Self, Error> {
        Self::parse_as("base URL", text, insecure)
    }

    /// Checks `text`, which errors call by this `name`.
    pub(crate) fn parse_as(name: &str, text: &str, insecure: bool) -> Result<Self, Error> {
        let url = Url { name, text };
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(url.without_scheme());
        };
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "https" && scheme != "http" {
            return Err(config(format!(
                "the {url} is neither https nor http: write https://…"
            )));
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        // What stands there may be secret, so it is not repeated.
        for (what, mark, part) in [
            ("a user name or a password", '@', authority),
            ("a query", '?', path),
            ("a fragment", '#', path),
        ] {
            if part.contains(mark) {
                return Err(config(format!(
                    "the {name} has {what} (`{mark}`): write scheme, host, port and path only"
                )));
            }
        }
        let authority = url.host_and_port(authority)?;
        let is_insecure = scheme == "http" && !is_loopback(authority.host());
        if is_insecure && !insecure {
            return Err(config(format!(
                "the {url} would send the password over plain http: write https://{authority}, \
                 or call insecure_http() if the network is trusted"
            )));
        }
        let base = Self {
            origin: format!("{scheme}://{authority}")
                .to_ascii_lowercase()
                .into(),
            prefix: path.trim_end_matches('/').into(),
            is_insecure,
        };
        base.join("/").map_err(|_| url.malformed())?;
        Ok(base)
    }

    /// Returns scheme, host and port, as a session's builder takes them.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether secrets go in the clear, because that was allowed.
    pub(crate) fn is_insecure(&self) -> bool {
        self.is_insecure
    }

    /// Returns the address itself.
    pub(crate) fn uri(&self) -> Result<Uri, Error> {
        match self.prefix.rsplit_once('/') {
            None => self.join("/"),
            Some((prefix, last)) => {
                let base = Self {
                    prefix: prefix.into(),
                    ..self.clone()
                };
                base.join(&format!("/{last}"))
            }
        }
    }

    /// Returns the address of `path`, which begins with a slash.
    pub(crate) fn join(&self, path: &str) -> Result<Uri, Error> {
        let wrong = |why: &str| config(format!("the path `{path}` {why}"));
        if !path.starts_with('/') {
            return Err(wrong(
                "has no slash at its beginning: write it like /api/v2",
            ));
        }
        if path.contains('#') {
            return Err(wrong("has a fragment (`#`): leave that out"));
        }
        [&self.origin, &self.prefix, path].concat().parse().map_err(
            |error: http::uri::InvalidUri| wrong("cannot be a part of a URL").caused_by(error),
        )
    }
}

// === impl Url ===

impl Url<'_> {
    fn host_and_port(&self, authority: &str) -> Result<Authority, Error> {
        let authority: Authority = match authority.parse() {
            Ok(authority) => authority,
            Err(_) if authority.is_empty() => {
                return Err(config(format!(
                    "the {self} has no host: write it like https://host.name"
                )));
            }
            Err(_) if !authority.is_ascii() => {
                return Err(config(format!(
                    "the {self} has letters outside ASCII in its host: write the host in punycode \
                     (xn--…)"
                )));
            }
            Err(_) => return Err(self.malformed()),
        };
        let host = authority.host();
        if host.is_empty() {
            return Err(self.malformed());
        }
        let port = &authority.as_str()[host.len()..];
        // Parsing alone would take a plus sign as well.
        let good_port = |digits: &str| {
            digits.bytes().all(|byte| byte.is_ascii_digit())
                && digits.parse::<u16>().is_ok_and(|port| port > 0)
        };
        if !port.is_empty() && !port.strip_prefix(':').is_some_and(good_port) {
            return Err(config(format!(
                "the {self} has a port that is none: write a number from 1 to 65535, or nothing"
            )));
        }
        Ok(authority)
    }

    fn without_scheme(&self) -> Error {
        let text = self.text.trim();
        if text.is_empty() {
            let name = self.name;
            return config(format!(
                "the {name} is empty: write it like https://host.name"
            ));
        }
        let advice = if self.is_plain() {
            format!("https://{}", text.trim_start_matches('/'))
        } else {
            "it like https://host.name".into()
        };
        config(format!("the {self} has no scheme: write {advice}"))
    }

    fn malformed(&self) -> Error {
        config(format!(
            "the {self} is not a URL: write it like https://host.name"
        ))
    }

    /// Whether it can be shown: it holds no secret, and is not long.
    fn is_plain(&self) -> bool {
        let text = self.text;
        !text.contains(['@', '?', '#']) && !text.chars().any(char::is_control) && text.len() <= 200
    }
}

impl fmt::Display for Url<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if self.is_plain() {
            write!(f, " `{}`", self.text)?;
        }
        Ok(())
    }
}

fn config(message: String) -> Error {
    Error::with_message(ErrorKind::Config, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_a_path_prefix_and_tolerates_a_slash_at_the_end() {
        for (base, expected) in [
            ("https://host.name", "https://host.name/api"),
            ("https://host.name/", "https://host.name/api"),
            ("HTTPS://Host.Name", "https://host.name/api"),
            (
                "https://host.name:8443/back/",
                "https://host.name:8443/back/api",
            ),
            ("https://host.name/a/B//", "https://host.name/a/B/api"),
            ("http://127.0.0.1:80", "http://127.0.0.1:80/api"),
            ("http://127.8.9.1", "http://127.8.9.1/api"),
            ("http://localhost:8080", "http://localhost:8080/api"),
            ("http://LOCALHOST", "http://localhost/api"),
            ("http://[::1]:9", "http://[::1]:9/api"),
        ] {
            let base = BaseUrl::parse(base, false).unwrap();
            assert_eq!(base.join("/api").unwrap().to_string(), expected);
        }
        let base = BaseUrl::parse("https://Host.Name:8443/back/", false).unwrap();
        assert_eq!(base.origin(), "https://host.name:8443");
    }

    #[test]
    fn says_what_is_wrong_and_how_to_mend_it() {
        for (base, expected) in [
            (
                "foo.bar",
                "the base URL `foo.bar` has no scheme: write https://foo.bar",
            ),
            (
                "//foo.bar/x",
                "the base URL `//foo.bar/x` has no scheme: write https://foo.bar/x",
            ),
            (
                "foo@bar",
                "the base URL has no scheme: write it like https://host.name",
            ),
            (
                " ",
                "the base URL is empty: write it like https://host.name",
            ),
            (
                "ftp://foo.bar",
                "the base URL `ftp://foo.bar` is neither https nor http: write https://…",
            ),
            (
                "https://",
                "the base URL `https://` has no host: write it like https://host.name",
            ),
            (
                "https:///api",
                "the base URL `https:///api` has no host: write it like https://host.name",
            ),
            (
                "https://:443",
                "the base URL `https://:443` is not a URL: write it like https://host.name",
            ),
            (
                "https://foo bar",
                "the base URL `https://foo bar` is not a URL: write it like https://host.name",
            ),
            (
                "https://foo.bar/a b",
                "the base URL `https://foo.bar/a b` is not a URL: write it like https://host.name",
            ),
            (
                "https://bücher.example",
                "the base URL `https://bücher.example` has letters outside ASCII in its host: \
                 write the host in punycode (xn--…)",
            ),
            (
                "https://foo.bar:99999",
                "the base URL `https://foo.bar:99999` has a port that is none: write a number \
                 from 1 to 65535, or nothing",
            ),
            (
                "https://joe:pa55@foo.bar",
                "the base URL has a user name or a password (`@`): write scheme, host, port and \
                 path only",
            ),
            (
                "https://foo.bar?key=pa55",
                "the base URL has a query (`?`): write scheme, host, port and path only",
            ),
            (
                "https://foo.bar/#pa55",
                "the base URL has a fragment (`#`): write scheme, host, port and path only",
            ),
            (
                "http://foo.bar/x",
                "the base URL `http://foo.bar/x` would send the password over plain http: write \
                 https://foo.bar, or call insecure_http() if the network is trusted",
            ),
        ] {
            let error = BaseUrl::parse(base, false).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert_eq!(error.to_string(), expected);
        }
        for base in [
            "https://foo.bar:0",
            "https://foo.bar:",
            "https://[::1",
            "https://foo.bar:+1",
        ] {
            BaseUrl::parse(base, false).unwrap_err();
        }
    }

    #[test]
    fn plain_http_is_for_loopback_alone_unless_told_otherwise() {
        for base in [
            "http://10.0.0.1",
            "http://127.1",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "http://[::2]",
            "http://0.0.0.0",
        ] {
            BaseUrl::parse(base, false).unwrap_err();
            BaseUrl::parse(base, true).unwrap();
        }
    }
}
