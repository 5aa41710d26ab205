//! The mailboxes that 2FA codes are sent to.

use std::collections::HashMap;

#[derive(Default)]
pub(super) struct Mail {
    boxes: HashMap<String, Mailbox>,
}

#[derive(Default)]
struct Mailbox {
    codes: Vec<String>,
    read: usize,
}

impl Mail {
    pub(super) fn send(&mut self, email: &str, code: String) {
        self.boxes
            .entry(email.to_owned())
            .or_default()
            .codes
            .push(code);
    }

    /// Returns the newest code, read or not.
    pub(super) fn latest(&self, email: &str) -> Option<String> {
        self.boxes.get(email)?.codes.last().cloned()
    }

    /// Returns the oldest code that was not read yet, and marks it as read.
    pub(super) fn read(&mut self, email: &str) -> Option<String> {
        let mailbox = self.boxes.get_mut(email)?;
        let code = mailbox.codes.get(mailbox.read)?.clone();
        mailbox.read += 1;
        Some(code)
    }
}
