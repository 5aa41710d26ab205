//! What became of the codes before: which are worth nothing, and how many were refused.

use std::{collections::VecDeque, time::Duration};

use http::HeaderValue;

use crate::{Code, Error};

/// How many codes are remembered after their end.
const REMEMBERED: usize = 8;
/// The longest wait after codes that were refused, unless the setting is longer.
const LONGEST: Duration = Duration::from_secs(5 * 60);

#[derive(Default)]
pub(super) struct History {
    /// Codes that were refused, replaced or cleared, or have expired: none of them is sent again.
    spent: VecDeque<Code>,
    /// Codes refused in a row that had never worked.
    refused: u32,
    /// What the server said of the last of them.
    said: Option<Error>,
    /// The newest generation that was known to work when we last looked.
    proven: u64,
}

impl History {
    /// Notes that `code` is not to be sent again.
    pub(super) fn spend(&mut self, code: Code) {
        if self.is_spent(&code) {
            return;
        }
        if self.spent.len() == REMEMBERED {
            self.spent.pop_front();
        }
        self.spent.push_back(code);
    }

    /// Notes that somebody says that `code` is good.
    pub(super) fn vouch(&mut self, code: &Code) {
        self.spent
            .retain(|spent| spent.header_value() != code.header_value());
        self.forget_refusals();
    }

    pub(super) fn is_spent(&self, code: &Code) -> bool {
        self.has_spent(code.header_value())
    }

    pub(super) fn has_spent(&self, value: &HeaderValue) -> bool {
        self.spent.iter().any(|spent| spent.header_value() == value)
    }

    /// Notes that `generation` was refused while `proven` was the newest that is known to have
    /// worked, and what was said. Returns how many times the least interval the next must wait: 0 if
    /// it had worked.
    pub(super) fn refuse(&mut self, generation: u64, proven: u64, said: &Error) -> u32 {
        if proven > self.proven {
            self.proven = proven;
            self.forget_refusals();
        }
        if generation <= proven {
            return 0;
        }
        self.refused = self.refused.saturating_add(1);
        self.said = Some(said.clone());
        1 << (self.refused - 1).min(6)
    }

    /// Codes refused in a row that had never worked.
    pub(super) fn refused(&self) -> u32 {
        self.refused
    }

    /// What was said of the newest code, if that was refused and had never worked.
    pub(super) fn refusal(&self) -> Option<Error> {
        self.said.clone()
    }

    pub(super) fn forget_refusals(&mut self) {
        self.refused = 0;
        self.said = None;
    }
}

/// How long `times` the `interval` is.
pub(super) fn wait(interval: Duration, times: u32) -> Duration {
    interval.saturating_mul(times).min(LONGEST.max(interval))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn code(text: &str) -> Code {
        Code::new(text).unwrap()
    }

    #[test]
    fn memory_is_bounded_and_the_latest_are_remembered() {
        let mut history = History::default();
        for number in 0..100 {
            history.spend(code(&number.to_string()));
            history.spend(code(&number.to_string()));
        }
        assert_eq!(history.spent.len(), REMEMBERED);
        assert!(history.is_spent(&code("99")) && history.is_spent(&code("92")));
        assert!(!history.is_spent(&code("91")));
        history.vouch(&code("99"));
        assert!(!history.is_spent(&code("99")));
    }

    #[test]
    fn waits_double_while_fresh_codes_are_refused_and_one_that_worked_ends_it() {
        let mut history = History::default();
        let said = Error::new(ErrorKind::CodeRejected, "no");
        let mut refuse = |code, proven| history.refuse(code, proven, &said);
        let times: Vec<_> = (1..=9).map(|code| refuse(code, 0)).collect();
        assert_eq!(times, [1, 2, 4, 8, 16, 32, 64, 64, 64]);
        assert_eq!(refuse(10, 10), 0);
        assert_eq!(refuse(11, 10), 1);
        assert_eq!(history.refused(), 1);
        assert!(history.refusal().is_some());
        history.vouch(&code("1"));
        assert!(history.refusal().is_none());

        let half = Duration::from_secs(30);
        assert_eq!(wait(half, 4), Duration::from_secs(120));
        assert_eq!(wait(half, 64), LONGEST);
        assert_eq!(wait(LONGEST * 2, 1), LONGEST * 2);
    }
}
