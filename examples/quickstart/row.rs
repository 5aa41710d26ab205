//! One line of the table at the end.

/// What came of the calls to one vendor's API.
pub(crate) struct Row {
    pub(crate) vendor: &'static str,
    pub(crate) calls: u64,
    /// Failures that callers saw.
    pub(crate) failed: u64,
    pub(crate) sign_ins: u64,
    pub(crate) renewals: u64,
    /// Codes that were asked for, or answers that a login wanted.
    pub(crate) codes: u64,
    /// Refusals by the server that no caller saw.
    pub(crate) unseen: u64,
    /// Rules of the server that were broken.
    pub(crate) broken: u64,
    /// What else there is to say.
    pub(crate) story: String,
}

impl Row {
    pub(crate) fn is_good(&self) -> bool {
        self.calls > 0 && self.failed == 0 && self.broken == 0
    }
}

pub(crate) fn print(rows: &[Row]) {
    println!(
        "{:<12} {:>7} {:>7} {:>9} {:>9} {:>6} {:>9} {:>7}  what happened",
        "", "calls", "failed", "sign-ins", "renewals", "codes", "unseen", "broken"
    );
    println!(
        "{:<12} {:>7} {:>7} {:>9} {:>9} {:>6} {:>9} {:>7}",
        "", "", "calls", "", "", "", "refusals", "rules"
    );
    for row in rows {
        println!(
            "{:<12} {:>7} {:>7} {:>9} {:>9} {:>6} {:>9} {:>7}  {}",
            row.vendor,
            row.calls,
            row.failed,
            row.sign_ins,
            row.renewals,
            row.codes,
            row.unseen,
            row.broken,
            row.story
        );
    }
}
