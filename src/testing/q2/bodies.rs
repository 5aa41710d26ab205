//! The bodies that requests may have: the documented fields and no others.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::{Map, Value};

use super::strict::{Breach, breach, read};

/// `POST /v1/auth`
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Create {
    pub(super) client_id: String,
    pub(super) company_id: String,
    pub(super) items: Vec<String>,
    pub(super) payment_identifier: Option<String>,
    #[serde(default, deserialize_with = "object")]
    pub(super) meta: Meta,
    pub(super) form: Map<String, Value>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Meta {
    pub(super) payment_method_id: Option<String>,
    pub(super) bill_id: Option<String>,
    pub(super) swap_id: Option<String>,
}

/// `POST /v1/auth/step`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) token: String,
    pub(super) mfa: Mfa,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Mfa {
    Answers(#[serde(deserialize_with = "objects")] Vec<Answer>),
    #[serde(deserialize_with = "object")]
    Choice(Choice),
}

/// An answer to a question, or a code.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    pub(super) answer: String,
    pub(super) identifier: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Choice {
    pub(super) identifier: String,
}

/// `POST /v1/auth/{authId}/answer-questions`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answers {
    #[serde(deserialize_with = "objects")]
    pub(super) answers: Vec<Answer>,
}

/// Reads an object: what serde derives for a struct reads an array of the values as well.
fn object<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Object<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_map(Object(PhantomData))
}

fn objects<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    #[derive(Deserialize)]
    #[serde(transparent, bound = "T: Deserialize<'de>")]
    struct Each<T>(#[serde(deserialize_with = "object")] T);

    let objects = Vec::<Each<T>>::deserialize(deserializer)?;
    Ok(objects.into_iter().map(|Each(object)| object).collect())
}

// === impl Create ===

impl Create {
    pub(super) fn read(body: &[u8]) -> Result<Self, Breach> {
        let create: Self = read(body)?;
        let sentence = if create.client_id.is_empty() || create.company_id.is_empty() {
            "`clientId` or `companyId` is empty"
        } else if create.items != ["swap"] {
            r#"`items` is not `["swap"]`"#
        } else if create.form.is_empty() {
            "`form` is empty"
        } else if !create.form.values().all(Value::is_string) {
            "`form` has a field that is not a string"
        } else if create.meta.bill_id.is_some() && create.meta.swap_id.is_some() {
            "`meta` has both `billId` and `swapId`"
        } else {
            return Ok(create);
        };
        breach(400, sentence)
    }

    /// Returns who signs in at the company, without the end that makes it an e-mail address there.
    pub(super) fn login(&self) -> &str {
        let field = self.form.get("username").or_else(|| self.form.get("email"));
        let login = field.and_then(Value::as_str).unwrap_or_default();
        login.strip_suffix("@test.test").unwrap_or(login)
    }

    /// Returns what has to stay out of addresses: all of the form but who signs in.
    pub(super) fn secrets(&self) -> impl Iterator<Item = String> {
        let open = |name: &String| ["username", "email"].contains(&name.as_str());
        let secret = self.form.iter().filter(move |(name, _)| !open(name));
        secret.filter_map(|(_, value)| value.as_str().map(str::to_owned))
    }
}
