//! The directory of spools: a new file for each router, and the files there are.
//!
//! Whoever writes to a spool holds a shared lock on it, from before the file has its name until its last writer is
//! gone: the lock goes with the open file that the router inherited, so the kernel releases it with the process. A
//! spool that can be locked is complete, whoever made it and however its writer ended.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

const DIRECTORY: &str = "spool";
const SUFFIX: &str = ".calls";
/// A file that has no lock yet.
const UNNAMED: &str = ".new";

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Spools {
    dir: PathBuf,
}

impl Spools {
    /// The spools of a state directory.
    pub(crate) fn new(state: &Path) -> Self {
        Self { dir: state.join(DIRECTORY) }
    }

    /// A new file for the router of a generation, locked, to be appended to.
    ///
    /// # Errors
    /// The system's: no room, no permission.
    pub(crate) fn open(&self, generation: u64) -> io::Result<File> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
        // In the order of their making; two supervisors never make the same one.
        let name = format!("{ms:015}-{}-g{generation}{SUFFIX}", std::process::id());
        let unnamed = self.dir.join(format!("{name}{UNNAMED}"));
        let file = OpenOptions::new().create_new(true).append(true).mode(0o600).open(&unnamed)?;
        file.lock_shared()?;
        std::fs::rename(unnamed, self.dir.join(name))?;
        Ok(file)
    }

    /// Every spool, the oldest first; none when the directory cannot be read.
    pub(crate) fn list(&self) -> Vec<PathBuf> {
        self.ending_in(SUFFIX)
    }

    /// Removes what a supervisor that was killed left half made.
    pub(crate) fn sweep(&self) {
        for path in self.ending_in(UNNAMED) {
            // It is empty; the next start tries again.
            drop(std::fs::remove_file(path));
        }
    }

    fn ending_in(&self, suffix: &str) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(&self.dir) else { return Vec::new() };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let mut paths: Vec<PathBuf> =
            paths.filter(|path| path.to_str().is_some_and(|p| p.ends_with(suffix))).collect();
        paths.sort_unstable();
        paths
    }
}
