//! The one place of the vault that asks the system for random bytes.

use super::error::VaultError;

/// Random bytes from the kernel.
pub(super) fn fill(bytes: &mut [u8]) -> Result<(), VaultError> {
    getrandom::fill(bytes).map_err(|e| VaultError::NoRandom { reason: e.to_string() })
}
