//! Words for people. A closed pipe at the other end is no reason to stop a job, let alone to panic.

/// Writes a line to standard error.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($words)*);
    }};
}

pub(crate) use say;
