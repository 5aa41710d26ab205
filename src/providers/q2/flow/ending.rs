//! What an auth has come to, in words.

use super::{Outcome, Run};
use crate::{
    Error, ErrorKind,
    providers::{
        common::advice::{Secrets, quote},
        q2::{AuthFailure, Event, EventMeaning, VendorText, VerifiedAuth, api::with_id},
    },
};

impl Run<'_> {
    /// Makes the result of what the auth came to.
    pub(super) fn finish(self, outcome: Outcome) -> Result<VerifiedAuth, Error> {
        let Outcome {
            meaning,
            details,
            event,
        } = outcome;
        let details = *details;
        let said = |said: Option<Box<str>>| said.map(|text| VendorText::new(&text, &self.secrets));
        let (what, failure) = match meaning {
            EventMeaning::Failed if self.answered_round > 0 => {
                return Err(self.mfa_failed(
                    "the company refused the answer to what it asked for",
                    details.reason.as_deref(),
                ));
            }
            EventMeaning::Failed => (
                "the company refused the credentials: check them, and create the auth again",
                AuthFailure::Failed {
                    message: said(details.reason),
                },
            ),
            EventMeaning::Hold => (
                "the auth is on hold: the user must do something at the company first, and then \
                 fix_hold() resumes it",
                AuthFailure::Hold {
                    code: details.hold_code,
                    text: said(details.hold_text),
                },
            ),
            EventMeaning::Invalid => (
                "the credentials are not valid any more: create the auth again with new ones",
                AuthFailure::Invalid,
            ),
            EventMeaning::Deleted => (
                "the auth was deleted before it was verified",
                AuthFailure::Deleted,
            ),
            _ => {
                let named = event.as_ref().and_then(Event::auth_id).map(Into::into);
                return Ok(VerifiedAuth {
                    status: self.status,
                    auth_id: self.auth_id.or(named),
                    client_id: self.auth.client_id,
                    company_id: self.auth.company_id,
                    request_id: self.request_id,
                    event,
                });
            }
        };
        let what = with_id(what.to_owned(), self.request_id.as_deref());
        Err(failure.into_error(&what))
    }

    pub(super) fn mfa_failed(&self, what: &str, said: Option<&str>) -> Error {
        let message = said.map(|said| VendorText::new(said, &self.secrets));
        let what = format!("{what}: create the auth again to try anew");
        AuthFailure::MfaFailed { message }.into_error(&with_id(what, self.request_id.as_deref()))
    }

    pub(super) fn no_code(&self) -> Error {
        let message = format!(
            "the code service gave no answer within {} s, and the company does not wait longer",
            self.inner.settings.mfa_timeout.as_secs_f64()
        );
        let message = with_id(message, self.request_id.as_deref());
        Error::with_message(ErrorKind::CodeUnavailable, message)
    }

    pub(super) fn too_late(&self) -> Error {
        let settings = &self.inner.settings;
        let (failure, mut what) = if !self.has_event && self.asked.is_none() {
            let what = format!(
                "no event about the auth came within {} s: webhook events are off until Q2's \
                 support enables them; if they are on, see that the receiver can be reached where \
                 the Nexus portal says, or set poll_interval()",
                settings.first_event_timeout.as_secs_f64()
            );
            (AuthFailure::NoEvent, what)
        } else if self.asked.is_some() {
            let what = format!(
                "no outcome came within {} s after the company asked for more",
                settings.mfa_timeout.as_secs_f64()
            );
            (AuthFailure::NoOutcome, what)
        } else {
            let what = format!(
                "an event said that the auth exists, but no outcome came within {} s",
                settings.first_event_timeout.as_secs_f64()
            );
            (AuthFailure::NoOutcome, what)
        };
        if let Some(error) = self.polling.as_ref().and_then(|poll| poll.error.as_ref()) {
            what.push_str(&format!("; polling failed too: {error}"));
        }
        failure.into_error(&with_id(what, self.request_id.as_deref()))
    }
}

pub(super) fn already_waiting() -> Error {
    AuthFailure::AlreadyWaiting.into_error(
        "another call waits for an auth of the same client and company, and events do not tell the \
         two apart, so nothing was sent: wait for that one first",
    )
}

pub(super) fn no_token(request_id: Option<&str>) -> Error {
    let message = "the company asks for a code, and what it sent has no token to answer to: that \
                   takes webhook events";
    Error::with_message(ErrorKind::Protocol, with_id(message.into(), request_id))
}

pub(super) fn not_queued(said: Option<&str>, request_id: Option<&str>, secrets: &Secrets) -> Error {
    let mut what = "the server did not queue the auth (\"success\": false)".to_owned();
    if let Some(said) = said.and_then(|said| quote(said, secrets)) {
        what.push_str("; it says: ");
        what.push_str(&said);
    }
    AuthFailure::NotQueued.into_error(&with_id(what, request_id))
}
