//! One auth, and the events that tell of it.

use serde_json::{Value, json};

use super::{
    Event, Login,
    auths::Rules,
    bodies::Create,
    ids,
    mfa::{Mfas, Stage},
};

/// One auth: the credentials of a client at a company.
pub(super) struct Auth {
    pub(super) id: String,
    pub(super) client: String,
    pub(super) company: String,
    login: Login,
    pub(super) status: Status,
    payment_method: Option<String>,
    swap: Option<String>,
    /// Which attempt at the company's site this is: what comes of an older one counts no more.
    run: u64,
    /// How many answers and codes were wrong in this run.
    wrong: usize,
    /// When it was created, in the order of all.
    pub(super) number: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Status {
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
    pub(super) auth: String,
    run: u64,
    then: Then,
}

#[derive(Clone, Debug)]
pub(super) enum Then {
    /// The credentials are tried.
    Try,
    /// They were right, and so was all that came after.
    Pass,
    /// Something was wrong, and may be tried again if `again` is set.
    Fail { again: bool },
    /// A code was sent, which is asked for in an event of its own.
    AskForCode(String),
}

// === impl Work ===

impl Work {
    /// Whether it is there because an answer or a code was wrong.
    pub(super) fn is_wrong(&self) -> bool {
        matches!(self.then, Then::Fail { .. })
    }
}

// === impl Auth ===

impl Auth {
    pub(super) fn new(create: &Create, number: usize) -> Self {
        Self {
            id: ids::object_id(),
            client: create.client_id.clone(),
            company: create.company_id.clone(),
            login: Login::Fail,
            status: Status::Pending,
            payment_method: None,
            swap: None,
            run: 0,
            wrong: 0,
            number,
        }
    }

    /// Begins anew, with what the newest request says.
    pub(super) fn restart(&mut self, create: &Create, login: Login) -> Work {
        self.login = login;
        self.payment_method = create.meta.payment_method_id.clone();
        self.swap = create.meta.swap_id.clone();
        self.wrong = 0;
        self.work(Then::Try)
    }

    /// Ends `work`, and returns the events that tell what came of it.
    pub(super) fn finish(&mut self, work: &Work, mfas: &mut Mfas, rules: &Rules) -> Vec<Event> {
        if self.run != work.run || self.status != Status::Pending {
            return Vec::new();
        }
        match (&work.then, self.login) {
            (Then::Try, Login::Fail) => vec![self.fail("The credentials are wrong.")],
            (Then::Try, Login::Hold) => vec![self.hold()],
            (Then::Try, Login::Questions | Login::Code | Login::Prompt) => {
                vec![self.ask(mfas, rules)]
            }
            (Then::Try | Then::Pass, _) => self.pass(),
            (Then::Fail { again: true }, _) => vec![self.ask(mfas, rules)],
            (Then::Fail { again: false }, _) => vec![self.fail("The answer is wrong.")],
            (Then::AskForCode(code), _) => vec![self.ask_for_code(mfas, code)],
        }
    }

    pub(super) fn work(&mut self, then: Then) -> Work {
        self.run += 1;
        self.status = Status::Pending;
        Work {
            auth: self.id.clone(),
            run: self.run,
            then,
        }
    }

    pub(super) fn wrong(&mut self, rules: &Rules) -> Work {
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

    pub(super) fn created(&self) -> Event {
        let company = company(&self.company);
        let auth = json!({ "_id": self.id, "items": ["swap"], "company": company });
        self.event_of_auth("auth.created", json!({ "auth": auth }))
    }

    pub(super) fn deleted(&self) -> Event {
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

    pub(super) fn status(&self, mfas: &Mfas, rules: &Rules) -> Value {
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

pub(super) fn company(id: &str) -> Value {
    json!({ "_id": id, "name": "Regular Company 1" })
}
