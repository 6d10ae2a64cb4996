//! The master key's files in the state directory: `master.key`, `master.key.next` while one replaces it, and
//! `master.key.retired-ID` for those before, which old backups need. Each appears whole or not at all: written aside, synced, renamed, directory synced.

use super::error::VaultError;
use super::master::MasterKey;
use crate::store::StateDir;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// Where the files are.
#[derive(Clone)]
pub(super) struct KeyFiles {
    dir: StateDir,
}

const CURRENT: &str = "master.key";
const NEXT: &str = "master.key.next";
const DRAFT: &str = "master.key.tmp";
const RETIRED: &str = "master.key.retired-";

impl KeyFiles {
    pub(super) fn new(dir: &StateDir) -> KeyFiles {
        KeyFiles { dir: dir.clone() }
    }

    pub(super) fn current(&self) -> Result<Option<MasterKey>, VaultError> {
        read_private(&self.dir.join(CURRENT))
    }

    pub(super) fn next(&self) -> Result<Option<MasterKey>, VaultError> {
        read_private(&self.dir.join(NEXT))
    }

    pub(super) fn write_current(&self, key: &MasterKey) -> Result<(), VaultError> {
        self.write(CURRENT, key)
    }

    pub(super) fn write_next(&self, key: &MasterKey) -> Result<(), VaultError> {
        self.write(NEXT, key)
    }

    /// The key of that id, if it was in force once.
    pub(super) fn retired(&self, id: &str) -> Result<Option<MasterKey>, VaultError> {
        read_private(&self.dir.join(&format!("{RETIRED}{id}")))
    }

    /// `master.key.next` becomes `master.key`, and that one is retired: backups made with it still need it.
    pub(super) fn promote_next(&self) -> Result<(), VaultError> {
        self.retire_current()?;
        self.rename(NEXT, CURRENT)
    }

    /// `master.key` becomes `master.key.retired-ID`, if it is there.
    pub(super) fn retire_current(&self) -> Result<(), VaultError> {
        match self.current()? {
            Some(current) => self.rename(CURRENT, &format!("{RETIRED}{}", current.id())),
            None => Ok(()),
        }
    }

    /// Removes a next key that sealed nothing.
    pub(super) fn remove_next(&self) -> Result<(), VaultError> {
        let path = self.dir.join(NEXT);
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failed("remove", &path)(e)),
            Ok(()) | Err(_) => Ok(self.dir.sync()?),
        }
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), VaultError> {
        let from = self.dir.join(from);
        std::fs::rename(&from, self.dir.join(to)).map_err(failed("rename", &from))?;
        Ok(self.dir.sync()?)
    }

    fn write(&self, name: &str, key: &MasterKey) -> Result<(), VaultError> {
        let (draft, target) = (self.dir.join(DRAFT), self.dir.join(name));
        let write = || {
            let mut file =
                OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
            file.write_all(key.file_form().as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&draft, &target)
        };
        write().map_err(failed("write", &target))?;
        Ok(self.dir.sync()?)
    }
}

/// Reads a key file that only its owner can read.
pub(super) fn read_private(path: &Path) -> Result<Option<MasterKey>, VaultError> {
    let found = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed("read", path)(e)),
    };
    let mode = found.metadata().map_err(failed("look at", path))?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(VaultError::ExposedMaster { path: path.display().to_string(), mode });
    }
    let content = Zeroizing::new(read_small(&found).map_err(failed("read", path))?);
    MasterKey::parse(&content, &path.display().to_string()).map(Some)
}

/// At most a few lines, into one buffer that never moves (moving would leave a copy behind).
fn read_small(mut file: &File) -> io::Result<Vec<u8>> {
    use std::io::Read;
    let mut content = vec![0; 256];
    let mut length = 0;
    while length < content.len() {
        match file.read(&mut content[length..])? {
            0 => break,
            n => length += n,
        }
    }
    content.truncate(length);
    Ok(content)
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> VaultError {
    let path = path.display().to_string();
    move |source| VaultError::File { action, path, source }
}
