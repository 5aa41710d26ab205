//! What the simulator has seen and done.

use super::Endpoint;

/// How often things happened since the simulator started: a snapshot.
///
/// A request is counted when its head has arrived, a success when it takes effect, even if the
/// answer is lost afterwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Requests to create an auth.
    pub creates: u64,
    /// Auths created or started again.
    pub creates_ok: u64,
    /// Steps sent with a token.
    pub steps: u64,
    /// Steps that were taken, with right answers or wrong ones.
    pub steps_ok: u64,
    /// Answers sent without a token.
    pub answers: u64,
    /// Such answers that were taken, right or wrong.
    pub answers_ok: u64,
    /// Requests to go on with an auth on hold.
    pub hold_fixes: u64,
    /// Auths on hold that went on.
    pub hold_fixes_ok: u64,
    /// Requests to delete an auth.
    pub deletes: u64,
    /// Auths deleted.
    pub deletes_ok: u64,
    /// Requests for the auths of a client.
    pub lists: u64,
    /// Such lists given.
    pub lists_ok: u64,
    /// Requests for public keys.
    pub key_fetches: u64,
    /// Public keys given: one, or all.
    pub key_fetches_ok: u64,
    /// Other API calls.
    pub api_calls: u64,
    /// Other API calls with the API key: the effects.
    pub api_ok: u64,
    /// Requests of any kind that were answered with 401, by fault or in earnest.
    pub unauthorized: u64,
    /// Requests that carried another API key.
    pub wrong_keys: u64,
    /// Auths that were created again with the same credentials before the outcome was told. Each
    /// is a violation as well.
    pub resubmissions: u64,
    /// Step tokens presented that this simulator never issued.
    pub unknown_step_tokens: u64,
    /// Step tokens presented again after they were used. Each is a violation as well.
    pub reused_step_tokens: u64,
    /// Codes sent to end users.
    pub codes_sent: u64,
    /// Answers and codes that were wrong.
    pub wrong_answers: u64,
    /// Events that came about, whether they were delivered or not.
    pub events: u64,
    /// Attempts to deliver an event, all told.
    pub deliveries: u64,
    /// Attempts that the webhook answered with 2xx.
    pub delivered: u64,
    /// Attempts that the webhook answered with another status.
    pub refused_deliveries: u64,
    /// Attempts that the webhook did not answer.
    pub unanswered_deliveries: u64,
    /// Forged events that were sent; they count in `deliveries` and in none of the three above.
    pub forged: u64,
    /// Forged events that the webhook answered with 2xx. Each is a violation as well.
    pub forged_accepted: u64,
    /// Requests for a bearer token to send to the webhook.
    pub webhook_tokens: u64,
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
            Endpoint::Create => &mut self.creates,
            Endpoint::Step => &mut self.steps,
            Endpoint::AnswerQuestions => &mut self.answers,
            Endpoint::FixHold => &mut self.hold_fixes,
            Endpoint::Delete => &mut self.deletes,
            Endpoint::List => &mut self.lists,
            Endpoint::PublicKeys => &mut self.key_fetches,
            Endpoint::Api => &mut self.api_calls,
        } += 1;
    }

    pub(super) fn succeeded(&mut self, endpoint: Endpoint) {
        *match endpoint {
            Endpoint::Create => &mut self.creates_ok,
            Endpoint::Step => &mut self.steps_ok,
            Endpoint::AnswerQuestions => &mut self.answers_ok,
            Endpoint::FixHold => &mut self.hold_fixes_ok,
            Endpoint::Delete => &mut self.deletes_ok,
            Endpoint::List => &mut self.lists_ok,
            Endpoint::PublicKeys => &mut self.key_fetches_ok,
            Endpoint::Api => &mut self.api_ok,
        } += 1;
    }
}
