//! Passwords: argon2id in PHC form with 19 MiB, 2 passes and 1 lane, the first choice of the OWASP password storage
//! cheat sheet for machines that serve other things too. One hash takes tens of milliseconds of a core: call it on
//! a thread that may block.

use super::error::VaultError;
use super::random;
use super::secret::Secret;
use crate::store::users::PasswordHash;
use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, CustomizedPasswordHasher, Params, PasswordVerifier, Version};

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const LEAST: usize = 8;
const MOST: usize = 1024;

/// What a password came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    /// Right, and its hash was made with other costs than today's: hash it again.
    RightButOld,
    Wrong,
}

/// Hashes a new password of 8 to 1024 bytes with a random salt.
pub(crate) fn hash_password(password: &Secret) -> Result<PasswordHash, VaultError> {
    if !(LEAST..=MOST).contains(&password.expose().len()) {
        return Err(VaultError::PasswordLength { least: LEAST, most: MOST });
    }
    let mut salt = [0; 16];
    random::fill(&mut salt)?;
    hashed(password, &salt)
}

/// Compares a password with a hash. Without a hash (no such user) it takes the same time and is wrong.
pub(crate) fn verify_password(password: &Secret, hash: Option<&PasswordHash>) -> Result<Verdict, VaultError> {
    if password.expose().len() > MOST {
        return Ok(Verdict::Wrong);
    }
    let Some(hash) = hash else {
        hashed(password, &[0; 16])?;
        return Ok(Verdict::Wrong);
    };
    let parsed = phc::PasswordHash::new(&hash.0).map_err(failed)?;
    if parsed.algorithm != Algorithm::Argon2id.ident() {
        return Err(VaultError::Hash { reason: "it is not argon2id".to_owned() });
    }
    match argon2()?.verify_password(password.expose(), &parsed) {
        Ok(()) if is_todays(&parsed) => Ok(Verdict::Right),
        Ok(()) => Ok(Verdict::RightButOld),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(Verdict::Wrong),
        Err(error) => Err(failed(error)),
    }
}

fn hashed(password: &Secret, salt: &[u8]) -> Result<PasswordHash, VaultError> {
    let params = params()?;
    let hash: phc::PasswordHash =
        argon2()?.hash_password_with_params(password.expose(), salt, params).map_err(failed)?;
    Ok(PasswordHash(hash.to_string()))
}

fn is_todays(hash: &phc::PasswordHash) -> bool {
    let costs = Params::try_from(hash).map(|p| (p.m_cost(), p.t_cost(), p.p_cost()));
    costs.is_ok_and(|costs| costs == (MEMORY_KIB, PASSES, LANES))
}

fn argon2() -> Result<Argon2<'static>, VaultError> {
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params()?))
}

fn params() -> Result<Params, VaultError> {
    Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> VaultError {
    VaultError::Hash { reason: error.to_string() }
}
