//! What is said about bad usage: at most six lines on standard error, and exit status 2.

use std::fmt;

use tower_reauth::Error;

use crate::people::one_line;

/// What is wrong with the command line or the environment, and how to mend it.
#[derive(Debug)]
pub(crate) struct Usage {
    wrong: String,
    mend: String,
}

impl Usage {
    pub(crate) fn new(wrong: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            wrong: wrong.into(),
            mend: mend.into(),
        }
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One line each, whatever an argument or a file name brings along.
        writeln!(f, "probe: {}", one_line(&self.wrong))?;
        writeln!(f, "{}", one_line(&self.mend))?;
        f.write_str("Run it with --help for all options.")
    }
}

/// The library checks settings as well, and says what is wrong and what to write.
impl From<Error> for Usage {
    fn from(error: Error) -> Self {
        Self::new(
            crate::report::full_text(&error),
            "Mend the option or the variable it comes from.",
        )
    }
}
