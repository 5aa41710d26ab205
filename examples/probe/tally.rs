//! What is counted, and the summary made of it.

use std::{collections::BTreeMap, time::Duration};

use http::StatusCode;
use serde::Serialize;
use tower_reauth::Event;

use crate::{call::Ended, stack::Meters};

/// The counts of a run.
#[derive(Default)]
pub(crate) struct Tally {
    ok: u64,
    failed: u64,
    by_status: BTreeMap<u16, u64>,
    sign_ins: u64,
    renewals: u64,
    resends: u64,
    /// In tenths of a millisecond, as they are printed. Small, as there may be millions.
    took: Vec<u32>,
    /// Calls that were begun and have no result.
    lost: u64,
}

/// The last line, in the order in which it is printed.
#[derive(Serialize)]
pub(crate) struct Summary {
    pub(crate) calls: usize,
    pub(crate) ok: u64,
    pub(crate) by_status: BTreeMap<u16, u64>,
    pub(crate) failed: u64,
    pub(crate) sign_ins: u64,
    pub(crate) renewals: u64,
    pub(crate) resends: u64,
    pub(crate) upgrades: u64,
    pub(crate) mfa_rounds: u64,
    pub(crate) normalized: u64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
    pub(crate) seconds: f64,
}

// === impl Tally ===

impl Tally {
    pub(crate) fn ended(&mut self, ended: &Ended) {
        match ended.status {
            Some(status) => *self.by_status.entry(status.as_u16()).or_default() += 1,
            None => self.failed += 1,
        }
        self.ok += u64::from(ended.status.is_some_and(|status| status.is_success()));
        self.resends += u64::from(ended.sends.saturating_sub(1));
        self.took.push(tenths(ended.took));
    }

    /// Counts an event.
    pub(crate) fn happened(&mut self, event: &Event) {
        match event {
            Event::SignedIn { .. } => self.sign_ins += 1,
            Event::Renewed { .. } => self.renewals += 1,
            _ => {}
        }
    }

    pub(crate) fn lost(&mut self, calls: usize) {
        self.lost += calls as u64;
    }

    /// Whether there were calls, and all of them ended well.
    pub(crate) fn is_good(&self) -> bool {
        let calls = self.took.len() as u64;
        calls > 0 && self.ok == calls && self.lost == 0
    }

    pub(crate) fn summary(mut self, meters: &Meters, took: Duration) -> Summary {
        self.took.sort_unstable();
        Summary {
            calls: self.took.len(),
            ok: self.ok,
            p50_ms: percentile(&self.took, 50),
            p99_ms: percentile(&self.took, 99),
            max_ms: percentile(&self.took, 100),
            by_status: self.by_status,
            failed: self.failed,
            sign_ins: self.sign_ins,
            renewals: self.renewals,
            resends: self.resends,
            upgrades: meters.upgrades.read(),
            mfa_rounds: meters.mfa_rounds.read(),
            normalized: meters.normalized.read(),
            seconds: (took.as_secs_f64() * 1000.0).round() / 1000.0,
        }
    }
}

/// Returns milliseconds to a tenth.
pub(crate) fn millis(took: Duration) -> f64 {
    f64::from(tenths(took)) / 10.0
}

fn tenths(took: Duration) -> u32 {
    let tenths = (took.as_micros() + 50) / 100;
    u32::try_from(tenths).unwrap_or(u32::MAX)
}

/// Returns the smallest of `sorted` that is not exceeded by so many per cent of them.
fn percentile(sorted: &[u32], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    let value = sorted.get(rank.saturating_sub(1)).copied();
    f64::from(value.unwrap_or(0)) / 10.0
}

pub(crate) fn number(status: Option<StatusCode>) -> Option<u16> {
    status.map(|status| status.as_u16())
}
