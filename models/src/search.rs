//! What stands in the place of the standard library and of `arc_swap` where schedules are searched.

use ::std::cell::{Cell, RefCell};

use tokio::task::JoinHandle;

thread_local! {
    /// The twin that is searched. All tasks and threads of a search run on its one real thread.
    static TWIN: Cell<Option<&'static str>> = const { Cell::new(None) };
    /// The tasks of the flights of this schedule.
    static CARRIED: RefCell<Vec<JoinHandle<()>>> = const { RefCell::new(Vec::new()) };
}

/// Whether what is searched is the twin of this name.
pub(crate) fn is(twin: &str) -> bool {
    TWIN.get() == Some(twin)
}

pub(crate) fn choose(twin: Option<&'static str>) {
    TWIN.set(twin);
}

/// Lets the task of a flight run by itself, and keeps a hand on it.
pub(crate) fn carry(task: JoinHandle<()>) {
    CARRIED.with_borrow_mut(|carried| carried.push(task));
}

/// Forgets the tasks of flights with the schedule that had them: they mean nothing in the next.
pub(crate) struct Schedule;

impl Drop for Schedule {
    fn drop(&mut self) {
        drop(CARRIED.take());
    }
}

/// Ends the tasks of all flights, as the end of their runtime does.
pub(crate) fn end_runtime() {
    CARRIED.with_borrow(|carried| carried.iter().for_each(JoinHandle::abort));
}

/// Waits until no task of a flight is left.
pub(crate) async fn landed() {
    loop {
        let Some(task) = CARRIED.with_borrow_mut(Vec::pop) else {
            return;
        };
        // It fails if its runtime has ended.
        drop(task.await);
    }
}

pub(crate) mod std {
    pub(crate) use ::std::*;

    pub(crate) mod sync {
        pub(crate) use ::std::sync::{Arc, OnceLock, PoisonError, TryLockError, Weak};
        pub(crate) use shuttle::sync::{Mutex, MutexGuard, atomic};
    }
}

pub(crate) mod arc_swap {
    use std::{ops::Deref, sync::Arc};

    use shuttle::sync::Mutex;

    /// Each of its operations is one step, before which others may come.
    pub(crate) struct ArcSwapOption<T>(Mutex<Option<Arc<T>>>);

    pub(crate) struct Guard<T>(T);

    impl<T> ArcSwapOption<T> {
        pub(crate) fn empty() -> Self {
            Self(Mutex::new(None))
        }

        pub(crate) fn load(&self) -> Guard<Option<Arc<T>>> {
            Guard(self.load_full())
        }

        pub(crate) fn load_full(&self) -> Option<Arc<T>> {
            self.0.lock().expect("no panic while it is held").clone()
        }

        pub(crate) fn store(&self, new: Option<Arc<T>>) {
            drop(self.swap(new));
        }

        pub(crate) fn swap(&self, new: Option<Arc<T>>) -> Option<Arc<T>> {
            let mut slot = self.0.lock().expect("no panic while it is held");
            std::mem::replace(&mut *slot, new)
        }
    }

    impl<T> Deref for Guard<T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.0
        }
    }
}
