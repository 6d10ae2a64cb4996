//! What can go wrong with secrets. Messages name places and key ids, never content.

use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum VaultError {
    #[error("master key `{found}` does not open this store, which needs `{adopted}`")]
    WrongMaster { adopted: String, found: String },
    #[error(
        "the store needs master key `{adopted}`, and none was found: restore `master.key` or name its file"
    )]
    MissingMaster { adopted: String },
    #[error("`{source_name}` is not a master key: it needs 32 bytes, as they are, in hex or in base64")]
    MalformedMaster { source_name: String },
    #[error("`{path}` can be read by others (mode {mode:04o}): make it 0600")]
    ExposedMaster { path: String, mode: u32 },
    #[error("the master key is kept outside the state directory: put the new one there and name the old one")]
    KeptOutside,
    #[error("another rotation of the master key is under way")]
    Rotating,
    #[error("the secret at {place} does not open: it was not sealed for this place, or was altered")]
    Broken { place: String },
    #[error("the secret is {length} bytes; at most {most} can be kept")]
    TooLong { length: usize, most: usize },
    #[error("the password must be {least} to {most} bytes")]
    PasswordLength { least: usize, most: usize },
    #[error("cannot hash the password: {reason}")]
    Hash { reason: String },
    #[error("the system gives no random bytes: {reason}")]
    NoRandom { reason: String },
    #[error("cannot {action} `{path}`")]
    File { action: &'static str, path: String, source: std::io::Error },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Inside a change, a vault error ends the change as a store error.
impl From<VaultError> for StoreError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Store(error) => error,
            other => StoreError::Sealing { reason: other.to_string() },
        }
    }
}
