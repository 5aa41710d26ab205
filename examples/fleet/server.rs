//! The provider: rotates refresh tokens, revokes everything when one comes twice, and allows five
//! sign-ins a minute.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use tokio::time::Instant;
use tower_reauth::{Error, ErrorKind, ExposeSecret, Renewal, Renewed, Token};

use crate::{Shared, network};

/// Sign-ins in any minute.
pub(crate) const LIMIT: usize = 5;

/// How long an access token is good for.
const LIFE: Duration = Duration::from_secs(200);

#[derive(Clone)]
pub(crate) struct Server {
    begun: Instant,
    state: Shared<State>,
}

#[derive(Default)]
struct State {
    issued: u64,
    /// Access tokens that are good, and until when.
    good: VecDeque<(String, Instant)>,
    refresh: HashSet<String>,
    spent: HashSet<String>,
    log: Log,
}

/// What the provider saw, in time since the beginning.
#[derive(Clone, Default)]
pub(crate) struct Log {
    pub(crate) sign_ins: Vec<Duration>,
    pub(crate) refreshes: Vec<Duration>,
    pub(crate) reuses: u64,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self {
            begun: Instant::now(),
            state: Shared::default(),
        }
    }

    pub(crate) fn log(&self) -> Log {
        self.with(|state| state.log.clone())
    }

    pub(crate) fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Revokes every access token and every refresh token.
    pub(crate) fn revoke_all(&self) {
        self.with(|state| {
            state.good.clear();
            state.refresh.clear();
        });
    }

    pub(crate) fn kill_access_tokens(&self) {
        self.with(|state| state.good.clear());
    }

    pub(crate) fn accepts(&self, header: &[u8]) -> bool {
        let now = Instant::now();
        self.with(|state| {
            state
                .good
                .iter()
                .any(|(token, end)| token.as_bytes() == header && *end > now)
        })
    }

    /// The token service: one exchange over the network.
    pub(crate) async fn renew(self, renewal: Renewal) -> Result<Renewed, Error> {
        network().await;
        let refresh = renewal.previous().and_then(Token::refresh_token);
        let refresh = refresh.map(|refresh| refresh.expose_secret().to_owned());
        let at = self.now();
        let renewed = self.with(|state| state.issue(refresh, at));
        network().await;
        renewed
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().expect("nothing panics under it"))
    }
}

impl State {
    fn issue(&mut self, refresh: Option<String>, at: Duration) -> Result<Renewed, Error> {
        let is_refreshed = match &refresh {
            Some(refresh) if self.spent.contains(refresh) => {
                // Somebody has stolen it, for all the provider knows.
                self.log.reuses += 1;
                self.refresh.clear();
                false
            }
            Some(refresh) => self.refresh.remove(refresh),
            None => false,
        };
        if is_refreshed {
            self.spent.extend(refresh);
            self.log.refreshes.push(at);
        } else {
            self.log.sign_ins.push(at);
            if busiest_minute(&self.log.sign_ins) > LIMIT {
                return Err(Error::with_message(
                    ErrorKind::RateLimited,
                    "too many sign-ins",
                ));
            }
        }
        self.issued += 1;
        let (access, refresh) = (format!("a{}", self.issued), format!("r{}", self.issued));
        self.refresh.insert(refresh.clone());
        self.good
            .push_back((format!("Bearer {access}"), Instant::now() + LIFE));
        if self.good.len() > 8 {
            self.good.pop_front();
        }
        let token = Token::new(access)?
            .with_refresh_token(refresh)?
            .with_lifetime(LIFE);
        Ok(Renewed::new(token).signed_in(!is_refreshed))
    }
}

/// The most in any 60 s. They come in order.
pub(crate) fn busiest_minute(times: &[Duration]) -> usize {
    let minute = Duration::from_secs(60);
    let in_minute_from = |first: usize| {
        let end = times[first] + minute;
        times[first..]
            .iter()
            .take_while(|time| **time < end)
            .count()
    };
    (0..times.len())
        .map(in_minute_from)
        .max()
        .unwrap_or_default()
}
