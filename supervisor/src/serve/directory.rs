//! The directories: made, private, and the one for sockets claimed.
//!
//! The runtime directory belongs to one supervisor at a time: a second one would take over the sockets of the
//! first. It is held by a lock that the kernel releases with the process, so a crash leaves nothing to clean up
//! but socket files, which the next owner removes.

use anyhow::{Context, bail};
use std::fs::{DirBuilder, File, Permissions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

const LOCK: &str = "supervisor.lock";

/// Makes a directory and its parents; it is for us alone.
///
/// # Errors
/// The system's, naming the directory.
pub(super) fn make_private(path: &Path) -> anyhow::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("cannot make the directory {}", path.display()))?;
    std::fs::set_permissions(path, Permissions::from_mode(0o700))
        .with_context(|| format!("cannot make {} private", path.display()))
}

/// Ownership of a runtime directory, as long as this lives.
#[derive(Debug)]
pub(super) struct Claim {
    _lock: File,
    runtime_dir: PathBuf,
}

impl Claim {
    /// Takes the directory.
    ///
    /// # Errors
    /// When another supervisor has it, or it cannot be used.
    pub(super) fn take(runtime_dir: &Path) -> anyhow::Result<Self> {
        let path = runtime_dir.join(LOCK);
        let lock = File::create(&path).with_context(|| format!("cannot use {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!("another llm-link already runs with the runtime directory {}", runtime_dir.display());
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        Ok(Self { _lock: lock, runtime_dir: runtime_dir.to_owned() })
    }

    /// Removes the sockets that a supervisor before us left there. Workers' sockets are named after their
    /// generation, so nothing else would ever replace old ones.
    ///
    /// # Errors
    /// When the directory cannot be read or changed.
    pub(super) fn sweep(&self) -> anyhow::Result<()> {
        sweep(&self.runtime_dir).with_context(|| format!("cannot clean {}", self.runtime_dir.display()))
    }
}

fn sweep(runtime_dir: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(runtime_dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("w-") && name.ends_with(".sock") {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_for_us_alone_even_when_they_were_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        std::fs::create_dir_all(&path).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        make_private(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_directory_has_one_owner_and_is_swept_by_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| dir.path().join(name);
        for name in ["w-a-g1.sock", "ctl.sock", "w-notes"] {
            std::fs::write(file(name), "").unwrap();
        }
        let first = Claim::take(dir.path()).unwrap();
        first.sweep().unwrap();
        assert!(!file("w-a-g1.sock").exists());
        assert!(file("ctl.sock").exists() && file("w-notes").exists());
        std::fs::write(file("w-b-g1.sock"), "").unwrap();
        let refusal = Claim::take(dir.path()).unwrap_err().to_string();
        assert!(refusal.starts_with("another llm-link already runs"), "{refusal}");
        assert!(file("w-b-g1.sock").exists(), "it swept what is not its own");
        drop(first);
        Claim::take(dir.path()).unwrap().sweep().unwrap();
        assert!(!file("w-b-g1.sock").exists());
    }
}
