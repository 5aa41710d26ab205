//! Random uploads, clients and layers, against the model "the bytes of one send".

use std::{sync::Arc, task::Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use proptest::prelude::*;

use super::{
    NotReplayed, Released, ReplayBody, ResendBody, held, limits, released,
    script::{Script, Sent, Step, drain, next, trailers},
};
use crate::replay::{budget::Budget, state::FRAME_OVERHEAD};

/// How an upload is made up: it can be made any number of times.
#[derive(Clone, Debug)]
struct Upload {
    /// The sizes of the frames; `None` is a pause.
    frames: Vec<Option<usize>>,
    has_trailers: bool,
    fails: bool,
    has_length: bool,
    knows_its_end: bool,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Copy,
    Poll,
    AskReleased,
    Drop,
}

impl Upload {
    fn make(&self) -> Script {
        let mut steps = Vec::new();
        for (number, frame) in self.frames.iter().enumerate() {
            steps.push(match frame {
                Some(size) => Step::Frame(Frame::data(Bytes::from(vec![number as u8; *size]))),
                None => Step::Wait,
            });
        }
        steps.extend(self.has_trailers.then(trailers));
        steps.extend(self.fails.then_some(Step::Fail));
        let mut script = Script::new(steps);
        if self.has_length {
            script = script.with_length();
        }
        if self.knows_its_end {
            script = script.with_known_end();
        }
        script
    }

    fn one_send(&self) -> Sent {
        drain(self.make())
    }

    /// More than keeping the whole of it can take.
    fn cost(&self) -> usize {
        let sizes = self.frames.iter().flatten();
        sizes.map(|size| size + FRAME_OVERHEAD).sum::<usize>() + 4 * FRAME_OVERHEAD
    }
}

fn upload() -> impl Strategy<Value = Upload> {
    let frame = prop_oneof![
        1 => Just(None),
        1 => Just(Some(0)),
        6 => (1..300_usize).prop_map(Some),
    ];
    (
        prop::collection::vec(frame, 0..7),
        any::<bool>(),
        prop::bool::weighted(0.2),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(frames, has_trailers, fails, has_length, knows_its_end)| Upload {
                frames,
                has_trailers,
                fails,
                has_length,
                knows_its_end,
            },
        )
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => Just(Act::Copy),
        8 => Just(Act::Poll),
        2 => Just(Act::AskReleased),
        2 => Just(Act::Drop),
    ]
}

fn cap() -> impl Strategy<Value = usize> {
    prop_oneof![0..2000_usize, Just(usize::MAX)]
}

fn is_start_of(sent: &Sent, whole: &Sent) -> bool {
    whole.bytes.starts_with(&sent.bytes) && whole.trailers.starts_with(&sent.trailers)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// As a layer does it: a round is sent, read for a while, dropped; then its copy is sent.
    #[test]
    fn a_copy_sends_what_one_send_sends_or_says_that_it_cannot(
        upload in upload(),
        rounds in prop::collection::vec((0..10_usize, any::<bool>()), 1..4),
        cap in cap(),
        total in cap(),
    ) {
        let whole = upload.one_send();
        let budget = Arc::new(Budget::new(total));
        let mut body = ReplayBody::with_limits(upload.make(), &limits(cap, Some(&budget)));
        let length = body.size_hint().exact();
        let in_memory = body.stream().is_none();

        for (round, &(polls, early_copy)) in rounds.iter().enumerate() {
            prop_assert_eq!(body.size_hint().exact(), length);
            let Some(mut copy) = body.try_copy() else {
                prop_assert_eq!(round, 0, "a copy that is whole has copies");
                prop_assert!(length.unwrap() > cap as u64);
                break;
            };
            // A second copy may be there from the start, and is as good as one taken later.
            let spare = early_copy.then(|| copy.try_copy().unwrap());

            let mut sent = Sent::default();
            let mut failed = false;
            for _ in 0..polls {
                let before = body.size_hint();
                match next(&mut body) {
                    Poll::Ready(Some(Ok(frame))) => {
                        let size = frame.data_ref().map_or(0, |data| data.len() as u64);
                        if length.is_some() {
                            let left = body.size_hint().exact().unwrap();
                            prop_assert_eq!(before.exact().unwrap(), size + left);
                        }
                        sent.add(frame);
                    }
                    Poll::Ready(Some(Err(_))) => failed = true,
                    Poll::Ready(None) => {
                        prop_assert!(failed || sent.bytes == whole.bytes);
                        break;
                    }
                    Poll::Pending => prop_assert!(!in_memory),
                }
                prop_assert!(held(&copy) <= cap);
                prop_assert!(budget.used() <= total);
                prop_assert_eq!(budget.used(), held(&copy));
            }
            prop_assert!(is_start_of(&sent, &whole));
            drop(body);

            let Poll::Ready(verdict) = released(&mut copy) else {
                panic!("nothing is sent any more");
            };
            if verdict == Released::NotReplayable {
                prop_assert!(failed || upload.cost() > cap.min(total));
                prop_assert_eq!(budget.used(), 0);
                prop_assert!(drain(copy).error.is_some());
                return Ok(());
            }
            prop_assert!(!failed);
            body = spare.unwrap_or(copy);
        }
        prop_assert_eq!(drain(body), whole);
        prop_assert_eq!(budget.used(), 0);
    }

    /// Anything in any order: nobody ever gets other bytes than those of one send.
    #[test]
    fn no_order_of_events_sends_other_bytes(
        upload in upload(),
        acts in prop::collection::vec((act(), any::<prop::sample::Index>()), 0..60),
        cap in cap(),
    ) {
        let whole = upload.one_send();
        let budget = Arc::new(Budget::new(usize::MAX));
        let body = ReplayBody::with_limits(upload.make(), &limits(cap, Some(&budget)));
        let length = body.size_hint().exact();
        let mut bodies = vec![(body, Sent::default(), false)];

        for (act, index) in acts {
            if bodies.is_empty() {
                break;
            }
            let index = index.index(bodies.len());
            let (body, sent, done) = &mut bodies[index];
            match act {
                Act::Copy => {
                    if let Some(copy) = body.try_copy() {
                                        prop_assert_eq!(copy.size_hint().exact(), length);
                        bodies.push((copy, Sent::default(), false));
                    }
                }
                Act::Poll => match next(body) {
                    Poll::Pending => {}
                    Poll::Ready(Some(Ok(frame))) => {
                        prop_assert!(!*done);
                        sent.add(frame);
                        prop_assert!(is_start_of(sent, &whole));
                    }
                    Poll::Ready(Some(Err(error))) => {
                        prop_assert!(!*done);
                        *done = true;
                        if !error.is::<NotReplayed>() {
                            sent.error = Some(error.to_string());
                            prop_assert_eq!(&*sent, &whole);
                        }
                    }
                    Poll::Ready(None) => {
                        prop_assert!(*done || *sent == whole);
                        *done = true;
                    }
                },
                Act::AskReleased => {
                    let _ = released(body);
                }
                Act::Drop => drop(bodies.swap_remove(index)),
            }
            let held = bodies.first().map_or(0, |(body, ..)| held(body));
            prop_assert!(held <= cap);
            prop_assert_eq!(budget.used(), held);
        }
        drop(bodies);
        prop_assert_eq!(budget.used(), 0);
    }
}
