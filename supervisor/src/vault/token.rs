//! Random tokens that are shown once and kept as SHA-256: app keys, refresh tokens, one-time links. They hold 256
//! bits of randomness, so a plain hash is enough: there is nothing to guess.

use super::error::VaultError;
use super::random;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What a token is for; its first characters say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TokenKind {
    /// `llk_`: a key of an app.
    AppKey,
    /// `llr_`: a refresh token of a session.
    Refresh,
    /// `llo_`: a link that works once.
    OneTime,
}

/// A new token, to be shown once.
pub(crate) struct Token {
    text: Zeroizing<String>,
}

/// Characters of a token that may be kept in clear: its kind and 36 of its 256 bits.
const PREFIX: usize = 10;

impl TokenKind {
    fn mark(self) -> &'static str {
        match self {
            TokenKind::AppKey => "llk_",
            TokenKind::Refresh => "llr_",
            TokenKind::OneTime => "llo_",
        }
    }
}

impl Token {
    pub(crate) fn random(kind: TokenKind) -> Result<Token, VaultError> {
        let mut bytes = Zeroizing::new([0; 32]);
        random::fill(bytes.as_mut_slice())?;
        let mut text = Zeroizing::new(String::with_capacity(64));
        text.push_str(kind.mark());
        URL_SAFE_NO_PAD.encode_string(bytes.as_slice(), &mut text);
        Ok(Token { text })
    }

    /// The whole token, for the one answer that shows it.
    pub(crate) fn expose(&self) -> &str {
        &self.text
    }

    /// What may be kept in clear for people to recognise it by.
    pub(crate) fn prefix(&self) -> &str {
        self.text.get(..PREFIX).unwrap_or_default()
    }

    pub(crate) fn hash(&self) -> [u8; 32] {
        hash_token(self.text.as_bytes())
    }
}

/// What is kept of a token.
pub(crate) fn hash_token(shown: &[u8]) -> [u8; 32] {
    Sha256::digest(shown).into()
}

/// Compares in constant time.
pub(crate) fn same_hash(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.ct_eq(other).into()
}
