//! Keys, and the one seam through which they are read.
//!
//! A [`Secret`] has no `Debug`, `Display` or `Serialize` and is wiped when its last holder drops it.

use crate::sealed::Sealed;
use sha2::{Digest, Sha256};
use std::io;
use std::path::Path;
use std::sync::Arc;
use zeroize::{Zeroize, Zeroizing};

/// Where values outside the configuration text come from. Real: [`Host`](super::Host).
pub(crate) trait Secrets {
    /// The value of an environment variable, if it is set and is text.
    fn env(&self, name: &str) -> Option<String>;

    /// The content of a file.
    fn file(&self, path: &Path) -> io::Result<Vec<u8>>;
}

/// A key: visible ASCII, not empty.
#[derive(Clone)]
pub(crate) struct Secret(Arc<Sealed>);

/// Why some text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("is empty")]
    Empty,
    #[error("is longer than 16 KiB, which no key is")]
    TooLong,
    #[error("holds a space, a line break or a character outside ASCII, which no header can carry")]
    Characters,
}

const LONGEST: usize = 16 * 1024;

impl Secret {
    /// Takes a key as found in a variable or file; line breaks at its end are not part of it. The given
    /// buffer is wiped.
    pub(crate) fn new(mut found: Vec<u8>) -> Result<Secret, SecretError> {
        let secret = Secret::copied(&found, |byte| byte.is_ascii_graphic());
        found.zeroize();
        secret
    }

    /// The same for the value of a header or a login: spaces may be in it.
    pub(crate) fn line(mut found: Vec<u8>) -> Result<Secret, SecretError> {
        let secret = Secret::copied(&found, |byte| *byte == b' ' || byte.is_ascii_graphic());
        found.zeroize();
        secret
    }

    fn copied(found: &[u8], fits: impl FnMut(&u8) -> bool) -> Result<Secret, SecretError> {
        let end = found.iter().rposition(|b| !matches!(b, b'\n' | b'\r')).map_or(0, |at| at + 1);
        let key = &found[..end];
        if key.iter().all(u8::is_ascii_whitespace) {
            return Err(SecretError::Empty);
        }
        if key.len() > LONGEST {
            return Err(SecretError::TooLong);
        }
        if !key.iter().all(fits) {
            return Err(SecretError::Characters);
        }
        Ok(Secret(Arc::new(Sealed::new(key))))
    }

    /// The key itself, to be handed to where it belongs and nowhere else.
    pub(crate) fn expose(&self) -> Zeroizing<Vec<u8>> {
        self.0.open()
    }

    /// SHA-256, lower-case hex: tells keys apart and recognises them, without holding them.
    pub(crate) fn hash(&self) -> String {
        hex(&Sha256::digest(self.0.open().as_slice()))
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<String, SecretError> {
        Secret::new(text.into()).map(|secret| String::from_utf8_lossy(&secret.expose()).into_owned())
    }

    #[test]
    fn line_breaks_at_the_end_go_and_nothing_else() {
        assert_eq!(key("sk-1\n"), Ok("sk-1".to_owned()));
        assert_eq!(key("sk-1\r\n\n"), Ok("sk-1".to_owned()));
        assert_eq!(key("sk-1 "), Err(SecretError::Characters));
        assert_eq!(key("sk\n1"), Err(SecretError::Characters));
        assert_eq!(key("schlüssel"), Err(SecretError::Characters));
        assert_eq!(key(""), Err(SecretError::Empty));
        assert_eq!(key(" \n"), Err(SecretError::Empty));
        assert_eq!(key(&"k".repeat(20_000)), Err(SecretError::TooLong));
    }

    #[test]
    fn hashes_are_sha_256() {
        let abc = Secret::new(b"abc".to_vec()).map(|s| s.hash());
        assert_eq!(abc.as_deref(), Ok("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    }
}
