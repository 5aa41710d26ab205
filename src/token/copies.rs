//! Copies of a token's header value, one for each thread.
//!
//! A clone of a `HeaderValue` counts in the memory that all clones share. When many threads send
//! at once they would wait for each other there, so each of them counts in a copy of its own.

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use http::HeaderValue;

use super::credential::sensitive_value;

/// How many copies a thread keeps: for so many sessions at once.
const MOST: usize = 8;

struct Held {
    /// The newest generation of the session that it belongs to.
    newest: Arc<AtomicU64>,
    generation: u64,
    value: HeaderValue,
}

thread_local! {
    static COPIES: RefCell<Vec<Held>> = const { RefCell::new(Vec::new()) };
}

/// Returns this thread's copy of `original`, the header value of `generation` in the session whose
/// newest generation is in `newest`.
///
/// Copies of what is not the newest any more are dropped on the way, and so wiped.
#[inline]
pub(crate) fn of_this_thread(
    newest: &Arc<AtomicU64>,
    generation: u64,
    original: &HeaderValue,
) -> HeaderValue {
    let copy = COPIES.try_with(|copies| {
        let mut copies = copies.borrow_mut();
        let is_ours =
            |held: &Held| held.generation == generation && Arc::ptr_eq(&held.newest, newest);
        // Most often there is one session, whose token is the same as before.
        if let [held] = &copies[..]
            && is_ours(held)
            && held.is_newest()
        {
            return held.value.clone();
        }
        copies.retain(Held::is_newest);
        if let Some(held) = copies.iter().find(|held| is_ours(held)) {
            return held.value.clone();
        }
        if copies.len() == MOST {
            copies.remove(0);
        }
        let value = sensitive_value(original.as_bytes());
        copies.push(Held {
            newest: Arc::clone(newest),
            generation,
            value: value.clone(),
        });
        value
    });
    // A thread that is ending has no copies any more.
    copy.unwrap_or_else(|_| original.clone())
}

impl Held {
    fn is_newest(&self) -> bool {
        self.newest.load(Ordering::Relaxed) == self.generation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn original() -> HeaderValue {
        HeaderValue::from_static("Bearer t")
    }

    fn newest(generation: u64) -> Arc<AtomicU64> {
        Arc::new(AtomicU64::new(generation))
    }

    fn kept() -> usize {
        COPIES.with(|copies| copies.borrow().len())
    }

    #[test]
    fn a_thread_has_one_copy_and_another_thread_another() {
        let newest = newest(1);
        let address = |value: &HeaderValue| value.as_bytes().as_ptr() as usize;
        let first = of_this_thread(&newest, 1, &original());
        let second = of_this_thread(&newest, 1, &original());
        assert_eq!(first, "Bearer t");
        assert!(first.is_sensitive());
        assert_eq!(address(&first), address(&second));
        let elsewhere = std::thread::spawn(move || of_this_thread(&newest, 1, &original()));
        assert_ne!(
            address(&first),
            address(&elsewhere.join().expect("no panic"))
        );
    }

    #[test]
    fn what_is_not_the_newest_is_dropped_with_the_next_send() {
        let (ours, other) = (newest(1), newest(1));
        of_this_thread(&ours, 1, &original());
        of_this_thread(&other, 1, &original());
        assert_eq!(kept(), 2);
        ours.store(2, Ordering::Relaxed);
        of_this_thread(&other, 1, &original());
        assert_eq!(kept(), 1);
        of_this_thread(&ours, 2, &original());
        assert_eq!(kept(), 2);
    }

    #[test]
    fn copies_are_bounded() {
        let all: Vec<_> = (0..20).map(|_| newest(1)).collect();
        for newest in &all {
            of_this_thread(newest, 1, &original());
        }
        assert_eq!(kept(), MOST);
    }
}
