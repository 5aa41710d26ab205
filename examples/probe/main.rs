//! Try a provider with your own credentials: signs in through the full stack, calls a path under
//! load, and says what happened.
//!
//! ```sh
//! export PROBE_USERNAME=foo@bar.com PROBE_PASSWORD=…
//! cargo run --release --example probe -- back-office \
//!     --base-url https://host.name --path /api/v2/accounts --requests 100 --concurrency 10
//! ```
//!
//! `--help` tells all options. How the stacks are built is in `stack.rs` and `providers/`; the rest is a
//! command line around them.

mod args;
mod body;
mod call;
mod client;
mod codes;
mod environment;
mod log;
mod normalized;
mod people;
mod providers;
mod report;
mod run;
mod settings;
mod stack;
mod store;
mod tally;
mod urls;
mod usage;

use std::process::ExitCode;

use self::{
    args::{Given, Request},
    body::{Buffer, CallBody, Chunks},
    client::Clients,
    report::Report,
    settings::Settings,
    stack::{Setup, Stack},
    usage::Usage,
};

fn main() -> ExitCode {
    match probe() {
        Ok(code) => code,
        Err(usage) => {
            people::say(&usage.to_string());
            ExitCode::from(2)
        }
    }
}

fn probe() -> Result<ExitCode, Usage> {
    let given = match args::parse(std::env::args_os().skip(1))? {
        Request::Help => {
            people::print(include_str!("help.txt"));
            return Ok(ExitCode::SUCCESS);
        }
        Request::Probe(given) => given,
    };
    log::start()?;
    let settings = Settings::new(&given)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Usage::new(
                format!("cannot start: {error}"),
                "Is a limit on threads or open files in the way?",
            )
        })?;
    let result = runtime.block_on(go(&given, settings));
    // A prompt that nobody answered would keep it waiting, and the terminal without its echo.
    runtime.shutdown_background();
    codes::leave_terminal();
    result
}

async fn go(given: &Given, settings: Settings) -> Result<ExitCode, Usage> {
    let (plan, json) = (settings.plan.clone(), settings.json);
    let stack = if settings.stream_body {
        stack::<Chunks>(given, settings).await?
    } else {
        stack::<Buffer>(given, settings).await?
    };
    let mut report = Report::new(json, plan.requests);
    if let Some(url) = &stack.listening {
        report.listening(url);
    }
    for note in &stack.notes {
        report.say(note);
    }
    let good = run::run(&plan, stack, &mut report).await;
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Builds the stack for calls with bodies of type `B`.
async fn stack<B: CallBody>(given: &Given, mut settings: Settings) -> Result<Stack, Usage> {
    let roots = std::mem::take(&mut settings.extra_roots);
    let setup = Setup {
        given,
        clients: Clients::<B>::new(settings.client, given.has_https(), roots)?,
        settings,
    };
    given.provider.stack(setup).await
}
