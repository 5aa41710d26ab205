//! One renewal: refresh, or sign in as the client itself.

use secrecy::{ExposeSecret, SecretString};

use super::{
    answer::Tokens,
    refusal::{Meaning, Refusal, Request},
    service::Inner,
};
use crate::{
    Error, ErrorKind, Renewal, Renewed, Token,
    providers::common::{
        advice::Secrets,
        dates,
        exchange::{Exchange, Reply},
        lineage::Standing,
        turn::{turn, unless_abandoned},
    },
};

/// What came of the refresh token that there may be.
enum Refreshed {
    Renewed(Renewed),
    /// The refresh token is dead, as the error says if it was presented just now.
    Dead(SecretString, Option<Error>),
    /// There is none.
    Nothing,
}

/// Why a request brought nothing.
pub(super) enum Failure {
    /// The server said so.
    Refused(Refusal),
    /// It was not sent, or it is unknown what the server did.
    Unanswered(Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => refusal.error,
            Failure::Unanswered(error) => error,
        }
    }
}

impl Inner {
    pub(super) async fn renew(&self, renewal: &Renewal) -> Result<Renewed, Error> {
        match self.try_refresh(renewal).await? {
            Refreshed::Renewed(renewed) => Ok(renewed),
            Refreshed::Dead(_, why) if !self.settings.client_credentials => Err(signed_out(why)),
            Refreshed::Nothing if !self.settings.client_credentials => Err(never_signed_in()),
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
        let settings = &self.settings;
        let scope = settings.refresh_scope.as_deref();
        let mut fields = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose_secret()),
        ];
        fields.extend(scope.map(|scope| ("scope", scope)));
        let reply = match self.ask(Request::Refresh, fields, &secrets).await {
            Err(Failure::Refused(refusal)) if refusal.meaning == Meaning::Grant => {
                self.lineage().dead(&refresh);
                return Ok(Refreshed::Dead(refresh, Some(refusal.error)));
            }
            sent => sent?,
        };
        let tokens = Tokens::read(
            &reply.body,
            Request::Refresh.name(),
            scope,
            settings,
            &secrets,
        )?;
        self.hand_out(Some(&refresh), tokens, false)
            .map(Refreshed::Renewed)
    }

    /// Signs in as the client. `dead` is the refresh token that is replaced by that.
    async fn sign_in(
        &self,
        renewal: &Renewal,
        dead: Option<&SecretString>,
    ) -> Result<Renewed, Error> {
        // Nobody is signed in who has just signed out.
        unless_abandoned(renewal, std::future::ready(())).await?;
        let settings = &self.settings;
        let scope = settings.scope.as_deref();
        let mut fields = vec![("grant_type", "client_credentials")];
        fields.extend(scope.map(|scope| ("scope", scope)));
        let audience = settings.audience.as_deref();
        fields.extend(audience.map(|audience| ("audience", audience)));
        let secrets = self.secrets();
        let reply = self.ask(Request::SignIn, fields, &secrets).await?;
        let tokens = Tokens::read(
            &reply.body,
            Request::SignIn.name(),
            scope,
            settings,
            &secrets,
        )?;
        self.hand_out(dead, tokens, true)
    }

    /// Sends a request to the token endpoint, and returns the answer if it is not a refusal.
    async fn ask(
        &self,
        request: Request,
        mut fields: Vec<(&str, &str)>,
        secrets: &Secrets,
    ) -> Result<Reply, Failure> {
        let settings = &self.settings;
        self.lockout
            .check(&*self.clock, request.name())
            .map_err(Failure::Unanswered)?;
        let resources = settings.resources.iter();
        fields.extend(resources.map(|resource| ("resource", resource.as_str())));
        for (name, value) in &settings.params {
            fields.push((name, value.expose_secret()));
        }
        let reply = self
            .send(request, settings.token_uri.clone(), &fields, secrets)
            .await;
        if let Err(Failure::Refused(refusal)) = &reply
            && let Some(wait) = refusal.error.retry_after_hint()
        {
            let kind = refusal.error.kind();
            self.lockout.begin(&*self.clock, kind, wait);
        }
        reply
    }

    /// Sends a request with `fields` to `uri`, and returns the answer if it is not a refusal.
    pub(super) async fn send(
        &self,
        request: Request,
        uri: http::Uri,
        fields: &[(&str, &str)],
        secrets: &Secrets,
    ) -> Result<Reply, Failure> {
        let settings = &self.settings;
        let exchange = Exchange {
            name: request.name(),
            clock: &*self.clock,
            timeout: settings.request_timeout,
            max_answer: settings.max_answer,
            secrets,
        };
        let reply = exchange
            .send(self.http.clone(), settings.client.post(uri, fields))
            .await
            .map_err(Failure::Unanswered)?;
        let local = dates::wall(self.clock.wall());
        match Refusal::of(request, &reply, local, secrets) {
            None => Ok(reply),
            Some(refusal) => Err(Failure::Refused(refusal)),
        }
    }

    pub(super) fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        self.settings.client.add_to(&mut secrets);
        for (_, value) in &self.settings.params {
            secrets.add_secret(value);
        }
        secrets
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

fn signed_out(why: Option<Error>) -> Error {
    let message = "the refresh token is not good any more, and there is nothing else to sign in \
                   with: have the user sign in, then set() the new token; or call \
                   client_credentials() to go on as the client";
    let error = Error::with_message(ErrorKind::Rejected, message);
    match why {
        Some(why) => match why.provider_code().map(str::to_owned) {
            Some(code) => error.code(code).caused_by(why),
            None => error.caused_by(why),
        },
        None => error,
    }
}

fn never_signed_in() -> Error {
    let message = "nobody is signed in, and there is nothing to sign in with: call \
                   client_credentials() or refresh_token(token), or set() a token with a refresh \
                   token";
    Error::with_message(ErrorKind::Rejected, message)
}
