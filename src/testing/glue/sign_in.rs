//! Logins, refreshes and revocations.

use http::Response;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Endpoint, Quirk, TokenShape,
    errors::Refusal,
    state::{Shared, State},
    tokens::{Pair, Presented},
};
use crate::testing::server::{Reply, json_text, read_fields, respond};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<A> {
    data: Resource<A>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resource<A> {
    #[serde(rename = "type")]
    kind: String,
    attributes: A,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    username: Option<String>,
    password: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Refresh {
    refresh_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CompanyUser {
    id_company_user: Option<String>,
}

/// The fields of a form at `POST /token`.
#[derive(Default)]
struct Form {
    grant_type: Option<String>,
    username: Option<String>,
    password: Option<String>,
    refresh_token: Option<String>,
}

/// Reads a JSON:API document for `endpoint`.
pub(super) fn read<A: DeserializeOwned>(
    shared: &Shared,
    endpoint: Endpoint,
    body: &[u8],
) -> Result<A, Refusal> {
    let breach = |sentence: &str| {
        shared.desk.violate(endpoint, sentence);
        Err(Refusal::plain(400, sentence))
    };
    match read_fields::<Document<A>>(body) {
        Ok(document) if document.data.kind == endpoint.resource() => Ok(document.data.attributes),
        Ok(_) => breach("`data.type` is not the endpoint's"),
        Err(sentence) => breach(sentence),
    }
}

pub(super) fn access_tokens(
    shared: &Shared,
    body: &[u8],
    quirk: Option<Quirk>,
) -> Result<Response<Reply>, Refusal> {
    let endpoint = Endpoint::AccessTokens;
    let sent: Credentials = read(shared, endpoint, body)?;
    let username = shared.filled(endpoint, "username", sent.username)?;
    let password = shared.filled(endpoint, "password", sent.password)?;
    let state = &mut *shared.state();
    shared.log_in(state, endpoint, &username, &password)?;
    let pair = shared.issue(state, &username, quirk);
    state.counts.logins_ok += 1;
    Ok(created(shared, endpoint, &pair, Value::Null, quirk))
}

pub(super) fn refresh_tokens(
    shared: &Shared,
    body: &[u8],
    quirk: Option<Quirk>,
) -> Result<Response<Reply>, Refusal> {
    let endpoint = Endpoint::RefreshTokens;
    let sent: Refresh = read(shared, endpoint, body)?;
    let token = shared.filled(endpoint, "refreshToken", sent.refresh_token)?;
    let pair = shared.refresh(&mut shared.state(), endpoint, &token, quirk);
    let pair =
        pair.ok_or_else(|| Refusal::new(401, "004", "Failed to refresh token.").repeating(&token))?;
    Ok(created(shared, endpoint, &pair, Value::Null, quirk))
}

/// Answers a login as one of the companies' users that a customer is.
pub(super) fn company_user(
    shared: &Shared,
    username: &str,
    body: &[u8],
    quirk: Option<Quirk>,
) -> Result<Response<Reply>, Refusal> {
    let endpoint = Endpoint::CompanyUser;
    let sent: CompanyUser = read(shared, endpoint, body)?;
    let id = shared.filled(endpoint, "idCompanyUser", sent.id_company_user)?;
    let state = &mut *shared.state();
    let account = state.accounts.get(username);
    if account.is_none_or(|account| account.company_user != id) {
        let status = shared.settings.validation;
        return Err(Refusal::new(
            status,
            "901",
            "There is no such company user.",
        ));
    }
    let pair = shared.issue(state, username, quirk);
    state.counts.logins_ok += 1;
    Ok(created(shared, endpoint, &pair, id.into(), quirk))
}

pub(super) fn revoke(
    shared: &Shared,
    username: &str,
    path: &str,
) -> Result<Response<Reply>, Refusal> {
    let id = path.strip_prefix("/refresh-tokens/").unwrap_or_default();
    if id.is_empty() {
        let sentence = "no token is named";
        shared.desk.violate(Endpoint::Revoke, sentence);
        return Err(Refusal::plain(400, sentence));
    }
    let state = &mut *shared.state();
    state
        .tokens
        .revoke_of(username, (id != "mine").then_some(id));
    state.counts.revocations_ok += 1;
    Ok(respond::<&str, &str>(204, None, Reply::new("")))
}

/// Answers `POST /token`.
pub(super) fn token(
    shared: &Shared,
    body: &[u8],
    quirk: Option<Quirk>,
) -> Result<Response<Reply>, Refusal> {
    let endpoint = Endpoint::Token;
    let invalid = |sentence: &str| {
        shared.desk.violate(endpoint, sentence);
        Err(Refusal::grant("invalid_request", sentence))
    };
    let Some(form) = Form::read(body) else {
        return invalid("the form has unknown or repeated fields");
    };
    let state = &mut *shared.state();
    let pair = match (form.grant_type.as_deref(), &form) {
        (
            Some("password"),
            Form {
                username: Some(name),
                password: Some(word),
                ..
            },
        ) => {
            shared.log_in(state, endpoint, name, word)?;
            state.counts.logins_ok += 1;
            shared.issue(state, name, quirk)
        }
        (
            Some("refresh_token"),
            Form {
                refresh_token: Some(token),
                ..
            },
        ) => {
            let pair = shared.refresh(state, endpoint, token, quirk);
            pair.ok_or_else(|| {
                let text = "The refresh token is invalid.";
                Refusal::grant("invalid_grant", text).repeating(token)
            })?
        }
        (None | Some("password" | "refresh_token"), _) => {
            return invalid("the form has missing fields");
        }
        (Some(_), _) => {
            let text = "The authorization grant type is not supported.";
            shared
                .desk
                .violate(endpoint, "the grant type is neither of the two");
            return Err(Refusal::grant("unsupported_grant_type", text));
        }
    };
    let shape = shared.settings.token_shape;
    let camel = !matches!(shape, TokenShape::Object | TokenShape::Array);
    let told = shared.tell(&pair, camel, quirk);
    let told = match shape {
        TokenShape::Object | TokenShape::Camel => told,
        TokenShape::Array | TokenShape::CamelArray => json!([told]),
        TokenShape::Attributes => json!({ "data": { "type": "token", "attributes": told } }),
    };
    Ok(json_text(200, told.to_string()))
}

fn created(
    shared: &Shared,
    endpoint: Endpoint,
    pair: &Pair,
    company_user: Value,
    quirk: Option<Quirk>,
) -> Response<Reply> {
    let mut attributes = shared.tell(pair, true, quirk);
    attributes["idCompanyUser"] = company_user;
    let kind = endpoint.resource();
    let told = json!({ "data": { "type": kind, "id": null, "attributes": attributes } });
    let headers = [("content-type", "application/vnd.api+json")];
    respond(201, headers, Reply::new(told.to_string()))
}

impl Shared {
    /// Returns an attribute that may not be missing.
    fn filled(
        &self,
        endpoint: Endpoint,
        name: &str,
        value: Option<String>,
    ) -> Result<String, Refusal> {
        value.filter(|value| !value.is_empty()).ok_or_else(|| {
            let sentence = format!("`{name}` is missing");
            self.desk.violate(endpoint, &sentence);
            Refusal::new(self.settings.validation, "901", &sentence)
        })
    }

    /// Checks a password, unless logins are locked.
    fn log_in(
        &self,
        state: &mut State,
        endpoint: Endpoint,
        username: &str,
        password: &str,
    ) -> Result<(), Refusal> {
        let now = self.now();
        if let Some(told) = state.lock.holds(now) {
            state.counts.locked_out += 1;
            if told {
                self.desk
                    .violate(endpoint, "an attempt is made in a known lock");
            }
            return Err(Refusal::new(429, "4401", "Too many failed login attempts."));
        }
        let account = state.accounts.get(username);
        let known = account.filter(|account| account.password == password);
        let status = match known {
            Some(account) if account.unconfirmed => self.settings.unconfirmed,
            Some(_) => return Ok(()),
            None => 401,
        };
        state.counts.rejected += 1;
        state
            .lock
            .failed(now, self.settings.lock_after, self.settings.lock);
        let text = "Failed to authenticate user.";
        let refusal = match endpoint {
            Endpoint::Token => Refusal::grant("invalid_grant", text),
            _ => Refusal::new(status, "003", text),
        };
        Err(refusal.repeating(password))
    }

    /// Trades a refresh token, if it is good.
    fn refresh(
        &self,
        state: &mut State,
        endpoint: Endpoint,
        token: &str,
        quirk: Option<Quirk>,
    ) -> Option<Pair> {
        let username = match state.tokens.present_refresh(token, self.now()) {
            Presented::Valid(username) => username,
            Presented::Reused => {
                state.counts.reused_refresh_tokens += 1;
                self.desk
                    .violate(endpoint, "a spent refresh token is used again");
                return None;
            }
            Presented::Dead { again } => {
                state.counts.dead_refresh_tokens += 1;
                if again {
                    let sentence = "a dead refresh token is used again after its refusal";
                    self.desk.violate(endpoint, sentence);
                }
                return None;
            }
            Presented::Unknown => {
                state.counts.unknown_tokens += 1;
                return None;
            }
        };
        // Whoever gets no new refresh token has to be able to use the old one again.
        if self.settings.rotate && quirk != Some(Quirk::NoRefreshToken) {
            state.tokens.spend(token);
        }
        state.counts.refreshes_ok += 1;
        Some(self.issue(state, &username, quirk))
    }

    pub(super) fn issue(&self, state: &mut State, username: &str, quirk: Option<Quirk>) -> Pair {
        let now = self.now();
        let ends = (
            now.saturating_add(self.settings.access_lifetime),
            now.saturating_add(self.settings.refresh_lifetime),
        );
        let with_refresh = quirk != Some(Quirk::NoRefreshToken);
        state.counts.tokens_issued += 1;
        state
            .tokens
            .issue(username, ends, with_refresh, &mut state.secrets)
    }

    /// Writes a pair, with names in camel case or in snake case.
    fn tell(&self, pair: &Pair, camel: bool, quirk: Option<Quirk>) -> Value {
        let seconds = self.settings.access_lifetime.as_secs();
        let expires = match self.settings.expiry_as_text {
            true => seconds.to_string().into(),
            false => seconds.into(),
        };
        let fields = [
            ("tokenType", "token_type", Some("Bearer".into())),
            (
                "expiresIn",
                "expires_in",
                Some(expires).filter(|_| quirk != Some(Quirk::NoExpiry)),
            ),
            (
                "accessToken",
                "access_token",
                Some(pair.access.as_str().into()).filter(|_| quirk != Some(Quirk::NoAccessToken)),
            ),
            (
                "refreshToken",
                "refresh_token",
                pair.refresh.as_deref().map(Value::from),
            ),
        ];
        let named = fields
            .into_iter()
            .filter_map(|(in_camel, in_snake, value)| {
                let name = if camel { in_camel } else { in_snake };
                value.map(|value: Value| (name.to_owned(), value))
            });
        Value::Object(named.collect())
    }
}

impl Form {
    fn read(body: &[u8]) -> Option<Self> {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            let field = match &*name {
                "grant_type" => &mut form.grant_type,
                "username" => &mut form.username,
                "password" => &mut form.password,
                "refresh_token" => &mut form.refresh_token,
                _ => return None,
            };
            if field.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        Some(form)
    }
}
