//! Whatever is answered, in whatever order: one switch, and no more is sent than must be.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tower::ServiceExt;
use tower_reauth::{Error, ErrorKind, Event, testing::FakeClock};

use crate::script::{Script, Step, answer, call, well};

const ANSWERS: [u16; 3] = [200, 401, 409];
const LENGTH: u32 = 6;

fn sequences() -> impl Iterator<Item = Vec<u16>> {
    let count = ANSWERS.len().pow(LENGTH);
    (0..count).map(|number| {
        let answer = |place| ANSWERS[number / ANSWERS.len().pow(place) % ANSWERS.len()];
        (0..LENGTH).map(answer).collect()
    })
}

/// The answers that are left, and those that were given.
#[derive(Clone, Default)]
struct Play {
    left: Arc<Mutex<Vec<u16>>>,
    given: Arc<Mutex<Vec<(Step, u16)>>>,
}

impl Play {
    /// Plays `sequence` on what `plays` says; all goes well with the rest, and after the end.
    fn new(sequence: &[u16], plays: fn(Step) -> bool) -> (Self, Script) {
        let play = Self::default();
        play.left.lock().unwrap().extend_from_slice(sequence);
        let script = Script::new({
            let play = play.clone();
            move |seen| {
                let mut left = play.left.lock().unwrap();
                let is_played = plays(seen.step()) && !left.is_empty();
                let status = if is_played { left.remove(0) } else { 200 };
                play.given.lock().unwrap().push((seen.step(), status));
                if status == 200 {
                    well(seen)
                } else {
                    answer(status, "")
                }
            }
        });
        (play, script)
    }

    fn next(&self) -> Option<u16> {
        self.left.lock().unwrap().first().copied()
    }

    /// Takes what was answered since it was last asked.
    fn given(&self) -> Vec<(Step, u16)> {
        std::mem::take(&mut self.given.lock().unwrap())
    }
}

#[tokio::test]
async fn of_every_sequence_of_answers_to_logins_one_switches_and_none_is_asked_too_often() {
    use Step::{Init, Submit, V1};

    let mut count = 0;
    for sequence in sequences() {
        let (play, script) = Play::new(&sequence, |step| matches!(step, V1 | Submit));
        let my2n = script.auto();
        let mut is_switched = false;
        while let Some(next) = play.next() {
            let session = my2n.session().build().unwrap();
            let result = session.token().await;
            let given = play.given();
            let steps: Vec<_> = given.iter().map(|(step, _)| *step).collect();
            let expected: &[Step] = match (is_switched, next) {
                (false, 409) => &[V1, Init, Submit],
                (false, _) => &[V1],
                (true, _) => &[Init, Submit],
            };
            assert_eq!(steps, expected, "{sequence:?}");
            is_switched |= next == 409;
            // A 409 of version 2 is the caller's.
            let kind = match given.last().unwrap() {
                (_, 200) => None,
                (_, 401) => Some(ErrorKind::Rejected),
                _ => Some(ErrorKind::Protocol),
            };
            assert_eq!(result.err().map(|error| error.kind()), kind, "{sequence:?}");
            assert_eq!(my2n.upgrades(), u64::from(is_switched));
        }
        count += 1;
    }
    assert_eq!(count, 729);
}

#[tokio::test]
async fn of_every_sequence_of_answers_to_whatever_is_sent_no_call_costs_more_than_it_must() {
    use Step::{Call, Submit, V1};

    let mut count = 0;
    for sequence in sequences() {
        let (play, script) = Play::new(&sequence, |step| step != Step::Init);
        let clock = FakeClock::new();
        let my2n = script.builder().clock(clock.clone()).build().unwrap();
        let session = my2n.session().build().unwrap();
        let mut events = session.events();
        let client = script.signed_in(&session);
        let mut has_v2_token = false;
        let mut seen = 0;
        while play.next().is_some() {
            let result = client.clone().oneshot(call()).await;
            session.settled().await;
            let given = play.given();
            let of = |step| given.iter().filter(|(other, _)| *other == step).count();
            assert!(of(Call) <= 2, "{sequence:?}");
            assert!(of(V1) + of(Submit) <= 3, "{sequence:?}");
            // What was sent last is what the caller gets, or the reason why nothing was sent.
            match (result, given.last()) {
                (Ok(answer), Some((Call, status))) => assert_eq!(answer.status(), *status),
                (Ok(answer), Some((V1 | Submit, _))) => {
                    assert_eq!(answer.status(), 401, "{sequence:?}");
                    assert!(answer.extensions().get::<Error>().is_some(), "{sequence:?}");
                }
                (Err(error), given) => {
                    let kind = Error::from_boxed(error).kind();
                    let is_told = matches!(kind, ErrorKind::Rejected | ErrorKind::Protocol);
                    assert!(is_told && given.is_none_or(|(step, _)| *step != Call));
                }
                other => panic!("{sequence:?}: {other:?}"),
            }
            for ((step, status), request) in given.iter().zip(&script.seen()[seen..]) {
                has_v2_token |= (*step, *status) == (Submit, 200);
                let has_key = request.headers.contains_key("x-api-key");
                assert!(!(has_v2_token && has_key), "{sequence:?}");
            }
            seen += given.len();
            let mut sign_ins = 0;
            for _ in 0..2 {
                let event = tokio_test::task::spawn(events.next()).poll();
                sign_ins += usize::from(matches!(
                    event,
                    std::task::Poll::Ready(Some(Event::SignedIn { .. }))
                ));
            }
            assert!(sign_ins <= 2);
            if given.is_empty() {
                // Refused credentials are not presented again by themselves.
                session.clear();
            }
            // Beyond any pause.
            clock.advance(Duration::from_secs(400));
        }
        assert!(my2n.upgrades() <= 1);
        count += 1;
    }
    assert_eq!(count, 729);
}

#[tokio::test]
async fn of_all_that_was_sent_to_log_in_nothing_carried_a_credential_of_a_session() {
    let mut logins = 0;
    for sequence in sequences() {
        let (play, script) = Play::new(&sequence, |step| step != Step::Init);
        let session = script.auto().session().build().unwrap();
        let client = script.signed_in(&session);
        for _ in 0..4 {
            drop(client.clone().oneshot(call()).await);
            session.clear();
        }
        drop(play);
        for login in script
            .seen()
            .iter()
            .filter(|seen| seen.step() != Step::Call)
        {
            for name in [
                "authorization",
                "x-api-key",
                "x-session-token",
                "cookie",
                "origin",
            ] {
                assert!(!login.headers.contains_key(name), "{login:?}");
            }
            logins += 1;
        }
    }
    assert!(logins > 4 * 729, "{logins}");
}
