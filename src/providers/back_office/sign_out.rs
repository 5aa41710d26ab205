//! Ending a session at the server.

use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};

use super::{answer::Tokens, api::Failure, service::Inner, verdict::Endpoint};
use crate::{
    Error, ErrorKind, Token,
    providers::common::{
        advice::Secrets,
        exchange::json,
        lineage::{Refresh, Standing},
    },
};

impl Inner {
    /// Ends the session of `token` at the server.
    pub(super) async fn sign_out(&self, token: &Token) -> Result<(), Error> {
        let mut secrets = self.secrets();
        secrets.add_token(token);
        // Whatever the server answers, this refresh token is not presented by a renewal again.
        let refresh = self.lineage().give_up(token.refresh_token());
        let status = self.end(token, &secrets).await?;
        let Some(refresh) = refresh.filter(|_| status == StatusCode::UNAUTHORIZED) else {
            return Ok(());
        };
        // The access token had died of itself, and its refresh token may be alive.
        match self.last_refresh(&refresh, &mut secrets).await? {
            Some(token) => self.end(&token, &secrets).await.map(drop),
            None => Ok(()),
        }
    }

    /// Sends the sign-out, and returns the status of an answer that means that it is done.
    async fn end(&self, token: &Token, secrets: &Secrets) -> Result<StatusCode, Error> {
        let (name, value) = token.header();
        let credential = (name.clone(), value.clone());
        let reply = self
            .send(Endpoint::SignOut, Some(credential), None, secrets)
            .await?;
        Ok(reply.status)
    }

    /// Trades `refresh`, which was given up, for an access token to sign out with. Nothing, if it
    /// is dead as well.
    async fn last_refresh(
        &self,
        refresh: &SecretString,
        secrets: &mut Secrets,
    ) -> Result<Option<Token>, Error> {
        let _turn = self.refreshing.lock().await;
        if !matches!(self.lineage().standing(Some(refresh)), Standing::Dead(_)) {
            // It was on its way in a renewal. What that brought is signed out by whoever has it.
            return Ok(None);
        }
        secrets.add_secret(refresh);
        let body = json(&[("refreshToken", refresh.expose_secret())]);
        let reply = match self
            .send(Endpoint::Refresh, None, Some(body), secrets)
            .await
        {
            Err(Failure::Answered(_, error)) if error.kind() == ErrorKind::Rejected => {
                return Ok(None);
            }
            sent => sent?,
        };
        let tokens = Tokens::read(&reply.body, Endpoint::Refresh.name(), self.timing(&reply))?;
        if let Refresh::New(next) = &tokens.refresh {
            secrets.add_secret(next);
            self.lineage().signed_out(Some(next));
        }
        tokens.access.map(Some)
    }
}
