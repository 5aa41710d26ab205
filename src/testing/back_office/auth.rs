//! The four endpoints that sign in, refresh and sign out.

use http::{Response, request::Parts};

use super::{
    Endpoint, Fault,
    answer::{self, Details, Refusal},
    sessions::{Pair, Presented, Unconfirmed},
    state::{Shared, State},
    strict::{self, Breach, Confirm, Refresh, SignIn},
};
use crate::testing::server::{Reply, bearer};

pub(super) fn process(
    shared: &Shared,
    endpoint: Endpoint,
    head: &Parts,
    body: &[u8],
    odd: Option<&Fault>,
) -> Result<Response<Reply>, Refusal> {
    let mut guard = shared.state();
    let state = &mut *guard;
    let answered = match endpoint {
        Endpoint::SignIn => {
            let request = read(shared, endpoint, strict::read(body))?;
            sign_in(shared, state, &request, odd)
        }
        Endpoint::Confirm => {
            let request = read(shared, endpoint, strict::read(body))?;
            confirm(shared, state, &request, odd)
        }
        Endpoint::Refresh => {
            let request = read(shared, endpoint, strict::read(body))?;
            refresh(shared, state, &request, odd)
        }
        Endpoint::SignOut | Endpoint::Api => sign_out(shared, state, head, body),
    }?;
    state.counts.succeeded(endpoint);
    Ok(answered)
}

fn read<T>(shared: &Shared, endpoint: Endpoint, body: Result<T, Breach>) -> Result<T, Refusal> {
    body.map_err(|breach| shared.breached(endpoint, breach))
}

fn sign_in(
    shared: &Shared,
    state: &mut State,
    request: &SignIn,
    fault: Option<&Fault>,
) -> Result<Response<Reply>, Refusal> {
    let now = shared.desk.now();
    if state.accounts.get(&request.email) != Some(&request.password) {
        // The same for an unknown address, as it gives nothing away.
        let refusal = Refusal::new(
            shared.settings.wrong_password,
            "The e-mail or the password is wrong.",
        );
        return Err(refusal.repeating(&request.password));
    }
    if shared.settings.new_sign_in_voids_flow {
        state.sessions.void_pending_of(&request.email);
    }
    let (flag, challenged, tokens) = match fault {
        Some(Fault::TwoFactorWithoutDetails) => (true, false, false),
        Some(Fault::NoTokens) => (false, false, false),
        Some(Fault::TokensAndDetails(flag)) => (*flag, true, true),
        _ => (state.two_factor, state.two_factor, !state.two_factor),
    };
    let details = if challenged {
        let life = shared.settings.two_factor_lifetime;
        let challenge = state.sessions.challenge(&request.email, life, now);
        shared.mail.send(&request.email, challenge.code.clone());
        Details::Given(challenge)
    } else if flag {
        Details::Null
    } else {
        Details::Absent
    };
    let pair = if tokens {
        start(shared, state, &request.email, fault)
    } else {
        Pair::default()
    };
    let provider = &shared.settings.provider;
    let shape = shared.shape(fault);
    Ok(answer::ok(&shape.sign_in(flag, &details, provider, &pair)))
}

fn confirm(
    shared: &Shared,
    state: &mut State,
    request: &Confirm,
    fault: Option<&Fault>,
) -> Result<Response<Reply>, Refusal> {
    let settings = &shared.settings;
    let (token, code) = (&request.token, &request.code);
    let confirmed =
        state
            .sessions
            .confirm(token, code, settings.flow_dies_after, shared.desk.now());
    let email = confirmed.map_err(|why| {
        let status = match why {
            Unconfirmed::WrongCode => settings.wrong_code,
            Unconfirmed::NoFlow => settings.expired_flow.unwrap_or(settings.wrong_code),
        };
        Refusal::new(status, "The verification code is wrong or has expired.")
            .repeating(token)
            .repeating(code)
    })?;
    let pair = start(shared, state, &email, fault);
    Ok(answer::ok(&shared.shape(fault).pair(&pair)))
}

fn refresh(
    shared: &Shared,
    state: &mut State,
    request: &Refresh,
    fault: Option<&Fault>,
) -> Result<Response<Reply>, Refusal> {
    let now = shared.desk.now();
    let session = match state.sessions.present_refresh(&request.token, now) {
        Presented::Valid(session) => session,
        refused => {
            match refused {
                Presented::Reused => {
                    state.counts.reused_refresh_tokens += 1;
                    shared
                        .desk
                        .violate(Endpoint::Refresh, "a spent refresh token is used again");
                }
                Presented::Dead { again } => {
                    state.counts.dead_refresh_tokens += 1;
                    if again {
                        let sentence = "a dead refresh token is used again after its refusal";
                        shared.desk.violate(Endpoint::Refresh, sentence);
                    }
                }
                Presented::Unknown => state.counts.unknown_tokens += 1,
                Presented::Valid(_) => {}
            }
            let refusal = Refusal::new(
                shared.settings.bad_refresh,
                "The refresh token is not valid.",
            );
            return Err(refusal.repeating(&request.token));
        }
    };
    let lives = shared.lifetimes(state, fault);
    // Whoever gets no new refresh token has to be able to use the old one again.
    if shared.settings.rotate && lives.refresh.is_some() {
        state.sessions.spend(&request.token);
    }
    if shared.settings.only_newest && lives.access.is_some() {
        state.sessions.revoke_access_of(&session);
    }
    let pair = state.sessions.issue(&session, lives, now);
    state.counts.tokens_issued += u64::from(pair.access.is_some());
    Ok(answer::ok(&shared.shape(fault).pair(&pair)))
}

fn sign_out(
    shared: &Shared,
    state: &mut State,
    head: &Parts,
    body: &[u8],
) -> Result<Response<Reply>, Refusal> {
    if !body.is_empty() {
        let breach = (400, "a body is sent where none belongs".to_owned());
        return Err(shared.breached(Endpoint::SignOut, breach));
    }
    let token = bearer(&head.headers);
    let presented = token.map(|token| state.sessions.present_access(token, shared.desk.now()));
    match presented {
        Some(Presented::Valid(session)) => {
            if shared.settings.sign_out_ends_refresh {
                state.sessions.end(&session);
            } else {
                state.sessions.revoke_access_of(&session);
            }
            Ok(Response::new(Reply::new("")))
        }
        Some(Presented::Unknown) => {
            state.counts.unknown_tokens += 1;
            Err(shared.unauthorized(token))
        }
        _ => Err(shared.unauthorized(token)),
    }
}

/// Starts a session and issues its first tokens.
pub(super) fn start(
    shared: &Shared,
    state: &mut State,
    email: &str,
    fault: Option<&Fault>,
) -> Pair {
    let session = state.sessions.start(email);
    let lives = shared.lifetimes(state, fault);
    let pair = state.sessions.issue(&session, lives, shared.desk.now());
    state.counts.tokens_issued += u64::from(pair.access.is_some());
    pair
}
