//! The command line: which options there are, whom they are for, and what they say.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use crate::usage::Usage;

/// What the command line asks for.
pub(crate) enum Request {
    Help,
    Probe(Box<Args>),
}

/// The command line, read but for what only the network stack can check.
pub(crate) struct Args {
    pub(crate) base_url: String,
    pub(crate) path: String,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) method: Option<String>,
    pub(crate) body: Option<BodyFrom>,
    pub(crate) content_type: String,
    pub(crate) stream_body: bool,
    pub(crate) renew_ahead: Option<Duration>,
    pub(crate) json: bool,
    pub(crate) plan: Plan,
}

pub(crate) enum BodyFrom {
    Text(String),
    File(PathBuf),
}

/// How many calls, and when.
pub(crate) struct Plan {
    pub(crate) requests: u64,
    pub(crate) concurrency: usize,
    pub(crate) every: Duration,
    pub(crate) timeout: Duration,
    pub(crate) sign_out: bool,
}

struct Opt {
    name: &'static str,
    /// What it takes, as the help calls it; `None` for a switch.
    takes: Option<&'static str>,
    fits: Fits,
}

#[derive(Clone, Copy)]
enum Fits {
    All,
    Only(&'static str),
    Later,
}

/// The options that were given. The last one of a name counts.
struct Given(Vec<(&'static str, String)>);

const PROVIDERS: [&str; 6] = ["my2n", "glue", "fintiv", "q2", "back-office", "oauth2"];

#[rustfmt::skip]
const OPTIONS: [Opt; 27] = [
    opt("base-url", "URL", Fits::All),
    opt("login-url", "URL", Fits::Only("my2n, fintiv and oauth2")),
    opt("ca", "FILE", Fits::All),
    opt("path", "P", Fits::All),
    opt("method", "M", Fits::All),
    opt("body", "TEXT", Fits::All),
    opt("body-file", "FILE", Fits::All),
    opt("content-type", "T", Fits::All),
    switch("stream-body"),
    opt("requests", "N", Fits::All),
    opt("concurrency", "C", Fits::All),
    opt("every", "MS", Fits::All),
    opt("timeout", "MS", Fits::All),
    opt("store", "FILE", Fits::Later),
    opt("redis", "URL", Fits::Later),
    opt("client", "hyper|reqwest|reqwest-middleware", Fits::All),
    opt("renew-ahead", "MS", Fits::All),
    opt("api-version", "v1|v2|auto", Fits::Only("my2n")),
    opt("mfa-type", "T", Fits::Only("glue")),
    opt("webhook-listen", "ADDR", Fits::Only("q2")),
    opt("client-id", "ID", Fits::Only("q2")),
    opt("company-id", "ID", Fits::Only("q2")),
    opt("form", "k=v", Fits::Only("q2")),
    opt("form-env", "k=NAME", Fits::Only("q2")),
    opt("webhook-keys", "URL", Fits::Only("q2")),
    switch("sign-out"),
    switch("json"),
];

const fn opt(name: &'static str, takes: &'static str, fits: Fits) -> Opt {
    Opt {
        name,
        takes: Some(takes),
        fits,
    }
}

const fn switch(name: &'static str) -> Opt {
    Opt {
        name,
        takes: None,
        fits: Fits::All,
    }
}

/// Reads the command line.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Request, Usage> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut provider = None;
    let mut given = Given(Vec::new());
    while let Some(argument) = parser.next().map_err(spelled_wrong)? {
        let option = match argument {
            lexopt::Arg::Long("help") | lexopt::Arg::Short('h') => return Ok(Request::Help),
            lexopt::Arg::Long(name) => known(name)?,
            lexopt::Arg::Short(letter) => return Err(unknown(&format!("-{letter}"))),
            lexopt::Arg::Value(value) if provider.is_none() => {
                provider = Some(value);
                continue;
            }
            // It is not repeated: it may be a secret that should not stand there.
            lexopt::Arg::Value(_) => {
                return Err(Usage::new(
                    "there is one argument too many",
                    "Give one PROVIDER, and quote values with spaces; secrets come from the \
                     environment.",
                ));
            }
        };
        let value = match option.takes {
            None => String::new(),
            Some(takes) => value(&mut parser, option.name, takes)?,
        };
        given.0.push((option.name, value));
    }
    check_provider(provider)?;
    given.check_fit()?;
    Args::new(&given).map(|args| Request::Probe(Box::new(args)))
}

fn known(name: &str) -> Result<&'static Opt, Usage> {
    OPTIONS
        .iter()
        .find(|option| option.name == name)
        .ok_or_else(|| unknown(&format!("--{name}")))
}

fn unknown(option: &str) -> Usage {
    let wrong = format!("there is no option {option}");
    let lower = option.to_ascii_lowercase();
    let secrets = ["user", "email", "pass", "secret", "token", "api-key"];
    if secrets.iter().any(|secret| lower.contains(secret)) {
        return Usage::new(
            wrong,
            "Secrets are not taken from arguments: set PROBE_USERNAME and PROBE_PASSWORD.",
        );
    }
    Usage::new(wrong, "Is it spelled as in the help?")
}

fn value(parser: &mut lexopt::Parser, name: &str, takes: &str) -> Result<String, Usage> {
    let missing = || {
        Usage::new(
            format!("--{name} has no value"),
            format!("Write --{name} {takes}"),
        )
    };
    let attached = parser.optional_value();
    let is_attached = attached.is_some();
    let value = match attached {
        Some(value) => value,
        None => parser.value().map_err(|_| missing())?,
    };
    let value = value.into_string().map_err(|_| {
        Usage::new(
            format!("the value of --{name} is not UTF-8"),
            "Write it in UTF-8.",
        )
    })?;
    // Text may begin as it likes. Elsewhere the value was forgotten, and this is the next option.
    let is_free = matches!(name, "body" | "form");
    if !is_free && (value.is_empty() || !is_attached && value.starts_with("--")) {
        return Err(missing());
    }
    Ok(value)
}

fn spelled_wrong(error: lexopt::Error) -> Usage {
    match error {
        lexopt::Error::UnexpectedValue { option, .. } => Usage::new(
            format!("{option} takes no value"),
            format!("Write {option} alone."),
        ),
        _ => Usage::new(
            "the command line cannot be read",
            "Write it in UTF-8, options as --name VALUE.",
        ),
    }
}

fn check_provider(provider: Option<OsString>) -> Result<(), Usage> {
    let list = PROVIDERS.join(", ");
    let Some(provider) = provider else {
        return Err(Usage::new(
            "no PROVIDER is given",
            format!("Name one first: {list}"),
        ));
    };
    let provider = provider.to_string_lossy();
    if provider == "back-office" {
        Ok(())
    } else if PROVIDERS.contains(&&*provider) {
        Err(Usage::not_built_in(
            &provider,
            "The one that is: back-office",
        ))
    } else {
        // Not repeated: who forgets the provider may have written anything there.
        Err(Usage::new(
            "the PROVIDER is not one that is known",
            format!("Name one of these first: {list}"),
        ))
    }
}

// === impl Given ===

impl Given {
    fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().rev().filter(|(given, _)| *given == name);
        values.next().map(|(_, value)| value.as_str())
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn check_fit(&self) -> Result<(), Usage> {
        for (name, _) in &self.0 {
            match known(name)?.fits {
                Fits::All => {}
                Fits::Only(whom) => {
                    return Err(Usage::new(
                        format!("--{name} does not apply to back-office: it is for {whom}"),
                        "Leave it out.",
                    ));
                }
                Fits::Later => {
                    return Err(Usage::not_built_in(
                        &format!("--{name}"),
                        "Leave it out: the token is kept in memory, for this run.",
                    ));
                }
            }
        }
        match self.get("client") {
            None | Some("hyper") => Ok(()),
            Some(client @ ("reqwest" | "reqwest-middleware")) => Err(Usage::not_built_in(
                &format!("--client {client}"),
                "The one that is: --client hyper",
            )),
            Some(_) => Err(Usage::new(
                "the value of --client is not one that is known",
                "Write hyper, reqwest or reqwest-middleware.",
            )),
        }
    }

    fn required(&self, name: &str, example: &str) -> Result<String, Usage> {
        let value = self.get(name).map(str::to_owned);
        value.ok_or_else(|| {
            Usage::new(
                format!("--{name} is missing"),
                format!("Add it, as in --{name} {example}"),
            )
        })
    }

    fn number(&self, name: &str, least: u64, default: u64) -> Result<u64, Usage> {
        let Some(text) = self.get(name) else {
            return Ok(default);
        };
        // Parsing alone would take a plus sign as well.
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text
            .parse()
            .ok()
            .filter(|number| digits && *number >= least);
        number.ok_or_else(|| {
            Usage::new(
                format!("--{name} is `{text}`, which is not a number that it takes"),
                format!("Write a whole number, {least} or more, without a unit."),
            )
        })
    }

    fn millis(&self, name: &str, least: u64, default: u64) -> Result<Duration, Usage> {
        // Longer than anybody waits, and far from where clocks overflow.
        const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
        let millis = self.number(name, least, default)?;
        Ok(Duration::from_millis(millis).min(YEAR))
    }
}

// === impl Args ===

impl Args {
    fn new(given: &Given) -> Result<Self, Usage> {
        let body = match (given.get("body"), given.get("body-file")) {
            (Some(_), Some(_)) => {
                return Err(Usage::new(
                    "--body and --body-file are both given",
                    "Leave one of them out: a call has one body.",
                ));
            }
            (Some(text), None) => Some(BodyFrom::Text(text.to_owned())),
            (None, Some(file)) => Some(BodyFrom::File(file.into())),
            (None, None) => None,
        };
        let renew_ahead = match given.get("renew-ahead") {
            Some(_) => Some(given.millis("renew-ahead", 0, 0)?),
            None => None,
        };
        Ok(Self {
            base_url: given.required("base-url", "https://host.name")?,
            path: given.required("path", "/api/v2/accounts")?,
            ca: given.get("ca").map(PathBuf::from),
            method: given.get("method").map(str::to_owned),
            body,
            content_type: given
                .get("content-type")
                .unwrap_or("application/json")
                .into(),
            stream_body: given.has("stream-body"),
            renew_ahead,
            json: given.has("json"),
            plan: Plan {
                requests: given.number("requests", 1, 1)?,
                concurrency: usize::try_from(given.number("concurrency", 1, 1)?)
                    .unwrap_or(usize::MAX),
                every: given.millis("every", 0, 0)?,
                timeout: given.millis("timeout", 1, 30_000)?,
                sign_out: given.has("sign-out"),
            },
        })
    }
}
