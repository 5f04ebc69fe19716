//! The command line of `ifr`: arguments in, a validated plan, the plan carried out.

use std::panic::catch_unwind;
use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    // A panic is a fault of ours; its message is out by now, the exit code is the documented one for such faults.
    catch_unwind(cli::main).unwrap_or(ExitCode::from(1))
}
