//! The way of a request through this API.

use std::{convert::Infallible, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, header, request::Parts};
use serde_json::json;

use super::{
    Endpoint,
    answer::{self, Refusal},
    auth::Work,
    auths::Unfit,
    bodies::{Answers, Create, Mfa, Step},
    courier::{self, Batch},
    ids,
    mfa::Refused,
    state::Shared,
    strict,
};
use crate::testing::server::{Arrived, Desk, Reply, Site, path};

/// What a request is answered with, and what comes of it.
type Answered = Result<(Response<Reply>, Vec<super::Event>), Refusal>;

pub(super) struct Front(pub(super) Arc<Shared>);

impl Site for Front {
    type Endpoint = Endpoint;
    type Odd = Infallible;
    type Verdict = ();

    /// The credentials of an end user are out, whether anybody read them or not.
    const MOST_MISSED: usize = 64 << 10;

    fn desk(&self) -> &Desk<Endpoint, Infallible> {
        &self.0.desk
    }

    fn endpoint(&self, head: &Parts) -> Endpoint {
        Endpoint::of(head.uri.path())
    }

    fn admit(&self, endpoint: Endpoint, head: &Parts) -> Result<(), Box<Response<Reply>>> {
        let admitted = self.0.admit(endpoint, head);
        admitted.map_err(|refusal| Box::new(self.0.refuse(refusal)))
    }

    fn settle(&self, _: Endpoint, _: &Parts) {}

    fn process(&self, request: Arrived<'_, Self>) -> Response<Reply> {
        match self.answer(request) {
            Ok((mut response, events)) => {
                let batch = courier::sort(&self.0, events);
                response.extensions_mut().insert(batch);
                response
            }
            Err(refusal) => self.0.refuse(refusal),
        }
    }

    fn ordered(&self, _: Endpoint, _: &Parts, status: u16) -> Response<Reply> {
        self.0.refuse(match status {
            401 => Refusal::new(401, "The API key is not valid."),
            413 => Refusal::new(413, "The body is too large."),
            _ => Refusal::new(status, "As ordered."),
        })
    }

    fn most_bytes(&self, endpoint: Endpoint) -> usize {
        match endpoint {
            Endpoint::Api => 64 << 20,
            _ => 64 << 10,
        }
    }

    fn missed(&self, endpoint: Endpoint, body: &[u8]) {
        if endpoint == Endpoint::Create
            && let Ok(create) = Create::read(body)
        {
            self.submitted(&create);
        }
    }

    async fn before_answer(&self, answer: &mut Response<Reply>) {
        if let Some(batch) = answer.extensions_mut().remove::<Batch>() {
            courier::send(&self.0, batch).await;
        }
    }

    fn answered(&self, _: Endpoint, answer: &Response<Reply>) {
        if answer.status() == 401 {
            self.0.state().counts.unauthorized += 1;
        }
    }

    fn stamp(&self, headers: &mut HeaderMap) {
        let id = HeaderValue::from_str(&ids::request_id()).expect("a UUID is visible ASCII");
        headers.insert(HeaderName::from_static("request-id"), id);
    }
}

impl Front {
    fn answer(&self, request: Arrived<'_, Self>) -> Answered {
        let Arrived {
            endpoint,
            head,
            body,
            ..
        } = request;
        let mut parts = head.uri.path().rsplit('/');
        let last = parts.next().unwrap_or_default();
        let before_last = parts.next().unwrap_or_default();
        let none = endpoint.method().is_some() && !endpoint.takes_json();
        if none && !body.is_empty() {
            let breach = (400, "a body is sent where none belongs".to_owned());
            return Err(self.0.breached(endpoint, breach));
        }
        let answered = match endpoint {
            Endpoint::Create => self.create(&body),
            Endpoint::Step => self.step(&body),
            Endpoint::AnswerQuestions => self.answers(before_last, &body),
            Endpoint::FixHold => self.fix_hold(before_last),
            Endpoint::Delete => self.delete(last),
            Endpoint::List => Ok(self.list(last)),
            Endpoint::PublicKeys => self.public_keys(last),
            Endpoint::Api => {
                let asks = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
                if !asks || !body.is_empty() {
                    self.0.desk.effected(endpoint, head);
                    self.0
                        .desk
                        .upload(head, &[], body.clone(), request.trailers);
                }
                Ok((api(head, asks, body), Vec::new()))
            }
        }?;
        self.0.state().counts.succeeded(endpoint);
        Ok(answered)
    }

    fn create(&self, body: &[u8]) -> Answered {
        let create = self.read(Endpoint::Create, Create::read(body))?;
        self.submitted(&create);
        let login = self.0.settings.logins.get(create.login());
        let rules = &self.0.settings.rules;
        let mut state = self.0.state();
        let (id, mut events, work) = state.auths.create(&create, login, rules);
        events.extend(self.0.work(&mut state, work));
        let told = json!({
            "success": true,
            "message": "Auth has been queued and will respond via webhooks.",
            "authId": id,
        });
        Ok((answer::ok(&told), events))
    }

    fn step(&self, body: &[u8]) -> Answered {
        let step: Step = self.read(Endpoint::Step, strict::read(body))?;
        let rules = &self.0.settings.rules;
        let stepped = self.0.state().auths.step(&step.token, &step.mfa, rules);
        let (work, sent) = stepped.map_err(|why| {
            let answers: Vec<_> = match step.mfa {
                Mfa::Answers(answers) => answers.into_iter().map(|given| given.answer).collect(),
                Mfa::Choice(_) => Vec::new(),
            };
            let refusal = self.unfit(Endpoint::Step, why);
            refusal.repeating([step.token]).repeating(answers)
        })?;
        if let Some(sent) = sent {
            self.0.state().counts.codes_sent += 1;
            self.0.mail.send(&sent.client, sent.code);
        }
        Ok(self.going_on(work))
    }

    fn answers(&self, id: &str, body: &[u8]) -> Answered {
        let body: Answers = self.read(Endpoint::AnswerQuestions, strict::read(body))?;
        let rules = &self.0.settings.rules;
        let answered = self.0.state().auths.answer(id, body.answers, rules);
        let work = answered.map_err(|why| self.unfit(Endpoint::AnswerQuestions, why))?;
        Ok(self.going_on(work))
    }

    fn fix_hold(&self, id: &str) -> Answered {
        let fixed = self.0.state().auths.fix_hold(id);
        let work = fixed.map_err(|why| self.unfit(Endpoint::FixHold, why))?;
        Ok(self.going_on(Some(work)))
    }

    fn delete(&self, id: &str) -> Answered {
        let deleted = self.0.state().auths.delete(id);
        let event = deleted.map_err(|why| self.unfit(Endpoint::Delete, why))?;
        Ok((answer::ok(&json!({ "success": true })), vec![event]))
    }

    fn list(&self, client: &str) -> (Response<Reply>, Vec<super::Event>) {
        let mut state = self.0.state();
        let list = state.auths.list(client, &self.0.settings.rules);
        for company in state.auths.settled(client) {
            state.submissions.conclude(client, &company);
        }
        (answer::ok(&list), Vec::new())
    }

    fn public_keys(&self, which: &str) -> Answered {
        let state = self.0.state();
        let keys = match which {
            "public-keys" => Some(state.keys.to_json()),
            "latest" => state.keys.latest(),
            kid => state.keys.get(kid),
        };
        match keys {
            Some(keys) => Ok((answer::ok(&keys), Vec::new())),
            None => Err(Refusal::new(404, "There is no such key.")),
        }
    }

    /// Answers that all is well, and lets the company's site do its work, if there is any.
    fn going_on(&self, work: Option<Work>) -> (Response<Reply>, Vec<super::Event>) {
        let mut state = self.0.state();
        state.counts.wrong_answers += u64::from(work.as_ref().is_some_and(Work::is_wrong));
        let events = work.map(|work| self.0.work(&mut state, work));
        (
            answer::ok(&json!({ "success": true })),
            events.unwrap_or_default(),
        )
    }

    /// Notes that credentials were submitted, and whether they were before.
    fn submitted(&self, create: &Create) {
        let mut state = self.0.state();
        state.credentials.extend(create.secrets());
        if state.submissions.submit(create) {
            state.counts.resubmissions += 1;
            let sentence = "credentials are submitted again before the outcome was told";
            self.0.desk.violate(Endpoint::Create, sentence);
        }
    }

    fn unfit(&self, endpoint: Endpoint, why: Unfit) -> Refusal {
        let told = "You may want to double check your information.";
        let breach = |sentence: &str| self.0.breached(endpoint, (400, sentence.to_owned()));
        match why {
            Unfit::Unknown => Refusal::new(404, "There is no such auth."),
            Unfit::NotNow(sentence) | Unfit::Step(Refused::Unasked(sentence)) => breach(sentence),
            Unfit::Step(Refused::UsedToken) => {
                self.0.state().counts.reused_step_tokens += 1;
                breach("the token of a step is used again")
            }
            Unfit::Step(Refused::UnknownToken) => {
                self.0.state().counts.unknown_step_tokens += 1;
                Refusal::new(400, told)
            }
            Unfit::Step(Refused::VoidToken) => Refusal::new(400, told),
        }
    }

    fn read<T>(&self, endpoint: Endpoint, body: Result<T, strict::Breach>) -> Result<T, Refusal> {
        body.map_err(|breach| self.0.breached(endpoint, breach))
    }
}

/// Answers a question, or gives an upload back.
fn api(head: &Parts, asks: bool, body: bytes::Bytes) -> Response<Reply> {
    if asks {
        let method = head.method.as_str();
        return answer::ok(&json!({ "ok": true, "method": method, "path": path(head) }));
    }
    let mut response = Response::new(Reply::new(body));
    if let Some(kind) = head.headers.get(header::CONTENT_TYPE) {
        let kind = kind.clone();
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}
