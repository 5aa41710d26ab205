//! The steps of multi-factor authentication, and their tokens.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{
    auths::Rules,
    bodies::{Answer, Mfa},
    ids,
};

/// All steps that were ever asked for, by token.
#[derive(Default)]
pub(super) struct Mfas {
    steps: HashMap<String, Asked>,
}

struct Asked {
    auth: String,
    stage: Stage,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Open,
    Used,
    /// The auth began anew, or is gone.
    Void,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    Questions(Vec<Question>),
    /// Where to send the code.
    Choice(Vec<Way>),
    /// The code, now that it was sent.
    Code {
        way: Way,
        code: String,
    },
    /// A tap on the end user's phone.
    Prompt,
}

#[derive(Clone, Debug)]
pub(super) struct Question {
    identifier: String,
    question: String,
    answer: String,
}

/// A way to send a code.
#[derive(Clone, Debug)]
pub(super) struct Way {
    identifier: String,
    kind: &'static str,
    mask: &'static str,
    label: &'static str,
}

/// What a step came to.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    Right,
    Wrong,
    /// A code was sent.
    Chosen {
        code: String,
    },
}

/// Why a step is not taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Refused {
    UnknownToken,
    UsedToken,
    VoidToken,
    /// It is not what was asked for.
    Unasked(&'static str),
}

// === impl Mfas ===

impl Mfas {
    /// Asks for a step, and returns its token.
    pub(super) fn start(&mut self, auth: &str, stage: Stage) -> String {
        let token = ids::object_id();
        let asked = Asked {
            auth: auth.to_owned(),
            stage,
            state: State::Open,
        };
        self.steps.insert(token.clone(), asked);
        token
    }

    /// Takes the step of `token`, and returns whose it is and what came of it.
    pub(super) fn step(
        &mut self,
        token: &str,
        mfa: &Mfa,
        rules: &Rules,
    ) -> Result<(String, Step), Refused> {
        let asked = self.steps.get_mut(token).ok_or(Refused::UnknownToken)?;
        match asked.state {
            State::Open => {}
            State::Used => return Err(Refused::UsedToken),
            State::Void => return Err(Refused::VoidToken),
        }
        let step = asked.stage.take(mfa)?;
        // The one token is good for the choice and for the code, unless the code is asked for anew.
        let goes_on = matches!(step, Step::Chosen { .. }) && !rules.code_as_question;
        if !goes_on {
            asked.state = State::Used;
        }
        Ok((asked.auth.clone(), step))
    }

    /// Ends the open steps of an auth.
    pub(super) fn void(&mut self, auth: &str) {
        let open = |asked: &&mut Asked| asked.auth == auth && asked.state == State::Open;
        for asked in self.steps.values_mut().filter(open) {
            asked.state = State::Void;
        }
    }

    pub(super) fn is_prompt(&self, token: &str) -> bool {
        let asked = self.steps.get(token);
        asked.is_some_and(|asked| matches!(asked.stage, Stage::Prompt))
    }

    pub(super) fn to_json(&self, token: &str) -> Value {
        let asked = self.steps.get(token);
        asked.map_or(Value::Null, |asked| asked.stage.to_json())
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = &String> {
        self.steps.keys()
    }
}

// === impl Stage ===

impl Stage {
    /// Asks these questions, which are given with their answers.
    pub(super) fn questions(asked: &[(String, String)]) -> Self {
        let question = |(question, answer): &(String, String)| Question {
            identifier: ids::short_id(),
            question: question.clone(),
            answer: answer.clone(),
        };
        Self::Questions(asked.iter().map(question).collect())
    }

    /// Asks where to send a code.
    pub(super) fn choice() -> Self {
        let ways = [
            ("email", "t...t@test.test", "Email: t...t@test.test"),
            ("phone", "xxx-xxx-1234", "Phone: xxx-xxx-1234"),
            ("text", "xxx-xxx-1234", "Text: xxx-xxx-1234"),
        ];
        let way = |(kind, mask, label)| Way {
            identifier: ids::short_id(),
            kind,
            mask,
            label,
        };
        Self::Choice(ways.map(way).into())
    }

    pub(super) fn to_json(&self) -> Value {
        let (method, mfa) = match self {
            Self::Questions(questions) => {
                let questions = questions.iter().map(
                    |asked| json!({ "question": asked.question, "identifier": asked.identifier }),
                );
                ("questions", questions.collect())
            }
            Self::Choice(ways) => ("code", ways.iter().map(Way::to_json).collect()),
            Self::Code { way, .. } => ("code", vec![way.to_json()]),
            Self::Prompt => ("prompt", Vec::new()),
        };
        json!({ "method": method, "mfa": mfa })
    }

    fn take(&mut self, mfa: &Mfa) -> Result<Step, Refused> {
        match (&*self, mfa) {
            (Self::Questions(questions), Mfa::Answers(answers)) => {
                let known = |answer: &Answer| {
                    questions
                        .iter()
                        .any(|asked| asked.identifier == answer.identifier)
                };
                let each = |asked: &Question| {
                    let named = |answer: &&Answer| answer.identifier == asked.identifier;
                    answers.iter().filter(named).count() == 1
                };
                if !(answers.iter().all(known) && questions.iter().all(each)) {
                    return Err(Refused::Unasked(
                        "the answers are not to the questions asked",
                    ));
                }
                let right = |answer: &Answer| {
                    let asked = |asked: &&Question| asked.identifier == answer.identifier;
                    let asked = questions.iter().find(asked);
                    asked.is_some_and(|asked| asked.answer == answer.answer)
                };
                Ok(Step::of(answers.iter().all(right)))
            }
            (Self::Choice(ways), Mfa::Choice(choice)) => {
                let chosen = |way: &&Way| way.identifier == choice.identifier;
                let Some(way) = ways.iter().find(chosen) else {
                    return Err(Refused::Unasked(
                        "the way chosen for the code was not offered",
                    ));
                };
                let (way, code) = (way.clone(), ids::code());
                *self = Self::Code {
                    way,
                    code: code.clone(),
                };
                Ok(Step::Chosen { code })
            }
            (Self::Code { way, code }, Mfa::Answers(answers)) => match &answers[..] {
                [answer] if answer.identifier == way.identifier => {
                    Ok(Step::of(answer.answer == *code))
                }
                _ => Err(Refused::Unasked("the code does not name the way it came")),
            },
            (Self::Code { .. }, Mfa::Choice(_)) => Err(Refused::UsedToken),
            (Self::Questions(_), Mfa::Choice(_)) => Err(Refused::Unasked(
                "a way for a code is chosen where questions were asked",
            )),
            (Self::Choice(_), Mfa::Answers(_)) => Err(Refused::Unasked(
                "an answer comes before a way for the code was chosen",
            )),
            (Self::Prompt, _) => Err(Refused::Unasked("a prompt is answered on the phone alone")),
        }
    }
}

// === impl Step ===

impl Step {
    fn of(right: bool) -> Self {
        if right { Self::Right } else { Self::Wrong }
    }
}

// === impl Way ===

impl Way {
    fn to_json(&self) -> Value {
        json!({
            "mask": self.mask,
            "type": self.kind,
            "identifier": self.identifier,
            "label": self.label,
        })
    }
}
