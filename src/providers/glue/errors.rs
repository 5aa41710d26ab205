//! Error bodies, in all the shapes in which they come.

use serde_json::Value;

use crate::providers::common::{
    advice::{self, Secrets},
    json,
};

/// The errors of one body.
///
/// | API | body |
/// | --- | --- |
/// | REST, API Platform | `{"errors":[{"code":"5900","status":403,"detail":"…"}]}` |
/// | Storefront, Backend (JSON:API) | `{"errors":[{"status":403,"code":"5900","message":"…"}]}` |
/// | Storefront, Backend (plain JSON) | `[{"status":403,"code":"5900","message":"…"}]` |
/// | `/token` | `{"error":"invalid_grant","error_description":"…"}` |
pub(super) struct Errors {
    value: Value,
}

impl Errors {
    /// Reads `body`. What is no JSON has no errors.
    pub(super) fn read(body: &[u8]) -> Self {
        let value = serde_json::from_slice(json::without_mark(body)).unwrap_or_default();
        Self { value }
    }

    /// Returns the codes, in their order; an OAuth error is one as well.
    pub(super) fn codes(&self) -> impl Iterator<Item = String> {
        let items = self.items().iter().filter_map(|item| scalar(&item["code"]));
        items.chain(scalar(&self.value["error"]))
    }

    pub(super) fn has(&self, code: &str) -> bool {
        self.codes().any(|given| given == code)
    }

    /// Returns what is said, if it can be repeated.
    pub(super) fn said(&self, secrets: &Secrets) -> Option<String> {
        let detail = |item: &'_ Value| {
            let text = ["detail", "message"].map(|name| item.get(name).cloned());
            text.into_iter().flatten().find(Value::is_string)
        };
        let mut texts: Vec<Value> = self.items().iter().filter_map(detail).collect();
        texts.extend(self.value.get("error_description").cloned());
        let said = advice::quoted(&texts, secrets);
        texts.iter_mut().for_each(advice::wipe);
        said
    }

    fn items(&self) -> &[Value] {
        let items = self.value.get("errors").unwrap_or(&self.value);
        items.as_array().map_or(&[], Vec::as_slice)
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        // It may repeat what was sent.
        advice::wipe(&mut self.value);
    }
}

/// A text or a number, as text.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_gives_its_codes_and_its_text() {
        for (body, codes, said) in [
            (
                r#"{"errors":[{"code":"5900","status":403,"detail":"The code is missing."}]}"#,
                &["5900"][..],
                Some("The code is missing"),
            ),
            (
                r#"{"errors":[{"status":403,"code":5901,"message":"The code is invalid."}]}"#,
                &["5901"],
                Some("The code is invalid"),
            ),
            (
                r#"[{"status":"403","code":"5900","message":"Missing."}]"#,
                &["5900"],
                Some("Missing"),
            ),
            (
                "\u{FEFF}[{\"code\":\"002\",\"detail\":null,\"message\":\"One.\"},{\"code\":5900,\"detail\":\"Two.\"}]",
                &["002", "5900"],
                Some("One; Two"),
            ),
            (
                r#"{"error":"invalid_grant","error_description":"Not valid."}"#,
                &["invalid_grant"],
                Some("Not valid"),
            ),
            (r#"{"errors":{"code":"5900"}}"#, &[], None),
            (
                r#"{"errors":[5900,"5900",null,[{"code":"5900"}]]}"#,
                &[],
                None,
            ),
            (r#"{"errors":[{"code":{"code":"5900"}}]}"#, &[], None),
            (r#"{"code":"5900"}"#, &[], None),
            ("5900", &[], None),
            ("\"5900\"", &[], None),
            ("<html>5900</html>", &[], None),
            (r#"[{"code":"5900""#, &[], None),
            ("", &[], None),
        ] {
            let errors = Errors::read(body.as_bytes());
            assert_eq!(errors.codes().collect::<Vec<_>>(), codes, "{body}");
            assert_eq!(errors.said(&Secrets::default()).as_deref(), said, "{body}");
        }
    }
}
