//! A plaintext in memory.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes nobody may see: wiped when dropped, compared in constant time, never printed, copied or serialised.
pub(crate) struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes over the buffer; it is not copied.
    pub(crate) fn new(bytes: Vec<u8>) -> Secret {
        Secret(Zeroizing::new(bytes))
    }

    /// The plaintext, for the one use that needs it.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The last four characters of a key of 24 or more, for people to tell keys apart; empty for shorter ones,
    /// of which they would give too much away.
    pub(crate) fn tail(&self) -> String {
        let visible = self.0.iter().all(u8::is_ascii_graphic);
        match self.0.len().checked_sub(4) {
            Some(at) if at >= 20 && visible => String::from_utf8_lossy(&self.0[at..]).into_owned(),
            Some(_) | None => String::new(),
        }
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}
