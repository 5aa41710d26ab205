//! Copies of a credential's header value, one for each thread.
//!
//! A clone of a `HeaderValue` counts in the memory that all clones share. When many threads send
//! at once they would wait for each other there, so each of them counts in a copy of its own. The
//! mark of the credential tells whether a copy may still be used: nothing else is looked at.

use std::{cell::RefCell, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    renew::{Entry, Mark},
    token::sensitive_value,
};

/// How many copies a thread keeps: for so many sessions at once.
const MOST: usize = 8;

struct Held {
    /// The number of the renewer that it belongs to.
    renewer: u64,
    generation: u64,
    mark: Arc<Mark>,
    name: HeaderName,
    value: HeaderValue,
}

thread_local! {
    static COPIES: RefCell<Vec<Held>> = const { RefCell::new(Vec::new()) };
}

/// Puts this thread's copy of the credential of `renewer` into `map`, if it has one and there is
/// nothing to do but use it; returns its generation.
#[inline]
pub(super) fn insert_plain(map: &mut HeaderMap, renewer: u64) -> Option<u64> {
    COPIES
        .try_with(|copies| {
            let copies = copies.try_borrow().ok()?;
            // `insert` is to drop those, whosever they are.
            if copies.iter().any(|held| held.mark.is_replaced()) {
                return None;
            }
            let is_ours = |held: &&Held| held.renewer == renewer && held.mark.is_plain();
            let held = copies.iter().find(is_ours)?;
            map.insert(&held.name, held.value.clone());
            Some(held.generation)
        })
        .ok()
        .flatten()
}

/// Puts this thread's copy of `original`, the header value of `entry` of `renewer`, into `map`.
///
/// Copies of what was replaced are dropped on the way, and so wiped.
pub(super) fn insert<C>(
    map: &mut HeaderMap,
    renewer: u64,
    entry: &Entry<C>,
    name: &HeaderName,
    original: &HeaderValue,
) {
    let copy = COPIES.try_with(|copies| {
        let mut copies = copies.try_borrow_mut().ok()?;
        copies.retain(|held| !held.mark.is_replaced());
        if let Some(held) = copies
            .iter()
            .find(|held| Arc::ptr_eq(&held.mark, &entry.mark))
        {
            return Some(held.value.clone());
        }
        if entry.mark.is_replaced() {
            return None;
        }
        if copies.len() == MOST {
            copies.remove(0);
        }
        let value = sensitive_value(original.as_bytes());
        copies.push(Held {
            renewer,
            generation: entry.generation,
            mark: Arc::clone(&entry.mark),
            name: name.clone(),
            value: value.clone(),
        });
        Some(value)
    });
    // A thread that is ending has no copies any more.
    let value = copy.ok().flatten().unwrap_or_else(|| original.clone());
    map.insert(name, value);
}

#[cfg(test)]
mod tests {
    use tower::service_fn;

    use super::*;
    use crate::{Renewal, Session, Token};

    fn session() -> Session {
        let tokens = service_fn(|_: Renewal| async { Token::new("t") });
        Session::builder(tokens)
            .origin("https://api.example.com")
            .token(token())
            .build()
            .expect("a session")
    }

    fn token() -> Token {
        Token::new("t").expect("a token")
    }

    /// What a request is sent with, and from where it has it.
    fn value(session: &Session) -> HeaderValue {
        let renewer = session.renewer();
        let entry = renewer.current().expect("a token");
        let mut map = HeaderMap::new();
        let (name, original) = entry.credential.header();
        insert(&mut map, renewer.id(), &entry, name, original);
        map.remove(name).expect("it was put in")
    }

    fn plain(session: &Session) -> Option<u64> {
        insert_plain(&mut HeaderMap::new(), session.renewer().id())
    }

    fn address(value: &HeaderValue) -> usize {
        value.as_bytes().as_ptr() as usize
    }

    fn kept() -> usize {
        COPIES.with(|copies| copies.borrow().len())
    }

    #[test]
    fn a_thread_has_one_copy_and_another_thread_another() {
        let session = session();
        let (first, second) = (value(&session), value(&session));
        assert_eq!(first, "Bearer t");
        assert!(first.is_sensitive());
        assert_eq!(address(&first), address(&second));
        let elsewhere = std::thread::spawn(move || value(&session));
        assert_ne!(
            address(&first),
            address(&elsewhere.join().expect("no panic"))
        );
    }

    #[test]
    fn a_copy_is_used_until_there_is_anything_else_to_do() {
        let (ours, other) = (session(), session());
        assert_eq!(plain(&ours), None, "no copy yet");
        value(&ours);
        assert_eq!((plain(&ours), plain(&other)), (Some(1), None));
        ours.set(token());
        assert_eq!(plain(&ours), None, "it was replaced");
        value(&ours);
        assert_eq!(plain(&ours), Some(2));
        ours.clear();
        assert_eq!(plain(&ours), None, "it was cleared");
    }

    #[test]
    fn what_was_replaced_is_dropped_with_the_next_send() {
        let (ours, other, gone) = (session(), session(), session());
        for session in [&ours, &other, &gone] {
            value(session);
        }
        assert_eq!(kept(), 3);
        ours.set(token());
        let somebody = gone.renewer().current();
        drop(gone);
        assert_eq!(plain(&other), None, "there is something to drop");
        value(&other);
        assert_eq!((kept(), plain(&other)), (1, Some(1)));
        drop(somebody);
        value(&ours);
        assert_eq!(kept(), 2);
    }

    #[test]
    fn of_what_is_replaced_already_no_copy_is_made() {
        let session = session();
        let renewer = session.renewer();
        let entry = renewer.current().expect("a token");
        session.set(token());
        let mut map = HeaderMap::new();
        let (name, original) = entry.credential.header();
        insert(&mut map, renewer.id(), &entry, name, original);
        assert_eq!(address(&map[name]), address(original));
        assert_eq!(kept(), 0);
    }

    #[test]
    fn copies_are_bounded() {
        let all: Vec<_> = (0..20).map(|_| session()).collect();
        for session in &all {
            value(session);
        }
        assert_eq!(kept(), MOST);
    }
}
