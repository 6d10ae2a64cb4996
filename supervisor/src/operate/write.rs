//! Files that the user asked the command line to write.

use super::line::Failure;
use crate::cli::exit::Exit;
use crate::cli::{manual, out};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Writes a file whole: whoever reads it meanwhile sees the old one or the new one.
pub(super) fn file(path: &Path, text: &[u8]) -> Result<(), Failure> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let written = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, path));
    written.map_err(Failure::io(format!("cannot write {}", path.display())))
}

/// `man DIRECTORY`: every page of the manual.
pub(crate) fn man(directory: &Path) -> ExitCode {
    let written = std::fs::create_dir_all(directory).and_then(|()| manual::pages()).and_then(|pages| {
        pages
            .iter()
            .try_for_each(|(name, page)| std::fs::write(directory.join(name), page))
            .map(|()| pages.len())
    });
    match written {
        Ok(count) => {
            drop(writeln!(out::stdout(), "{count} pages written into {}", directory.display()));
            Exit::Done.into()
        }
        Err(error) => {
            drop(writeln!(out::stderr(), "llm-link: cannot write into {}: {error}", directory.display()));
            Exit::Failed.into()
        }
    }
}
