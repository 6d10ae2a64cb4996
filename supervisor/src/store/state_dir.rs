//! The directory everything durable lives in: 0700, its files 0600, owned by the user we run as.
//! It never decides where that directory is.

use super::error::StoreError;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A state directory that exists and is private.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StateDir(PathBuf);

impl StateDir {
    /// Makes the directory if it is missing and takes other people's access away if they had any.
    pub(crate) fn prepare(path: &Path) -> Result<StateDir, StoreError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|e| StoreError::file("create the state directory", path, e))?;
        let found = std::fs::metadata(path).map_err(|e| StoreError::file("look at", path, e))?;
        if found.mode() & 0o077 != 0 {
            std::fs::set_permissions(path, Permissions::from_mode(0o700))
                .map_err(|e| StoreError::file("make private", path, e))?;
        }
        Ok(StateDir(path.to_owned()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The path of a file in it.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes renames and removals in it last.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        sync_dir(&self.0).map_err(|e| StoreError::file("sync", &self.0, e))
    }
}

/// Makes sure a file exists with mode 0600, so that SQLite gives the same mode to the files it puts beside it.
pub(super) fn touch_private(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    if file.metadata()?.mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// Removes a file; one that is not there is as good as removed.
pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
