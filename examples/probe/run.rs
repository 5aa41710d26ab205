//! The run: starts the calls, gathers what happens, and ends it all in good order.

use std::{
    collections::HashSet,
    future,
    task::Poll,
    time::{Duration, Instant},
};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Interval, MissedTickBehavior, interval, timeout},
};
use tower_reauth::{Event, Events, Session};

use crate::{
    report::{Report, full_text},
    settings::Plan,
    stack::Stack,
    tally::Tally,
};

/// How long a renewal that outlives the last call may take to be counted.
const GRACE: Duration = Duration::from_secs(2);

/// Different warnings that are told, at most.
const MOST_WARNINGS: usize = 100;

/// Makes the calls, and reports them. Returns whether all of it went well.
pub(crate) async fn run(plan: &Plan, stack: Stack, report: &mut Report) -> bool {
    let mut interrupts = interrupts().await;
    let mut events = Told {
        events: stack.session.as_ref().map(Session::events),
        warned: HashSet::new(),
    };
    let mut tally = Tally::default();
    let mut calls = JoinSet::new();
    let mut pace = pace(plan.every);
    let mut started = 0;
    let mut stopping = false;
    let begun = Instant::now();
    loop {
        stopping |= report.is_closed();
        let may_start = !stopping && started < plan.requests && calls.len() < plan.concurrency;
        if calls.is_empty() && !may_start {
            break;
        }
        tokio::select! {
            // Whatever has happened is noted before more is begun.
            biased;
            () = interrupted(&mut interrupts) => {
                if stopping {
                    break;
                }
                stopping = true;
                if !calls.is_empty() {
                    report.say("stopping when the calls under way are over; Ctrl-C leaves at once");
                }
            }
            event = events.next(report) => tally.happened(&event),
            Some(ended) = calls.join_next() => match ended {
                Ok(ended) => {
                    tally.ended(&ended);
                    report.ended(&ended);
                }
                // It panicked, and the panic has told it.
                Err(_) => tally.lost(1),
            },
            () = tick(&mut pace), if may_start => {
                started += 1;
                calls.spawn((stack.caller)(started));
            }
        }
    }
    let took = begun.elapsed();
    tally.lost(calls.len());
    calls.shutdown().await;
    settle(&stack, &mut events, report, &mut tally, plan).await;

    let mut is_good = tally.is_good();
    report.summary(&tally.summary(&stack.meters, took));
    if let Some(session) = stack.session.filter(|_| plan.sign_out) {
        is_good &= sign_out(plan, &session, report, &mut interrupts).await;
    }
    is_good && !report.is_closed()
}

/// Counts what has been told so far. A renewal that runs ahead of the calls may still be on its
/// way, and gets a moment.
async fn settle(stack: &Stack, events: &mut Told, report: &Report, tally: &mut Tally, plan: &Plan) {
    // If it takes longer it has not happened as far as this run is concerned.
    if let Some(session) = &stack.session {
        let _ = timeout(GRACE.min(plan.timeout), session.settled()).await;
    }
    // Without the budget of a task, which would let the next event wait although it is there.
    tokio::task::unconstrained(async {
        loop {
            tokio::select! {
                biased;
                event = events.next(report) => tally.happened(&event),
                () = future::ready(()) => break,
            }
        }
    })
    .await;
}

async fn sign_out(
    plan: &Plan,
    session: &Session,
    report: &Report,
    interrupts: &mut watch::Receiver<u32>,
) -> bool {
    let signing_out = timeout(plan.timeout, session.sign_out());
    let result = tokio::select! {
        result = signing_out => result,
        () = interrupted(interrupts) => {
            report.say("left before the sign-out was over");
            return false;
        }
    };
    match result {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => {
            let kind = error.kind();
            report.say(&format!(
                "the sign-out failed, {kind}: {}",
                full_text(&error)
            ));
        }
        Err(_) => report.say("the sign-out took longer than --timeout allows"),
    }
    false
}

/// The session's events; warnings among them are told to people.
struct Told {
    events: Option<Events>,
    warned: HashSet<String>,
}

impl Told {
    async fn next(&mut self, report: &Report) -> Event {
        let event = match &mut self.events {
            Some(events) => events.next().await,
            None => None,
        };
        let Some(event) = event else {
            // There is no session, or it is gone: nothing will ever happen.
            return future::pending().await;
        };
        match &event {
            Event::Warned { error, .. } => {
                let text = full_text(error);
                if self.warned.len() < MOST_WARNINGS && self.warned.insert(text.clone()) {
                    report.say(&format!("warning: {text}"));
                }
            }
            Event::Missed { count, .. } => {
                report.say(&format!(
                    "{count} events were missed: sign_ins or renewals lack them"
                ));
            }
            _ => {}
        }
        event
    }
}

fn pace(every: Duration) -> Option<Interval> {
    if every.is_zero() {
        return None;
    }
    let mut interval = interval(every);
    // After a pause the next calls do not come in a bunch.
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Some(interval)
}

async fn tick(pace: &mut Option<Interval>) {
    if let Some(interval) = pace {
        interval.tick().await;
    }
}

/// Counts how often Ctrl-C is pressed from now on.
async fn interrupts() -> watch::Receiver<u32> {
    let (pressed, presses) = watch::channel(0);
    let mut listening = Box::pin(tokio::signal::ctrl_c());
    // Polled once here: it listens from then on, not from when the task happens to run.
    let first = future::poll_fn(|cx| Poll::Ready(listening.as_mut().poll(cx))).await;
    if first.is_pending() {
        tokio::spawn(async move {
            // If it cannot be listened to, Ctrl-C ends the process as it always does.
            while listening.as_mut().await.is_ok() {
                listening.set(tokio::signal::ctrl_c());
                pressed.send_modify(|count| *count += 1);
            }
        });
    }
    presses
}

async fn interrupted(interrupts: &mut watch::Receiver<u32>) {
    if interrupts.changed().await.is_err() {
        future::pending().await
    }
}
