//! Carries steps out. Every file is written beside its place and moved there, so that an executable that runs can
//! be replaced and nobody reads half a file.

use super::plan::Step;
use super::{InstallError, say};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// See the module.
pub(super) struct Shell {
    root: Option<PathBuf>,
}

impl Shell {
    pub(super) fn new(root: Option<PathBuf>) -> Shell {
        Shell { root }
    }

    pub(super) fn take(&self, step: &Step) -> Result<(), InstallError> {
        match step {
            Step::Executable { from, to } => self.replace(to, 0o755, |new| fs::copy(from, new).map(drop)),
            Step::File { path, text, mode } => self.replace(path, *mode, |new| fs::write(new, text)),
            Step::FileOnce { path, .. } if self.below(path).exists() => {
                say(&format!("kept      {}", path.display()));
                Ok(())
            }
            Step::FileOnce { path, text, mode } => self.replace(path, *mode, |new| fs::write(new, text)),
            Step::Gone(path) => self.remove(path),
            Step::Run { program, arguments } => run(program, arguments),
            Step::Try { program, arguments } => {
                if let Err(error) = run(program, arguments) {
                    say(&format!("{error}"));
                }
                Ok(())
            }
        }
    }

    fn below(&self, path: &Path) -> PathBuf {
        match &self.root {
            Some(root) => root.join(path.strip_prefix("/").unwrap_or(path)),
            None => path.to_owned(),
        }
    }

    fn replace(
        &self,
        path: &Path,
        mode: u32,
        write: impl FnOnce(&Path) -> std::io::Result<()>,
    ) -> Result<(), InstallError> {
        let to = self.below(path);
        let mut new = to.clone().into_os_string();
        new.push(".new");
        let new = PathBuf::from(new);
        let written = (|| {
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent)?;
            }
            write(&new)?;
            fs::set_permissions(&new, fs::Permissions::from_mode(mode))?;
            fs::rename(&new, &to)
        })();
        written.map_err(|error| InstallError::Step { what: format!("write {}", path.display()), error })?;
        say(&format!("wrote     {}", path.display()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> Result<(), InstallError> {
        match fs::remove_file(self.below(path)) {
            Ok(()) => {
                say(&format!("removed   {}", path.display()));
                Ok(())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(InstallError::Step { what: format!("remove {}", path.display()), error }),
        }
    }
}

fn run(program: &str, arguments: &[String]) -> Result<(), InstallError> {
    let command = format!("{program} {}", arguments.join(" "));
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|error| InstallError::Step { what: format!("run {program}"), error })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(InstallError::Command { command, said });
    }
    say(&format!("ran       {command}"));
    Ok(())
}
