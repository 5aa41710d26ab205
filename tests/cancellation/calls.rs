//! What holds for one call of any service, however its future is polled and whenever it is dropped.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use http::Response;
use tokio::{sync::Semaphore, time::sleep};
use tokio_test::task;
use tower::Service;
use tower_reauth::{BoxError, Error, Renewed};

use crate::sweep::{Log, dropped_after, woken};

/// A service, and what it stands on.
pub(crate) struct World<S> {
    pub(crate) log: Log,
    /// Each has one permit, for one call at a time.
    pub(crate) permits: Vec<Arc<Semaphore>>,
    pub(crate) service: S,
}

/// What a service is, for these tests: one that is called directly, so that its own future is the
/// one that is polled.
pub(crate) struct Case<M, Q, T> {
    /// Makes everything anew, for each trial.
    pub(crate) make: M,
    pub(crate) request: Q,
    /// Says what came of a call.
    pub(crate) told: T,
    /// What is asked for in the name of all, and goes on by itself.
    pub(crate) once: &'static [&'static str],
}

impl<S> World<S> {
    /// Calls the service, which must be ready at once.
    fn call<Q>(&mut self, request: Q) -> S::Future
    where
        S: Service<Q>,
    {
        let ready = task::spawn(()).enter(|cx, _| self.service.poll_ready(cx));
        assert!(matches!(ready, Poll::Ready(Ok(()))), "it is not ready");
        self.service.call(request)
    }

    fn assert_nothing_is_held(&self, when: &str) {
        for permits in &self.permits {
            assert_eq!(permits.available_permits(), 1, "{when}");
        }
    }
}

impl<M, Q, T> Case<M, Q, T> {
    /// Checks that a call comes to `expected`, and that
    ///
    /// - nothing is sent before the first poll, but for what goes on by itself;
    /// - a future that is polled without being woken does what one does that is not;
    /// - a future that is polled when it is over is pending or panics, and does nothing;
    /// - a future that is dropped, after any number of polls, holds nothing any more, and but for
    ///   what goes on by itself nothing more is asked for;
    /// - the next call after that comes to the same, at the price of one.
    ///
    /// Returns how many polls it took.
    pub(crate) async fn holds<S, R>(&self, expected: &str) -> usize
    where
        M: Fn() -> World<S>,
        Q: Fn() -> R,
        T: Fn(Result<S::Response, S::Error>) -> String,
        S: Service<R>,
    {
        let (told, price) = self.undisturbed().await;
        assert_eq!(told, expected);
        self.needless_polls_change_nothing(expected, &price).await;
        for polls in 0..1000 {
            if self.may_be_dropped_after(polls, expected, &price).await {
                return polls;
            }
        }
        panic!("it never ends");
    }

    /// What comes of a call that is polled when it is woken, and what it asks for.
    async fn undisturbed<S, R>(&self) -> (String, Vec<String>)
    where
        M: Fn() -> World<S>,
        Q: Fn() -> R,
        T: Fn(Result<S::Response, S::Error>) -> String,
        S: Service<R>,
    {
        let mut world = (self.make)();
        let call = world.call((self.request)());
        let told = (self.told)(woken(call).await);
        world.assert_nothing_is_held("after a call");
        (told, world.log.words())
    }

    async fn needless_polls_change_nothing<S, R>(&self, expected: &str, price: &[String])
    where
        M: Fn() -> World<S>,
        Q: Fn() -> R,
        T: Fn(Result<S::Response, S::Error>) -> String,
        S: Service<R>,
    {
        let mut world = (self.make)();
        let mut call = task::spawn(world.call((self.request)()));
        let result = 'over: loop {
            for _ in 0..3 {
                if let Poll::Ready(result) = call.poll() {
                    break 'over result;
                }
            }
            sleep(Duration::from_millis(1)).await;
        };
        assert_eq!((self.told)(result), expected, "polled without being woken");
        assert_eq!(world.log.words(), price, "polled without being woken");
        let again = catch_unwind(AssertUnwindSafe(|| call.poll().is_ready()));
        assert!(!again.unwrap_or(false), "ready a second time");
        drop(call);
        sleep(Duration::from_secs(2)).await;
        assert_eq!(world.log.words(), price, "polled when it was over");
    }

    /// Returns whether the call was over before it could be dropped.
    async fn may_be_dropped_after<S, R>(
        &self,
        polls: usize,
        expected: &str,
        price: &[String],
    ) -> bool
    where
        M: Fn() -> World<S>,
        Q: Fn() -> R,
        T: Fn(Result<S::Response, S::Error>) -> String,
        S: Service<R>,
    {
        let when = format!("dropped after {polls} polls");
        let mut world = (self.make)();
        let call = world.call((self.request)());
        let is_over = dropped_after(polls, call).await;
        world.assert_nothing_is_held(&when);
        let before = world.log.words().len();
        sleep(Duration::from_secs(2)).await;
        let more = world.log.words().split_off(before);
        let goes_on = |word: &String| self.once.contains(&word.as_str());
        assert!(more.iter().all(goes_on), "{when}, and then {more:?}");
        let own = world.log.words().iter().any(|word| !goes_on(word));
        assert!(polls > 0 || !own, "sent before the first poll");

        let call = world.call((self.request)());
        assert_eq!((self.told)(woken(call).await), expected, "{when}");
        world.assert_nothing_is_held(&when);
        for word in &world.log.words() {
            let alone = price.iter().filter(|other| *other == word).count();
            let most = if goes_on(word) { alone } else { 2 * alone };
            // What only the next one has to do, because of what was lost, it does once.
            let count = world.log.count(word);
            assert!(count <= most.max(1), "{when}: {count} times {word}");
        }
        is_over
    }
}

/// The status, or the kind of the error.
pub(crate) fn status<B>(result: Result<Response<B>, impl Into<BoxError>>) -> String {
    match result {
        Ok(response) => response.status().as_u16().to_string(),
        Err(error) => failed(error),
    }
}

/// The token, or the kind of the error.
pub(crate) fn token(result: Result<impl Into<Renewed>, impl Into<BoxError>>) -> String {
    match result {
        Ok(renewed) => renewed.into().credential().expose().to_owned(),
        Err(error) => failed(error),
    }
}

pub(crate) fn failed(error: impl Into<BoxError>) -> String {
    format!("{:?}", Error::from_boxed(error.into()).kind())
}
