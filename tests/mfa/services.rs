//! Code services that fail, hang, panic or are not there, and callers that leave.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use tokio::time::Instant;
use tokio_test::task;
use tower::{BoxError, Service, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_reauth::{Code, CodeRequest, Error, ErrorKind, layers::mfa::MfaPolicy};

use crate::support::*;

fn unavailable(code: &str) -> (u16, Option<(ErrorKind, Option<&str>)>) {
    (403, Some((ErrorKind::CodeUnavailable, Some(code))))
}

#[tokio::test(start_paused = true)]
async fn without_a_code_service_codes_come_by_hand() {
    let api = Api::default();
    let mfa = bare().build().unwrap();
    let client = api.client(&mfa);
    for _ in 0..2 {
        let answer = call(&client, post()).await;
        assert_eq!(
            outcome(&answer),
            (403, Some((ErrorKind::CodeRequired, Some("5900"))))
        );
        assert_eq!(answer.body(), "5900");
    }
    assert_eq!(
        mfa.code().await.unwrap_err().kind(),
        ErrorKind::CodeRequired
    );
    api.accept(Some("c1"));
    assert_eq!(mfa.set(Code::new("c1").unwrap()), 1);
    assert_eq!(outcome(&call(&client, post()).await), DONE);
    assert_eq!(mfa.code().await.unwrap().expose(), "c1");
    api.accept(None);
    let answer = call(&client, post()).await;
    assert_eq!(
        outcome(&answer),
        (403, Some((ErrorKind::CodeRequired, Some("5901"))))
    );
    // The refused one is not sent again.
    call(&client, post()).await;
    assert_eq!(api.codes(), "- - c1 c1 -");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_fails_is_left_alone_for_as_long_as_its_error_says() {
    for (act, kind, seconds) in [
        (Act::FailOtherwise, ErrorKind::CodeUnavailable, 300),
        (Act::Panic, ErrorKind::CodeUnavailable, 300),
        (
            // Sooner than the least interval it is not asked, whatever it says.
            Act::Fail(Error::new(ErrorKind::Transport, "down")),
            ErrorKind::Transport,
            30,
        ),
        (
            Act::Fail(Error::new(ErrorKind::RateLimited, "").retry_after(secs(900))),
            ErrorKind::RateLimited,
            900,
        ),
    ] {
        let api = Api::default();
        let person = api.person();
        let client = api.client(&person.mfa());
        person.then(act);
        let began = Instant::now();
        while person.asked() < 2 {
            let answer = call(&client, post()).await;
            if person.asked() < 2 {
                let expected = (403, Some((kind, Some("5900"))));
                assert_eq!(outcome(&answer), expected);
            } else {
                assert_eq!(outcome(&answer), DONE);
            }
            pass(secs(1)).await;
        }
        let waited = began.elapsed().as_secs() - 1;
        // Cool-downs of ours are spread a little.
        assert!(
            (seconds..=seconds + 15).contains(&waited),
            "{kind} {waited}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn clear_ends_the_pause_after_a_failure() {
    let api = Api::default();
    let person = api.person();
    let mfa = person.mfa();
    let client = api.client(&mfa);
    person.then(Act::Panic);
    assert_eq!(outcome(&call(&client, post()).await), unavailable("5900"));
    mfa.clear();
    assert_eq!(outcome(&call(&client, post()).await), DONE);
    assert_eq!(person.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_no_code_in_time_is_not_asked_any_more() {
    for (set, seconds) in [(None, 300), (Some(secs(20)), 20)] {
        let api = Api::default();
        let person = api.person();
        let mut builder = person.builder();
        if let Some(timeout) = set {
            builder = builder.code_timeout(timeout);
        }
        let client = api.client(&builder.build().unwrap());
        person.then(Act::Hang);
        let began = Instant::now();
        assert_eq!(outcome(&call(&client, post()).await), unavailable("5900"));
        assert_eq!(began.elapsed(), secs(seconds));
        assert!(!person.is_present());
        assert_eq!((person.asked(), api.sends()), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_panics_when_it_is_called_fails_its_callers_only() {
    let api = Api::default();
    let panics = service_fn(
        |_: CodeRequest| -> std::future::Ready<Result<Code, BoxError>> {
            panic!("no code");
        },
    );
    let mfa = bare().code_service(panics).build().unwrap();
    let client = api.client(&mfa);
    assert_eq!(outcome(&call(&client, post()).await), unavailable("5900"));
    api.accept(Some("c1"));
    mfa.set(Code::new("c1").unwrap());
    assert_eq!(outcome(&call(&client, post()).await), DONE);
}

/// Gives a code if it was made ready, and not before it has been asked whether it is three times.
struct Slow {
    polls: usize,
    served: Arc<AtomicUsize>,
}

impl Clone for Slow {
    fn clone(&self) -> Self {
        // New clones do not carry the readiness.
        let served = Arc::clone(&self.served);
        Self { polls: 0, served }
    }
}

impl Service<CodeRequest> for Slow {
    type Response = Code;
    type Error = BoxError;
    type Future = std::future::Ready<Result<Code, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.polls += 1;
        if self.polls < 3 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: CodeRequest) -> Self::Future {
        assert_eq!(self.polls, 3, "called without being ready");
        self.served.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok(Code::new("c1").unwrap()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_is_called_when_it_is_ready() {
    let (api, served) = (Api::default(), Arc::new(AtomicUsize::new(0)));
    api.accept(Some("c1"));
    let codes = Slow {
        polls: 0,
        served: Arc::clone(&served),
    };
    let mfa = bare().code_service(codes).build().unwrap();
    assert_eq!(outcome(&call(&api.client(&mfa), post()).await), DONE);
    assert_eq!(served.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn callers_may_leave_at_any_point_and_the_code_is_kept() {
    // Polled so often, then dropped: before the send, in it, before and in the asking.
    for polls in 0..6 {
        let api = Api::default();
        api.latency(secs(1));
        let person = api.person().latency(secs(60));
        let client = api.client(&person.mfa());
        {
            let mut call = task::spawn(client.clone().oneshot(post()));
            for _ in 0..polls {
                if call.poll().is_ready() {
                    break;
                }
                pass(secs(1)).await;
            }
        }
        pass(secs(100)).await;
        let asked = person.asked();
        assert_eq!(outcome(&call(&client, post()).await), DONE);
        assert_eq!(person.asked(), 1, "after {polls} polls");
        if asked == 1 {
            assert!(api.codes().ends_with(" c1"), "it is found");
        }
        assert_eq!(person.most(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn clear_calls_the_asking_off_and_never_are_two_asked_at_once() {
    let api = Api::default();
    let person = api.person().latency(secs(60));
    let mfa = person.mfa();
    let client = api.client(&mfa);
    let first = tokio::spawn(client.clone().oneshot(post()));
    pass(secs(10)).await;
    assert!(person.is_present());
    mfa.clear();
    let second = tokio::spawn(client.clone().oneshot(post()));
    pass(secs(1)).await;
    assert_eq!(person.asked(), 2, "the first is not asked any more");
    let answer = first.await.unwrap().unwrap();
    assert_eq!(
        outcome(&answer),
        (403, Some((ErrorKind::Cleared, Some("5900"))))
    );
    assert_eq!(outcome(&second.await.unwrap().unwrap()), DONE);
    assert_eq!((person.asked(), person.most()), (2, 1));
    assert_eq!(api.codes(), "- - c2");
}

#[tokio::test(start_paused = true)]
async fn a_code_that_is_set_meanwhile_is_for_those_who_wait_and_ends_the_asking() {
    let api = Api::default();
    let person = api.person().latency(secs(60));
    let mfa = person.mfa();
    let waiting = tokio::spawn(api.client(&mfa).oneshot(post()));
    pass(secs(10)).await;
    assert!(person.is_present());
    api.accept(Some("own"));
    mfa.set(Code::new("own").unwrap());
    assert_eq!(outcome(&waiting.await.unwrap().unwrap()), DONE);
    assert!(!person.is_present());
    pass(secs(100)).await;
    assert_eq!(api.codes(), "- own");
    assert_eq!(mfa.code().await.unwrap().expose(), "own");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_calls_through_its_own_layer_fails_and_does_not_hang() {
    for policy in [MfaPolicy::OnChallenge, MfaPolicy::Always] {
        let api = Api::default();
        let client = Arc::new(std::sync::OnceLock::<Client>::new());
        let through = Arc::clone(&client);
        let codes = service_fn(move |_: CodeRequest| {
            let client = through.get().unwrap().clone();
            async move {
                let answer = client.oneshot(post()).await?;
                Err::<Code, _>(BoxError::from(error(&answer)))
            }
        });
        let codes = BoxCloneSyncService::new(codes);
        let mfa = bare().policy(policy).code_service(codes).build().unwrap();
        client.set(api.client(&mfa)).ok().unwrap();
        let call = mfa.code();
        let failed = tokio::time::timeout(secs(1), call).await;
        let failed = failed.expect("it does not hang").unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Config);
    }
}

#[tokio::test(start_paused = true)]
async fn a_runtime_that_ends_takes_the_asking_along_and_the_next_call_asks_again() {
    let api = Api::default();
    let person = api.person().latency(secs(60));
    let mfa = person.mfa();
    let client = api.client(&mfa);
    let other = std::thread::spawn({
        let client = client.clone();
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().unwrap();
            runtime.block_on(async {
                let waiting = client.oneshot(post());
                tokio::select! {
                    _ = waiting => panic!("nobody gives a code so soon"),
                    () = tokio::task::yield_now() => {}
                }
                // Until somebody is asked.
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
            });
        }
    });
    other.join().unwrap();
    assert_eq!(outcome(&call(&client, post()).await), DONE);
    assert_eq!(person.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_may_use_the_handle() {
    // Its waker runs while events are told.
    let api = Api::default();
    let person = api.person();
    let mfa = person.mfa();
    let client = api.client(&mfa);
    let woken = Arc::new(AtomicBool::new(false));
    struct Using(tower_reauth::layers::Mfa, Arc<AtomicBool>);
    impl std::task::Wake for Using {
        fn wake(self: Arc<Self>) {
            self.0.set(Code::new("from-the-waker").unwrap());
            self.1.store(true, Ordering::SeqCst);
        }
    }
    api.accept(Some("from-the-waker"));
    person.then(Act::Give("wrong"));
    mfa.code().await.unwrap();
    let mut events = mfa.events();
    let waker = std::task::Waker::from(Arc::new(Using(mfa.clone(), Arc::clone(&woken))));
    {
        let mut next = std::pin::pin!(events.next());
        let mut cx = Context::from_waker(&waker);
        assert!(next.as_mut().poll(&mut cx).is_pending());
        assert_eq!(outcome(&call(&client, post()).await), DONE);
    }
    assert!(woken.load(Ordering::SeqCst));
    assert_eq!(api.codes(), "wrong from-the-waker");
}
