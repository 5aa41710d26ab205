//! How much is kept of a body for copies of it, and how long.

use std::{sync::Arc, task::Poll};

use http_body::Body;
use tokio_test::{assert_pending, task};

use super::{
    drain_whole, held, limited, limits, released,
    script::{Script, data, drain, next, trailer_map, trailers},
};
use crate::replay::{
    NotReplayed, Released, ReplayBody, ResendBody, budget::Budget, state::FRAME_OVERHEAD,
};

#[test]
fn nothing_is_kept_if_no_copy_was_taken() {
    let (mut body, budget) = limited([data("one"), data("two")], 1000, 1000);
    let _ = next(&mut body);
    assert_eq!((held(&body), budget.used()), (0, 0));
}

#[test]
fn what_was_kept_is_freed_when_the_copy_is_dropped_in_the_middle() {
    let (mut body, budget) = limited([data("one"), data("two"), data("three")], 1000, 1000);
    let copy = body.try_copy().unwrap();
    let _ = next(&mut body);
    assert_eq!(held(&body), 3 + FRAME_OVERHEAD);
    assert_eq!(budget.used(), held(&body));
    drop(copy);
    assert_eq!((held(&body), budget.used()), (0, 0));
    let _ = next(&mut body);
    assert_eq!(budget.used(), 0, "nothing more is kept");
    assert_eq!(drain(body).bytes, "three");
}

#[test]
fn the_last_copy_frees_what_it_sends() {
    let (body, budget) = limited([data("one"), data("two"), data("three")], 1000, 1000);
    let mut copy = body.try_copy().unwrap();
    drain(body);
    for left in [2, 1, 0] {
        assert!(matches!(next(&mut copy), Poll::Ready(Some(Ok(_)))));
        assert!(budget.used() >= left * FRAME_OVERHEAD);
        assert!(budget.used() < (left + 1) * FRAME_OVERHEAD);
    }
}

#[test]
fn a_copy_in_the_middle_keeps_what_is_ahead_when_another_is_dropped() {
    let (body, budget) = limited([data("one "), data("two "), data("three")], 1000, 1000);
    let mut copy = body.try_copy().unwrap();
    let spare = copy.try_copy().unwrap();
    drain(body);
    let _ = next(&mut copy);
    drop(spare);
    assert_eq!(budget.used(), 9 + 2 * FRAME_OVERHEAD);
    assert_eq!(copy.size_hint().exact(), Some(9));
    assert_eq!(drain(copy).bytes, "two three");
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_body_over_the_cap_is_sent_once_and_untouched() {
    let cap = 6 + 2 * FRAME_OVERHEAD;
    let (mut body, budget) = limited([data("one"), data("two"), data("three")], cap, 1000);
    let mut copy = body.try_copy().unwrap();
    let mut waiting = task::spawn(());
    assert_pending!(waiting.enter(|cx, _| copy.poll_released(cx)));
    let _ = (next(&mut body), next(&mut body));
    assert_eq!(budget.used(), cap);
    assert_eq!(drain(body).bytes, "three");
    assert_eq!(budget.used(), 0, "freed at once");
    assert!(waiting.is_woken());
    assert_eq!(released(&mut copy), Poll::Ready(Released::NotReplayable));
    assert_eq!(copy.not_replayed(), NotReplayed::TooLarge);
}

#[test]
fn whoever_waits_is_told_early_that_the_copy_is_lost() {
    let (mut body, _) = limited([data("one"), data("two")], 3 + FRAME_OVERHEAD, 1000);
    let mut copy = body.try_copy().unwrap();
    let mut waiting = task::spawn(());
    assert_pending!(waiting.enter(|cx, _| copy.poll_released(cx)));
    let _ = (next(&mut body), next(&mut body));
    assert!(waiting.is_woken());
    assert_eq!(released(&mut copy), Poll::Ready(Released::NotReplayable));
    drop(body);
}

#[test]
fn a_body_that_says_it_is_over_the_cap_is_not_kept_at_all() {
    let source = Script::new([data("one"), data("two")]).with_length();
    let body = ReplayBody::with_limits(source, &limits(5, None));
    assert!(body.try_copy().is_none());
    assert_eq!(body.not_replayed(), NotReplayed::TooLarge);
    assert_eq!(drain(body).bytes, "onetwo");
}

#[test]
fn small_frames_count_more_than_their_bytes() {
    let cap = 10 * FRAME_OVERHEAD;
    let (mut body, _) = limited((0..100).map(|_| data("x")), cap, usize::MAX);
    let mut copy = body.try_copy().unwrap();
    for _ in 0..10 {
        let _ = next(&mut body);
        assert!(held(&body) <= cap);
    }
    assert_eq!(released(&mut copy), Poll::Ready(Released::NotReplayable));
}

#[test]
fn frames_of_nothing_do_not_count_and_trailers_count_by_name_and_value() {
    let (body, budget) = limited([data(""), data("one"), data(""), trailers()], 1000, 1000);
    let copy = body.try_copy().unwrap();
    let sent = drain(body).trailers;
    // `one`, and the trailers with their `etag: "the checksum"`.
    assert_eq!(budget.used(), 3 + 4 + 14 + 3 * FRAME_OVERHEAD);
    assert_eq!(drain_whole(copy).trailers, sent);
}

#[test]
fn what_the_last_copy_has_not_sent_is_freed_with_it_though_the_first_send_lives() {
    let (mut body, budget) = limited([data("one"), data("two"), data("three")], 1000, 1000);
    let mut copy = body.try_copy().unwrap();
    for _ in 0..4 {
        let _ = next(&mut body);
    }
    assert_eq!(released(&mut copy), Poll::Ready(Released::Whole));
    let _ = next(&mut copy);
    assert_eq!(body.not_replayed(), NotReplayed::NotCopyable);
    assert_eq!(budget.used(), 8 + 2 * FRAME_OVERHEAD);
    drop(copy);
    assert_eq!(budget.used(), 0);
    drop(body);
}

#[test]
fn a_body_of_nothing_needs_no_memory_to_be_sent_again() {
    let source = Script::new([]).with_length();
    let body = ReplayBody::with_limits(source, &limits(0, None));
    let copy = body.try_copy().unwrap();
    drain(body);
    assert_eq!(drain_whole(copy).bytes, "");
}

#[test]
fn trailers_count() {
    let (body, _) = limited([data("one"), trailers()], 3 + 2 * FRAME_OVERHEAD, 1000);
    let mut copy = body.try_copy().unwrap();
    assert_eq!(drain(body).trailers, [trailer_map()]);
    assert_eq!(released(&mut copy), Poll::Ready(Released::NotReplayable));
}

#[test]
fn no_limit_is_no_overflow() {
    let (body, budget) = limited([data("one"), data("two")], usize::MAX, usize::MAX);
    let copy = body.try_copy().unwrap();
    drain(body);
    assert_eq!(budget.used(), 6 + 2 * FRAME_OVERHEAD);
    assert_eq!(drain_whole(copy).bytes, "onetwo");
    assert_eq!(budget.used(), 0);
}

#[test]
fn the_budget_is_shared_and_given_back() {
    let budget = Arc::new(Budget::new(3 + FRAME_OVERHEAD));
    let make = || {
        let source = Script::new([data("one")]);
        ReplayBody::with_limits(source, &limits(1000, Some(&budget)))
    };
    let (first, second) = (make(), make());
    let first_copy = first.try_copy().unwrap();
    let mut second_copy = second.try_copy().unwrap();
    drain(first);
    assert_eq!(drain(second).bytes, "one", "the first send goes on");
    assert_eq!(
        released(&mut second_copy),
        Poll::Ready(Released::NotReplayable)
    );
    assert_eq!(second_copy.not_replayed(), NotReplayed::OverBudget);
    assert_eq!(drain_whole(first_copy).bytes, "one");
    assert_eq!(budget.used(), 0);

    let third = make();
    let third_copy = third.try_copy().unwrap();
    drain(third);
    assert_eq!(drain_whole(third_copy).bytes, "one");
}

#[test]
fn the_source_is_freed_when_it_has_ended() {
    let alive = Arc::new(());
    let mut source = Script::new([data("one")]);
    source.alive = Some(Arc::clone(&alive));
    let body = ReplayBody::new(source);
    let copy = body.try_copy().unwrap();
    drain(body);
    assert_eq!(Arc::strong_count(&alive), 1);
    assert_eq!(drain_whole(copy).bytes, "one");
}
