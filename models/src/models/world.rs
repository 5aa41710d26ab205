//! What the models share: how they are searched, and what stands around a session.

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use shuttle::{
    Config, FailurePersistence, Runner,
    future::block_on,
    scheduler::{PctScheduler, RandomScheduler, Scheduler},
};
use tower::service_fn;

use crate::{
    Clock, Error, ErrorKind, Renewal, Session, SessionBuilder, Token,
    renew::{Reason, Ticket},
    search,
};

/// How many schedules of each of the two kinds are searched unless `MODEL_SCHEDULES` says so.
const SCHEDULES: usize = 50_000;

/// How many a twin may survive.
const MOST: usize = 20_000;

/// The deepest bug that is looked for by the scheduler that looks for the rare ones.
const DEPTH: usize = 3;

/// Searches the schedules of `model` for one that fails. It is printed then, to be
/// [replayed](shuttle::replay).
pub(super) fn holds(model: impl AsyncFn() + Clone + Send + Sync + 'static) {
    let schedules = match env::var("MODEL_SCHEDULES") {
        Ok(text) => text.parse().expect("MODEL_SCHEDULES is a number"),
        Err(_) => SCHEDULES,
    };
    run(&model, None, RandomScheduler::new(schedules), Config::new());
    run(
        &model,
        None,
        PctScheduler::new(DEPTH, schedules),
        Config::new(),
    );
}

/// Makes sure that the search of `model` finds `twin`: that it fails, and says `why`.
pub(super) fn finds(
    twin: &'static str,
    why: &str,
    model: impl AsyncFn() + Clone + Send + Sync + 'static,
) {
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    // The same schedules each time.
    let scheduler = RandomScheduler::new_from_seed(1, MOST);
    let searched = catch_unwind(AssertUnwindSafe(|| {
        run(&model, Some(twin), scheduler, config);
    }));
    search::choose(None);
    let payload = searched.expect_err("the twin was not found");
    let said = match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload
            .downcast::<&str>()
            .map_or("", |text| *text)
            .to_owned(),
    };
    assert!(said.contains(why), "found for another reason: {said}");
}

fn run(
    model: &(impl AsyncFn() + Clone + Send + Sync + 'static),
    twin: Option<&'static str>,
    scheduler: impl Scheduler + 'static,
    config: Config,
) {
    search::choose(twin);
    let model = model.clone();
    Runner::new(scheduler, config).run(move || {
        let _schedule = search::Schedule;
        block_on(async {
            model().await;
            // Shuttle does not like a task to be cut off in the middle of a step.
            search::landed().await;
        });
    });
    search::choose(None);
}

/// A clock that stands still: no pause ends, and no deadline passes.
#[derive(Debug)]
pub(super) struct Still;

impl Clock for Still {
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::pending())
    }
}

/// Counts what a token service is asked. Its counter is no step of a schedule.
#[derive(Clone, Default)]
pub(super) struct Calls(Arc<AtomicUsize>);

impl Calls {
    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// A session whose token service brings `new 1`, `new 2` and so on, each after others had a turn.
pub(super) fn session(calls: &Calls) -> SessionBuilder {
    let calls = calls.clone();
    let tokens = service_fn(move |_: Renewal| {
        let number = calls.next();
        async move {
            tokio::task::yield_now().await;
            Ok::<_, Error>(token(&format!("new-{number}")))
        }
    });
    Session::builder(tokens)
        .origin("https://api.example.com")
        .clock(Still)
}

/// A session whose token service fails.
pub(super) fn failing(calls: &Calls) -> SessionBuilder {
    let calls = calls.clone();
    let tokens = service_fn(move |_: Renewal| {
        calls.next();
        async move {
            tokio::task::yield_now().await;
            Err::<Token, _>(Error::with_message(ErrorKind::Transport, "down"))
        }
    });
    Session::builder(tokens)
        .origin("https://api.example.com")
        .clock(Still)
}

pub(super) fn token(text: &str) -> Token {
    Token::new(text).expect("a token")
}

pub(super) fn built(builder: SessionBuilder) -> Session {
    builder.build().expect("a session")
}

/// Says that the server refused `generation`, as the layers do.
pub(super) fn refuse(session: &Session, generation: u64) -> Ticket<Token> {
    session
        .renewer()
        .ask(Reason::Rejected, Some(generation), None)
}

/// The token in the cell.
pub(super) fn current(session: &Session) -> Option<String> {
    let current = session.current()?;
    Some(current.token().expose().to_owned())
}
