//! The URLs of the command line, checked before anything is sent to one of them.

use std::net::IpAddr;

use http::Uri;

use crate::usage::Usage;

/// Checks that the value of `option` is a URL that secrets may be sent to, and has no query.
pub(crate) fn check(option: &str, url: &str) -> Result<Uri, Usage> {
    if url.contains('?') {
        return Err(bad(option));
    }
    check_with_query(option, url)
}

/// Checks that the value of `option` is a URL that secrets may be sent to.
pub(crate) fn check_with_query(option: &str, url: &str) -> Result<Uri, Usage> {
    let uri: Uri = url.parse().map_err(|_| bad(option))?;
    let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
        return Err(bad(option));
    };
    if !matches!(scheme, "https" | "http") || url.contains(['@', '#']) {
        return Err(bad(option));
    }
    if scheme == "http" && !is_loopback(host) {
        return Err(Usage::new(
            format!(
                "--{option} is plain http to another machine: whoever is on the way reads the \
                 password"
            ),
            "Write https://; plain http is for 127.0.0.1, ::1 and localhost.",
        ));
    }
    Ok(uri)
}

/// Joins the base URL, which has been checked, with the path.
pub(crate) fn join(base_url: &str, path: &str) -> Result<Uri, Usage> {
    let slash = if path.starts_with('/') { "" } else { "/" };
    let base_url = base_url.trim_end_matches('/');
    let joined = format!("{base_url}{slash}{path}");
    let uri = joined.parse().ok().filter(|_| !path.contains('#'));
    uri.ok_or_else(|| {
        Usage::new(
            "the value of --path cannot be a part of a URL",
            "Write it like /api/v2/accounts?page=1, and anything special as %20.",
        )
    })
}

/// Returns scheme, host and port of a URL that has been checked.
pub(crate) fn origin(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{scheme}://{authority}")
}

fn bad(option: &str) -> Usage {
    // It is not repeated: somebody may have put a password into it.
    Usage::new(
        format!("the value of --{option} is not a URL that can be called"),
        "Write scheme, host and port, and the path if there is one: https://host.name/path",
    )
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}
