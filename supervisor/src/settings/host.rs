//! The machine as the configuration sees it: environment, files, account. Thin and unconditional, so that
//! everything else in `settings` is a pure function of what this returns.

use super::secret::Secrets;
use super::watch::Stamp;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A configuration or key is smaller than this; a device that never ends is cut here.
const LARGEST: usize = 16 * 1024 * 1024;

/// The real environment and file system.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Host;

/// Who runs the program; decides where things are kept by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    Root,
    User,
}

impl Host {
    /// The account of this process.
    pub(crate) fn account() -> Account {
        if nix::unistd::geteuid().is_root() { Account::Root } else { Account::User }
    }

    /// Where the service manager put the credential of that name, if it gave one (systemd.exec(5)).
    pub(crate) fn credential(&self, name: &str) -> Option<PathBuf> {
        let path = PathBuf::from(std::env::var_os("CREDENTIALS_DIRECTORY")?).join(name);
        path.is_file().then_some(path)
    }

    /// What a file looks like now; `None` if there is none that can be looked at. Follows links.
    pub(crate) fn stamp(path: &Path) -> Option<Stamp> {
        use std::os::unix::fs::MetadataExt;
        let meta = std::fs::metadata(path).ok()?;
        Some(Stamp {
            seconds: meta.mtime(),
            nanoseconds: meta.mtime_nsec(),
            length: meta.len(),
            inode: meta.ino(),
        })
    }
}

impl Secrets for Host {
    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = std::fs::File::open(path)?;
        // The whole at once: a key must not be left behind in buffers that were outgrown.
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(0).min(LARGEST);
        let mut content = Vec::with_capacity(length + 1);
        file.take(LARGEST as u64).read_to_end(&mut content)?;
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_whole_and_endless_ones_are_cut() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("a.key");
        std::fs::write(&path, "sk-1\n").expect("write");
        assert_eq!(Host.file(&path).expect("read"), b"sk-1\n");
        assert_eq!(Host.file(Path::new("/dev/zero")).map(|zeros| zeros.len()).ok(), Some(LARGEST));
        let missing = Host.file(&dir.path().join("b.key")).map_err(|error| error.kind());
        assert_eq!(missing, Err(io::ErrorKind::NotFound));
        assert_eq!(Host.env("LLM_LINK_A_VARIABLE_NOBODY_SETS"), None);
    }
}
