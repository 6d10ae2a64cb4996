//! Which files a configuration was made from, and whether any of them changed since.
//!
//! Comparing is pure; only [`look`] touches the disk. Polled once a second: no watch descriptors to lose when
//! an editor renames a file over another.

use super::host::Host;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What identifies one state of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Of the last modification, since 1970.
    pub(crate) seconds: i64,
    pub(crate) nanoseconds: i64,
    pub(crate) length: u64,
    pub(crate) inode: u64,
}

/// The states of all files of a configuration at one moment; `None` = absent or not readable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    files: BTreeMap<PathBuf, Option<Stamp>>,
}

impl Snapshot {
    /// The state that `stamp` reports for each file.
    pub(crate) fn of(files: &[PathBuf], stamp: impl Fn(&Path) -> Option<Stamp>) -> Snapshot {
        Snapshot { files: files.iter().map(|path| (path.clone(), stamp(path))).collect() }
    }

    /// Files that differ between this moment and a later one, in alphabetical order.
    pub(crate) fn changed<'s>(&'s self, later: &'s Snapshot) -> Vec<&'s Path> {
        let here = self.files.keys();
        let only_later = later.files.keys().filter(|path| !self.files.contains_key(*path));
        let mut changed: Vec<&Path> = here
            .chain(only_later)
            .filter(|path| self.files.get(*path) != later.files.get(*path))
            .map(PathBuf::as_path)
            .collect();
        changed.sort_unstable();
        changed
    }
}

/// The files as they are on disk now.
pub(crate) fn look(files: &[PathBuf]) -> Snapshot {
    Snapshot::of(files, Host::stamp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn an_edit_a_replacement_a_removal_and_a_return_are_seen() {
        let dir = tempfile::tempdir().expect("directory");
        let (config, key) = (dir.path().join("a.toml"), dir.path().join("b.key"));
        fs::write(&config, "x = 1").expect("write");
        let files = [config.clone(), key.clone()];
        let first = look(&files);
        assert!(first.changed(&look(&files)).is_empty());

        fs::write(&config, "x = 12").expect("write");
        let edited = look(&files);
        assert_eq!(first.changed(&edited), [config.as_path()]);

        fs::write(&key, "k").expect("write");
        fs::rename(&key, &config).expect("rename");
        let replaced = look(&files);
        assert_eq!(edited.changed(&replaced), [config.as_path()]);

        fs::remove_file(&config).expect("remove");
        fs::write(&key, "k").expect("write");
        assert_eq!(replaced.changed(&look(&files)), [config.as_path(), key.as_path()]);
    }

    #[test]
    fn a_file_of_the_same_length_and_time_but_another_inode_differs() {
        let stamp = |inode| Some(Stamp { seconds: 1, nanoseconds: 2, length: 3, inode });
        let files = [PathBuf::from("/a")];
        let (old, new) = (Snapshot::of(&files, |_| stamp(1)), Snapshot::of(&files, |_| stamp(2)));
        assert_eq!(old.changed(&new), [Path::new("/a")]);
        assert_eq!(Snapshot::default().changed(&new), [Path::new("/a")]);
    }
}
