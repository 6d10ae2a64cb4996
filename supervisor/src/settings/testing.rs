//! For the tests of `settings` and `cli`: a machine made of maps.

use super::secret::Secrets;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// An environment and files that exist only here.
#[derive(Clone, Default)]
pub(crate) struct Pretend {
    env: BTreeMap<String, String>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Pretend {
    pub(crate) fn with_env(mut self, name: &str, value: &str) -> Pretend {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn with_file(self, path: &str, content: &str) -> Pretend {
        self.with_bytes(path, content.as_bytes())
    }

    pub(crate) fn with_bytes(mut self, path: &str, content: &[u8]) -> Pretend {
        self.files.insert(PathBuf::from(path), content.to_vec());
        self
    }
}

impl Secrets for Pretend {
    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }

    fn file(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
