//! What a company asks for beside the credentials, and what is sent back.

use std::{fmt, sync::Arc};

use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};
use serde_json::Value;
use zeroize::Zeroizing;

use super::event::{id, text};
use crate::{Code, CodeRequest, providers::common::exchange::to_json};

/// No company asks more questions at once; more are not read.
const MOST_ITEMS: usize = 32;

/// Makes the body of a step.
pub(super) type StepEncoder = Arc<dyn Fn(&Step<'_>) -> Vec<u8> + Send + Sync>;

/// What a company asks for: an event about MFA, or an auth whose status says so.
#[derive(Clone)]
pub struct Challenge {
    token: Option<SecretString>,
    method: Box<str>,
    items: Vec<MfaItem>,
}

/// One of the things that a [`Challenge`] names: a question, or a place where a code can be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MfaItem {
    /// What the vendor calls it; it goes back with the answer.
    pub identifier: Option<Box<str>>,
    /// The question, in the company's words.
    pub question: Option<Box<str>>,
    /// A part of the address: `xxx-xxx-1234`.
    pub mask: Option<Box<str>>,
    /// How the code would be sent: `email`, `phone` or `text`.
    pub kind: Option<Box<str>>,
    /// What to show to people: `Phone: xxx-xxx-1234`.
    pub label: Option<Box<str>>,
}

/// What is about to be sent in answer to a [`Challenge`], for a
/// [step encoder](super::Q2Builder::step_encoder).
pub struct Step<'a> {
    pub(super) challenge: &'a Challenge,
    pub(super) auth_id: Option<&'a str>,
    pub(super) reply: Reply<'a>,
}

/// What a step says.
#[derive(Clone, Copy)]
pub(super) enum Reply<'a> {
    /// Send the code there.
    Choice(&'a MfaItem),
    /// These are the answers, or the code.
    Answers(&'a [Answer]),
}

/// The answer to one question, or a code.
#[derive(Clone)]
pub struct Answer {
    identifier: Option<Box<str>>,
    answer: Code,
}

/// How a challenge is to be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Each item is a question.
    Questions,
    /// One of the items is where the code shall be sent, and then the code is asked for.
    Code,
    /// A code was sent, or something else is to be typed in.
    Prompt,
}

// === impl Challenge ===

impl Challenge {
    /// Reads `token`, `method` and `mfa` from the data of an event or the status of an auth.
    pub(super) fn read(data: &Value) -> Option<Self> {
        let method = id(data.get("method"));
        let list = data.get("mfa");
        if method.is_none() && list.is_none() {
            return None;
        }
        let items = match list {
            Some(Value::Array(items)) => items.iter().take(MOST_ITEMS).map(MfaItem::read).collect(),
            Some(item @ Value::Object(_)) => vec![MfaItem::read(item)],
            _ => Vec::new(),
        };
        Some(Self {
            token: token(data.get("token")),
            method: method.unwrap_or_default(),
            items,
        })
    }

    /// Returns the method, as it was sent: `questions`, `code` or `prompt`.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the questions, or the places where a code can be sent.
    #[must_use]
    pub fn items(&self) -> &[MfaItem] {
        &self.items
    }

    pub(super) fn token(&self) -> Option<&SecretString> {
        self.token.as_ref()
    }

    /// Whether both came with the same token.
    pub(super) fn has_token_of(&self, other: &Self) -> bool {
        match (&self.token, &other.token) {
            (Some(one), Some(other)) => one.expose_secret() == other.expose_secret(),
            _ => false,
        }
    }

    /// Whether both ask for the same, whatever their tokens.
    pub(super) fn asks_what(&self, other: &Self) -> bool {
        self.method == other.method && self.items == other.items
    }

    /// Whether it can be answered by naming the auth.
    pub(super) fn is_answered_without_token(&self) -> bool {
        self.form() == Form::Questions
    }

    /// Whether it cannot be answered without the token that it lacks.
    pub(super) fn takes_token(&self) -> bool {
        self.token.is_none() && self.form() == Form::Code
    }

    /// The shape of a `prompt` is documented nowhere, and methods may come that nobody knows: what
    /// has questions is questions, and the rest is answered with what the person types. So are
    /// questions that cannot be read: an empty list of answers would be a wrong answer.
    pub(super) fn form(&self) -> Form {
        let has_questions = self.items.iter().any(|item| item.question.is_some());
        match &*self.method {
            "questions" if !self.items.is_empty() => Form::Questions,
            "code" if !self.items.is_empty() => Form::Code,
            _ if has_questions => Form::Questions,
            _ => Form::Prompt,
        }
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenge")
            .field("method", &self.method)
            .field("items", &self.items)
            .finish_non_exhaustive()
    }
}

// === impl MfaItem ===

impl MfaItem {
    fn read(item: &Value) -> Self {
        Self {
            identifier: id(item.get("identifier")),
            question: text(item.get("question")).or_else(|| text(Some(item))),
            mask: text(item.get("mask")),
            kind: id(item.get("type")),
            label: text(item.get("label")),
        }
    }

    /// Makes the request to the code service that this item calls for.
    pub(super) fn request(&self, method: &str) -> CodeRequest {
        let mut request = CodeRequest::new(self.kind.as_deref().unwrap_or(method));
        if let Some(question) = &self.question {
            request = request.with_question(&**question);
        }
        match self.label.as_ref().or(self.mask.as_ref()) {
            Some(destination) => request.with_destination(&**destination),
            None => request,
        }
    }
}

// === impl Step ===

impl<'a> Step<'a> {
    /// Returns the token of the event, which says what is answered.
    ///
    /// There is none where the question was found by polling: what the vendor documents for that
    /// names the auth instead, and goes to another path.
    #[must_use]
    pub fn token(&self) -> Option<&'a str> {
        self.challenge.token().map(ExposeSecret::expose_secret)
    }

    /// Returns what is answered.
    #[must_use]
    pub fn challenge(&self) -> &'a Challenge {
        self.challenge
    }

    /// Returns the id of the auth, if it is known.
    #[must_use]
    pub fn auth_id(&self) -> Option<&'a str> {
        self.auth_id
    }

    /// Returns where the code shall be sent, if that is what this step says.
    #[must_use]
    pub fn choice(&self) -> Option<&'a MfaItem> {
        match self.reply {
            Reply::Choice(item) => Some(item),
            Reply::Answers(_) => None,
        }
    }

    /// Returns the answers to the questions, or the code; nothing if this step says where the code
    /// shall be sent.
    #[must_use]
    pub fn answers(&self) -> &'a [Answer] {
        match self.reply {
            Reply::Choice(_) => &[],
            Reply::Answers(answers) => answers,
        }
    }

    /// Makes the body that is sent by default: as the vendor's documentation of 2018 has it, and
    /// for the code itself as assumed, because that is documented nowhere.
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        #[derive(Serialize)]
        struct Body<'a> {
            token: &'a str,
            mfa: Mfa<'a>,
        }
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Mfa<'a> {
            Choice {
                #[serde(skip_serializing_if = "Option::is_none")]
                identifier: Option<&'a str>,
            },
            Answers(&'a [Answer]),
        }
        to_json(&Body {
            token: self.token().unwrap_or_default(),
            mfa: match self.reply {
                Reply::Choice(item) => Mfa::Choice {
                    identifier: item.identifier.as_deref(),
                },
                Reply::Answers(answers) => Mfa::Answers(answers),
            },
        })
    }
}

impl fmt::Debug for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("challenge", &self.challenge)
            .field("auth_id", &self.auth_id)
            .finish_non_exhaustive()
    }
}

// === impl Answer ===

impl Answer {
    /// Creates the answer to the item called `identifier`.
    #[must_use]
    pub fn new(identifier: impl Into<String>, answer: Code) -> Self {
        Self {
            identifier: Some(identifier.into().into_boxed_str()),
            answer,
        }
    }

    pub(super) fn to_item(item: Option<&MfaItem>, answer: Code) -> Self {
        Self {
            identifier: item.and_then(|item| item.identifier.clone()),
            answer,
        }
    }

    /// Returns the name of what is answered, if it has any.
    #[must_use]
    pub fn identifier(&self) -> Option<&str> {
        self.identifier.as_deref()
    }

    /// Returns the answer. Do not log it.
    #[must_use]
    pub fn answer(&self) -> &Code {
        &self.answer
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            answer: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            identifier: Option<&'a str>,
        }
        let body = Body {
            answer: self.answer.expose(),
            identifier: self.identifier(),
        };
        body.serialize(serializer)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("identifier", &self.identifier)
            .finish_non_exhaustive()
    }
}

/// Reads the token of an event. It goes back as it came, so it is no id, and may be of any length.
fn token(value: Option<&Value>) -> Option<SecretString> {
    let token = value?.as_str()?;
    (!token.is_empty()).then(|| SecretString::from(token))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn encode(challenge: &Challenge, reply: Reply<'_>) -> Value {
        let step = Step {
            challenge,
            auth_id: None,
            reply,
        };
        serde_json::from_slice(&step.encode()).unwrap()
    }

    #[test]
    fn steps_look_as_the_vendor_shows_them() {
        let data = json!({"token": "t1", "method": "questions",
            "mfa": [{"question": "First pet?", "identifier": "Bk0zwVx1Z"}]});
        let challenge = Challenge::read(&data).unwrap();
        assert_eq!(challenge.form(), Form::Questions);
        let request = challenge.items()[0].request("questions");
        assert_eq!(request.question(), Some("First pet?"));
        assert_eq!(request.method(), "questions");
        let answer = Code::answer("Secret Answer").unwrap();
        let answers = [Answer::to_item(challenge.items().first(), answer)];
        assert_eq!(
            encode(&challenge, Reply::Answers(&answers)),
            json!({"token": "t1",
                   "mfa": [{"answer": "Secret Answer", "identifier": "Bk0zwVx1Z"}]})
        );

        let data = json!({"token": "t1", "method": "code", "mfa": [{"mask": "xxx-1234",
            "type": "phone", "identifier": "ByDXD4eJW", "label": "Phone: xxx-1234"}]});
        let challenge = Challenge::read(&data).unwrap();
        assert_eq!(challenge.form(), Form::Code);
        let item = &challenge.items()[0];
        assert_eq!(item.request("code").destination(), Some("Phone: xxx-1234"));
        assert_eq!(item.request("code").method(), "phone");
        assert_eq!(
            encode(&challenge, Reply::Choice(item)),
            json!({"token": "t1", "mfa": {"identifier": "ByDXD4eJW"}})
        );
    }

    #[test]
    fn forms_that_nobody_documents_are_met_as_far_as_can_be() {
        for (data, form) in [
            (json!({"method": "prompt"}), Form::Prompt),
            (
                json!({"method": "prompt", "mfa": [{"identifier": "i"}]}),
                Form::Prompt,
            ),
            (
                json!({"method": "prompt", "mfa": [{"question": "q"}]}),
                Form::Questions,
            ),
            (
                json!({"method": "prompt", "mfa": {"question": "q"}}),
                Form::Questions,
            ),
            (json!({"method": "prompt", "mfa": ["q"]}), Form::Questions),
            (json!({"method": "code", "mfa": []}), Form::Prompt),
            (json!({"method": "questions", "mfa": []}), Form::Prompt),
            (json!({"mfa": [{"question": "q"}]}), Form::Questions),
            (json!({"method": "push", "mfa": 7}), Form::Prompt),
        ] {
            assert_eq!(Challenge::read(&data).unwrap().form(), form, "{data}");
        }
        assert!(Challenge::read(&json!({"auth": {}})).is_none());
        let many = json!({"method": "questions", "mfa": vec![json!({}); 1000]});
        assert_eq!(Challenge::read(&many).unwrap().items().len(), MOST_ITEMS);
    }

    #[test]
    fn debug_shows_neither_token_nor_answer() {
        let data = json!({"token": "s3cr3t", "method": "questions", "mfa": []});
        let challenge = Challenge::read(&data).unwrap();
        let answers = [Answer::new("i", Code::answer("s3cr3t").unwrap())];
        let step = Step {
            challenge: &challenge,
            auth_id: None,
            reply: Reply::Answers(&answers),
        };
        assert!(!format!("{challenge:?}{answers:?}{step:?}").contains("s3cr3t"));
    }
}
