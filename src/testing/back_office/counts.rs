//! What the simulator has seen.

use super::Endpoint;

/// How often things happened since the simulator started: a snapshot.
///
/// A request is counted when its head has arrived, a success when it takes effect, even if the
/// answer is lost afterwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Requests to sign in.
    pub sign_ins: u64,
    /// Sign-ins with the right password, whether they got tokens or a 2FA challenge.
    pub sign_ins_ok: u64,
    /// Requests to confirm a 2FA code.
    pub confirms: u64,
    /// Codes that were right.
    pub confirms_ok: u64,
    /// Requests to refresh.
    pub refreshes: u64,
    /// Refreshes that issued something.
    pub refreshes_ok: u64,
    /// Requests to sign out.
    pub sign_outs: u64,
    /// Sessions signed out.
    pub sign_outs_ok: u64,
    /// API calls.
    pub api_calls: u64,
    /// API calls with a valid access token: the effects.
    pub api_ok: u64,
    /// API calls that were answered with 401, by fault or in earnest.
    pub unauthorized: u64,
    /// Access or refresh tokens presented that this simulator never issued.
    pub unknown_tokens: u64,
    /// Refresh tokens presented again after they were spent. Each is a violation as well.
    pub reused_refresh_tokens: u64,
    /// Refresh tokens presented after they had expired, were revoked or signed out. The first time
    /// a client may not know; from the second of the same token on each is a violation as well.
    pub dead_refresh_tokens: u64,
    /// Attempts that went over a limit. Each is a violation as well.
    pub limit_exceeded: u64,
    /// Attempts that were refused because of a limit or during the lock-out after it. Each is a
    /// violation as well, but for the first in a
    /// [lock-out on cue](super::Simulator::lock_out).
    pub locked_out: u64,
    /// Requests that broke a rule; see [`violations`](super::Simulator::violations).
    pub violations: u64,
    /// Access tokens issued, by any way.
    pub tokens_issued: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now.
    pub open_connections: u64,
}

// === impl Counts ===

impl Counts {
    pub(super) fn arrived(&mut self, endpoint: Endpoint) {
        *match endpoint {
            Endpoint::SignIn => &mut self.sign_ins,
            Endpoint::Confirm => &mut self.confirms,
            Endpoint::Refresh => &mut self.refreshes,
            Endpoint::SignOut => &mut self.sign_outs,
            Endpoint::Api => &mut self.api_calls,
        } += 1;
    }

    pub(super) fn succeeded(&mut self, endpoint: Endpoint) {
        *match endpoint {
            Endpoint::SignIn => &mut self.sign_ins_ok,
            Endpoint::Confirm => &mut self.confirms_ok,
            Endpoint::Refresh => &mut self.refreshes_ok,
            Endpoint::SignOut => &mut self.sign_outs_ok,
            Endpoint::Api => &mut self.api_ok,
        } += 1;
    }
}
