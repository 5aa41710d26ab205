//! The sign-on.

use http::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Endpoint, Quirk, Spelling, TokenAt,
    envelope::{self, Context, Refusal},
    state::Shared,
};
use crate::testing::server::{Reply, read_fields};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Camel {
    #[serde(rename = "contextRequest")]
    context: Tenant,
    login: Login,
    pass: Pass,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    #[serde(rename = "contextrequest")]
    context: Tenant,
    login: Login,
    #[serde(rename = "Pass")]
    pass: Pass,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Tenant {
    tenant_name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Login {
    credential_type: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Pass {
    security_element_type: String,
    value: String,
}

pub(super) fn answer(
    shared: &Shared,
    body: &[u8],
    quirk: Option<&Quirk>,
) -> Result<Response<Reply>, Refusal> {
    let settings = &shared.settings;
    let tenant = &settings.tenant;
    let breach = |sentence: &str| {
        shared.desk.violate(Endpoint::SignOn, sentence);
        Err(Refusal::failure(Context::validation(tenant, sentence)))
    };
    let (context, login, pass) = match read(settings.spelling, body) {
        Ok(sent) => sent,
        Err(sentence) => return breach(sentence),
    };
    if !matches!(&*login.credential_type, "USER" | "EMAIL") {
        return breach("the `credentialType` is neither USER nor EMAIL");
    }
    if pass.security_element_type != "password" {
        return breach("the `securityElementType` is not password");
    }
    if context.tenant_name != *tenant {
        return breach("the tenant does not exist");
    }
    let state = &mut *shared.state();
    if state.accounts.get(&login.value) != Some(&pass.value) {
        state.counts.rejected += 1;
        let text = "The user or the password is wrong.";
        let text = match settings.echo_secrets {
            true => format!("{text} You sent: {}", pass.value),
            false => text.to_owned(),
        };
        let context = Context::new(tenant, &settings.wrong_password, Some(&text));
        return Err(Refusal::failure(context));
    }
    let token = shared.issue(state, &login.value);
    state.counts.sign_ons_ok += 1;
    let mut context = Context::success(tenant);
    let data = match (settings.token_at, quirk) {
        (_, Some(Quirk::NoToken)) => json!({}),
        (TokenAt::Context, _) => {
            context.token = Some(token);
            Value::Null
        }
        (TokenAt::ResponseToken, _) => json!({ "token": token }),
        (TokenAt::AccessToken, _) => json!({ "access_token": token }),
    };
    Ok(envelope::write(context, &data, quirk))
}

fn read(spelling: Spelling, body: &[u8]) -> Result<(Tenant, Login, Pass), &'static str> {
    let camel = || {
        let sent: Camel = read_fields(body)?;
        Ok((sent.context, sent.login, sent.pass))
    };
    let page = || {
        let sent: Page = read_fields(body)?;
        Ok((sent.context, sent.login, sent.pass))
    };
    match spelling {
        Spelling::Either => camel().or_else(|_| page()),
        Spelling::Camel => camel(),
        Spelling::Page => page(),
    }
}
