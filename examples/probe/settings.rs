//! The settings, checked as far as that goes without the network: command line, environment, files.

use std::{net::IpAddr, path::Path, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Uri};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use tower_reauth::SecretString;

use crate::{
    args::{Args, BodyFrom},
    usage::Usage,
};

/// Everything that the stack is made of.
pub(crate) struct Settings {
    pub(crate) base_url: String,
    /// What is called: the path below the base URL.
    pub(crate) uri: Uri,
    pub(crate) extra_roots: Vec<CertificateDer<'static>>,
    pub(crate) method: Method,
    pub(crate) body: Option<Bytes>,
    pub(crate) content_type: HeaderValue,
    pub(crate) timeout: Duration,
    pub(crate) renew_ahead: Option<Duration>,
    pub(crate) username: SecretString,
    pub(crate) password: SecretString,
}

impl Settings {
    pub(crate) fn new(args: &Args) -> Result<Self, Usage> {
        let method = method(args)?;
        let body = match &args.body {
            None => None,
            Some(BodyFrom::Text(text)) => Some(Bytes::from(text.clone())),
            Some(BodyFrom::File(file)) => Some(read(file)?.into()),
        };
        let content_type = HeaderValue::from_str(&args.content_type).map_err(|_| {
            Usage::new(
                "the value of --content-type cannot be sent as a header",
                "Write it like --content-type text/plain",
            )
        })?;
        Ok(Self {
            uri: uri(&args.base_url, &args.path)?,
            base_url: args.base_url.clone(),
            extra_roots: args.ca.as_deref().map_or(Ok(Vec::new()), certificates)?,
            method,
            body,
            content_type,
            timeout: args.plan.timeout,
            renew_ahead: args.renew_ahead,
            username: secret("PROBE_USERNAME", "the e-mail address to sign in with")?,
            password: secret("PROBE_PASSWORD", "the password")?,
        })
    }
}

fn method(args: &Args) -> Result<Method, Usage> {
    let Some(text) = &args.method else {
        return Ok(match args.body {
            Some(_) => Method::POST,
            None => Method::GET,
        });
    };
    let wrong = || {
        Usage::new(
            "the value of --method is not one that can be sent",
            "Write one like GET, POST, PUT, PATCH or DELETE.",
        )
    };
    // Methods are case-sensitive, but nobody means another one by `get`.
    let method = Method::from_bytes(text.to_ascii_uppercase().as_bytes()).map_err(|_| wrong())?;
    // It would ask for a tunnel, and what is in the tunnel is nobody's call.
    if method == Method::CONNECT {
        return Err(wrong());
    }
    Ok(method)
}

/// Joins the base URL with the path. The provider checks the base URL once more, and closer.
fn uri(base_url: &str, path: &str) -> Result<Uri, Usage> {
    // Neither is repeated: somebody may have put a password into it.
    let bad_base = || {
        Usage::new(
            "the value of --base-url is not a URL of the API",
            "Write scheme, host and port, and the path prefix if there is one: https://host.name",
        )
    };
    let base: Uri = base_url.parse().map_err(|_| bad_base())?;
    let (Some(scheme), Some(host)) = (base.scheme_str(), base.host()) else {
        return Err(bad_base());
    };
    if !matches!(scheme, "https" | "http") || base_url.contains(['@', '?', '#']) {
        return Err(bad_base());
    }
    if scheme == "http" && !is_loopback(host) {
        return Err(Usage::new(
            "--base-url is plain http to another machine: whoever is on the way reads the password",
            "Write https://; plain http is for 127.0.0.1, ::1 and localhost.",
        ));
    }
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

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Usage> {
    let pem = read(file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or_else(|| {
        Usage::new(
            format!("there is no certificate in {}", file.display()),
            "Give a PEM file: it has lines that say BEGIN CERTIFICATE.",
        )
    })
}

fn read(file: &Path) -> Result<Vec<u8>, Usage> {
    std::fs::read(file).map_err(|error| {
        Usage::new(
            format!("cannot read {}: {error}", file.display()),
            "Name a file that is there and may be read.",
        )
    })
}

fn secret(name: &str, what: &str) -> Result<SecretString, Usage> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(value.into()),
        Err(std::env::VarError::NotUnicode(_)) => Err(Usage::new(
            format!("{name} is not UTF-8"),
            format!("Set it to {what}, in UTF-8."),
        )),
        _ => Err(Usage::new(
            format!("{name} is not set"),
            format!("Set this environment variable to {what}."),
        )),
    }
}
