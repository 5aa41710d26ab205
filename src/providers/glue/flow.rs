//! One renewal: refresh, or sign in with the password.

use bytes::Bytes;
use http::Request;
use secrecy::{ExposeSecret, SecretString};

use super::{
    answer::Tokens,
    api::{Failure, sign},
    service::Inner,
    verdict::Endpoint,
};
use crate::{
    Error, ErrorKind, Renewal, Renewed, Token,
    providers::common::{
        advice::Secrets,
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
        let dead = match self.try_refresh(renewal).await? {
            Refreshed::Renewed(renewed) => return Ok(renewed),
            Refreshed::Dead(dead, _) => Some(dead),
            Refreshed::Nothing => None,
        };
        // Nobody is signed in who has just signed out.
        unless_abandoned(renewal, std::future::ready(())).await?;
        self.sign_in(dead.as_ref()).await
    }

    /// Presents the refresh token, if there is one that can be. Nothing is sent if there is none.
    async fn try_refresh(&self, renewal: &Renewal) -> Result<Refreshed, Error> {
        let _turn = turn(&self.refreshing, renewal).await?;
        let previous = renewal.previous();
        let held = previous.and_then(Token::refresh_token);
        let standing = self.lineage().standing(held);
        let refresh = match standing {
            Standing::Nothing => return Ok(Refreshed::Nothing),
            Standing::Dead(refresh) => return Ok(Refreshed::Dead(refresh, None)),
            Standing::Refreshable(refresh) => refresh,
        };
        let mut secrets = self.secrets();
        secrets.add_secret(&refresh);
        if let Some(previous) = previous {
            secrets.add_token(previous);
        }
        let tokens = match self.refresh(&refresh, &secrets).await {
            Err(Failure::Answered(error)) if error.kind() == ErrorKind::Rejected => {
                self.lineage().dead(&refresh);
                return Ok(Refreshed::Dead(refresh, Some(error)));
            }
            tokens => tokens?,
        };
        self.hand_out(Some(&refresh), tokens, false)
            .map(Refreshed::Renewed)
    }

    /// Trades `refresh` for new tokens.
    pub(super) async fn refresh(
        &self,
        refresh: &SecretString,
        secrets: &Secrets,
    ) -> Result<Tokens, Failure> {
        let refresh = refresh.expose_secret();
        let request = if self.settings.token_form {
            let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
            self.grant(Endpoint::Refresh, &fields)
        } else {
            self.resource(Endpoint::Refresh, &[("refreshToken", refresh)])
        };
        self.tokens(Endpoint::Refresh, request, secrets).await
    }

    /// Signs in with the password. `dead` is the refresh token that is replaced by that.
    async fn sign_in(&self, dead: Option<&SecretString>) -> Result<Renewed, Error> {
        let secrets = self.secrets();
        let username = self.settings.username.expose_secret();
        let password = self.settings.password.expose_secret();
        let who = [("username", username), ("password", password)];
        let request = if self.settings.token_form {
            let fields = [("grant_type", "password"), who[0], who[1]];
            self.grant(Endpoint::SignIn, &fields)
        } else {
            self.resource(Endpoint::SignIn, &who)
        };
        let tokens = self.tokens(Endpoint::SignIn, request, &secrets).await?;
        let tokens = match &self.settings.company_user {
            Some(company_user) => self.become_company_user(company_user, tokens).await?,
            None => tokens,
        };
        self.hand_out(dead, tokens, true)
    }

    /// Trades a customer's token for that of a company user.
    async fn become_company_user(&self, id: &str, customer: Tokens) -> Result<Tokens, Error> {
        let customer = customer.access?;
        let mut secrets = self.secrets();
        secrets.add_token(&customer);
        let mut request = self.resource(Endpoint::CompanyUser, &[("idCompanyUser", id)]);
        sign(request.headers_mut(), &customer);
        let tokens = self.tokens(Endpoint::CompanyUser, request, &secrets).await;
        tokens.map_err(Into::into)
    }

    async fn tokens(
        &self,
        endpoint: Endpoint,
        request: Request<Bytes>,
        secrets: &Secrets,
    ) -> Result<Tokens, Failure> {
        let reply = self.send(endpoint, request, secrets).await?;
        Tokens::read(&reply.body, endpoint.name()).map_err(Failure::Unanswered)
    }

    /// Notes the new refresh token, and makes the result.
    fn hand_out(
        &self,
        spent: Option<&SecretString>,
        tokens: Tokens,
        signed_in: bool,
    ) -> Result<Renewed, Error> {
        let mut lineage = self.lineage();
        let token = lineage.settle(spent, tokens.access, tokens.refresh, signed_in)?;
        let renewed = Renewed::new(token).signed_in(signed_in);
        Ok(match tokens.warning {
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
