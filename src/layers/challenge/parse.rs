//! The grammar of `WWW-Authenticate`: RFC 9110 section 11.6.1.
//!
//! No crate is used because the best one, `http-auth`, refuses values that the grammar allows and
//! servers send: a `token68`, more than one space behind the scheme, letters beyond ASCII. The tests
//! hold this against it, and against the vectors of browsers and others.

use std::borrow::Cow;

/// One challenge of a field value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge<'a> {
    pub(crate) scheme: &'a str,
    pub(crate) token68: Option<&'a str>,
    /// Names and values, unescaped, in their order.
    pub(crate) params: Vec<(&'a str, Cow<'a, [u8]>)>,
}

/// A field value, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Parsed<'a> {
    /// The challenges; if there is a fault, those before it.
    pub(crate) challenges: Vec<Challenge<'a>>,
    pub(crate) is_whole: bool,
}

/// What is left of a field value.
struct Rest<'a>(&'a [u8]);

// === impl Parsed ===

impl<'a> Parsed<'a> {
    pub(crate) fn of(value: &'a [u8]) -> Self {
        let mut parsed = Self::default();
        parsed.is_whole = Rest(value).challenges(&mut parsed.challenges).is_some();
        parsed
    }
}

// === impl Rest ===

/// What is `None` here is a fault, unless it says otherwise.
impl<'a> Rest<'a> {
    fn challenges(&mut self, challenges: &mut Vec<Challenge<'a>>) -> Option<()> {
        self.skip_separators();
        while !self.0.is_empty() {
            challenges.push(self.challenge()?);
        }
        Some(())
    }

    /// Reads a challenge, and goes to where the next one begins.
    fn challenge(&mut self) -> Option<Challenge<'a>> {
        let mut challenge = Challenge {
            scheme: self.take_text(is_token)?,
            token68: None,
            params: Vec::new(),
        };
        if self.take(|byte| byte == b' ').is_empty() {
            self.end_element()?;
            return Some(challenge);
        }
        challenge.token68 = self.token68();
        if challenge.token68.is_some() {
            self.end_element()?;
            return Some(challenge);
        }
        self.take(is_space);
        let mut is_next = matches!(self.0.first(), None | Some(b','));
        self.skip_separators();
        while let Some(name) = self.param_name() {
            challenge.params.push((name, self.value()?));
            self.end_element()?;
            is_next = true;
        }
        // The next challenge stands behind a comma.
        is_next.then_some(challenge)
    }

    /// Reads a `token68`; `None` if this is none.
    fn token68(&mut self) -> Option<&'a str> {
        let before = self.0;
        let letters = self.take(is_token68).len();
        let padding = self.take(|byte| byte == b'=').len();
        let after = self.0;
        self.take(is_space);
        let is_alone = letters > 0 && matches!(self.0.first(), None | Some(b','));
        self.0 = if is_alone { after } else { before };
        is_alone.then(|| text(&before[..letters + padding]))
    }

    /// Reads the name of a parameter and the `=` behind it; `None` if this is none.
    fn param_name(&mut self) -> Option<&'a str> {
        let before = self.0;
        let name = self.take_text(is_token)?;
        self.take(is_space);
        if self.0.first() != Some(&b'=') {
            self.0 = before;
            return None;
        }
        self.0 = &self.0[1..];
        self.take(is_space);
        Some(name)
    }

    fn value(&mut self) -> Option<Cow<'a, [u8]>> {
        if self.0.first() != Some(&b'"') {
            let value = self.take(is_token);
            return (!value.is_empty()).then_some(Cow::Borrowed(value));
        }
        self.0 = &self.0[1..];
        let mut value = Cow::Borrowed(self.take(is_quoted));
        loop {
            let (&mark, rest) = self.0.split_first()?;
            self.0 = rest;
            match mark {
                b'"' => return Some(value),
                b'\\' => {
                    let (&escaped, rest) = self.0.split_first()?;
                    self.0 = rest;
                    value.to_mut().push(escaped);
                    value.to_mut().extend_from_slice(self.take(is_quoted));
                }
                _ => return None,
            }
        }
    }

    /// Goes to the next element of a list, or to its end.
    fn end_element(&mut self) -> Option<()> {
        self.take(is_space);
        let is_over = matches!(self.0.first(), None | Some(b','));
        self.skip_separators();
        is_over.then_some(())
    }

    fn skip_separators(&mut self) {
        self.take(|byte| is_space(byte) || byte == b',');
    }

    /// Reads a text of this kind; `None` if there is none.
    fn take_text(&mut self, is: fn(u8) -> bool) -> Option<&'a str> {
        let taken = self.take(is);
        (!taken.is_empty()).then(|| text(taken))
    }

    fn take(&mut self, is: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|&byte| !is(byte));
        let (taken, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest;
        taken
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("tokens are ASCII")
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte)
}

/// What stands in quotes as it is. A header value has no control characters but the tab.
fn is_quoted(byte: u8) -> bool {
    !matches!(byte, b'"' | b'\\')
}

#[cfg(test)]
mod tests {
    use http_auth::parser::ChallengeParser;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// Each character is a byte.
    fn bytes(value: &Value) -> Vec<u8> {
        let characters = value.as_str().unwrap().chars();
        characters.map(|c| u8::try_from(c).unwrap()).collect()
    }

    fn shown(challenges: &[Challenge<'_>]) -> Value {
        let params = |challenge: &Challenge<'_>| -> Vec<Value> {
            let params = challenge.params.iter().map(|(name, value)| {
                let value: String = value.iter().map(|&byte| char::from(byte)).collect();
                json!([name, value])
            });
            params.collect()
        };
        let challenges = challenges.iter().map(|challenge| {
            json!({
                "scheme": challenge.scheme,
                "token68": challenge.token68,
                "params": params(challenge),
            })
        });
        challenges.collect()
    }

    #[test]
    fn the_vectors_of_others_are_read_as_the_grammar_has_it() {
        let Some(file) = crate::vectors::file("www-authenticate/cases.json") else {
            return;
        };
        let vectors: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let cases = vectors["cases"].as_array().unwrap();
        let (mut exact, mut faulty) = (0, 0);
        for case in cases {
            if case["expect"] == "unreachable" {
                continue;
            }
            let values: Vec<_> = case["headers"]
                .as_array()
                .unwrap()
                .iter()
                .map(bytes)
                .collect();
            let parsed: Vec<_> = values.iter().map(|value| Parsed::of(value)).collect();
            let all: Vec<_> = parsed
                .iter()
                .flat_map(|parsed| parsed.challenges.clone())
                .collect();
            let is_whole = parsed.iter().all(|parsed| parsed.is_whole);
            let expected = if is_whole {
                exact += 1;
                assert_ne!(case["expect"], "nothing-or-prefix", "{}", case["id"]);
                &case["challenges"]
            } else {
                faulty += 1;
                assert_eq!(case["expect"], "nothing-or-prefix", "{}", case["id"]);
                &case["valid_prefix"]
            };
            assert_eq!(&shown(&all), expected, "{}", case["id"]);
        }
        assert_eq!((cases.len(), exact, faulty), (119, 100, 18));
    }

    proptest! {
        /// Whatever that crate accepts, this reads in the same way.
        #[test]
        fn is_of_one_mind_with_http_auth(
            value in "([A-Za-z]{1,3}|[ \t]{1,2}|[,=\"\\\\]|\"[a ,=]{0,3}\"|[!~/+.]){0,16}",
        ) {
            let theirs: Result<Vec<_>, _> = ChallengeParser::new(&value).collect();
            let ours = Parsed::of(value.as_bytes());
            if let Ok(theirs) = theirs {
                let theirs: Vec<_> = theirs
                    .into_iter()
                    .map(|challenge| {
                        let params = challenge.params.into_iter();
                        let params: Vec<_> = params
                            .map(|(name, value)| json!([name, value.to_unescaped()]))
                            .collect();
                        json!({"scheme": challenge.scheme, "token68": null, "params": params})
                    })
                    .collect();
                prop_assert!(ours.is_whole, "{value:?}");
                prop_assert_eq!(shown(&ours.challenges), Value::from(theirs));
            }
        }

        #[test]
        fn never_panics(value in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Parsed::of(&value);
        }
    }

    #[test]
    fn a_tab_may_stand_behind_the_space_of_a_scheme_alone() {
        for value in ["Basic \t,", "Basic \t", "Basic \t, Bearer"] {
            let parsed = Parsed::of(value.as_bytes());
            assert!(parsed.is_whole, "{value:?}");
            assert_eq!(parsed.challenges[0].scheme, "Basic");
        }
    }
}
