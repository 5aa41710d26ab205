//! What is printed: lines of JSON for programs, or a table and a progress bar for people.

use std::{
    collections::BTreeMap,
    error::Error as _,
    fmt::Write as _,
    io::{self, Write as _},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use tower_reauth::{Error, ErrorKind};

use crate::{
    call::Ended,
    people::{self, one_line},
    tally::{self, Summary},
};

/// Where results go.
pub(crate) struct Report {
    style: Style,
    /// Whether standard output took no more: mostly, whoever reads it has left.
    is_closed: bool,
}

enum Style {
    Json,
    People {
        bar: ProgressBar,
        /// How often each error came, in the words in which it is shown.
        errors: BTreeMap<String, u64>,
    },
}

/// The line of a call.
#[derive(Serialize)]
struct Line<'a> {
    call: u64,
    status: Option<u16>,
    ms: f64,
    error: Option<Told<'a>>,
}

#[derive(Serialize)]
struct Told<'a> {
    kind: &'static str,
    code: Option<&'a str>,
    message: String,
}

#[derive(Serialize)]
struct Listening<'a> {
    listening: &'a str,
}

#[derive(Serialize)]
struct Last<'a> {
    summary: &'a Summary,
}

/// So many different errors are shown to people; the rest is counted only.
const MOST_ERRORS: usize = 10;

// === impl Report ===

impl Report {
    pub(crate) fn new(json: bool, calls: u64) -> Self {
        let style = if json {
            Style::Json
        } else {
            // Drawn on standard error, and only if that is a terminal.
            let bar = ProgressBar::with_draw_target(Some(calls), ProgressDrawTarget::stderr());
            let template = "{bar:30} {pos}/{len} calls, {per_sec}, {elapsed}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            Style::People {
                bar,
                errors: BTreeMap::new(),
            }
        };
        Self {
            style,
            is_closed: false,
        }
    }

    /// Whether nobody reads on, so that results are lost.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Tells where events are taken.
    pub(crate) fn listening(&mut self, url: &str) {
        match &self.style {
            Style::Json => self.print_json(&Listening { listening: url }),
            Style::People { .. } => self.print(&format!("listening on {url}\n")),
        }
    }

    /// Says something to people, beside the results.
    pub(crate) fn say(&self, text: &str) {
        let text = format!("probe: {}", one_line(text));
        match &self.style {
            Style::Json => people::say(&text),
            Style::People { bar, .. } => bar.suspend(|| people::say(&text)),
        }
    }

    pub(crate) fn ended(&mut self, ended: &Ended) {
        match &mut self.style {
            Style::Json => {
                let line = Line {
                    call: ended.call,
                    status: tally::number(ended.status),
                    ms: tally::millis(ended.took),
                    error: ended.error.as_ref().map(Told::new),
                };
                self.print_json(&line);
            }
            Style::People { bar, errors } => {
                bar.inc(1);
                if let Some(error) = &ended.error {
                    let text = format!("{}: {}", kind(error.kind()), one_line(&full_text(error)));
                    if errors.len() >= MOST_ERRORS && !errors.contains_key(&text) {
                        *errors.entry("others".into()).or_default() += 1;
                    } else {
                        *errors.entry(text).or_default() += 1;
                    }
                }
            }
        }
    }

    pub(crate) fn summary(&mut self, summary: &Summary) {
        match &self.style {
            Style::Json => self.print_json(&Last { summary }),
            Style::People { bar, errors } => {
                bar.finish_and_clear();
                let text = table(summary, errors);
                self.print(&text);
            }
        }
    }

    fn print_json(&mut self, value: &impl Serialize) {
        // Fails for maps with keys that are no strings, and there are none.
        if let Ok(mut text) = serde_json::to_string(value) {
            text.push('\n');
            self.print(&text);
        }
    }

    fn print(&mut self, text: &str) {
        let mut out = io::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        self.is_closed |= written.is_err();
    }
}

// === impl Told ===

impl<'a> Told<'a> {
    fn new(error: &'a Error) -> Self {
        Self {
            kind: kind(error.kind()),
            code: error.provider_code(),
            message: full_text(error),
        }
    }
}

/// Returns the kind as the contract has it, which knows fewer than the library does.
fn kind(kind: ErrorKind) -> &'static str {
    match kind {
        // The login of v1 is gone: another --api-version is needed.
        ErrorKind::Upgrade => ErrorKind::Config.as_str(),
        // While calls run, only another process that shares the store can have signed out.
        ErrorKind::Cleared => ErrorKind::Store.as_str(),
        other => other.as_str(),
    }
}

/// Returns what an error says, with the errors below it.
pub(crate) fn full_text(error: &Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        let said = cause.to_string();
        // Some repeat the one below them.
        if !text.contains(&said) {
            let _ = write!(text, ": {said}");
        }
        below = cause.source();
    }
    text
}

fn table(summary: &Summary, errors: &BTreeMap<String, u64>) -> String {
    let by_status: Vec<_> = summary
        .by_status
        .iter()
        .map(|(status, count)| format!("{count} x {status}"))
        .collect();
    let per_second = summary.calls as f64 / summary.seconds.max(0.001);
    let mut rows = vec![
        (
            "calls",
            format!(
                "{} in {} s, {per_second:.1} a second",
                summary.calls, summary.seconds
            ),
        ),
        ("ok (2xx)", summary.ok.to_string()),
        ("by status", by_status.join(", ")),
        ("failed", summary.failed.to_string()),
        ("sign-ins", summary.sign_ins.to_string()),
        ("renewals", summary.renewals.to_string()),
        ("resends", summary.resends.to_string()),
        ("upgrades", summary.upgrades.to_string()),
        ("MFA rounds", summary.mfa_rounds.to_string()),
        ("normalized", summary.normalized.to_string()),
        (
            "milliseconds",
            format!(
                "{:.1} median, {:.1} 99th percentile, {:.1} longest",
                summary.p50_ms, summary.p99_ms, summary.max_ms
            ),
        ),
    ];
    for (error, count) in errors {
        rows.push(("error", format!("{count} x {error}")));
    }
    let mut text = String::new();
    for (name, value) in rows {
        let value = if value.is_empty() { "-" } else { &value };
        let _ = writeln!(text, "{name:<14}{value}");
    }
    text
}
