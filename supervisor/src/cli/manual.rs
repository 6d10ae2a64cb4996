//! What is made from the definition of the command line itself: completions and manual pages.

use super::arguments::Arguments;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use std::io::{self, Write};
use std::process::ExitCode;

const NAME: &str = "llm-link";

pub(super) fn completions(shell: Shell, to: &mut dyn Write) -> io::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut definition(), NAME, &mut script);
    to.write_all(&script)?;
    to.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn definition() -> Command {
    <Arguments as CommandFactory>::command()
}

/// Every manual page: its file's name and its text.
pub(crate) fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut root = definition();
    root.build();
    let mut pages = Vec::new();
    collect(&root, NAME.to_owned(), &mut pages)?;
    Ok(pages)
}

fn collect(command: &Command, name: String, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).title(name.to_uppercase()).render(&mut page)?;
    // `ctl` says the same words again: one page is enough for it.
    if name != "llm-link-ctl" {
        for child in command.get_subcommands().filter(|child| !child.is_hide_set()) {
            collect(child, format!("{name}-{}", child.get_name()), pages)?;
        }
    }
    pages.push((format!("{name}.1"), page));
    Ok(())
}
