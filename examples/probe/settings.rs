//! The settings that all providers have, checked as far as that goes without the network.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Uri};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use crate::{args::Given, client::Kind, urls, usage::Usage};

pub(crate) struct Settings {
    pub(crate) client: Kind,
    pub(crate) base_url: String,
    /// What is called: the path below the base URL.
    pub(crate) uri: Uri,
    pub(crate) extra_roots: Vec<CertificateDer<'static>>,
    pub(crate) method: Method,
    pub(crate) body: Option<Bytes>,
    pub(crate) content_type: HeaderValue,
    pub(crate) stream_body: bool,
    pub(crate) renew_ahead: Option<Duration>,
    pub(crate) json: bool,
    pub(crate) plan: Plan,
}

/// How many calls, and when.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) requests: u64,
    pub(crate) concurrency: usize,
    pub(crate) every: Duration,
    pub(crate) timeout: Duration,
    pub(crate) sign_out: bool,
}

impl Settings {
    pub(crate) fn new(given: &Given) -> Result<Self, Usage> {
        let client = client(given)?;
        let base_url = given.required("base-url", "https://host.name")?;
        let path = given.provider.path(given)?;
        let body = body(given)?;
        let content_type = given.get("content-type").unwrap_or("application/json");
        let content_type = HeaderValue::from_str(content_type).map_err(|_| {
            Usage::new(
                "the value of --content-type cannot be sent as a header",
                "Write it like --content-type text/plain",
            )
        })?;
        let renew_ahead = match given.get("renew-ahead") {
            Some(_) => Some(given.millis("renew-ahead", 0, 0)?),
            None => None,
        };
        let ca = given.get("ca").map(Path::new);
        let concurrency = given.number("concurrency", 1, 1)?;
        let plan = Plan {
            requests: given.number("requests", 1, 1)?,
            concurrency: usize::try_from(concurrency).unwrap_or(usize::MAX),
            every: given.millis("every", 0, 0)?,
            timeout: given.millis("timeout", 1, 30_000)?,
            sign_out: given.has("sign-out"),
        };
        urls::check("base-url", base_url)?;
        Ok(Self {
            client,
            uri: urls::join(base_url, path)?,
            base_url: base_url.to_owned(),
            extra_roots: ca.map_or(Ok(Vec::new()), certificates)?,
            method: method(given, body.is_some())?,
            body,
            content_type,
            stream_body: given.has("stream-body"),
            renew_ahead,
            json: given.has("json"),
            plan,
        })
    }
}

fn client(given: &Given) -> Result<Kind, Usage> {
    match given.get("client") {
        None | Some("hyper") => Ok(Kind::Hyper),
        Some("reqwest") => Ok(Kind::Reqwest),
        Some("reqwest-middleware") => Ok(Kind::ReqwestMiddleware),
        Some(_) => Err(Usage::new(
            "the value of --client is not one that is known",
            "Write hyper, reqwest or reqwest-middleware.",
        )),
    }
}

fn body(given: &Given) -> Result<Option<Bytes>, Usage> {
    match (given.get("body"), given.get("body-file")) {
        (Some(_), Some(_)) => Err(Usage::new(
            "--body and --body-file are both given",
            "Leave one of them out: a call has one body.",
        )),
        (Some(text), None) => Ok(Some(Bytes::from(text.to_owned()))),
        (None, Some(file)) => read(Path::new(file)).map(|body| Some(body.into())),
        (None, None) => Ok(None),
    }
}

fn method(given: &Given, has_body: bool) -> Result<Method, Usage> {
    let Some(text) = given.get("method") else {
        return Ok(if has_body { Method::POST } else { Method::GET });
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
