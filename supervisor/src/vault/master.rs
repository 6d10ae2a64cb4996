//! The master key: 32 bytes, known outside by an id that gives nothing away.

use super::error::VaultError;
use super::random;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use zeroize::Zeroizing;

pub(super) const KEY_BYTES: usize = 32;

/// A master key. It never leaves the vault except into its own file.
pub(crate) struct MasterKey {
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    id: String,
}

impl MasterKey {
    pub(super) fn random() -> Result<MasterKey, VaultError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        random::fill(bytes.as_mut_slice())?;
        Ok(MasterKey::from_bytes(bytes))
    }

    /// Reads a key as it stands in a file or credential: 32 raw bytes, 64 hex digits or base64, a line break at
    /// the end allowed. `source_name` is for the message.
    pub(crate) fn parse(content: &[u8], source_name: &str) -> Result<MasterKey, VaultError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        if content.len() == KEY_BYTES {
            bytes.copy_from_slice(content);
            return Ok(MasterKey::from_bytes(bytes));
        }
        let text = content.trim_ascii_end();
        let decoded = match text.len() {
            64 => from_hex(text),
            43 | 44 => {
                STANDARD_NO_PAD.decode(text.strip_suffix(b"=").unwrap_or(text)).ok().map(Zeroizing::new)
            }
            _ => None,
        };
        let malformed = || VaultError::MalformedMaster { source_name: source_name.to_owned() };
        let decoded = decoded.filter(|d| d.len() == KEY_BYTES).ok_or_else(malformed)?;
        bytes.copy_from_slice(&decoded);
        Ok(MasterKey::from_bytes(bytes))
    }

    /// Tells keys apart: the first 8 bytes of a hash, hex.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }

    /// The form it has in its file: base64 and a line break.
    pub(super) fn file_form(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(64));
        STANDARD_NO_PAD.encode_string(self.bytes.as_slice(), &mut text);
        text.push('\n');
        text
    }

    fn from_bytes(bytes: Zeroizing<[u8; KEY_BYTES]>) -> MasterKey {
        let hash = Sha256::new()
            .chain_update(b"llm-link master key id v1")
            .chain_update(bytes.as_slice())
            .finalize();
        let id = hash.iter().take(8).map(|b| format!("{b:02x}")).collect();
        MasterKey { bytes, id }
    }
}

/// The master keys in memory: one, or two while one is being replaced.
pub(super) struct Ring {
    keys: Vec<Arc<MasterKey>>,
}

impl Ring {
    pub(super) fn of<const N: usize>(keys: [Arc<MasterKey>; N]) -> Ring {
        Ring { keys: keys.into() }
    }

    pub(super) fn find(&self, id: &str) -> Result<&Arc<MasterKey>, VaultError> {
        self.keys.iter().find(|key| key.id() == id).ok_or_else(|| VaultError::WrongMaster {
            adopted: id.to_owned(),
            found: self.keys.iter().map(|k| k.id()).collect::<Vec<_>>().join(", "),
        })
    }
}

fn from_hex(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    for pair in text.chunks(2) {
        let [high, low] = pair else { return None };
        bytes.push(digit(high)? << 4 | digit(low)?);
    }
    Some(bytes)
}
