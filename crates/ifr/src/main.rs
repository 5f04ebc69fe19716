//! The command line of `ifr`: arguments in, a validated plan, the plan carried out.

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    cli::main()
}
