//! The auths: how far each has come, and the events that tell of it.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{
    Event, Login,
    auth::{Auth, Status, Then, Work, company},
    bodies::{Answer, Create, Mfa},
    mfa::{Mfas, Refused, Step},
};

/// All auths of a simulator, by id.
#[derive(Default)]
pub(super) struct Auths {
    auths: HashMap<String, Auth>,
    /// How many there were so far.
    created: usize,
    mfas: Mfas,
}

/// What an auth that is not in a state for it answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unfit {
    /// There is no such auth, or no more.
    Unknown,
    /// It does not wait for this.
    NotNow(&'static str),
    Step(Refused),
}

/// What the builder says about the way of an auth.
#[derive(Clone)]
pub(super) struct Rules {
    /// Questions and their answers.
    pub(super) questions: Vec<(String, String)>,
    /// Whether a code is asked for with a question of its own.
    pub(super) code_as_question: bool,
    /// How many wrong answers or codes may be followed by another try.
    pub(super) mfa_retries: usize,
    pub(super) created_events: bool,
    pub(super) pending_status: String,
}

// === impl Auths ===

impl Auths {
    /// Starts an auth, or starts the one of the same client and company again.
    ///
    /// Returns its id, the events that come before any other, and the work at the company's site.
    pub(super) fn create(
        &mut self,
        create: &Create,
        login: Login,
        rules: &Rules,
    ) -> (String, Vec<Event>, Work) {
        let same =
            |auth: &&Auth| auth.client == create.client_id && auth.company == create.company_id;
        let known = self.auths.values().find(same).map(|auth| auth.id.clone());
        let is_new = known.is_none();
        let auth = Auth::new(create, self.created);
        self.created += 1;
        let id = known.unwrap_or_else(|| auth.id.clone());
        self.mfas.void(&id);
        let auth = self.auths.entry(id.clone()).or_insert(auth);
        let work = auth.restart(create, login);
        let tell = is_new && rules.created_events;
        let events = tell.then(|| auth.created()).into_iter().collect();
        (id, events, work)
    }

    /// Ends `work`, and returns the events that tell what came of it.
    pub(super) fn finish(&mut self, work: &Work, rules: &Rules) -> Vec<Event> {
        match self.auths.get_mut(&work.auth) {
            Some(auth) => auth.finish(work, &mut self.mfas, rules),
            None => Vec::new(),
        }
    }

    /// Takes a step with a token. A code that was sent because of it is returned as well, and the
    /// client it is for.
    pub(super) fn step(
        &mut self,
        token: &str,
        mfa: &Mfa,
        rules: &Rules,
    ) -> Result<(Option<Work>, Option<Sent>), Unfit> {
        let (id, step) = self.mfas.step(token, mfa, rules).map_err(Unfit::Step)?;
        let auth = self.auths.get_mut(&id).ok_or(Unfit::Unknown)?;
        Ok(match step {
            Step::Right => (Some(auth.work(Then::Pass)), None),
            Step::Wrong => (Some(auth.wrong(rules)), None),
            Step::Chosen { code } => {
                let sent = Sent {
                    client: auth.client.clone(),
                    code: code.clone(),
                };
                let ask = rules
                    .code_as_question
                    .then(|| auth.work(Then::AskForCode(code)));
                (ask, Some(sent))
            }
        })
    }

    /// Answers questions without a token.
    pub(super) fn answer(
        &mut self,
        id: &str,
        answers: Vec<Answer>,
        rules: &Rules,
    ) -> Result<Option<Work>, Unfit> {
        let auth = self.auths.get(id).ok_or(Unfit::Unknown)?;
        let Status::MfaRequired(token) = auth.status.clone() else {
            return Err(Unfit::NotNow("an auth that asks nothing is answered"));
        };
        let (work, _) = self.step(&token, &Mfa::Answers(answers), rules)?;
        Ok(work)
    }

    /// Says that what an auth was held for is mended.
    pub(super) fn fix_hold(&mut self, id: &str) -> Result<Work, Unfit> {
        let auth = self.auths.get_mut(id).ok_or(Unfit::Unknown)?;
        match auth.status {
            Status::Hold => Ok(auth.work(Then::Pass)),
            _ => Err(Unfit::NotNow("a hold is mended where there is none")),
        }
    }

    /// Approves or declines what the end user is asked on the phone, if anything is.
    pub(super) fn prompt(&mut self, client: &str, approved: bool) -> Option<Work> {
        let asked = |auth: &&mut Auth| match &auth.status {
            Status::MfaRequired(token) => auth.client == client && self.mfas.is_prompt(token),
            _ => false,
        };
        let auth = self.auths.values_mut().find(asked)?;
        self.mfas.void(&auth.id);
        Some(auth.work(match approved {
            true => Then::Pass,
            false => Then::Fail { again: false },
        }))
    }

    pub(super) fn delete(&mut self, id: &str) -> Result<Event, Unfit> {
        let auth = self.auths.remove(id).ok_or(Unfit::Unknown)?;
        self.mfas.void(id);
        Ok(auth.deleted())
    }

    pub(super) fn list(&self, client: &str, rules: &Rules) -> Value {
        let mut own: Vec<_> = self
            .auths
            .values()
            .filter(|auth| auth.client == client)
            .collect();
        own.sort_by_key(|auth| auth.number);
        let list = own.into_iter().map(|auth| {
            json!({
                "_id": auth.id,
                "status": auth.status(&self.mfas, rules),
                "company": company(&auth.company),
            })
        });
        json!({ "data": list.collect::<Vec<_>>() })
    }

    /// Returns the companies at which an auth of `client` is over.
    pub(super) fn settled(&self, client: &str) -> Vec<String> {
        let over = |auth: &&Auth| {
            let open = matches!(auth.status, Status::Pending | Status::MfaRequired(_));
            auth.client == client && !open
        };
        let over = self.auths.values().filter(over);
        over.map(|auth| auth.company.clone()).collect()
    }

    /// Returns the token of every step that was ever asked for.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &String> {
        self.mfas.tokens()
    }
}

/// A code on its way to an end user.
pub(super) struct Sent {
    pub(super) client: String,
    pub(super) code: String,
}

// === impl Rules ===

impl Default for Rules {
    fn default() -> Self {
        let question = "What is the name of your first pet?".to_owned();
        Self {
            questions: vec![(question, "Rex".to_owned())],
            code_as_question: false,
            mfa_retries: 2,
            created_events: true,
            pending_status: "pending".to_owned(),
        }
    }
}
