use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::NotReplayed;

pub(super) const DEFAULT_MAX_BODY: usize = 8 * 1024 * 1024;
pub(super) const DEFAULT_MAX_TOTAL: usize = 64 * 1024 * 1024;

/// The memory that all bodies of one layer may keep together.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    used: AtomicUsize,
}

/// How much one body may keep.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) max_body: usize,
    /// `None` for a body that was made without a layer.
    pub(crate) budget: Option<Arc<Budget>>,
}

/// What one body keeps now; given back to the budget when dropped.
#[derive(Debug)]
pub(super) struct Hold {
    amount: usize,
    limits: Limits,
}

// === impl Budget ===

impl Budget {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            used: AtomicUsize::new(0),
        }
    }

    #[cfg(test)]
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    // Relaxed throughout: it is a count, and no other memory is published through it.

    fn reserve(&self, amount: usize) -> bool {
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(amount).filter(|sum| *sum <= self.limit)
            })
            .is_ok()
    }

    fn release(&self, amount: usize) {
        self.used.fetch_sub(amount, Ordering::Relaxed);
    }
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body: DEFAULT_MAX_BODY,
            budget: None,
        }
    }
}

// === impl Hold ===

impl Hold {
    pub(super) fn new(limits: Limits) -> Self {
        Self { amount: 0, limits }
    }

    pub(super) fn grow(&mut self, amount: usize) -> Result<(), NotReplayed> {
        let sum = self
            .amount
            .checked_add(amount)
            .filter(|sum| *sum <= self.limits.max_body)
            .ok_or(NotReplayed::TooLarge)?;
        if let Some(budget) = &self.limits.budget
            && !budget.reserve(amount)
        {
            return Err(NotReplayed::OverBudget);
        }
        self.amount = sum;
        Ok(())
    }

    pub(super) fn shrink(&mut self, amount: usize) {
        self.amount -= amount;
        self.give_back(amount);
    }

    /// Splits off `amount`, to be given back on its own.
    pub(super) fn split(&mut self, amount: usize) -> Self {
        self.amount -= amount;
        Self {
            amount,
            limits: self.limits.clone(),
        }
    }

    fn give_back(&self, amount: usize) {
        if let Some(budget) = &self.limits.budget {
            budget.release(amount);
        }
    }

    #[cfg(test)]
    pub(super) fn amount(&self) -> usize {
        self.amount
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.give_back(self.amount);
    }
}
