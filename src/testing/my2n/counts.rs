//! What the simulator has seen.

use super::Endpoint;

/// How often things happened since the simulator started: a snapshot.
///
/// A request is counted when its head has arrived, a success when it takes effect, even if the
/// answer is lost afterwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Requests to log in the v1 way.
    pub v1_logins: u64,
    /// v1 logins that issued a token.
    pub v1_logins_ok: u64,
    /// v1 logins that were answered with 409, as the account is migrated.
    pub conflicts: u64,
    /// Requests for a flow.
    pub inits: u64,
    /// Flows begun, but for those that a 410 names.
    pub inits_ok: u64,
    /// Flows submitted.
    pub submits: u64,
    /// Submits that issued a session.
    pub submits_ok: u64,
    /// Logins of either sort with a wrong username or password.
    pub rejected: u64,
    /// Submits of a flow that this simulator never began, or has forgotten.
    pub unknown_flows: u64,
    /// Submits of a flow that has expired, or was replaced by another.
    pub dead_flows: u64,
    /// Requests to log out.
    pub logouts: u64,
    /// Sessions logged out.
    pub logouts_ok: u64,
    /// API calls.
    pub api_calls: u64,
    /// API calls with a valid credential: the effects.
    pub api_ok: u64,
    /// API calls that were answered with 401, by fault or in earnest.
    pub unauthorized: u64,
    /// API calls that arrived with an `X-Api-Key` when the simulator had issued a v2 session
    /// already.
    pub late_api_keys: u64,
    /// API calls with both `X-Api-Key` and `Authorization`. Each is a violation as well.
    pub mixed_credentials: u64,
    /// Logins and logouts with a credential, a `Cookie` or an `Origin` in the head. Each is a
    /// violation as well.
    pub credentials_on_login: u64,
    /// Credentials presented to the API that this simulator never issued.
    pub unknown_tokens: u64,
    /// v1 tokens issued, by any way.
    pub api_keys_issued: u64,
    /// v2 sessions issued, by any way.
    pub sessions_issued: u64,
    /// Errors of the login host that went to a web page, as nothing said that JSON is wanted.
    pub redirects: u64,
    /// Requests that broke a rule; see [`violations`](super::Simulator::violations).
    pub violations: u64,
    /// Connections accepted, at both hosts.
    pub connections: u64,
    /// Connections open now, at both hosts.
    pub open_connections: u64,
}

impl Counts {
    pub(super) fn arrived(&mut self, endpoint: Endpoint) {
        *match endpoint {
            Endpoint::LoginV1 => &mut self.v1_logins,
            Endpoint::Init => &mut self.inits,
            Endpoint::Submit => &mut self.submits,
            Endpoint::Logout => &mut self.logouts,
            Endpoint::Api => &mut self.api_calls,
            Endpoint::Elsewhere => return,
        } += 1;
    }
}
