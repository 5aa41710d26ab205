//! What is asked for, and what comes of it.

use std::fmt;

use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer, ser::SerializeMap};
use zeroize::Zeroizing;

use super::{Event, api::checked_id};
use crate::{
    Error,
    providers::common::{advice::Secrets, exchange::to_json},
};

/// The login of a client at a company, to be verified by [`Q2::create_auth`](super::Q2::create_auth).
///
/// `Debug` shows the ids and the names of the fields, never what is in them.
///
/// # Example
///
/// ```
/// use tower_reauth::providers::q2::NewAuth;
///
/// let auth = NewAuth::new("579b695decfa11012711875d", "579b695decea110719b1874d")
///     .field("email", "example@example.com")
///     .field("password", "12345678")
///     .payment_identifier("PaymentIdentifier001")
///     .payment_method_id("56e1ddbd1a05319bc198d36f");
/// # let _ = auth;
/// ```
#[derive(Clone)]
#[must_use = "nothing is sent before it is given to `Q2::create_auth`"]
pub struct NewAuth {
    pub(super) client_id: Box<str>,
    pub(super) company_id: Box<str>,
    form: Vec<(Box<str>, SecretString)>,
    payment_identifier: Option<Box<str>>,
    payment_method_id: Option<Box<str>>,
    swap_id: Option<Box<str>>,
    bill_id: Option<Box<str>>,
}

/// An auth whose credentials are good.
#[derive(Clone, Debug)]
pub struct VerifiedAuth {
    pub(super) status: StatusCode,
    pub(super) auth_id: Option<Box<str>>,
    pub(super) client_id: Box<str>,
    pub(super) company_id: Box<str>,
    pub(super) request_id: Option<Box<str>>,
    pub(super) event: Option<Event>,
}

// === impl NewAuth ===

impl NewAuth {
    /// Creates a request to verify the credentials of the client `client_id` at the company
    /// `company_id`. The credentials are added with [`field`](Self::field).
    pub fn new(client_id: impl Into<String>, company_id: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into().into(),
            company_id: company_id.into().into(),
            form: Vec::new(),
            payment_identifier: None,
            payment_method_id: None,
            swap_id: None,
            bill_id: None,
        }
    }

    /// Adds a login field of the company (`form`), or replaces it. Usually there are `username` or
    /// `email`, and `password`; each company has its own. At least one is required.
    pub fn field(mut self, name: impl Into<String>, value: impl Into<SecretString>) -> Self {
        let name = name.into();
        self.form.retain(|(known, _)| **known != *name);
        self.form.push((name.into(), value.into()));
        self
    }

    /// Sets an identifier of your own for this (`paymentIdentifier`).
    pub fn payment_identifier(mut self, identifier: impl Into<String>) -> Self {
        self.payment_identifier = Some(identifier.into().into());
        self
    }

    /// Sets the payment method to assign (`meta.paymentMethodId`).
    pub fn payment_method_id(mut self, id: impl Into<String>) -> Self {
        self.payment_method_id = Some(id.into().into());
        self
    }

    /// Sets the existing swap to assign (`meta.swapId`).
    pub fn swap_id(mut self, id: impl Into<String>) -> Self {
        self.swap_id = Some(id.into().into());
        self
    }

    /// Sets the existing bill to assign (`meta.billId`), which the vendor calls deprecated, and
    /// which must not be used with [`swap_id`](Self::swap_id).
    pub fn bill_id(mut self, id: impl Into<String>) -> Self {
        self.bill_id = Some(id.into().into());
        self
    }

    /// Fails if the server could only refuse it.
    pub(super) fn check(&self) -> Result<(), Error> {
        checked_id("clientId", &self.client_id)?;
        checked_id("companyId", &self.company_id)?;
        if self.form.is_empty() {
            return Err(super::api::config(
                "the auth has no login field: add the company's with field(name, value)",
            ));
        }
        if self.swap_id.is_some() && self.bill_id.is_some() {
            return Err(super::api::config(
                "an auth has a swap or a bill and not both: leave bill_id() out",
            ));
        }
        Ok(())
    }

    pub(super) fn add_secrets(&self, secrets: &mut Secrets) {
        self.form
            .iter()
            .for_each(|(_, value)| secrets.add_secret(value));
    }

    pub(super) fn to_body(&self) -> Zeroizing<Vec<u8>> {
        to_json(self)
    }
}

impl Serialize for NewAuth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Form<'a>(&'a NewAuth);
        impl Serialize for Form<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let fields = &self.0.form;
                serializer.collect_map(
                    fields
                        .iter()
                        .map(|(name, value)| (name, value.expose_secret())),
                )
            }
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Meta<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            payment_method_id: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            swap_id: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            bill_id: Option<&'a str>,
        }
        let meta = Meta {
            payment_method_id: self.payment_method_id.as_deref(),
            swap_id: self.swap_id.as_deref(),
            bill_id: self.bill_id.as_deref(),
        };
        let has_meta = [meta.payment_method_id, meta.swap_id, meta.bill_id]
            .iter()
            .any(Option::is_some);

        let mut body = serializer.serialize_map(None)?;
        // Described as the text 'swap', shown as a list: the list is what is sent.
        body.serialize_entry("items", &["swap"])?;
        if let Some(identifier) = &self.payment_identifier {
            body.serialize_entry("paymentIdentifier", identifier)?;
        }
        if has_meta {
            body.serialize_entry("meta", &meta)?;
        }
        body.serialize_entry("clientId", &self.client_id)?;
        body.serialize_entry("companyId", &self.company_id)?;
        body.serialize_entry("form", &Form(self))?;
        body.end()
    }
}

impl fmt::Debug for NewAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<_> = self.form.iter().map(|(name, _)| name).collect();
        f.debug_struct("NewAuth")
            .field("client_id", &self.client_id)
            .field("company_id", &self.company_id)
            .field("fields", &fields)
            .finish_non_exhaustive()
    }
}

// === impl VerifiedAuth ===

impl VerifiedAuth {
    /// Returns the status of the answer to the request that created the auth; 200, if the answer
    /// was lost and an event said that the request was not.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the id of the auth, new or existing, which the server chose. The server documents
    /// that it sends one.
    #[must_use]
    pub fn auth_id(&self) -> Option<&str> {
        self.auth_id.as_deref()
    }

    /// Returns the id of the client.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Returns the id of the company.
    #[must_use]
    pub fn company_id(&self) -> &str {
        &self.company_id
    }

    /// Returns the `request-id` of the answer to the request that created the auth.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Returns the event that said so; nothing if that was found by polling.
    #[must_use]
    pub fn event(&self) -> Option<&Event> {
        self.event.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::ErrorKind;

    fn body(auth: &NewAuth) -> Value {
        serde_json::from_slice(&auth.to_body()).unwrap()
    }

    #[test]
    fn the_body_is_that_of_the_documentation() {
        let auth = NewAuth::new("c1", "co1")
            .field("email", "old")
            .field("password", "12345678")
            .field("email", "example@example.com")
            .payment_identifier("PaymentIdentifier001")
            .payment_method_id("m1");
        assert_eq!(
            body(&auth),
            json!({
                "items": ["swap"],
                "paymentIdentifier": "PaymentIdentifier001",
                "meta": {"paymentMethodId": "m1"},
                "clientId": "c1",
                "companyId": "co1",
                "form": {"email": "example@example.com", "password": "12345678"}
            })
        );
        assert_eq!(
            body(&NewAuth::new("c1", "co1").field("a", "b").swap_id("s1"))["meta"],
            json!({"swapId": "s1"})
        );
        let plain = body(&NewAuth::new("c1", "co1").field("a", "b"));
        assert_eq!(plain.as_object().unwrap().len(), 4);
    }

    #[test]
    fn what_the_server_could_only_refuse_is_not_sent() {
        let auth = NewAuth::new("c1", "co1").field("a", "b");
        assert!(auth.check().is_ok());
        assert!(auth.clone().bill_id("b1").check().is_ok());
        for wrong in [
            NewAuth::new("", "co1").field("a", "b"),
            NewAuth::new("c1", "a/b").field("a", "b"),
            NewAuth::new("c1", "co1"),
            auth.bill_id("b1").swap_id("s1"),
        ] {
            assert_eq!(wrong.check().unwrap_err().kind(), ErrorKind::Config);
        }
    }

    #[test]
    fn debug_shows_no_credentials() {
        let auth = NewAuth::new("c1", "co1").field("password", "s3cr3t");
        assert!(!format!("{auth:?}").contains("s3cr3t"));
    }
}
