//! Revoking the refresh tokens at the server.

use http::{Method, StatusCode};
use secrecy::SecretString;

use super::{
    api::{Failure, sign},
    service::Inner,
    verdict::Endpoint,
};
use crate::{
    Error, ErrorKind, Token,
    providers::common::{
        advice::Secrets,
        lineage::{Refresh, Standing},
    },
};

impl Inner {
    /// Revokes the refresh tokens of the user that `token` belongs to.
    pub(super) async fn sign_out(&self, token: &Token) -> Result<(), Error> {
        let mut secrets = self.secrets();
        secrets.add_token(token);
        // Whatever the server answers, this refresh token is not presented by a renewal again.
        let refresh = self.give_up(token.refresh_token());
        let status = self.revoke(token, &secrets).await?;
        let Some(refresh) = refresh.filter(|_| status == StatusCode::UNAUTHORIZED) else {
            return Ok(());
        };
        // The access token had died of itself, and its refresh token may be alive.
        match self.last_refresh(&refresh, &mut secrets).await? {
            Some(token) => self.revoke(&token, &secrets).await.map(drop),
            None => Ok(()),
        }
    }

    /// Sends the revocation, and returns the status of an answer that means that it is done.
    async fn revoke(&self, token: &Token, secrets: &Secrets) -> Result<StatusCode, Error> {
        let mut request = self.request(Method::DELETE, Endpoint::SignOut);
        sign(request.headers_mut(), token);
        let reply = self.send(Endpoint::SignOut, request, secrets).await?;
        Ok(reply.status)
    }

    /// Notes that the session of `held` is over, and returns what could be presented for it.
    fn give_up(&self, held: Option<&SecretString>) -> Option<SecretString> {
        let mut lineage = self.lineage();
        let standing = held.map(|held| lineage.standing(Some(held)));
        lineage.signed_out(held);
        match standing {
            Some(Standing::Refreshable(newest)) => {
                lineage.signed_out(Some(&newest));
                Some(newest)
            }
            _ => None,
        }
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
        let tokens = match self.refresh(refresh, secrets).await {
            Err(Failure::Answered(error)) if error.kind() == ErrorKind::Rejected => {
                return Ok(None);
            }
            tokens => tokens?,
        };
        if let Refresh::New(next) = &tokens.refresh {
            secrets.add_secret(next);
            self.lineage().signed_out(Some(next));
        }
        tokens.access.map(Some)
    }
}
