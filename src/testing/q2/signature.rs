//! The `signature` of an event: its header and claims.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

/// How events are signed: the JWT's header and claims.
///
/// The documentation makes all three claims optional. By default there are `iss`
/// (`https://api.q2open.io`) and `exp` (in 5 min), and no `aud`.
///
/// # Example
///
/// ```
/// use tower_reauth::testing::q2::{Signature, Simulator};
///
/// let signature = Signature::new().audience("https://me.example/hooks");
/// let builder = Simulator::builder().sign_events(signature);
/// # let _ = builder;
/// ```
#[derive(Clone, Debug)]
pub struct Signature {
    header: String,
    issuer: Option<String>,
    audience: Option<String>,
    lifetime: Option<Duration>,
}

impl Signature {
    /// Creates the default: `iss` and `exp` in a header named `signature`.
    #[must_use]
    pub fn new() -> Self {
        Self {
            header: "signature".to_owned(),
            issuer: Some("https://api.q2open.io".to_owned()),
            audience: None,
            lifetime: Some(Duration::from_secs(300)),
        }
    }

    /// Sets the name of the header that carries the JWT. `signature` by default.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>) -> Self {
        self.header = name.into();
        self
    }

    /// Sets `iss`. `https://api.q2open.io` by default.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Leaves out `iss`.
    #[must_use]
    pub fn without_issuer(mut self) -> Self {
        self.issuer = None;
        self
    }

    /// Sets `aud`. There is none by default.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Sets how long a JWT is good for. 5 min by default.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Leaves out `exp`: a JWT is good for ever.
    #[must_use]
    pub fn without_expiry(mut self) -> Self {
        self.lifetime = None;
        self
    }

    pub(super) fn header_name(&self) -> &str {
        &self.header
    }

    pub(super) fn claims(&self, now: SystemTime) -> Map<String, Value> {
        let mut claims = Map::new();
        if let Some(issuer) = &self.issuer {
            claims.insert("iss".to_owned(), issuer.as_str().into());
        }
        if let Some(audience) = &self.audience {
            claims.insert("aud".to_owned(), audience.as_str().into());
        }
        if let Some(lifetime) = self.lifetime {
            claims.insert("exp".to_owned(), seconds(now + lifetime).into());
        }
        claims
    }
}

impl Default for Signature {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns a time as a JWT has it: in seconds since the Unix epoch.
pub(super) fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
