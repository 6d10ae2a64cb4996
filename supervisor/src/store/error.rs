//! What can go wrong with the record, whose fault it is, and what a caller may do about it.
//! Messages name the thing and never hold a secret or a row's content.

use super::words::words;
use rusqlite::ErrorCode;
use rusqlite::ffi;

words! {
    /// The things an operator can change, as they are named in messages and in the audit log.
    Object {
        Provider = "provider",
        ProviderKey = "provider_key",
        Model = "model",
        Price = "price",
        Alias = "alias",
        App = "app",
        AppKey = "app_key",
        Route = "route",
        User = "user",
        Session = "session",
        Setting = "setting",
        Secret = "secret",
        MasterKey = "master_key",
        AlertChannel = "alert_channel",
        AlertRule = "alert_rule",
        Alert = "alert",
        Configuration = "configuration",
    }
}

/// One thing wrong with a value somebody wants to store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub(crate) struct Mistake {
    /// The field as it is spelled in JSON, e.g. `headers.authorization`.
    pub(crate) field: String,
    /// Continues the sentence that begins with the field: `must not be empty`.
    pub(crate) problem: String,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("{object} `{name}` does not exist")]
    NotFound { object: Object, name: String },
    #[error("{object} `{name}` exists already")]
    Exists { object: Object, name: String },
    #[error("{object} `{name}` was changed meanwhile: it is at version {found}, not {expected}")]
    Stale { object: Object, name: String, expected: i64, found: i64 },
    #[error("{object} is not valid: {}", listed(mistakes))]
    Invalid { object: Object, mistakes: Vec<Mistake> },
    #[error("{object} `{name}` is used by {by}")]
    InUse { object: Object, name: String, by: String },
    #[error("the value was sealed with master key {sealed_with}, the store has {adopted}: seal it again")]
    OtherMasterKey { sealed_with: String, adopted: String },
    #[error("cannot seal or open a secret: {reason}")]
    Sealing { reason: String },
    #[error("no space left for the store")]
    DiskFull(#[source] rusqlite::Error),
    #[error("cannot read or write the store")]
    Io(#[source] rusqlite::Error),
    #[error("cannot {action} `{path}`")]
    File { action: &'static str, path: String, source: std::io::Error },
    #[error("the store is busy: another process holds it")]
    Busy(#[source] rusqlite::Error),
    #[error("`{file}` is damaged ({found}): restore a backup")]
    Damaged { file: String, found: String },
    #[error("`{file}` is not a database of LLM Link (application id {found:#010x})")]
    Foreign { file: String, found: i32 },
    #[error(
        "`{file}` has schema {found}, this build knows {known}: run the newer build, or restore a backup made by this one"
    )]
    Newer { file: String, found: u32, known: u32 },
    #[error("migration {number:04}_{name} differs from the one `{file}` was made with")]
    ChangedMigration { file: String, number: u32, name: String },
    #[error("migration {number:04}_{name} of `{file}` failed; nothing was changed")]
    Migration { file: String, number: u32, name: String, source: rusqlite::Error },
    #[error("the copy `{path}` is not complete: {reason}")]
    BadCopy { path: String, reason: String },
    #[error("the store is closed")]
    Closed,
    #[error("a job of the store broke off")]
    Broken,
    #[error("the store refused a statement")]
    Sql(#[source] rusqlite::Error),
}

/// Whose fault a store error is; decides the status an API answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Blame {
    /// The caller can send something better (400, 404, 409, 412).
    Caller,
    /// The machine: its disk or another process (503, 507). Reads and calls go on; try again later.
    Machine,
    /// A bug of ours, or a damaged file (500).
    Store,
}

impl StoreError {
    pub(crate) fn blame(&self) -> Blame {
        use StoreError as E;
        match self {
            E::NotFound { .. } | E::Exists { .. } | E::Stale { .. } | E::Invalid { .. } | E::InUse { .. } => {
                Blame::Caller
            }
            E::DiskFull(_) | E::Io(_) | E::File { .. } | E::Busy(_) | E::Closed => Blame::Machine,
            E::Newer { .. } | E::Foreign { .. } | E::BadCopy { .. } => Blame::Machine,
            E::OtherMasterKey { .. } | E::Sealing { .. } | E::Damaged { .. } => Blame::Store,
            E::ChangedMigration { .. } | E::Migration { .. } | E::Broken | E::Sql(_) => Blame::Store,
        }
    }

    /// True when there is no room: 507, and worth another try after the ballast is gone.
    pub(crate) fn is_disk_full(&self) -> bool {
        matches!(self, StoreError::DiskFull(_))
    }

    pub(super) fn not_found(object: Object, name: impl ToString) -> StoreError {
        StoreError::NotFound { object, name: name.to_string() }
    }

    pub(super) fn file(action: &'static str, path: &std::path::Path, source: std::io::Error) -> StoreError {
        StoreError::File { action, path: path.display().to_string(), source }
    }
}

/// Sorts what SQLite says into the kinds above.
impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let Some(code) = error.sqlite_error().map(|e| (e.code, e.extended_code)) else {
            return StoreError::Sql(error);
        };
        match code {
            (ErrorCode::DiskFull, _) => StoreError::DiskFull(error),
            (ErrorCode::SystemIoFailure, _) => StoreError::Io(error),
            (ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied, _) => {
                StoreError::Io(error)
            }
            (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => StoreError::Busy(error),
            (ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _) => {
                StoreError::Damaged { file: "the store".to_owned(), found: error.to_string() }
            }
            _ => StoreError::Sql(error),
        }
    }
}

/// Names the object when a row with the same unique value exists; other errors stay what they are.
pub(super) fn unique(object: Object, name: impl ToString) -> impl FnOnce(rusqlite::Error) -> StoreError {
    move |error| match error.sqlite_error().map(|e| e.extended_code) {
        Some(ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY) => {
            StoreError::Exists { object, name: name.to_string() }
        }
        _ => error.into(),
    }
}

/// Names the object a row refers to when there is no such row.
pub(super) fn dangling(object: Object, name: impl ToString) -> impl FnOnce(rusqlite::Error) -> StoreError {
    move |error| match error.sqlite_error().map(|e| e.extended_code) {
        Some(ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => StoreError::not_found(object, name),
        _ => error.into(),
    }
}

fn listed(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(Mistake::to_string).collect::<Vec<_>>().join("; ")
}
