//! What the simulator has seen.

use super::Endpoint;

/// How often things happened since the simulator started: a snapshot.
///
/// A request is counted when its head has arrived, a success when it takes effect, even if the
/// answer is lost afterwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Sign-ons.
    pub sign_ons: u64,
    /// API calls: every other path below the base.
    pub api_calls: u64,
    /// Requests for anything else.
    pub elsewhere: u64,

    /// Sign-ons that issued a token.
    pub sign_ons_ok: u64,
    /// Sign-ons with a wrong name or password.
    pub rejected: u64,
    /// API calls that were let in: the effects.
    pub api_ok: u64,
    /// API calls that were let in without a token, as their path is open.
    pub open_calls: u64,
    /// API calls whose token was missing, unknown or dead, however they were refused, and those
    /// that a fault answered with 401.
    pub denied: u64,
    /// Of these, calls with a token that this simulator never issued.
    pub unknown_tokens: u64,
    /// Requests with a wrong `api-key` or none, at whichever endpoint. A key that is no longer good
    /// is no violation.
    pub bad_keys: u64,
    /// Failures inside a 200, of whatever kind and at whichever endpoint.
    pub failures_in_200: u64,

    /// Tokens issued, by any way.
    pub tokens_issued: u64,
    /// Requests that broke a rule; see [`violations`](super::Simulator::violations).
    pub violations: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now.
    pub open_connections: u64,
}

impl Counts {
    pub(super) fn arrived(&mut self, endpoint: Endpoint) {
        *match endpoint {
            Endpoint::SignOn => &mut self.sign_ons,
            Endpoint::Api => &mut self.api_calls,
            Endpoint::Elsewhere => &mut self.elsewhere,
        } += 1;
    }
}
