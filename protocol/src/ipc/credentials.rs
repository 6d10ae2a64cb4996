//! The body of [`super::control::ToChild::Secret`]: everything secret that a provider's calls carry. One line each,
//! so that a lone key is its own text; none of them can hold a line break.
//!
//! ```text
//! sk-...                          the key; empty = none
//! proxy user:password             for the configured proxy
//! header x-token: ...             one for each header
//! ```

use zeroize::Zeroizing;

const PROXY: &[u8] = b"proxy ";
const HEADER: &[u8] = b"header ";
const COLON: &[u8] = b": ";

/// See the module. Borrows, so that no further copy is made. Deliberately without `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials<'b> {
    pub key: Option<&'b [u8]>,
    /// `user:password`
    pub proxy_login: Option<&'b [u8]>,
    /// Lower-case name and value.
    pub headers: Vec<(&'b [u8], &'b [u8])>,
}

impl<'b> Credentials<'b> {
    /// There is nothing to send.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// As it travels.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let length = |parts: &[&[u8]]| parts.iter().map(|part| part.len() + 1).sum::<usize>();
        let headers: usize =
            self.headers.iter().map(|(name, value)| length(&[HEADER, name, COLON, value])).sum();
        let login = self.proxy_login.map_or(0, |login| length(&[PROXY, login]));
        // Never grown: that would leave copies behind.
        let mut bytes =
            Zeroizing::new(Vec::with_capacity(self.key.map_or(0, <[u8]>::len) + login + headers + 1));
        bytes.extend_from_slice(self.key.unwrap_or_default());
        if let Some(login) = self.proxy_login {
            [b"\n", PROXY, login].iter().for_each(|part| bytes.extend_from_slice(part));
        }
        for (name, value) in &self.headers {
            [b"\n", HEADER, name, COLON, value].iter().for_each(|part| bytes.extend_from_slice(part));
        }
        bytes
    }

    /// What has travelled. Lines of no known kind are nobody's.
    pub fn from_bytes(bytes: &'b [u8]) -> Self {
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let key = lines.next().filter(|key| !key.is_empty());
        let mut found = Self { key, ..Self::default() };
        for line in lines {
            if let Some(login) = line.strip_prefix(PROXY) {
                found.proxy_login = Some(login);
            } else if let Some(header) = line.strip_prefix(HEADER)
                && let Some(at) = header.windows(COLON.len()).position(|two| two == COLON)
            {
                found.headers.push((&header[..at], &header[at + COLON.len()..]));
            }
        }
        found
    }

    /// Every text that must appear nowhere.
    pub fn texts(&self) -> impl Iterator<Item = &'b [u8]> {
        let password = self.proxy_login.map(|login| {
            let at = login.iter().position(|byte| *byte == b':').map_or(0, |at| at + 1);
            &login[at..]
        });
        let values: Vec<&[u8]> = self.headers.iter().map(|(_, value)| *value).collect();
        self.key.into_iter().chain(password).chain(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_travels_arrives() {
        let all = Credentials {
            key: Some(b"sk-1"),
            proxy_login: Some(b"user:pass:word"),
            headers: vec![(b"x-token", b"Bearer a: b"), (b"cookie", b"s=1")],
        };
        for sent in [
            all.clone(),
            Credentials { key: None, ..all.clone() },
            Credentials { proxy_login: None, ..all.clone() },
            Credentials { headers: Vec::new(), ..all.clone() },
            Credentials::default(),
        ] {
            assert!(Credentials::from_bytes(&sent.to_bytes()) == sent);
        }
        assert_eq!(
            Credentials { key: Some(b"sk-1"), ..Credentials::default() }.to_bytes().as_slice(),
            b"sk-1"
        );
        let texts: Vec<_> = all.texts().collect();
        assert_eq!(texts, [&b"sk-1"[..], b"pass:word", b"Bearer a: b", b"s=1"]);
    }

    #[test]
    fn what_is_no_line_of_ours_is_passed_over() {
        let found = Credentials::from_bytes(b"k\nheader none\nodd\nproxy u:p\n");
        assert!(found == Credentials { key: Some(b"k"), proxy_login: Some(b"u:p"), headers: Vec::new() });
        assert!(Credentials::from_bytes(b"").is_empty());
    }
}
