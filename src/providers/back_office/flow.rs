//! One renewal: refresh, or sign in with the password and, if asked for, a code.

use std::time::Duration;

use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use tower::{ServiceExt, util::BoxCloneSyncService};

use super::{
    answer::{SignedIn, Tokens, TwoFactor},
    api::Failure,
    service::Inner,
    verdict::Endpoint,
};
use crate::{
    BoxError, Code, CodeRequest, Error, ErrorKind, Renewal, Renewed, Token,
    clock::Instant,
    providers::common::{
        advice::{Secrets, quotable},
        exchange::{json, within},
        lineage::Standing,
        turn::{turn, unless_abandoned},
    },
};

type CodeService = BoxCloneSyncService<CodeRequest, Code, BoxError>;

/// What came of the refresh token that there may be.
enum Refreshed {
    Renewed(Renewed),
    /// The refresh token is dead, as the error says if it was presented just now.
    Dead(SecretString, Option<Error>),
    /// There is none.
    Nothing,
}

/// What asking for a code came to.
enum Confirmed {
    Tokens(Tokens),
    /// It took too long: what the sign-in gave for it has expired. With the status that said so.
    Expired(Option<StatusCode>, Error),
}

impl Inner {
    pub(super) async fn renew(&self, renewal: &Renewal) -> Result<Renewed, Error> {
        match self.try_refresh(renewal).await? {
            Refreshed::Renewed(renewed) => return Ok(renewed),
            Refreshed::Dead(_, why) if !self.settings.allow_relogin => {
                return Err(no_relogin(why));
            }
            Refreshed::Dead(..) | Refreshed::Nothing => {}
        }
        let _turn = turn(&self.signing_in, renewal).await?;
        // Whoever had the turn before may have replaced the refresh token.
        match self.try_refresh(renewal).await? {
            Refreshed::Renewed(renewed) => Ok(renewed),
            Refreshed::Dead(dead, _) => self.sign_in(renewal, Some(&dead)).await,
            Refreshed::Nothing => self.sign_in(renewal, None).await,
        }
    }

    /// Presents the refresh token, if there is one that can be. Nothing is sent if there is none.
    async fn try_refresh(&self, renewal: &Renewal) -> Result<Refreshed, Error> {
        let _turn = turn(&self.refreshing, renewal).await?;
        let previous = renewal.previous();
        let held = previous.and_then(Token::refresh_token);
        let standing = self.lineage().standing(held);
        match standing {
            Standing::Nothing => Ok(Refreshed::Nothing),
            Standing::Dead(refresh) => Ok(Refreshed::Dead(refresh, None)),
            Standing::Refreshable(refresh) => self.refresh(refresh, previous).await,
        }
    }

    async fn refresh(
        &self,
        refresh: SecretString,
        previous: Option<&Token>,
    ) -> Result<Refreshed, Error> {
        let mut secrets = self.secrets();
        secrets.add_secret(&refresh);
        if let Some(previous) = previous {
            secrets.add_token(previous);
        }
        let body = json(&[("refreshToken", refresh.expose_secret())]);
        let reply = match self
            .send(Endpoint::Refresh, None, Some(body), &secrets)
            .await
        {
            Err(Failure::Answered(_, error)) if error.kind() == ErrorKind::Rejected => {
                self.lineage().dead(&refresh);
                return Ok(Refreshed::Dead(refresh, Some(error)));
            }
            sent => sent?,
        };
        let tokens = Tokens::read(&reply.body, Endpoint::Refresh.name(), self.timing(&reply))?;
        self.hand_out(Some(&refresh), tokens, false)
            .map(Refreshed::Renewed)
    }

    /// Signs in with the password. `dead` is the refresh token that is replaced by that.
    async fn sign_in(
        &self,
        renewal: &Renewal,
        dead: Option<&SecretString>,
    ) -> Result<Renewed, Error> {
        let mut refused = Vec::new();
        let mut expired = None;
        loop {
            // Nobody is signed in who has just signed out.
            unless_abandoned(renewal, std::future::ready(())).await?;
            self.check(Endpoint::SignIn)?;
            if self.codes.is_some() {
                // No code shall be mailed that cannot be sent back.
                self.check(Endpoint::Confirm)?;
            }
            let step = match self.present_password().await? {
                SignedIn::Tokens(tokens) => return self.hand_out(dead, tokens, true),
                SignedIn::TwoFactor(step) => step,
            };
            match self.confirm(renewal, &step, &mut refused).await? {
                Confirmed::Tokens(tokens) => return self.hand_out(dead, tokens, true),
                Confirmed::Expired(status, error) => match (expired, status) {
                    (None, _) => expired = Some(status),
                    (Some(Some(StatusCode::NOT_FOUND)), Some(StatusCode::NOT_FOUND)) => {
                        return Err(no_confirm_endpoint(error));
                    }
                    (Some(_), _) => return Err(error),
                },
            }
        }
    }

    async fn present_password(&self) -> Result<SignedIn, Error> {
        let secrets = self.secrets();
        let body = json(&[
            ("email", self.settings.email.expose_secret()),
            ("password", self.settings.password.expose_secret()),
        ]);
        let reply = self
            .send(Endpoint::SignIn, None, Some(body), &secrets)
            .await?;
        SignedIn::read(&reply.body, self.timing(&reply))
    }

    /// Asks for codes until the server takes one. Those it `refused` are counted for the whole
    /// renewal, and never sent again.
    async fn confirm(
        &self,
        renewal: &Renewal,
        step: &TwoFactor,
        refused: &mut Vec<Code>,
    ) -> Result<Confirmed, Error> {
        let codes = self.codes.as_ref().ok_or_else(|| {
            let message = "the server asks for a code, and nobody can give one: set code_service(), \
                           or use an account without two-factor authentication";
            Error::with_message(ErrorKind::CodeRequired, message)
        })?;
        let mut secrets = self.secrets();
        secrets.add_secret(&step.token);
        // By both clocks: one stands still while the machine is suspended, one can be set.
        let now = || Instant::now(&*self.clock);
        let deadline = step.time_left.map(|left| now().after(left));
        let time_left = || deadline.map(|deadline| deadline.wait(now()));
        let expired = || Confirmed::Expired(None, too_late());

        loop {
            if time_left() == Some(Duration::ZERO) {
                return Ok(expired());
            }
            // Nobody shall look for a code that cannot be sent.
            self.check(Endpoint::Confirm)?;
            let attempt = u32::try_from(refused.len() + 1).unwrap_or(u32::MAX);
            let mut request = CodeRequest::new(step.method.as_str()).with_attempt(attempt);
            if let Some(left) = time_left() {
                request = request.with_time_left(left);
            }
            let asking = self.ask(codes.clone(), request, &secrets);
            let code = unless_abandoned(renewal, asking).await??;
            secrets.add(code.expose());
            if time_left() == Some(Duration::ZERO) {
                return Ok(expired());
            }
            if refused
                .iter()
                .any(|before| before.expose() == code.expose())
            {
                // It counts, so that a service that knows no other is not asked for ever.
                self.refused(refused, code, repeated())?;
                continue;
            }

            let body = json(&[
                ("token", step.token.expose_secret()),
                ("code", code.expose()),
            ]);
            let sent = self
                .send(Endpoint::Confirm, None, Some(body), &secrets)
                .await;
            let reply = match sent {
                Ok(reply) => reply,
                Err(Failure::Answered(status, error)) => match error.kind() {
                    ErrorKind::CodeRejected | ErrorKind::Rejected => {
                        self.refused(refused, code, error)?;
                        continue;
                    }
                    ErrorKind::FlowExpired => {
                        return Ok(Confirmed::Expired(Some(status), error));
                    }
                    _ => return Err(error),
                },
                Err(Failure::Unanswered(error)) => return Err(error),
            };
            let timing = self.timing(&reply);
            return Tokens::read(&reply.body, Endpoint::Confirm.name(), timing)
                .map(Confirmed::Tokens);
        }
    }

    /// Counts a wrong `code`. Fails if there is no attempt left.
    fn refused(&self, refused: &mut Vec<Code>, code: Code, why: Error) -> Result<(), Error> {
        refused.push(code);
        if refused.len() < self.settings.max_2fa_attempts as usize {
            return Ok(());
        }
        let message = format!(
            "the server refused {} codes, those given twice included, and no more are tried: \
             renew() signs in again, and a new code is sent",
            refused.len()
        );
        Err(Error::with_message(ErrorKind::CodeRejected, message).caused_by(why))
    }

    async fn ask(
        &self,
        codes: CodeService,
        request: CodeRequest,
        secrets: &Secrets,
    ) -> Result<Code, Error> {
        let wait = self.settings.code_timeout;
        let message = match within(&*self.clock, wait, codes.oneshot(request)).await {
            Some(Ok(code)) => return Ok(code),
            Some(Err(error)) => {
                return Err(Error::with_message(
                    ErrorKind::CodeUnavailable,
                    "the code service failed: mend it, then renew() asks again",
                )
                .caused_by(quotable(&*error, secrets)));
            }
            None => format!(
                "the code service gave no code within {} s: renew() asks again",
                wait.as_secs_f64()
            ),
        };
        Err(Error::with_message(ErrorKind::CodeUnavailable, message))
    }

    /// Notes the new refresh token, and makes the result.
    fn hand_out(
        &self,
        spent: Option<&SecretString>,
        tokens: Tokens,
        signed_in: bool,
    ) -> Result<Renewed, Error> {
        let Tokens {
            access,
            refresh,
            warning,
        } = tokens;
        let token = self.lineage().settle(spent, access, refresh, signed_in)?;
        let renewed = Renewed::new(token).signed_in(signed_in);
        Ok(match warning {
            Some(warning) => renewed.with_warning(warning),
            None => renewed,
        })
    }
}

fn no_relogin(why: Option<Error>) -> Error {
    let message = "the refresh token was refused, and allow_relogin is off, so the password is \
                   not used: clear the session to sign in anew";
    let error = Error::with_message(ErrorKind::Rejected, message);
    match why {
        Some(why) => error.caused_by(why),
        None => error,
    }
}

fn too_late() -> Error {
    let message = "the time for the code was over before it came, twice: renew() signs in again, \
                   and a new code is sent, which must be entered sooner";
    Error::with_message(ErrorKind::FlowExpired, message)
}

fn repeated() -> Error {
    let message = "the code was refused before, so it was not sent again";
    Error::with_message(ErrorKind::CodeRejected, message)
}

fn no_confirm_endpoint(why: Error) -> Error {
    let message = "the confirmation of the code failed (404) after two sign-ins: there is no such \
                   endpoint, is path(Endpoint::Confirm, ..) right?";
    Error::with_message(ErrorKind::Config, message).caused_by(why)
}
