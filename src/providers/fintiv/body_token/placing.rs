//! A JSON body with the token in it.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request,
    header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING},
    request,
};
use http_body_util::LengthLimitError;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::{BoxError, Error, ErrorKind, providers::common::exchange::to_json, token::wiped_bytes};

const TOKEN: &str = "token";
const TENANT_NAME: &str = "tenantName";

/// Where in the body the token goes.
pub(in crate::providers::fintiv) struct Place {
    /// The object that has it.
    pub(in crate::providers::fintiv) field: Box<str>,
    /// What `tenantName` is beside it, unless the caller has said.
    pub(in crate::providers::fintiv) tenant: Option<Box<str>>,
    /// The longest body that is read, in bytes.
    pub(in crate::providers::fintiv) max_body: usize,
}

/// The members of an object, with their values as they stand.
struct Object<'a>(Vec<Member<'a>>);

/// The new body: the object with the token first, and the other members as they stand.
struct WithToken<'a, I> {
    place: &'a Place,
    context: &'a [Member<'a>],
    others: I,
    token: &'a str,
}

/// The object with the token.
struct Context<'a> {
    place: &'a Place,
    members: &'a [Member<'a>],
    token: &'a str,
}

type Member<'a> = (Cow<'a, str>, &'a RawValue);

// === impl Place ===

impl Place {
    /// Returns the request with `token` in its body.
    pub(super) fn with_token(
        &self,
        mut head: request::Parts,
        body: &[u8],
        token: &HeaderValue,
    ) -> Result<Request<Bytes>, Error> {
        let token = token
            .to_str()
            .map_err(|_| self.error("the token is not a text"))?;
        let body = self.body(&head.method, body, token)?;
        head.headers.remove(TRANSFER_ENCODING);
        head.headers.insert(CONTENT_LENGTH, body.len().into());
        head.headers
            .entry(CONTENT_TYPE)
            .or_insert(HeaderValue::from_static("application/json"));
        Ok(Request::from_parts(head, wiped_bytes(body)))
    }

    /// Says why a body was not read.
    pub(super) fn unread(&self, error: BoxError) -> BoxError {
        match error.is::<LengthLimitError>() {
            true => {
                let why = format!(
                    "it is longer than {} bytes: see `max_request_body`",
                    self.max_body
                );
                self.error(&why).into()
            }
            // The caller's own body has failed.
            false => error,
        }
    }

    fn body(&self, method: &Method, body: &[u8], token: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        let members = if body.trim_ascii().is_empty() {
            if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
                let why = format!("a {method} has none: place it in a header, or send a body");
                return Err(self.error(&why));
            }
            Vec::new()
        } else {
            let object: Object<'_> =
                serde_json::from_slice(body).map_err(|_| self.error("it is no JSON object"))?;
            object.0
        };
        let is_context = |(name, _): &&Member<'_>| **name == *self.field;
        let mut contexts = members.iter().filter(is_context);
        let context = match (contexts.next(), contexts.next()) {
            (None, _) => Object(Vec::new()),
            (Some((_, context)), None) => self.context(context)?,
            (Some(_), Some(_)) => return Err(self.error("that is there twice")),
        };

        Ok(to_json(&WithToken {
            place: self,
            context: &context.0,
            others: members.iter().filter(|member| !is_context(member)),
            token,
        }))
    }

    fn context<'a>(&self, context: &'a RawValue) -> Result<Object<'a>, Error> {
        if context.get() == "null" {
            return Ok(Object(Vec::new()));
        }
        serde_json::from_str(context.get())
            .map_err(|_| self.error(&format!("its `{}` is no object", self.field)))
    }

    fn error(&self, why: &str) -> Error {
        let field = &self.field;
        Error::with_message(
            ErrorKind::Config,
            format!("the token cannot be placed in `{field}` of the request's body: {why}"),
        )
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("field", &self.field)
            .field("max_body", &self.max_body)
            .finish_non_exhaustive()
    }
}

// === impl Object ===

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

// === impl WithToken ===

impl<'a, I> Serialize for WithToken<'a, I>
where
    I: Iterator<Item = &'a Member<'a>> + Clone,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let context = Context {
            place: self.place,
            members: self.context,
            token: self.token,
        };
        let mut body = serializer.serialize_map(None)?;
        body.serialize_entry(&self.place.field, &context)?;
        for (name, value) in self.others.clone() {
            body.serialize_entry(name, value)?;
        }
        body.end()
    }
}

// === impl Context ===

impl Serialize for Context<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut context = serializer.serialize_map(None)?;
        let has_tenant = self.members.iter().any(|(name, _)| name == TENANT_NAME);
        if let Some(tenant) = self.place.tenant.as_ref().filter(|_| !has_tenant) {
            context.serialize_entry(TENANT_NAME, tenant)?;
        }
        for (name, value) in self.members.iter().filter(|(name, _)| name != TOKEN) {
            context.serialize_entry(name, value)?;
        }
        context.serialize_entry(TOKEN, self.token)?;
        context.end()
    }
}
