//! What the command line says of itself: man pages and completions, and the table of
//! docs/configuration.md, which the tests hold against it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;

use super::{Cli, output};
use crate::failure::Failure;

/// For which shell.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell that is to complete.
    shell: Shell,
}

/// Where to.
#[derive(Debug, Args)]
pub(super) struct ManualArgs {
    /// An existing folder, such as `/usr/local/share/man/man1`.
    folder: PathBuf,
}

pub(super) fn completions(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "passgate", &mut text);
    match io::stdout().write_all(&text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => Ok(outcome?),
    }
}

pub(super) fn manual(args: &ManualArgs) -> Result<(), Failure> {
    let cannot = |error: io::Error| {
        Failure::new(format!(
            "the man pages cannot be written into {}: {error}",
            args.folder.display()
        ))
    };
    if !args.folder.is_dir() {
        return Err(cannot(io::ErrorKind::NotADirectory.into()));
    }
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    write_page(&command, &args.folder).map_err(cannot)?;
    output::line(&format!("Written into {}.", args.folder.display()))
}

/// The page of a command, and those of its subcommands.
fn write_page(command: &Command, folder: &Path) -> io::Result<()> {
    let page = clap_mangen::Man::new(command.clone());
    let mut text = Vec::new();
    page.render(&mut text)?;
    fs::write(folder.join(page.get_filename()), text)?;
    command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .try_for_each(|command| write_page(command, folder))
}

#[cfg(test)]
mod tests;
