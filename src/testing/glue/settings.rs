//! What the builder fixes for the life of a simulator.

use std::time::Duration;

/// The form of the body that tells of an error.
///
/// `POST /token` has its own, whatever is set: `{"error": .., "error_description": ..}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorShape {
    /// `{"errors": [{"code": "5900", "status": 403, "detail": ".."}]}`, as in classic Glue and in
    /// API Platform: the default.
    #[default]
    Detail,
    /// `{"errors": [{"status": 403, "code": "5900", "message": ".."}]}`, as in the Storefront and
    /// Backend APIs under the content type of JSON:API.
    Message,
    /// `[{"status": 403, "code": "5900", "message": ".."}]`, as in these in plain JSON.
    Bare,
}

/// The form of the answer of `POST /token`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenShape {
    /// `{"access_token": .., ..}`: the default.
    #[default]
    Object,
    /// The same in an array of one.
    Array,
    /// `{"accessToken": .., ..}`
    Camel,
    /// The same in an array of one, as in the vendor's sample for warehouse tokens.
    CamelArray,
    /// `{"data": {"attributes": {"accessToken": .., ..}}}`
    Attributes,
}

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) errors: ErrorShape,
    pub(super) codes_as_numbers: bool,
    pub(super) statuses_as_text: bool,
    /// Whether an error of no interest stands before each other.
    pub(super) several_errors: bool,
    pub(super) token_shape: TokenShape,
    pub(super) expiry_as_text: bool,
    pub(super) numeric_type_status: bool,
    /// Whether accounts are users of the Backend API, not customers.
    pub(super) backend: bool,
    pub(super) trigger_fails: bool,
    /// The types that the shop knows.
    pub(super) types: Vec<String>,
    pub(super) protected: Vec<String>,
    /// Resources that need no token.
    pub(super) open: Vec<String>,
    pub(super) access_lifetime: Duration,
    pub(super) refresh_lifetime: Duration,
    pub(super) code_lifetime: Duration,
    pub(super) code_length: usize,
    pub(super) attempts: usize,
    pub(super) rotate: bool,
    pub(super) unconfirmed: u16,
    pub(super) validation: u16,
    pub(super) lock_after: usize,
    pub(super) lock: Duration,
    pub(super) echo_secrets: bool,
}

impl Default for Settings {
    fn default() -> Self {
        const USUALLY_PROTECTED: [&str; 6] = [
            "customer-password",
            "customers",
            "addresses",
            "carts",
            "checkout",
            "order-payments",
        ];
        const OPEN: [&str; 3] = ["catalog-search", "guest-carts", "stores"];
        Self {
            errors: ErrorShape::Detail,
            codes_as_numbers: false,
            statuses_as_text: false,
            several_errors: false,
            token_shape: TokenShape::Object,
            expiry_as_text: false,
            numeric_type_status: false,
            backend: false,
            trigger_fails: false,
            types: vec!["email".to_owned()],
            protected: USUALLY_PROTECTED.map(str::to_owned).to_vec(),
            open: OPEN.map(str::to_owned).to_vec(),
            access_lifetime: Duration::from_secs(8 * 3600),
            refresh_lifetime: Duration::from_secs(30 * 24 * 3600),
            code_lifetime: Duration::from_secs(30 * 60),
            code_length: 6,
            attempts: 3,
            rotate: true,
            unconfirmed: 401,
            validation: 422,
            lock_after: 11,
            lock: Duration::from_secs(300),
            echo_secrets: false,
        }
    }
}
