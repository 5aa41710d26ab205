//! What the company asks for, and the answers to it.

use std::pin::pin;

use serde_json::Value;
use tower::ServiceExt;
use zeroize::Zeroizing;

use super::{News, Outcome, Run, ending::no_token};
use crate::{
    BoxError, Code, CodeRequest, Error, ErrorKind,
    providers::{
        common::advice::quotable,
        q2::{
            Answer, AuthFailure, Challenge, Endpoint, Step,
            api::{Failure, with_id},
            calls::answers_body,
            event::text,
            mfa::{Form, Reply},
        },
    },
};

/// What meeting a challenge came to.
enum Met {
    /// It was answered, or is being answered already.
    Answered,
    Outcome(Outcome),
    /// Something else is asked for now.
    Other(Challenge),
}

/// What came while a code was asked for.
enum Heard {
    Code(Code),
    Met(Met),
}

impl Run<'_> {
    /// Meets what the company asks for. Returns the outcome, if one comes meanwhile.
    pub(super) async fn meet(&mut self, challenge: Challenge) -> Result<Option<Outcome>, Error> {
        let mut next = Some(challenge);
        while let Some(challenge) = next.take() {
            match self.meet_one(challenge).await? {
                Met::Answered => {}
                Met::Outcome(outcome) => return Ok(Some(outcome)),
                Met::Other(other) => next = Some(other),
            }
        }
        Ok(None)
    }

    async fn meet_one(&mut self, challenge: Challenge) -> Result<Met, Error> {
        if self.is_repeated(&challenge) {
            return Ok(Met::Answered);
        }
        self.begin_round(&challenge)?;
        let form = challenge.form();
        let items = challenge.items().to_vec();
        let method: Box<str> = challenge.method().into();
        self.asked = Some(challenge);
        let questions = match form {
            Form::Questions => items,
            Form::Prompt => vec![items.into_iter().next().unwrap_or_default()],
            Form::Code => {
                let choice = (self.inner.settings.chooser)(&items).min(items.len() - 1);
                let item = items[choice].clone();
                if let Some(outcome) = self.submit(Reply::Choice(&item)).await? {
                    return Ok(Met::Outcome(outcome));
                }
                vec![item]
            }
        };
        let mut answers = Vec::with_capacity(questions.len());
        for item in &questions {
            match self.ask(item.request(&method), form).await? {
                Heard::Code(code) => answers.push(Answer::to_item(Some(item), code)),
                Heard::Met(met) => return Ok(met),
            }
        }
        // A code that was asked for in one event may be wanted by the next.
        if let (Form::Code, Some(asked)) = (form, &self.asked)
            && let (Form::Prompt, [item]) = (asked.form(), asked.items())
        {
            let code = answers[0].answer().clone();
            answers = vec![Answer::to_item(Some(item), code)];
        }
        let outcome = self.submit(Reply::Answers(&answers)).await?;
        self.answered_round = self.rounds;
        Ok(outcome.map_or(Met::Answered, Met::Outcome))
    }

    /// Whether this is what was asked for already: delivered once more without an id to tell it by,
    /// or found by polling as well, where it has no token.
    fn is_repeated(&mut self, challenge: &Challenge) -> bool {
        let Some(asked) = &self.asked else {
            return false;
        };
        let is_open = self.answered_round < self.rounds;
        match (asked.token(), challenge.token()) {
            (Some(_), Some(_)) => is_open && challenge.has_token_of(asked),
            // Events know more than the list, which may be behind; and only questions can be
            // answered without a token.
            (Some(_), None) => {
                is_open || !challenge.is_answered_without_token() || challenge.asks_what(asked)
            }
            (None, Some(_)) if challenge.asks_what(asked) => {
                // From here on there is a token to answer with.
                self.asked = Some(challenge.clone());
                true
            }
            (None, _) => false,
        }
    }

    fn begin_round(&mut self, challenge: &Challenge) -> Result<(), Error> {
        let before = self.asked.as_ref();
        let is_same = before.is_some_and(|before| before.method() == challenge.method());
        self.attempt = if is_same { self.attempt + 1 } else { 1 };
        self.rounds += 1;
        let most = self.inner.settings.max_mfa_rounds;
        if self.rounds > most {
            let why = format!("the company has asked for more than {most} times");
            return Err(self.mfa_failed(&why, None));
        }
        if self.inner.codes.is_none() {
            let message = "the company asks for MFA, and nobody can answer: set code_service()";
            let message = with_id(message.into(), self.request_id.as_deref());
            return Err(Error::with_message(ErrorKind::CodeRequired, message));
        }
        self.extend(self.inner.settings.mfa_timeout);
        Ok(())
    }

    /// Asks for a code or an answer, and listens meanwhile.
    async fn ask(&mut self, request: CodeRequest, form: Form) -> Result<Heard, Error> {
        let Some(codes) = self.inner.codes.clone() else {
            return Ok(Heard::Met(Met::Answered));
        };
        let now = self.inner.clock.monotonic();
        let request = request
            .with_attempt(self.attempt)
            .with_time_left(self.deadline.saturating_sub(now));
        let mut asking = pin!(codes.oneshot(request));
        loop {
            let news = tokio::select! {
                biased;
                news = self.news() => news,
                code = &mut asking => return self.given(code).map(Heard::Code),
            };
            match news {
                News::Sign => {}
                News::Outcome(outcome) => return Ok(Heard::Met(Met::Outcome(outcome))),
                News::TooLate => return Err(self.no_code()),
                News::Question(other) if self.is_repeated(&other) => {}
                News::Question(other) => match (form, other.form()) {
                    // The person is typing the code already: only where it goes is new.
                    (Form::Code, Form::Code | Form::Prompt) | (Form::Prompt, Form::Prompt) => {
                        self.asked = Some(other);
                    }
                    _ => return Ok(Heard::Met(Met::Other(other))),
                },
            }
        }
    }

    fn given(&mut self, code: Result<Code, BoxError>) -> Result<Code, Error> {
        match code {
            Ok(code) => {
                self.secrets.add(code.expose());
                Ok(code)
            }
            Err(error) => Err(Error::with_message(
                ErrorKind::CodeUnavailable,
                "the code service failed, so the company has no answer",
            )
            .caused_by(quotable(&*error, &self.secrets))),
        }
    }

    /// Sends one step, once. Returns the outcome, if one came meanwhile.
    async fn submit(&self, reply: Reply<'_>) -> Result<Option<Outcome>, Error> {
        let sent = self.send_step(reply).await;
        let Err(failure) = sent else { return Ok(None) };
        // Whatever the answer was, an outcome that is there says more.
        match self.waiter.take_outcome() {
            Some(told) => Ok(Some(Outcome::of(told))),
            None => Err(failure),
        }
    }

    async fn send_step(&self, reply: Reply<'_>) -> Result<(), Error> {
        let Some(challenge) = &self.asked else {
            return Ok(());
        };
        let step = Step {
            challenge,
            auth_id: self.auth_id.as_deref(),
            reply,
        };
        let mut secrets = self.inner.secrets();
        self.auth.add_secrets(&mut secrets);
        step.answers()
            .iter()
            .for_each(|answer| secrets.add(answer.answer().expose()));
        if let Some(token) = challenge.token() {
            secrets.add_secret(token);
        }
        let (endpoint, id, body) = match (&self.inner.settings.encoder, step.token(), step.auth_id)
        {
            (Some(encoder), ..) => (Endpoint::Step, step.auth_id, Zeroizing::new(encoder(&step))),
            (None, Some(_), id) => (Endpoint::Step, id, step.encode()),
            // Found by polling: there is no token, and the auth is named.
            (None, None, Some(id)) if step.choice().is_none() => {
                let body = answers_body(step.answers());
                (Endpoint::AnswerQuestions, Some(id), body)
            }
            (None, None, _) => {
                return Err(no_token(self.request_id.as_deref()));
            }
        };
        match self.inner.send(endpoint, id, Some(body), &secrets).await {
            Ok(answer) if answer.body.get("success") == Some(&Value::Bool(false)) => {
                let said = text(answer.body.get("message"));
                Err(self.mfa_failed("the server refused the MFA step", said.as_deref()))
            }
            Ok(_) => Ok(()),
            Err(Failure::Answered(error)) if error.kind() == ErrorKind::Provider => {
                let failure = AuthFailure::MfaFailed { message: None };
                Err(failure.into_error(&error.to_string()))
            }
            Err(failure) => Err(failure.into()),
        }
    }
}
