//! Revoking tokens: RFC 7009.

use secrecy::ExposeSecret;

use super::{
    flow::Failure,
    refusal::{Meaning, Request},
    service::Inner,
};
use crate::{Error, Token, providers::common::advice::Secrets};

impl Inner {
    /// Ends the session of `token`, at the server if there is a revocation endpoint.
    pub(super) async fn sign_out(&self, token: &Token) -> Result<(), Error> {
        let mut secrets = self.secrets();
        secrets.add_token(token);
        // Whatever the server answers, this refresh token is not presented by a renewal again.
        let refresh = self.lineage().give_up(token.refresh_token());
        let Some(refresh) = refresh else {
            let revoked = self.revoke("access_token", token.expose(), &secrets).await;
            return Ok(revoked?);
        };
        secrets.add_secret(&refresh);
        // The refresh token first: with it mostly dies all that came of it, and nothing can be
        // renewed any more.
        let first = self
            .revoke("refresh_token", refresh.expose_secret(), &secrets)
            .await;
        let second = self.revoke("access_token", token.expose(), &secrets).await;
        match (first, second) {
            (Err(failure), _) => Err(failure.into()),
            // It ends by itself, now that it cannot be renewed.
            (Ok(()), Err(Failure::Refused(refusal))) if refusal.meaning == Meaning::TokenType => {
                Ok(())
            }
            (Ok(()), second) => Ok(second?),
        }
    }

    async fn revoke(&self, kind: &str, token: &str, secrets: &Secrets) -> Result<(), Failure> {
        let Some(uri) = &self.settings.revocation_uri else {
            return Ok(());
        };
        let fields = [("token", token), ("token_type_hint", kind)];
        match self
            .send(Request::Revoke, uri.clone(), &fields, secrets)
            .await
        {
            // A token that is dead already is as good as revoked.
            Err(Failure::Refused(refusal)) if refusal.meaning == Meaning::Grant => Ok(()),
            sent => sent.map(drop),
        }
    }
}
