//! Sealing and opening, pure: XChaCha20-Poly1305 twice, once for the secret under its data key, once for the data
//! key under the master key. The extended nonce makes random nonces safe (draft-irtf-cfrg-xchacha).

use super::error::VaultError;
use super::master::{KEY_BYTES, MasterKey};
use super::random;
use super::secret::Secret;
use crate::store::{Sealed, SealedRow, SecretPlace};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

const NONCE_BYTES: usize = 24;

/// Longest secret: keys, URLs, passwords; nothing larger belongs here.
const LONGEST: usize = 64 * 1024;

const SECRET_DOMAIN: &str = "llm-link secret v1";
const DATA_KEY_DOMAIN: &str = "llm-link data key v1";

/// Where a secret belongs, as the seal sees it.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    owner: &'a str,
    owner_id: i64,
    field: &'a str,
}

/// The randomness of one seal.
pub(super) struct Seed {
    data_key: Zeroizing<[u8; KEY_BYTES]>,
    nonce: [u8; NONCE_BYTES],
    wrap_nonce: [u8; NONCE_BYTES],
}

impl<'a> Place<'a> {
    pub(super) fn of(place: &'a SecretPlace) -> Place<'a> {
        Place { owner: place.owner, owner_id: place.owner_id, field: &place.field }
    }

    pub(super) fn of_row(row: &'a SealedRow) -> Place<'a> {
        Place { owner: &row.owner, owner_id: row.owner_id, field: &row.field }
    }

    /// Each part with its length: no two places give the same bytes.
    fn bound(&self, domain: &str, version: i64, master_id: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in [domain, self.owner, self.field, master_id] {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes.extend_from_slice(&self.owner_id.to_le_bytes());
        bytes.extend_from_slice(&version.to_le_bytes());
        bytes
    }

    fn broken(&self) -> VaultError {
        VaultError::Broken { place: format!("{}/{}/{}", self.owner, self.owner_id, self.field) }
    }
}

impl Seed {
    pub(super) fn random() -> Result<Seed, VaultError> {
        let mut seed = Seed {
            data_key: Zeroizing::new([0; KEY_BYTES]),
            nonce: [0; NONCE_BYTES],
            wrap_nonce: [0; NONCE_BYTES],
        };
        random::fill(seed.data_key.as_mut_slice())?;
        random::fill(&mut seed.nonce)?;
        random::fill(&mut seed.wrap_nonce)?;
        Ok(seed)
    }
}

/// Seals a secret for a place and version.
pub(super) fn seal(
    master: &MasterKey,
    place: &Place<'_>,
    version: i64,
    secret: &Secret,
    seed: &Seed,
) -> Result<Sealed, VaultError> {
    let length = secret.expose().len();
    if length > LONGEST {
        return Err(VaultError::TooLong { length, most: LONGEST });
    }
    let bound = place.bound(SECRET_DOMAIN, version, "");
    let ciphertext =
        encrypt(&seed.data_key, &seed.nonce, secret.expose(), &bound).ok_or_else(|| place.broken())?;
    let data_key = wrap(master, place, version, &seed.data_key, &seed.wrap_nonce)?;
    Ok(Sealed { version, ciphertext, data_key, master_id: master.id().to_owned() })
}

/// Opens what was sealed for that place.
pub(super) fn open(master: &MasterKey, place: &Place<'_>, sealed: &Sealed) -> Result<Secret, VaultError> {
    let data_key = unwrap_key(master, place, sealed)?;
    let bound = place.bound(SECRET_DOMAIN, sealed.version, "");
    decrypt(&data_key, &sealed.ciphertext, &bound).map(Secret::new).ok_or_else(|| place.broken())
}

/// The data key of a sealed secret, wrapped by another master key. The secret itself is not opened.
pub(super) fn rewrap(
    from: &MasterKey,
    to: &MasterKey,
    place: &Place<'_>,
    sealed: &Sealed,
) -> Result<Vec<u8>, VaultError> {
    let data_key = unwrap_key(from, place, sealed)?;
    let mut nonce = [0; NONCE_BYTES];
    random::fill(&mut nonce)?;
    wrap(to, place, sealed.version, &data_key, &nonce)
}

fn wrap(
    master: &MasterKey,
    place: &Place<'_>,
    version: i64,
    data_key: &[u8; KEY_BYTES],
    nonce: &[u8; NONCE_BYTES],
) -> Result<Vec<u8>, VaultError> {
    let bound = place.bound(DATA_KEY_DOMAIN, version, master.id());
    encrypt(master.bytes(), nonce, data_key, &bound).ok_or_else(|| place.broken())
}

fn unwrap_key(
    master: &MasterKey,
    place: &Place<'_>,
    sealed: &Sealed,
) -> Result<Zeroizing<[u8; KEY_BYTES]>, VaultError> {
    let bound = place.bound(DATA_KEY_DOMAIN, sealed.version, master.id());
    let opened = decrypt(master.bytes(), &sealed.data_key, &bound).map(Zeroizing::new);
    let opened = opened.filter(|key| key.len() == KEY_BYTES).ok_or_else(|| place.broken())?;
    let mut data_key = Zeroizing::new([0; KEY_BYTES]);
    data_key.copy_from_slice(&opened);
    Ok(data_key)
}

/// Nonce and ciphertext.
fn encrypt(key: &[u8; KEY_BYTES], nonce: &[u8; NONCE_BYTES], msg: &[u8], aad: &[u8]) -> Option<Vec<u8>> {
    let sealed =
        XChaCha20Poly1305::new(key.into()).encrypt(&XNonce::from(*nonce), Payload { msg, aad }).ok()?;
    Some([nonce.as_slice(), &sealed].concat())
}

fn decrypt(key: &[u8; KEY_BYTES], sealed: &[u8], aad: &[u8]) -> Option<Vec<u8>> {
    let (nonce, msg) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    XChaCha20Poly1305::new(key.into()).decrypt(&XNonce::from(*nonce), Payload { msg, aad }).ok()
}
