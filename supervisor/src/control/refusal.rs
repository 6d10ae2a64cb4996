//! Why the store or the vault said no, as operators are told.

use crate::store::StoreError;
use crate::store::error::Mistake;
use crate::vault::error::VaultError;
use protocol::control::{FieldError, Refusal, RefusalKind};

/// An error of the store as a refusal. What only the log should know goes there.
pub(crate) fn refused(error: StoreError) -> Refusal {
    use RefusalKind as K;
    let kind = match &error {
        StoreError::NotFound { .. } => K::NotFound,
        StoreError::Exists { .. } | StoreError::InUse { .. } => K::Conflict,
        StoreError::Stale { .. } => K::Stale,
        StoreError::Invalid { mistakes, .. } => return invalid(&error, mistakes),
        StoreError::DiskFull(_) => K::StorageFull,
        StoreError::Io(_) | StoreError::File { .. } | StoreError::Busy(_) | StoreError::Closed => {
            tracing::warn!("the store: {}", chain(&error));
            K::Unavailable
        }
        // A rotation of the master key came in between: the same again will do.
        StoreError::OtherMasterKey { .. } => K::Unavailable,
        StoreError::Sealing { .. }
        | StoreError::Damaged { .. }
        | StoreError::Foreign { .. }
        | StoreError::Newer { .. }
        | StoreError::ChangedMigration { .. }
        | StoreError::Migration { .. }
        | StoreError::BadCopy { .. }
        | StoreError::Broken
        | StoreError::Sql(_) => {
            tracing::error!("the store: {}", chain(&error));
            K::Internal
        }
    };
    Refusal::new(kind, error.to_string())
}

/// An error of the vault as a refusal.
pub(crate) fn vault_refused(error: VaultError) -> Refusal {
    use RefusalKind as K;
    let kind = match error {
        VaultError::Store(error) => return refused(error),
        VaultError::TooLong { .. } | VaultError::PasswordLength { .. } => K::Invalid,
        VaultError::KeptOutside | VaultError::Rotating => K::Conflict,
        VaultError::WrongMaster { .. }
        | VaultError::MissingMaster { .. }
        | VaultError::MalformedMaster { .. }
        | VaultError::ExposedMaster { .. }
        | VaultError::Broken { .. }
        | VaultError::Hash { .. }
        | VaultError::NoRandom { .. } => K::Internal,
        VaultError::File { .. } => K::Unavailable,
    };
    Refusal::new(kind, error.to_string())
}

fn invalid(error: &StoreError, mistakes: &[Mistake]) -> Refusal {
    let field = |mistake: &Mistake| FieldError {
        field: mistake.field.clone(),
        message: mistake.problem.trim_start_matches(": ").to_owned(),
    };
    let fields = mistakes.iter().map(field).collect();
    Refusal { fields, ..Refusal::new(RefusalKind::Invalid, error.to_string()) }
}

fn chain(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}
