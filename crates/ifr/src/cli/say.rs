//! Words for people. A closed pipe at the other end is no reason to stop a job, let alone to panic.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use super::Failure;

/// Writes a line to standard error.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($words)*);
    }};
}

pub(crate) use say;

/// What was asked for goes to standard output. Whoever closes it has seen enough.
pub(crate) fn print(words: impl Display) {
    let _ = writeln!(io::stdout(), "{words}");
}

/// What became of words written to standard output. Whoever closes it has seen enough.
pub(crate) fn seen(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Failure::output(format!("standard output: {e}"))),
        _ => Ok(()),
    }
}
