//! The mailboxes that codes are sent to.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// The mail of every account.
#[derive(Default)]
pub(crate) struct Mail {
    boxes: Mutex<HashMap<String, Mailbox>>,
    /// Told each time a code is sent.
    sent: Notify,
}

#[derive(Default)]
struct Mailbox {
    codes: Vec<String>,
    read: usize,
}

impl Mail {
    pub(crate) fn send(&self, to: &str, code: String) {
        let mut boxes = self.boxes();
        boxes.entry(to.to_owned()).or_default().codes.push(code);
        drop(boxes);
        self.sent.notify_waiters();
    }

    /// Returns the newest code, read or not.
    pub(crate) fn latest(&self, to: &str) -> Option<String> {
        self.boxes().get(to)?.codes.last().cloned()
    }

    /// Waits for a code that was not read yet, and marks the oldest such as read.
    pub(crate) async fn next(&self, to: &str) -> String {
        loop {
            let mut sent = std::pin::pin!(self.sent.notified());
            // Listen before looking, so that a mail that comes in between is not missed.
            sent.as_mut().enable();
            if let Some(code) = self.read(to) {
                return code;
            }
            sent.await;
        }
    }

    fn read(&self, to: &str) -> Option<String> {
        let mut boxes = self.boxes();
        let mailbox = boxes.get_mut(to)?;
        let code = mailbox.codes.get(mailbox.read)?.clone();
        mailbox.read += 1;
        Some(code)
    }

    fn boxes(&self) -> MutexGuard<'_, HashMap<String, Mailbox>> {
        self.boxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
