//! Follows key references. The only resolver that sees keys; nothing it says repeats one.

use super::Context;
use crate::settings::cursor::Key;
use crate::settings::mistake::Findings;
use crate::settings::raw::{KeySource, RawKey};
use crate::settings::secret::{Secret, SecretError};
use std::path::{Path, PathBuf};

/// What a text must be to be such a secret.
type Form = fn(Vec<u8>) -> Result<Secret, SecretError>;

/// Reads keys and remembers which files they came from.
pub(super) struct Keys<'c> {
    context: Context<'c>,
    files: Vec<PathBuf>,
}

impl<'c> Keys<'c> {
    pub(super) fn new(context: Context<'c>) -> Keys<'c> {
        Keys { context, files: Vec::new() }
    }

    /// Every file that was referred to, once.
    pub(super) fn into_files(mut self) -> Vec<PathBuf> {
        self.files.sort_unstable();
        self.files.dedup();
        self.files
    }

    /// The key behind a reference. `example` shows the reference written right.
    pub(super) fn follow(&mut self, raw: RawKey, example: Key, findings: &mut Findings) -> Option<Secret> {
        self.follow_as(raw, Secret::new, example, findings)
    }

    /// The value of a header, or a login.
    pub(super) fn follow_line(
        &mut self,
        raw: RawKey,
        example: Key,
        findings: &mut Findings,
    ) -> Option<Secret> {
        self.follow_as(raw, Secret::line, example, findings)
    }

    fn follow_as(
        &mut self,
        raw: RawKey,
        form: Form,
        example: Key,
        findings: &mut Findings,
    ) -> Option<Secret> {
        let found = match raw.source {
            KeySource::Refused | KeySource::Hash(_) => return None,
            KeySource::Unsaid => Err(format!("`{}` needs exactly one of `file` and `env`", example.name)),
            KeySource::Given(secret) => return Some(secret),
            KeySource::Env(name) => self.in_variable(&name, form),
            KeySource::File(path) => self.in_file(&path, form),
        };
        match found {
            Ok(secret) => Some(secret),
            Err(what) => {
                findings.mistake(&raw.place, what, example.example);
                None
            }
        }
    }

    /// The key in the first of these variables that is set to something.
    pub(super) fn in_first_variable(&self, names: &[String]) -> Option<Result<Secret, String>> {
        let set =
            |name: &&String| self.context.secrets.env(name).is_some_and(|value| !value.trim().is_empty());
        names.iter().find(set).map(|name| self.in_variable(name, Secret::new))
    }

    /// A key must also be watched while it is not needed: it may be when the file is next read.
    pub(super) fn remember(&mut self, raw: &RawKey) {
        match &raw.source {
            KeySource::File(path) => self.files.push(self.path(path)),
            KeySource::Env(_) | KeySource::Given(_) => {}
            KeySource::Hash(_) | KeySource::Unsaid | KeySource::Refused => {}
        }
    }

    fn in_variable(&self, name: &str, form: Form) -> Result<Secret, String> {
        if !is_variable(name) {
            return Err(
                "`env` must be the name of an environment variable: letters, digits and `_`".to_owned()
            );
        }
        let value = self.context.secrets.env(name);
        let value = value.ok_or_else(|| format!("the environment variable `{name}` is not set"))?;
        form(value.into_bytes()).map_err(|e| format!("the key in the environment variable `{name}` {e}"))
    }

    fn in_file(&mut self, typed: &str, form: Form) -> Result<Secret, String> {
        if typed.is_empty() || typed.contains('\0') {
            return Err("`file` is no path".to_owned());
        }
        let path = self.path(typed);
        let content = self.context.secrets.file(&path);
        let shown = path.display().to_string();
        self.files.push(path);
        let content = content.map_err(|e| format!("the key file `{shown}` cannot be read: {e}"))?;
        form(content).map_err(|e| format!("the key in the file `{shown}` {e}"))
    }

    fn path(&self, typed: &str) -> PathBuf {
        self.context.base.unwrap_or(Path::new("")).join(typed)
    }
}

/// POSIX names; this also keeps a key typed in the wrong place out of messages.
fn is_variable(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
