//! Bytes that do not lie in memory as they are. A key must be at hand for the next start of its worker; until
//! then a core, a swapped page or a stray read of this process shows only noise.
//!
//! This is no encryption: pad and masked bytes are both in this process. Whoever can read all of its memory and
//! knows where to look has the key.

use zeroize::{Zeroize, Zeroizing};

/// See the module. Wiped when dropped; no `Debug`, no `Clone`, no `Serialize`.
pub(crate) struct Sealed {
    pad: Box<[u8]>,
    masked: Box<[u8]>,
}

impl Sealed {
    /// Seals a copy; the original is the caller's to wipe.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut pad = vec![0; bytes.len()].into_boxed_slice();
        // Without randomness the bytes lie there as they are; no worker is started without it either.
        if getrandom::fill(&mut pad).is_err() {
            tracing::warn!("no randomness: a key lies in memory as it is");
        }
        let masked = bytes.iter().zip(&pad).map(|(byte, mask)| byte ^ mask).collect();
        Self { pad, masked }
    }

    /// The bytes, in a buffer that is wiped after use.
    pub(crate) fn open(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.masked.iter().zip(&self.pad).map(|(byte, mask)| byte ^ mask).collect())
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        self.pad.zeroize();
        self.masked.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_comes_back_and_does_not_lie_about() {
        let key = b"sk-canary-0123456789";
        let sealed = Sealed::new(key);
        assert_eq!(sealed.open().as_slice(), key);
        assert_ne!(&*sealed.masked, key);
        assert_ne!(&*sealed.pad, key);
        assert_ne!(Sealed::new(key).masked, sealed.masked, "each has a pad of its own");
        assert!(Sealed::new(b"").open().is_empty());
    }
}
