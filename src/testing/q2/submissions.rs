//! The credentials of end users that were submitted, and whether anything came of it.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use super::bodies::Create;

/// A request to create an auth that could be read, without the credentials of the end user.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Submitted {
    /// `clientId`
    pub client_id: String,
    /// `companyId`
    pub company_id: String,
    /// `paymentIdentifier`
    pub payment_identifier: Option<String>,
    /// `meta.paymentMethodId`
    pub payment_method_id: Option<String>,
    /// `meta.billId`
    pub bill_id: Option<String>,
    /// `meta.swapId`
    pub swap_id: Option<String>,
    /// The names of the fields in `form`, in order of the alphabet.
    pub form_fields: Vec<String>,
}

/// The newest submissions, and those whose outcome nobody was told of.
#[derive(Default)]
pub(super) struct Submissions {
    newest: VecDeque<Submitted>,
    open: Vec<Open>,
}

/// A submission whose outcome nobody was told of.
#[derive(PartialEq)]
pub(super) struct Open {
    client: String,
    company: String,
    form: Map<String, Value>,
}

impl Submissions {
    const MOST: usize = 1024;

    /// Notes a submission, and returns whether the same one is open already.
    pub(super) fn submit(&mut self, create: &Create) -> bool {
        self.newest.push_back(Submitted::new(create));
        if self.newest.len() > Self::MOST {
            self.newest.pop_front();
        }
        let open = Open {
            client: create.client_id.clone(),
            company: create.company_id.clone(),
            form: create.form.clone(),
        };
        let again = self.open.contains(&open);
        if !again {
            self.open.push(open);
        }
        again
    }

    /// Ends the submissions for a client and a company, because the outcome was told or is about to
    /// be, and returns them.
    pub(super) fn conclude(&mut self, client: &str, company: &str) -> Vec<Open> {
        let open = std::mem::take(&mut self.open);
        let is_theirs = |open: &Open| open.client == client && open.company == company;
        let (theirs, others) = open.into_iter().partition(is_theirs);
        self.open = others;
        theirs
    }

    /// Begins submissions again whose outcome was not told after all.
    pub(super) fn reopen(&mut self, concluded: Vec<Open>) {
        for open in concluded {
            if !self.open.contains(&open) {
                self.open.push(open);
            }
        }
    }

    pub(super) fn forget(&mut self) {
        self.open.clear();
    }

    pub(super) fn to_vec(&self) -> Vec<Submitted> {
        self.newest.iter().cloned().collect()
    }
}

impl Submitted {
    fn new(create: &Create) -> Self {
        let mut form_fields: Vec<_> = create.form.keys().cloned().collect();
        form_fields.sort();
        Self {
            client_id: create.client_id.clone(),
            company_id: create.company_id.clone(),
            payment_identifier: create.payment_identifier.clone(),
            payment_method_id: create.meta.payment_method_id.clone(),
            bill_id: create.meta.bill_id.clone(),
            swap_id: create.meta.swap_id.clone(),
            form_fields,
        }
    }
}
