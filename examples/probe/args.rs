//! The command line: which options there are, whom they are for, and which were given.

use std::{ffi::OsString, time::Duration};

use crate::{
    providers::{PROVIDERS, Provider},
    usage::Usage,
};

/// What the command line asks for.
pub(crate) enum Request {
    Help,
    Probe(Given),
}

/// A provider and options, as they were given. The last one of a name counts, unless all do.
pub(crate) struct Given {
    pub(crate) provider: Provider,
    options: Vec<(&'static str, String)>,
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
    Only(&'static [Provider]),
}

#[rustfmt::skip]
const OPTIONS: [Opt; 27] = [
    opt("base-url", "URL", Fits::All),
    opt("login-url", "URL", Fits::Only(&[Provider::My2n, Provider::Fintiv, Provider::OAuth2])),
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
    opt("store", "FILE", Fits::All),
    opt("redis", "URL", Fits::All),
    opt("client", "hyper|reqwest|reqwest-middleware", Fits::All),
    opt("renew-ahead", "MS", Fits::All),
    opt("api-version", "v1|v2|auto", Fits::Only(&[Provider::My2n])),
    opt("mfa-type", "T", Fits::Only(&[Provider::Glue])),
    opt("webhook-listen", "ADDR", Fits::Only(&[Provider::Q2])),
    opt("client-id", "ID", Fits::Only(&[Provider::Q2])),
    opt("company-id", "ID", Fits::Only(&[Provider::Q2])),
    opt("form", "k=v", Fits::Only(&[Provider::Q2])),
    opt("form-env", "k=NAME", Fits::Only(&[Provider::Q2])),
    opt("webhook-keys", "URL", Fits::Only(&[Provider::Q2])),
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
    let mut options = Vec::new();
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
        options.push((option.name, value));
    }
    let provider = provider_of(provider)?;
    let given = Given { provider, options };
    given.check_fit()?;
    Ok(Request::Probe(given))
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
            "Secrets are not taken from arguments: set PROBE_USERNAME, PROBE_PASSWORD and the like \
             (--help names them).",
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

fn provider_of(name: Option<OsString>) -> Result<Provider, Usage> {
    let list = PROVIDERS.map(Provider::name).join(", ");
    let Some(name) = name else {
        return Err(Usage::new(
            "no PROVIDER is given",
            format!("Name one first: {list}"),
        ));
    };
    let named = |provider: &Provider| name == provider.name();
    PROVIDERS.into_iter().find(named).ok_or_else(|| {
        // Not repeated: who forgets the provider may have written anything there.
        Usage::new(
            "the PROVIDER is not one that is known",
            format!("Name one of these first: {list}"),
        )
    })
}

// === impl Given ===

impl Given {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).last()
    }

    /// Returns the values of an option that may be repeated, in their order.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.options.iter().filter(move |(given, _)| *given == name);
        values.map(|(_, value)| value.as_str())
    }

    /// Whether any URL that was given is one of https.
    pub(crate) fn has_https(&self) -> bool {
        let mut urls = self
            .options
            .iter()
            .filter(|(name, _)| known(name).is_ok_and(|option| option.takes == Some("URL")));
        urls.any(|(_, url)| {
            url.get(..6)
                .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
        })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn check_fit(&self) -> Result<(), Usage> {
        for (name, _) in &self.options {
            match known(name)?.fits {
                Fits::Only(whom) if !whom.contains(&self.provider) => {
                    let us = self.provider.name();
                    let whom = listed(whom);
                    return Err(Usage::new(
                        format!("--{name} does not apply to {us}: it is for {whom}"),
                        "Leave it out.",
                    ));
                }
                Fits::All | Fits::Only(_) => {}
            }
        }
        Ok(())
    }

    pub(crate) fn required(&self, name: &str, example: &str) -> Result<&str, Usage> {
        self.get(name).ok_or_else(|| {
            Usage::new(
                format!("--{name} is missing"),
                format!("Add it, as in --{name} {example}"),
            )
        })
    }

    pub(crate) fn number(&self, name: &str, least: u64, default: u64) -> Result<u64, Usage> {
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

    pub(crate) fn millis(&self, name: &str, least: u64, default: u64) -> Result<Duration, Usage> {
        // Longer than anybody waits, and far from where clocks overflow.
        const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
        let millis = self.number(name, least, default)?;
        Ok(Duration::from_millis(millis).min(YEAR))
    }
}

fn listed(providers: &[Provider]) -> String {
    let names: Vec<_> = providers.iter().map(|provider| provider.name()).collect();
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => names.concat(),
    }
}
