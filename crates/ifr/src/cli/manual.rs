//! `ifr completions` and `ifr man`: what shells and manuals are told of this program.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use clap::{Command, Parser};
use clap_complete::Shell;
use clap_mangen::Man;

use super::Failure;
use super::say::{say, seen};

/// Print a script that completes arguments, for the shell named.
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  ifr completions bash > ~/.local/share/bash-completion/completions/ifr\n  \
    ifr completions zsh > ~/.zfunc/_ifr\n  ifr completions fish > ~/.config/fish/completions/ifr.fish"
)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Write the manual as man pages: one for the program, one for each subcommand.
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  ifr man | man -l -\n  ifr man ~/.local/share/man/man1 && man ifr-interpolate"
)]
pub(crate) struct ManArgs {
    /// The folder for all pages [default: the program's own page on standard output].
    dir: Option<PathBuf>,
}

pub(crate) fn completions(mut command: Command, args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "ifr", &mut script);
    seen(std::io::stdout().write_all(&script))
}

pub(crate) fn man(mut command: Command, args: &ManArgs) -> Result<(), Failure> {
    let rendered = |command: Command| {
        let mut text = Vec::new();
        Man::new(command).manual("ifr").render(&mut text).map_err(Failure::internal)?;
        Ok::<_, Failure>(text)
    };
    let Some(dir) = &args.dir else {
        return seen(std::io::stdout().write_all(&rendered(command)?));
    };
    let failed = |e: std::io::Error| Failure::output(format!("write to {}: {e}", dir.display()));
    fs::create_dir_all(dir).map_err(failed)?;
    command.build();
    let mut pages = vec![("ifr".to_owned(), command.clone())];
    for subcommand in command.get_subcommands().filter(|c| c.get_name() != "help") {
        let name = format!("ifr-{}", subcommand.get_name());
        pages.push((name, subcommand.clone().version(env!("CARGO_PKG_VERSION"))));
    }
    for (name, page) in &pages {
        fs::write(dir.join(format!("{name}.1")), rendered(page.clone())?).map_err(failed)?;
    }
    say!("{} pages in {}", pages.len(), dir.display());
    Ok(())
}
