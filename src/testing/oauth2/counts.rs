//! What the simulator has seen.

use super::{ClientAuth, Endpoint};

/// How often things happened since the simulator started: a snapshot.
///
/// A request is counted when its head has arrived, a success when it takes effect, even if the
/// answer is lost afterwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Requests for a token, by any grant.
    pub token_requests: u64,
    /// Tokens granted to a client for itself.
    pub client_credentials_ok: u64,
    /// Tokens granted for a refresh token.
    pub refreshes_ok: u64,
    /// Tokens granted for the password of a resource owner.
    pub passwords_ok: u64,
    /// Requests to revoke a token.
    pub revocations: u64,
    /// Requests to revoke a token that were answered with 200, whether there was one to revoke.
    pub revocations_ok: u64,
    /// Live tokens that were revoked by request: one for a whole family.
    pub tokens_revoked: u64,
    /// API calls.
    pub api_calls: u64,
    /// API calls with a token that opens them: the effects.
    pub api_ok: u64,
    /// API calls that were answered with 401, by fault or in earnest.
    pub unauthorized: u64,
    /// API calls that were answered with 403, by fault or in earnest.
    pub forbidden: u64,
    /// Clients that are unknown, or said the wrong secret or none, or in a way that is not taken.
    pub unknown_clients: u64,
    /// Access or refresh tokens presented that this simulator never issued as such.
    pub unknown_tokens: u64,
    /// Refresh tokens presented again after they were spent. Each is a violation as well.
    pub reused_refresh_tokens: u64,
    /// Refresh tokens presented again in the [time](super::Builder::reuse_grace) in which that is
    /// allowed.
    pub repeated_refresh_tokens: u64,
    /// Refresh tokens presented after they had expired or were revoked. The first time a client may
    /// not know; from the second of the same token on each is a violation as well.
    pub dead_refresh_tokens: u64,
    /// Token requests that were put off. Each is a violation as well, but for the first in a
    /// [time](super::Simulator::put_off) of which nobody was told.
    pub put_off: u64,
    /// Access tokens issued, by any way.
    pub tokens_issued: u64,
    /// Requests that broke a rule; see [`violations`](super::Simulator::violations).
    pub violations: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now.
    pub open_connections: u64,
}

/// A request for a token that could be read, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenRequest {
    /// `grant_type`
    pub grant_type: String,
    /// Who asks: `client_id`, from Basic or from the form.
    pub client_id: Option<String>,
    /// How the client authenticates itself, if it says who it is.
    pub client_auth: Option<ClientAuth>,
    /// `scope`, as it was sent.
    pub scope: Option<String>,
    /// Each `resource`, in order.
    pub resources: Vec<String>,
    /// The names of all parameters that have a value, in order of the alphabet.
    pub parameters: Vec<String>,
}

impl Counts {
    pub(super) fn arrived(&mut self, endpoint: Endpoint) {
        *match endpoint {
            Endpoint::Token => &mut self.token_requests,
            Endpoint::Revoke => &mut self.revocations,
            Endpoint::Api => &mut self.api_calls,
        } += 1;
    }
}
