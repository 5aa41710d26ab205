//! The auths: how far each has come, and the events that tell of it.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{
    Event, Login,
    bodies::{Answer, Create, Mfa},
    ids,
    mfa::{Mfas, Refused, Stage, Step},
};

/// All auths of a simulator, by id.
#[derive(Default)]
pub(super) struct Auths {
    auths: HashMap<String, Auth>,
    mfas: Mfas,
}

struct Auth {
    id: String,
    client: String,
    company: String,
    login: Login,
    status: Status,
    payment_method: Option<String>,
    swap: Option<String>,
    /// Which attempt at the company's site this is: what comes of an older one counts no more.
    run: u64,
    /// How many answers and codes were wrong in this run.
    wrong: usize,
    /// When it was created, in the order of all.
    number: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Status {
    Pending,
    Verified,
    Authenticate,
    Hold,
    /// The token of the step that is waited for.
    MfaRequired(String),
}

/// What is going on at the company's site, and what will come of it.
#[derive(Clone, Debug)]
pub(super) struct Work {
    auth: String,
    run: u64,
    then: Then,
}

#[derive(Clone, Debug)]
enum Then {
    /// The credentials are tried.
    Try,
    /// They were right, and so was all that came after.
    Pass,
    /// Something was wrong, and may be tried again if `again` is set.
    Fail { again: bool },
    /// A code was sent, which is asked for in an event of its own.
    AskForCode(String),
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
            |auth: &&mut Auth| auth.client == create.client_id && auth.company == create.company_id;
        let number = self.auths.len();
        let (id, is_new) = match self.auths.values_mut().find(same) {
            Some(auth) => {
                auth.login = login;
                (auth.id.clone(), false)
            }
            None => {
                let auth = Auth::new(create, login, number);
                let id = auth.id.clone();
                self.auths.insert(id.clone(), auth);
                (id, true)
            }
        };
        self.mfas.void(&id);
        let auth = self.auths.get_mut(&id).expect("it was found or put there");
        auth.payment_method = create.meta.payment_method_id.clone();
        auth.swap = create.meta.swap_id.clone();
        auth.wrong = 0;
        let work = auth.work(Then::Try);
        let tell = is_new && rules.created_events;
        let events = tell.then(|| auth.created()).into_iter().collect();
        (id, events, work)
    }

    /// Ends `work`, and returns the events that tell what came of it.
    pub(super) fn finish(&mut self, work: &Work, rules: &Rules) -> Vec<Event> {
        let Some(auth) = self.auths.get_mut(&work.auth) else {
            return Vec::new();
        };
        if auth.run != work.run || auth.status != Status::Pending {
            return Vec::new();
        }
        match (&work.then, auth.login) {
            (Then::Try, Login::Fail) => vec![auth.fail("The credentials are wrong.")],
            (Then::Try, Login::Hold) => vec![auth.hold()],
            (Then::Try, Login::Questions | Login::Code | Login::Prompt) => {
                vec![auth.ask(&mut self.mfas, rules)]
            }
            (Then::Try | Then::Pass, _) => auth.pass(),
            (Then::Fail { again: true }, _) => vec![auth.ask(&mut self.mfas, rules)],
            (Then::Fail { again: false }, _) => vec![auth.fail("The answer is wrong.")],
            (Then::AskForCode(code), _) => vec![auth.ask_for_code(&mut self.mfas, code)],
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

// === impl Work ===

impl Work {
    /// Whether it is there because an answer or a code was wrong.
    pub(super) fn is_wrong(&self) -> bool {
        matches!(self.then, Then::Fail { .. })
    }
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

// === impl Auth ===

impl Auth {
    fn new(create: &Create, login: Login, number: usize) -> Self {
        Self {
            id: ids::object_id(),
            client: create.client_id.clone(),
            company: create.company_id.clone(),
            login,
            status: Status::Pending,
            payment_method: None,
            swap: None,
            run: 0,
            wrong: 0,
            number,
        }
    }

    fn work(&mut self, then: Then) -> Work {
        self.run += 1;
        self.status = Status::Pending;
        Work {
            auth: self.id.clone(),
            run: self.run,
            then,
        }
    }

    fn wrong(&mut self, rules: &Rules) -> Work {
        self.wrong += 1;
        let again = self.wrong <= rules.mfa_retries;
        self.work(Then::Fail { again })
    }

    fn ask(&mut self, mfas: &mut Mfas, rules: &Rules) -> Event {
        let stage = match self.login {
            Login::Questions => Stage::questions(&rules.questions),
            Login::Code => Stage::choice(),
            _ => Stage::Prompt,
        };
        self.ask_with(mfas, stage)
    }

    fn ask_for_code(&mut self, mfas: &mut Mfas, code: &str) -> Event {
        let question = ("Please enter the code that was sent to you.", code);
        let question = (question.0.to_owned(), question.1.to_owned());
        self.ask_with(mfas, Stage::questions(&[question]))
    }

    fn ask_with(&mut self, mfas: &mut Mfas, stage: Stage) -> Event {
        let mut data = stage.to_json();
        // In the sample of a code these are missing.
        let named = !matches!(stage, Stage::Choice(_));
        let token = mfas.start(&self.id, stage);
        data["token"] = token.as_str().into();
        data["company"] = company(&self.company);
        self.status = Status::MfaRequired(token);
        let event = Event::new("auth.mfa-required").resource("client", &self.client);
        let event = event.data(data);
        if named {
            event.client(&self.client)
        } else {
            event
        }
    }

    fn pass(&mut self) -> Vec<Event> {
        self.status = Status::Verified;
        let auth = json!({
            "_id": self.id,
            "items": ["swap"],
            "company": company(&self.company),
            "status": { "type": "verified" },
        });
        let mut events = vec![self.event("auth.success", json!({ "auth": auth }))];
        if self.login == Login::Swap {
            let swap = self.swap.clone().unwrap_or_else(ids::object_id);
            let data = json!({
                "clientId": self.client,
                "company": company(&self.company),
                "paymentMethod": { "_id": self.payment_method },
            });
            let event = Event::new("swap.success").client(&self.client);
            events.push(event.resource("swap", swap).data(data));
        }
        events
    }

    fn fail(&mut self, why: &str) -> Event {
        self.status = Status::Authenticate;
        let company = company(&self.company);
        let data = json!({ "reason": { "message": why }, "company": company });
        self.event("auth.failed", data)
    }

    fn hold(&mut self) -> Event {
        self.status = Status::Hold;
        let hold = json!({ "code": HOLD_CODE, "text": HOLD_TEXT });
        self.event_of_auth(
            "auth.hold",
            json!({ "hold": hold, "company": company(&self.company) }),
        )
    }

    fn created(&self) -> Event {
        let company = company(&self.company);
        let auth = json!({ "_id": self.id, "items": ["swap"], "company": company });
        self.event_of_auth("auth.created", json!({ "auth": auth }))
    }

    fn deleted(&self) -> Event {
        let company = company(&self.company);
        self.event_of_auth("auth.deleted", json!({ "company": company }))
    }

    /// Makes an event that tells the client and the company, and not the auth.
    fn event(&self, kind: &str, data: Value) -> Event {
        let event = Event::new(kind).client(&self.client);
        event.resource("client", &self.client).data(data)
    }

    fn event_of_auth(&self, kind: &str, data: Value) -> Event {
        let event = Event::new(kind).client(&self.client);
        event.resource("auth", &self.id).data(data)
    }

    fn status(&self, mfas: &Mfas, rules: &Rules) -> Value {
        match &self.status {
            Status::Pending => json!({ "type": rules.pending_status }),
            Status::Verified => json!({ "type": "verified" }),
            Status::Authenticate => json!({ "type": "authenticate" }),
            Status::Hold => json!({
                "type": "hold",
                "reason": { "userMessage": HOLD_TEXT, "code": HOLD_CODE },
            }),
            Status::MfaRequired(token) => {
                json!({ "type": "mfa-required", "mfa": mfas.to_json(token) })
            }
        }
    }
}

const HOLD_CODE: &str = "account_issue_verify_identity";
const HOLD_TEXT: &str = "Please sign in at the company's site and verify your identity.";

fn company(id: &str) -> Value {
    json!({ "_id": id, "name": "Regular Company 1" })
}
