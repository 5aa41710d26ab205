use std::{fmt, sync::Arc, time::Duration};

use http::Uri;
use secrecy::{ExposeSecret, SecretString};

use super::{
    ClientAuth,
    client_auth::ClientId,
    service::{Inner, OAuth2},
};
use crate::{
    Clock, Error, ErrorKind, SystemClock,
    providers::common::{base_url::BaseUrl, exchange::Client, lineage::Lineage},
    token::check_refresh_token,
};

/// Builder for an [`OAuth2`].
///
/// [`client_id`](Self::client_id) is required, and mostly one of
/// [`client_credentials`](Self::client_credentials) and [`refresh_token`](Self::refresh_token).
#[must_use]
pub struct OAuth2Builder {
    http: Client,
    token_url: String,
    revocation_url: Option<String>,
    insecure_http: bool,
    client_id: Option<SecretString>,
    client_secret: Option<SecretString>,
    client_auth: ClientAuth,
    client_credentials: bool,
    refresh_token: Option<SecretString>,
    scope: Option<String>,
    refresh_scope: Option<String>,
    resources: Vec<String>,
    audience: Option<String>,
    params: Vec<(String, SecretString)>,
    token_types: Vec<String>,
    default_lifetime: Option<Duration>,
    request_timeout: Duration,
    max_answer: usize,
    clock: Arc<dyn Clock>,
}

/// The settings, checked.
pub(super) struct Settings {
    pub(super) token_uri: Uri,
    pub(super) revocation_uri: Option<Uri>,
    pub(super) client: ClientId,
    pub(super) client_credentials: bool,
    pub(super) scope: Option<String>,
    pub(super) refresh_scope: Option<String>,
    pub(super) resources: Vec<String>,
    pub(super) audience: Option<String>,
    pub(super) params: Vec<(String, SecretString)>,
    pub(super) token_types: Vec<String>,
    pub(super) default_lifetime: Option<Duration>,
    pub(super) request_timeout: Duration,
    pub(super) max_answer: usize,
}

/// What requests have of their own, so that no extra parameter may be called so.
const RESERVED: [&str; 9] = [
    "audience",
    "client_id",
    "client_secret",
    "grant_type",
    "refresh_token",
    "resource",
    "scope",
    "token",
    "token_type_hint",
];

// === impl OAuth2Builder ===

impl OAuth2Builder {
    pub(super) fn new(http: Client, token_url: String) -> Self {
        Self {
            http,
            token_url,
            revocation_url: None,
            insecure_http: false,
            client_id: None,
            client_secret: None,
            client_auth: ClientAuth::default(),
            client_credentials: false,
            refresh_token: None,
            scope: None,
            refresh_scope: None,
            resources: Vec::new(),
            audience: None,
            params: Vec::new(),
            token_types: vec!["Bearer".into()],
            default_lifetime: None,
            request_timeout: Duration::from_secs(30),
            max_answer: 1024 * 1024,
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// Sets the id under which the client is registered. Required.
    pub fn client_id(mut self, id: impl Into<SecretString>) -> Self {
        self.client_id = Some(id.into());
        self
    }

    /// Sets the client's secret. Default: none, as public clients have it.
    pub fn client_secret(mut self, secret: impl Into<SecretString>) -> Self {
        self.client_secret = Some(secret.into());
        self
    }

    /// Sets how the client authenticates. Default: [`ClientAuth::Basic`]. A client without a secret
    /// gives its `client_id` in the form.
    pub fn client_auth(mut self, auth: ClientAuth) -> Self {
        self.client_auth = auth;
        self
    }

    /// Lets the client sign in as itself, with the `client_credentials` grant (RFC 6749 section
    /// 4.4), where there is no refresh token that can be used. Default: it does not.
    ///
    /// Beside a user's [`refresh_token`](Self::refresh_token) it means: when the user's sign-in has
    /// ended, go on as the client.
    pub fn client_credentials(mut self) -> Self {
        self.client_credentials = true;
        self
    }

    /// Sets the refresh token to begin with: that of a user who has signed in elsewhere, in a
    /// browser say. Default: none.
    ///
    /// It is for a session that has no refresh token of its own, and so for one user. Where sessions
    /// of several users share this client, give each its own by
    /// [`SessionBuilder::token`](crate::SessionBuilder::token), or by a store.
    pub fn refresh_token(mut self, token: impl Into<SecretString>) -> Self {
        self.refresh_token = Some(token.into());
        self
    }

    /// Sets the scope that is asked for at a sign-in: names with a space between them. Default:
    /// none, so the server chooses.
    ///
    /// If the server grants less, the renewal has a warning. A refresh asks for no scope: it cannot
    /// have more than was granted, and has that if it does not ask (RFC 6749 section 6).
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Sets the scope that a refresh asks for: less than was granted, or the same where a server
    /// insists. Default: none.
    pub fn refresh_scope(mut self, scope: impl Into<String>) -> Self {
        self.refresh_scope = Some(scope.into());
        self
    }

    /// Adds a resource that the token is for: the URI of an API (RFC 8707), in sign-ins and
    /// refreshes. Call it again for further ones. Default: none.
    pub fn resource(mut self, uri: impl Into<String>) -> Self {
        self.resources.push(uri.into());
        self
    }

    /// Sets the `audience` of a sign-in, as Auth0 and others want it. Default: none.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Adds a parameter to sign-ins and refreshes, for a server with one of its own. Its value is
    /// treated as a secret.
    pub fn param(mut self, name: impl Into<String>, value: impl Into<SecretString>) -> Self {
        self.params.push((name.into(), value.into()));
        self
    }

    /// Sets the endpoint that revokes tokens when a session is signed out (RFC 7009). Default:
    /// none, so signing out forgets the tokens here and no server is told.
    pub fn revocation_url(mut self, url: impl Into<String>) -> Self {
        self.revocation_url = Some(url.into());
        self
    }

    /// Adds a name that the server has for `Bearer` in `token_type`: `BearerToken`, say. Upper and
    /// lower case are the same.
    pub fn token_type(mut self, name: impl Into<String>) -> Self {
        self.token_types.push(name.into());
        self
    }

    /// Sets how long a token is good for if the server does not say so (`expires_in`). Default:
    /// until the server refuses it.
    pub fn default_lifetime(mut self, lifetime: Duration) -> Self {
        self.default_lifetime = Some(lifetime);
        self
    }

    /// Sets how long one exchange may take, from waiting for the HTTP client to the end of the
    /// answer. Default: 30 s.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Sets the longest answer that is read, in bytes. Default: 1 MiB.
    pub fn max_answer(mut self, bytes: usize) -> Self {
        self.max_answer = bytes;
        self
    }

    /// Sets the time source. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Lets secrets and tokens go over plain http to other machines.
    ///
    /// Without it plain http is for loopback alone (127.0.0.0/8, ::1, localhost).
    pub fn insecure_http(mut self) -> Self {
        self.insecure_http = true;
        self
    }

    /// Creates the service.
    ///
    /// # Errors
    ///
    /// Fails as [`ErrorKind::Config`], with the setting that is wrong and what to write instead.
    pub fn build(mut self) -> Result<OAuth2, Error> {
        let token_uri = endpoint("token URL", &self.token_url, self.insecure_http)?;
        let revocation_uri = self
            .revocation_url
            .as_deref()
            .map(|url| endpoint("revocation URL", url, self.insecure_http))
            .transpose()?;
        let lineage = match self.refresh_token.take() {
            Some(token) => Lineage::with_root(checked(token)?),
            None => Lineage::default(),
        };
        self.check_scopes()?;
        self.check_parameters()?;
        for (name, is_zero) in [
            ("max_answer", self.max_answer == 0),
            ("request_timeout", self.request_timeout.is_zero()),
        ] {
            if is_zero {
                let message = format!("{name} is 0, so nothing would ever work: set it higher");
                return Err(config(message));
            }
        }
        let client = self.client()?;
        Ok(OAuth2::from_inner(Inner {
            http: self.http,
            settings: Settings {
                token_uri,
                revocation_uri,
                client,
                client_credentials: self.client_credentials,
                scope: self.scope,
                refresh_scope: self.refresh_scope,
                resources: self.resources,
                audience: self.audience,
                params: self.params,
                token_types: self.token_types,
                default_lifetime: self.default_lifetime,
                request_timeout: self.request_timeout,
                max_answer: self.max_answer,
            },
            clock: self.clock,
            lockout: Default::default(),
            lineage: lineage.into(),
            refreshing: Default::default(),
        }))
    }

    fn client(&mut self) -> Result<ClientId, Error> {
        let Some(id) = self.client_id.take() else {
            return Err(config("which client is this? Call client_id(id)"));
        };
        let secret = self.client_secret.take();
        let is_empty = |secret: &SecretString| secret.expose_secret().is_empty();
        if is_empty(&id) || secret.as_ref().is_some_and(is_empty) {
            return Err(config(
                "the client's id or secret is empty: is the variable set that it comes from?",
            ));
        }
        if secret.is_none() && self.client_credentials {
            return Err(config(
                "client_credentials is for clients that have a secret: call client_secret(secret), \
                 or begin with a user's refresh_token(token)",
            ));
        }
        Ok(ClientId {
            id,
            secret,
            auth: self.client_auth,
        })
    }

    fn check_scopes(&self) -> Result<(), Error> {
        for (name, scope) in [
            ("scope", &self.scope),
            ("refresh_scope", &self.refresh_scope),
        ] {
            let Some(scope) = scope else { continue };
            if scope.is_empty() || !scope.split(' ').all(is_scope_token) {
                return Err(config(format!(
                    "the {name} `{}` is not names with one space between them, as in `read write`",
                    scope.escape_debug()
                )));
            }
        }
        let (Some(scope), Some(wanted)) = (&self.scope, &self.refresh_scope) else {
            return Ok(());
        };
        let wider = wanted
            .split(' ')
            .find(|name| !scope.split(' ').any(|granted| granted == *name));
        match wider {
            Some(name) => Err(config(format!(
                "refresh_scope has `{name}`, which scope has not: a refresh cannot have more than \
                 was granted"
            ))),
            None => Ok(()),
        }
    }

    fn check_parameters(&self) -> Result<(), Error> {
        for resource in &self.resources {
            if !is_absolute_uri(resource) {
                return Err(config(format!(
                    "the resource `{}` is not an absolute URI without a fragment, as in \
                     https://api.example.com",
                    resource.escape_debug()
                )));
            }
        }
        if let Some((name, _)) = self
            .params
            .iter()
            .find(|(name, _)| name.is_empty() || RESERVED.contains(&name.as_str()))
        {
            return Err(config(format!(
                "param(`{name}`, ..) is for parameters that have no setting of their own here, and \
                 a name is needed"
            )));
        }
        Ok(())
    }
}

impl fmt::Debug for OAuth2Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URLs are not checked yet: somebody may have put a password into one.
        f.debug_struct("OAuth2Builder").finish_non_exhaustive()
    }
}

// === impl Settings ===

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the URLs' queries, and without the values of parameters.
        f.debug_struct("Settings")
            .field("token_host", &self.token_uri.host())
            .field("token_path", &self.token_uri.path())
            .field("has_revocation", &self.revocation_uri.is_some())
            .field("client", &self.client)
            .field("client_credentials", &self.client_credentials)
            .field("scope", &self.scope)
            .field("resources", &self.resources)
            .field("audience", &self.audience)
            .field("request_timeout", &self.request_timeout)
            .field("max_answer", &self.max_answer)
            .finish_non_exhaustive()
    }
}

/// Checks the URL of an endpoint. It may have a query, and its path stays as it is.
fn endpoint(name: &str, url: &str, insecure: bool) -> Result<Uri, Error> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    BaseUrl::parse_as(name, base, insecure)?;
    let uri = url.parse().ok().filter(|_| !query.contains('#'));
    uri.ok_or_else(|| {
        config(format!(
            "the {name} has a query that cannot be sent: write anything special as %20"
        ))
    })
}

fn checked(token: SecretString) -> Result<SecretString, Error> {
    check_refresh_token(token.expose_secret()).map_err(|error| {
        Error::with_message(ErrorKind::Config, "the refresh token cannot be used").caused_by(error)
    })?;
    Ok(token)
}

/// RFC 8707 section 2: absolute, and without a fragment.
fn is_absolute_uri(text: &str) -> bool {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    text.chars().all(|c| c.is_ascii_graphic() && c != '#')
        && text
            .split_once(':')
            .is_some_and(|(scheme, rest)| is_scheme(scheme) && !rest.is_empty())
}

/// RFC 6749 section 3.3.
fn is_scope_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
}

fn config(message: impl Into<String>) -> Error {
    Error::with_message(ErrorKind::Config, message)
}
