//! What was printed, what is secret, and every form in which the one may stand in the other.

use std::{
    collections::BTreeSet,
    error::Error as StdError,
    fmt::Debug,
    io,
    sync::{Arc, Mutex},
};

use http::Response;
use tower_reauth::{Error, ExposeSecret, Token, inspect::PeekBody};
use tracing_subscriber::fmt::MakeWriter;

/// Everything that was printed, by where.
#[derive(Clone, Default)]
pub(crate) struct Evidence {
    pub(crate) texts: Arc<Mutex<Vec<(String, String)>>>,
}

/// Every secret, by what it is.
#[derive(Clone, Default)]
pub(crate) struct Secrets {
    pub(crate) known: Arc<Mutex<BTreeSet<(String, String)>>>,
}

/// A log, line by line.
#[derive(Clone, Default)]
pub(crate) struct Log {
    pub(crate) written: Arc<Mutex<Vec<u8>>>,
}

// === impl Evidence ===

impl Evidence {
    pub(crate) fn text(&self, what: &str, text: impl Into<String>) {
        let mut texts = self.texts.lock().unwrap();
        texts.push((what.to_owned(), text.into()));
    }

    pub(crate) fn debug(&self, what: &str, value: &dyn Debug) {
        self.text(what, format!("{value:?}"));
        self.text(what, format!("{value:#?}"));
    }

    /// An error and all that are below it.
    pub(crate) fn error(&self, what: &str, error: &(dyn StdError + 'static)) {
        let chain = std::iter::successors(Some(error), |&error| error.source());
        for (depth, error) in chain.enumerate() {
            let what = format!("{what}, {depth} below");
            self.debug(&what, &error);
            self.text(&what, error.to_string());
            self.text(&what, format!("{error:#}"));
            if let Some(ours) = error.downcast_ref::<Error>() {
                self.debug(&what, &ours.provider_code());
                self.debug(&what, &ours.kind());
            }
        }
    }

    pub(crate) fn response<B>(&self, what: &str, response: &Response<PeekBody<B>>) {
        // Not the headers: they are the server's.
        self.debug(what, response.body());
        self.debug(what, response.extensions());
        if let Some(error) = response.extensions().get::<Error>() {
            self.error(what, error);
        }
    }
}

// === impl Secrets ===

impl Secrets {
    pub(crate) fn add(&self, what: &str, secret: &str) {
        assert!(secret.len() >= 6, "{what} would be found by chance");
        let mut known = self.known.lock().unwrap();
        known.insert((what.to_owned(), secret.to_owned()));
    }

    pub(crate) fn random(&self, what: &str, like: &str) -> String {
        let secret = format!("{like}{:032x}", fastrand::u128(..));
        self.add(what, &secret);
        secret
    }

    pub(crate) fn token(&self, token: &Token) {
        self.add("access token", token.expose());
        if let Some(refresh) = token.refresh_token() {
            self.add("refresh token", refresh.expose_secret());
        }
    }

    /// Adds what is secret in the JSON of a sign-in, on its way in either direction.
    pub(crate) fn message(&self, body: &[u8]) {
        let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) else {
            return;
        };
        for (what, path) in [
            ("2FA token or its code", "/token"),
            ("code", "/code"),
            ("2FA token", "/2faDetails/token"),
            ("access token", "/accessToken/token"),
            ("refresh token", "/refreshToken/token"),
            ("refresh token", "/refreshToken"),
        ] {
            if let Some(secret) = value.pointer(path).and_then(|value| value.as_str()) {
                self.add(what, secret);
            }
        }
    }

    /// Says which secrets are in `text`, and how they are encoded.
    pub(crate) fn found_in(&self, text: &str) -> Vec<String> {
        let known = self.known.lock().unwrap();
        let mut found = Vec::new();
        for (what, secret) in known.iter() {
            for (encoding, form) in forms(secret) {
                if contains(text, &form) {
                    found.push(format!("{what}, {encoding}"));
                }
            }
        }
        found
    }

    pub(crate) fn count(&self, what: &str) -> usize {
        let known = self.known.lock().unwrap();
        known.iter().filter(|(name, _)| name == what).count()
    }
}

/// Whether `form` is in `text`; if it is a number, not as a part of another number.
pub(crate) fn contains(text: &str, form: &str) -> bool {
    let is_number = form.bytes().all(|byte| byte.is_ascii_digit());
    text.match_indices(form).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + form.len()..].chars().next();
        let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        !(is_number && (is_digit(before) || is_digit(after)))
    })
}

/// Every form in which `secret` might be printed.
pub(crate) fn forms(secret: &str) -> Vec<(&'static str, String)> {
    let bytes = secret.as_bytes();
    let join = |form: &dyn Fn(u8) -> String| bytes.iter().map(|&byte| form(byte)).collect();
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let escaped = serde_json::to_string(secret).unwrap();
    let escaped = &escaped[1..escaped.len() - 1];
    let debug = format!("{secret:?}");
    let units = secret.encode_utf16();
    let mut forms = vec![
        ("raw", secret.to_owned()),
        ("hex", join(&|byte| format!("{byte:02x}"))),
        ("hex, capital", join(&|byte| format!("{byte:02X}"))),
        ("JSON", escaped.to_owned()),
        ("JSON, slashes", escaped.replace('/', "\\/")),
        (
            "JSON, all escaped",
            units.map(|unit| format!("\\u{unit:04x}")).collect(),
        ),
        (
            "JSON in JSON",
            escaped.replace('\\', "\\\\").replace('"', "\\\""),
        ),
        ("Debug", debug[1..debug.len() - 1].to_owned()),
        ("Debug of bytes", bytes.escape_ascii().to_string()),
        (
            "list of bytes",
            format!("{bytes:?}").trim_matches(['[', ']']).to_owned(),
        ),
        (
            "percent",
            join(&|byte| match unreserved(byte) {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            }),
        ),
        (
            "percent, small",
            join(&|byte| match unreserved(byte) {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02x}"),
            }),
        ),
        ("percent, all", join(&|byte| format!("%{byte:02X}"))),
    ];
    // Base64 depends on where in three bytes the secret begins. What is before and after it in the
    // same text, and the padding, only touches the first and the last of its characters.
    for offset in 0..3 {
        let mut shifted = vec![0; offset];
        shifted.extend_from_slice(bytes);
        let whole = shifted.len() / 3 * 3;
        let standard = base64(&shifted[..whole]);
        let core = &standard[(offset * 8).div_ceil(6)..];
        forms.push(("base64", core.to_owned()));
        forms.push(("base64, URL", core.replace('+', "-").replace('/', "_")));
    }
    forms
}

/// Base64 of whole groups of three.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = bytes.chunks_exact(3).flat_map(|group| {
        let bits = u32::from(group[0]) << 16 | u32::from(group[1]) << 8 | u32::from(group[2]);
        [18, 12, 6, 0].map(|shift| char::from(ALPHABET[(bits >> shift) as usize & 63]))
    });
    groups.collect()
}

// === impl Log ===

impl Log {
    pub(crate) fn lines(&self) -> Vec<String> {
        let written = self.written.lock().unwrap();
        let text = String::from_utf8_lossy(&written);
        text.lines().map(str::to_owned).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
