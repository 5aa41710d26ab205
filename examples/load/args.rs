//! The command line.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use tower_reauth::BoxError;

pub(crate) const HELP: &str = "\
Load over real sockets, with a chart.

usage: load [options]

  --http h1|h2      the protocol [h1]
  --callers N       calls under way at a time [64]
  --seconds S       how long each contestant has, in turns [4]
  --slice MS        how long a turn is [250]
  --calls N         stop after so many calls in all [2000000]
  --kill MS         kill all tokens so often; 0: never [1000]
  --rule RULE       since-kill: all tokens since the last kill are good; newest: only the newest
                    one is [since-kill]
  --lifetime S      let tokens expire after so many seconds; 0: never [0]
  --answer-ms MS    how long the API takes, give or take a half of it [0]
  --token-ms MS     how long the token endpoint takes [20]
  --contestants A,B which of them: fixed (a header that never changes), bearer, full (Replay, Mfa,
                    Refresh, Bearer, Normalize), reqwest, middleware (reqwest-middleware with a
                    bearer written by hand) [fixed,full]
  --svg FILE|none   where to draw the chart [target/load.svg]
  --help            this text

bearer alone does not renew: let it run with --kill 0. Exit status: 0 all calls were answered with
200; 1 some were not; 2 bad usage.
";

pub(crate) enum Request {
    Help,
    Load(Settings),
}

pub(crate) struct Settings {
    pub(crate) http2: bool,
    pub(crate) callers: usize,
    pub(crate) whole: Duration,
    pub(crate) slice: Duration,
    pub(crate) most_calls: usize,
    pub(crate) kill: Option<Duration>,
    pub(crate) only_newest: bool,
    pub(crate) lifetime: Option<Duration>,
    pub(crate) answer: Duration,
    pub(crate) token: Duration,
    pub(crate) contestants: Vec<String>,
    pub(crate) svg: Option<PathBuf>,
}

pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Request, BoxError> {
    let mut settings = Settings {
        http2: false,
        callers: 64,
        whole: Duration::from_secs(4),
        slice: Duration::from_millis(250),
        most_calls: 2_000_000,
        kill: Some(Duration::from_secs(1)),
        only_newest: false,
        lifetime: None,
        answer: Duration::ZERO,
        token: Duration::from_millis(20),
        contestants: ["fixed", "full"].map(String::from).to_vec(),
        svg: Some("target/load.svg".into()),
    };
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        let lexopt::Arg::Long(name) = argument else {
            return Err(argument.unexpected().into());
        };
        let name = name.to_owned();
        if name == "help" {
            return Ok(Request::Help);
        }
        let value = parser.value()?.into_string().map_err(|_| "not UTF-8")?;
        let number = || -> Result<u64, BoxError> {
            let wrong = |_| format!("--{name} is `{value}`, and takes a whole number");
            Ok(value.parse().map_err(wrong)?)
        };
        let span = |unit: Duration| -> Result<_, BoxError> {
            // A day at most: nobody waits longer.
            let count = u32::try_from(number()?).unwrap_or(u32::MAX);
            Ok(unit.saturating_mul(count).min(Duration::from_secs(86_400)))
        };
        let (second, milli) = (Duration::from_secs(1), Duration::from_millis(1));
        match &*name {
            "http" => settings.http2 = choice(&name, &value, ["h1", "h2"])? == 1,
            "callers" => settings.callers = usize::try_from(number()?)?.clamp(1, 100_000),
            "seconds" => settings.whole = span(second)?.max(second),
            "slice" => settings.slice = span(milli)?.max(10 * milli),
            "calls" => settings.most_calls = usize::try_from(number()?)?.clamp(1, 50_000_000),
            "kill" => settings.kill = Some(span(milli)?).filter(|every| !every.is_zero()),
            "rule" => {
                settings.only_newest = choice(&name, &value, ["since-kill", "newest"])? == 1;
            }
            "lifetime" => settings.lifetime = Some(span(second)?).filter(|span| !span.is_zero()),
            "answer-ms" => settings.answer = span(milli)?,
            "token-ms" => settings.token = span(milli)?,
            "contestants" => settings.contestants = value.split(',').map(String::from).collect(),
            "svg" => settings.svg = (value != "none").then(|| value.into()),
            _ => return Err(format!("there is no option --{name}").into()),
        }
    }
    Ok(Request::Load(settings))
}

fn choice(name: &str, value: &str, of: [&str; 2]) -> Result<usize, BoxError> {
    let place = of.iter().position(|one| *one == value);
    place.ok_or_else(|| format!("--{name} is `{value}`, and takes {} or {}", of[0], of[1]).into())
}

// === impl Settings ===

impl Settings {
    pub(crate) fn rounds(&self) -> u32 {
        let rounds = self.whole.as_millis() / self.slice.as_millis();
        u32::try_from(rounds).unwrap_or(u32::MAX).max(1)
    }
}
