//! The user's HTTP client, with layers of ours around it: for calls that need the token.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::util::MapRequest;
use tower_layer::Layer;

use crate::{
    Session,
    layers::{
        Bearer, BearerLayer, Mfa, RecoverLayer, RefreshLayer, mfa::MfaRecovery,
        refresh::RefreshRecovery,
    },
    providers::common::exchange::{Client, erase},
};

/// Makes a request for the plain client of one that can be sent again.
type Unwrap = fn(Request<Full<Bytes>>) -> Request<Bytes>;

/// Attaches `session`'s token, and renews it when the server refuses it.
pub(super) fn with_token(client: &Client, session: &Session) -> Client {
    erase(RefreshLayer::new(session.clone()).layer(bearer(client, session)))
}

/// Attaches the code of `mfa` as well, and gets a new one when the server asks for it.
pub(super) fn with_token_and_code(client: &Client, session: &Session, mfa: &Mfa) -> Client {
    let mfa = MfaRecovery::new(mfa.clone());
    let refresh = RefreshRecovery::new(session.clone());
    erase(RecoverLayer::new((mfa, refresh)).layer(bearer(client, session)))
}

fn bearer(client: &Client, session: &Session) -> Bearer<MapRequest<Client, Unwrap>> {
    let unwrap: Unwrap = |request| request.map(|body| body.into_inner().unwrap_or_default());
    BearerLayer::new(session.clone()).layer(MapRequest::new(client.clone(), unwrap))
}
