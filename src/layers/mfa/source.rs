//! Asking the code service: one at a time, and as long as somebody wants the code.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tower::{ServiceExt, util::BoxCloneSyncService};

use super::{history::History, on_the_way::OnTheWay};
use crate::{
    BoxError, Clock, Code, CodeRequest, Error, ErrorKind, Renewal, Renewed, renew::Credential,
};

pub(super) type CodeService = BoxCloneSyncService<CodeRequest, Code, BoxError>;

/// How long to wait for the answers to requests that carry an old code.
const PATIENCE: Duration = Duration::from_secs(2);

/// What asks for codes.
pub(super) struct Source {
    pub(super) codes: CodeService,
    pub(super) method: Box<str>,
    pub(super) code_ttl: Option<Duration>,
    pub(super) history: Arc<Mutex<History>>,
    pub(super) on_the_way: Arc<OnTheWay>,
    pub(super) clock: Arc<dyn Clock>,
    /// Held while somebody is asked. One who is not wanted any more is still being asked until his
    /// future is dropped.
    pub(super) asking: tokio::sync::Mutex<()>,
}

impl Source {
    pub(super) async fn renew(&self, renewal: Renewal<Code>) -> Result<Renewed<Code>, Error> {
        tokio::select! {
            biased;
            () = renewal.abandoned() => Err(Code::cleared()),
            code = self.ask(renewal.previous()) => Ok(Renewed::new(code?).signed_in(false)),
        }
    }

    async fn ask(&self, expired: Option<&Code>) -> Result<Code, Error> {
        let _turn = self.asking.lock().await;
        // A new code may be blocked by what comes with an old one after it.
        tokio::select! {
            biased;
            () = self.on_the_way.none() => {}
            () = self.clock.sleep(PATIENCE) => {}
        }
        let attempt = {
            let mut history = lock(&self.history);
            if let Some(expired) = expired {
                history.spend(expired.clone());
            }
            history.refused().saturating_add(1)
        };
        let request = CodeRequest::new(&*self.method).with_attempt(attempt);
        let code = self.codes.clone().oneshot(request).await;
        let code = code.map_err(|error| {
            Error::from_boxed(error).unless_ours(
                ErrorKind::CodeUnavailable,
                "the code service failed: mend it, then clear() lets it be asked again",
            )
        })?;
        if lock(&self.history).is_spent(&code) {
            return Err(repeated());
        }
        Ok(match (code.lifetime(), self.code_ttl) {
            (None, Some(ttl)) => code.with_lifetime(ttl),
            _ => code,
        })
    }
}

pub(super) fn lock(history: &Mutex<History>) -> MutexGuard<'_, History> {
    history.lock().unwrap_or_else(PoisonError::into_inner)
}

fn repeated() -> Error {
    let message = "the code service gave a code that is worth nothing any more, because it was \
                   refused, replaced or has expired: it was not sent, the newest one is needed";
    Error::with_message(ErrorKind::CodeRejected, message)
}

impl Credential for Code {
    #[cfg(feature = "tracing")]
    const NAME: &'static str = "code";

    fn lifetime(&self) -> Option<Duration> {
        self.lifetime()
    }

    fn late(deadline: Duration) -> Error {
        let message = format!("no code came within {} s", deadline.as_secs_f32());
        Error::with_message(ErrorKind::CodeUnavailable, message)
    }

    fn panicked() -> Error {
        let message = "the code service panicked: mend it, then clear() lets it be asked again";
        Error::with_message(ErrorKind::CodeUnavailable, message)
    }

    fn cleared() -> Error {
        let message = "the code was cleared while this call was on its way";
        Error::with_message(ErrorKind::Cleared, message)
    }

    fn waits_for_itself() -> Error {
        let message = "the code service called through the layer that waits for its code: give it \
                       an HTTP service of its own, below the layers";
        Error::with_message(ErrorKind::Config, message)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio_test::{assert_pending, task};
    use tower::service_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nobody_is_asked_while_another_has_not_been_let_go_of() {
        let asked = Arc::new(AtomicUsize::new(0));
        let codes = service_fn({
            let asked = Arc::clone(&asked);
            move |_: CodeRequest| {
                asked.fetch_add(1, Ordering::SeqCst);
                std::future::pending::<Result<Code, BoxError>>()
            }
        });
        let source = Source {
            codes: BoxCloneSyncService::new(codes),
            method: "mfa".into(),
            code_ttl: None,
            history: Arc::default(),
            on_the_way: Arc::default(),
            clock: Arc::new(crate::SystemClock::new()),
            asking: tokio::sync::Mutex::default(),
        };
        let renewal = || Renewal::new(crate::Reason::Missing);
        let mut first = task::spawn(source.renew(renewal()));
        let mut second = task::spawn(source.renew(renewal()));
        assert_pending!(first.poll());
        assert_pending!(second.poll());
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        drop(first);
        assert!(second.is_woken());
        assert_pending!(second.poll());
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}
