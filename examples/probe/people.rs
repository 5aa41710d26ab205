//! Messages for people. They go to standard error, and nobody need read them: a stream that is
//! closed is no reason to stop.

use std::io::{self, Write};

pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// Makes `text` one line without control characters, which a terminal could take for commands.
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}
