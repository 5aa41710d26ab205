//! The code service: a command, or a person at the terminal.

use std::{
    io::{self, IsTerminal},
    process::Stdio,
};

use tokio::{io::AsyncReadExt, process::Command};
use tower_reauth::{BoxError, Code, CodeRequest};
use zeroize::Zeroizing;

/// Why a code is asked for, as `PROBE_CODE_REASON` says it: the sign-in takes one.
pub(crate) const SIGN_IN: &str = "sign-in";

/// A call was refused for want of a code.
pub(crate) const CHALLENGE: &str = "challenge";

/// What a command for codes has no need to know.
const NOT_FOR_COMMANDS: [&str; 5] = [
    "PROBE_PASSWORD",
    "PROBE_API_KEY",
    "PROBE_TENANT",
    "PROBE_CLIENT_ID",
    "PROBE_CLIENT_SECRET",
];

/// No code is as long as this; a command that prints more is not printing a code.
const LONGEST: usize = 4096;

/// Gets a code from `PROBE_CODE_COMMAND`, or else from the person at the terminal.
pub(crate) async fn get(reason: &str, request: CodeRequest) -> Result<Code, BoxError> {
    match std::env::var_os("PROBE_CODE_COMMAND").filter(|command| !command.is_empty()) {
        Some(command) => run(&command, reason, &request).await,
        None => ask(&request).await,
    }
}

async fn run(
    command: &std::ffi::OsStr,
    reason: &str,
    request: &CodeRequest,
) -> Result<Code, BoxError> {
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(command)
        .env("PROBE_CODE_REASON", reason)
        .env("PROBE_CODE_TYPE", request.method())
        .env(
            "PROBE_CODE_QUESTION",
            request.question().unwrap_or_default(),
        )
        .env(
            "PROBE_CODE_DESTINATION",
            request.destination().unwrap_or_default(),
        )
        // Its standard error is the user's to see: only they know why their command fails.
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    for name in NOT_FOR_COMMANDS {
        shell.env_remove(name);
    }
    let mut child = shell
        .spawn()
        .map_err(|error| format!("sh cannot be run for PROBE_CODE_COMMAND: {error}"))?;
    // One buffer from the start: one that grows leaves copies of the code behind.
    let mut output = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    if let Some(stdout) = child.stdout.take() {
        let mut stdout = stdout.take(LONGEST as u64 + 1);
        stdout
            .read_to_end(&mut output)
            .await
            .map_err(|_| "what PROBE_CODE_COMMAND prints cannot be read")?;
    }
    if output.len() > LONGEST {
        return Err("PROBE_CODE_COMMAND printed much more than a code".into());
    }
    let status = child
        .wait()
        .await
        .map_err(|error| format!("PROBE_CODE_COMMAND was lost: {error}"))?;
    if !status.success() {
        return Err(format!("PROBE_CODE_COMMAND failed: {status}").into());
    }
    let output = std::str::from_utf8(&output).map_err(|_| "the code is not UTF-8")?;
    if output.trim().is_empty() {
        return Err("PROBE_CODE_COMMAND printed nothing".into());
    }
    code(request, output)
}

/// Makes a code of what was given. The answer to a question may be any text.
fn code(request: &CodeRequest, given: &str) -> Result<Code, BoxError> {
    Ok(match request.question() {
        Some(_) => Code::answer(given.trim())?,
        None => Code::new(given)?,
    })
}

async fn ask(request: &CodeRequest) -> Result<Code, BoxError> {
    if !io::stdin().is_terminal() {
        return Err(
            "there is no terminal to ask on: set PROBE_CODE_COMMAND to a command that prints the \
             code"
                .into(),
        );
    }
    let refused = match request.attempt() {
        1 => "",
        _ => "That code was refused. ",
    };
    let wanted = match (request.question(), request.destination()) {
        (Some(question), _) => question.to_owned(),
        (None, Some(to)) => format!("The code that was sent to {to}:"),
        (None, None) => format!("The code that was sent to you ({}):", request.method()),
    };
    let prompt = format!("{refused}{} ", crate::people::one_line(&wanted));
    let answer = tokio::task::spawn_blocking(move || {
        terminal::enter();
        let answer = rpassword::prompt_password(prompt);
        terminal::left();
        answer
    });
    let answer = Zeroizing::new(answer.await??);
    code(request, &answer)
}

/// Gives the terminal its echo back if it is left while a prompt is still open.
pub(crate) fn leave_terminal() {
    terminal::restore();
}

#[cfg(unix)]
mod terminal {
    use std::{
        io,
        sync::{Mutex, PoisonError},
    };

    use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

    /// How the terminal was before the prompt that is open.
    static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

    pub(super) fn enter() {
        let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
        *before = tcgetattr(io::stdin()).ok();
    }

    pub(super) fn left() {
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn restore() {
        let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = &*before {
            // The process ends anyway; there is nobody left to tell.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

#[cfg(not(unix))]
mod terminal {
    // Elsewhere a console gets its mode back from the shell.
    pub(super) fn enter() {}
    pub(super) fn left() {}
    pub(super) fn restore() {}
}
