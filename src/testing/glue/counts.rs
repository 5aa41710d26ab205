//! What the simulator has seen.

use super::Endpoint;

/// How often things happened since the simulator started: a snapshot.
///
/// A request is counted when its head has arrived, a success when it takes effect, even if the
/// answer is lost afterwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// `POST /access-tokens`
    pub access_tokens: u64,
    /// `POST /refresh-tokens`
    pub refresh_tokens: u64,
    /// `POST /token`, of either grant.
    pub token_requests: u64,
    /// `POST /company-user-access-tokens`
    pub company_user_tokens: u64,
    /// `DELETE /refresh-tokens/..`
    pub revocations: u64,
    /// `GET /multi-factor-auth-types`
    pub type_lists: u64,
    /// `POST /multi-factor-auth-trigger`
    pub triggers: u64,
    /// `POST /multi-factor-auth-type-activate`
    pub activations: u64,
    /// `POST /multi-factor-auth-type-verify`
    pub verifications: u64,
    /// `POST /multi-factor-auth-type-deactivate`
    pub deactivations: u64,
    /// API calls: every other path.
    pub api_calls: u64,

    /// Logins that issued tokens, at whichever endpoint.
    pub logins_ok: u64,
    /// Logins with a wrong username or password.
    pub rejected: u64,
    /// Logins refused in a lock.
    pub locked_out: u64,
    /// Refreshes that issued tokens, at whichever endpoint.
    pub refreshes_ok: u64,
    /// Revocations answered with 204.
    pub revocations_ok: u64,
    /// Triggers that sent a code.
    pub triggers_ok: u64,
    /// Activations that sent a code.
    pub activations_ok: u64,
    /// Types verified.
    pub verifications_ok: u64,
    /// Types deactivated.
    pub deactivations_ok: u64,
    /// API calls that were let in: the effects.
    pub api_ok: u64,
    /// API calls that were answered with 401, by fault or in earnest.
    pub unauthorized: u64,

    /// Calls refused with 5900: they needed a code and had none.
    pub missing_codes: u64,
    /// Calls refused with 5901: their code was not good.
    pub refused_codes: u64,
    /// Of these, codes that this simulator never sent to that account.
    pub unknown_codes: u64,
    /// Of these, codes that a newer one had superseded. Each is an attempt that counts against the
    /// newer one.
    pub superseded_codes: u64,
    /// Codes blocked by such attempts.
    pub blocked_codes: u64,

    /// Access or refresh tokens presented that this simulator never issued.
    pub unknown_tokens: u64,
    /// Refresh tokens presented again after they were traded. Each is a violation as well.
    pub reused_refresh_tokens: u64,
    /// Refresh tokens presented after they had expired or were revoked. The first time a client may
    /// not know; from the second of the same token on each is a violation as well.
    pub dead_refresh_tokens: u64,
    /// Access tokens issued, by any way.
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
            Endpoint::AccessTokens => &mut self.access_tokens,
            Endpoint::RefreshTokens => &mut self.refresh_tokens,
            Endpoint::Revoke => &mut self.revocations,
            Endpoint::Token => &mut self.token_requests,
            Endpoint::CompanyUser => &mut self.company_user_tokens,
            Endpoint::Types => &mut self.type_lists,
            Endpoint::Trigger => &mut self.triggers,
            Endpoint::Activate => &mut self.activations,
            Endpoint::Verify => &mut self.verifications,
            Endpoint::Deactivate => &mut self.deactivations,
            Endpoint::Api => &mut self.api_calls,
        } += 1;
    }
}
