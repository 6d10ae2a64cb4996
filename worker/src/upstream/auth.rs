//! The key, and how it is presented.
//!
//! Owns the only place a provider's key becomes part of a request. It has no `Debug`, is not serialised,
//! and its header value is marked sensitive (kept out of HTTP/2's compression tables and of debug output).

use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use protocol::dialect::Dialect;
use protocol::ipc::configure::AuthScheme;
use zeroize::Zeroizing;

/// A provider's key as it arrived; wiped when dropped. Deliberately without `Debug` and `Clone`.
pub struct Key(Zeroizing<Vec<u8>>);

impl Key {
    /// Takes the bytes over. Surrounding white space does not belong to a key (files end in a newline).
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    fn trimmed(&self) -> &[u8] {
        self.0.trim_ascii()
    }
}

/// Why a key cannot be presented. Says nothing of the key itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    #[error("the provider needs a key and none was given")]
    Missing,
    #[error("the key holds bytes that cannot stand in an http header")]
    NotAHeader,
    #[error("the configured name of the key's header is not a header name")]
    BadName,
}

/// What each dialect's requests carry to prove who we are. Deliberately without `Debug`.
///
/// The header values are made once: every copy of a key is one more place to find it.
pub struct Credential {
    scheme: Scheme,
    /// Sent besides, whatever the dialect.
    others: Vec<(HeaderName, HeaderValue)>,
}

enum Scheme {
    None,
    Always(HeaderName, HeaderValue),
    ByDialect { bare: HeaderValue, bearer: HeaderValue },
}

impl Credential {
    /// A scheme without a key is fine where the provider needs none (a local server).
    ///
    /// # Errors
    /// See [`CredentialError`].
    pub fn new(scheme: &AuthScheme, needs_key: bool, key: Option<Key>) -> Result<Self, CredentialError> {
        let Some(key) = key.filter(|k| !k.trimmed().is_empty()) else {
            let needed = needs_key && *scheme != AuthScheme::None;
            return if needed { Err(CredentialError::Missing) } else { Ok(Self::of(Scheme::None)) };
        };
        let scheme = match scheme {
            AuthScheme::None => Scheme::None,
            AuthScheme::Bearer => Scheme::Always(AUTHORIZATION, bearer(&key)?),
            AuthScheme::Header(name) => {
                let name = name.parse().map_err(|_| CredentialError::BadName)?;
                Scheme::Always(name, value(key.trimmed())?)
            }
            AuthScheme::ByDialect => Scheme::ByDialect { bare: value(key.trimmed())?, bearer: bearer(&key)? },
        };
        Ok(Self::of(scheme))
    }

    fn of(scheme: Scheme) -> Self {
        Self { scheme, others: Vec::new() }
    }

    /// The same with headers that carry a credential of their own.
    ///
    /// # Errors
    /// [`CredentialError::NotAHeader`].
    pub fn with_headers(mut self, headers: &[(&[u8], &[u8])]) -> Result<Self, CredentialError> {
        for (name, text) in headers {
            let name = HeaderName::from_bytes(name).map_err(|_| CredentialError::NotAHeader)?;
            self.others.push((name, value(text)?));
        }
        Ok(self)
    }

    /// Puts the proof into the headers of a request in that dialect.
    pub fn apply(&self, dialect: Dialect, headers: &mut HeaderMap) {
        for (name, value) in &self.others {
            headers.insert(name.clone(), value.clone());
        }
        match &self.scheme {
            Scheme::None => {}
            Scheme::Always(name, value) => {
                headers.insert(name.clone(), value.clone());
            }
            Scheme::ByDialect { bare, bearer } => {
                let (name, value) = match dialect {
                    Dialect::Anthropic => (HeaderName::from_static("x-api-key"), bare),
                    Dialect::Gemini => (HeaderName::from_static("x-goog-api-key"), bare),
                    Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Ollama => {
                        (AUTHORIZATION, bearer)
                    }
                };
                headers.insert(name, value.clone());
            }
        }
    }
}

fn bearer(key: &Key) -> Result<HeaderValue, CredentialError> {
    let mut text = Zeroizing::new(b"Bearer ".to_vec());
    text.extend_from_slice(key.trimmed());
    value(&text)
}

fn value(bytes: &[u8]) -> Result<HeaderValue, CredentialError> {
    let mut value = HeaderValue::from_bytes(bytes).map_err(|_| CredentialError::NotAHeader)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Option<Key> {
        Some(Key::new(text.as_bytes().to_vec()))
    }

    fn headers(scheme: &AuthScheme, dialect: Dialect) -> HeaderMap {
        let mut headers = HeaderMap::new();
        Credential::new(scheme, true, key("sk-1\n")).unwrap().apply(dialect, &mut headers);
        headers
    }

    #[test]
    fn each_scheme_presents_the_key_its_way() {
        let table = [
            (AuthScheme::Bearer, Dialect::Anthropic, "authorization", "Bearer sk-1"),
            (AuthScheme::Header("api-key".into()), Dialect::OpenAiChat, "api-key", "sk-1"),
            (AuthScheme::ByDialect, Dialect::OpenAiChat, "authorization", "Bearer sk-1"),
            (AuthScheme::ByDialect, Dialect::OpenAiResponses, "authorization", "Bearer sk-1"),
            (AuthScheme::ByDialect, Dialect::Ollama, "authorization", "Bearer sk-1"),
            (AuthScheme::ByDialect, Dialect::Anthropic, "x-api-key", "sk-1"),
            (AuthScheme::ByDialect, Dialect::Gemini, "x-goog-api-key", "sk-1"),
        ];
        for (scheme, dialect, name, value) in table {
            let headers = headers(&scheme, dialect);
            assert_eq!(headers.len(), 1, "{scheme:?}");
            assert_eq!(headers[name], value, "{scheme:?}");
            assert!(headers[name].is_sensitive());
            assert!(!format!("{headers:?}").contains("sk-1"));
        }
        assert!(headers(&AuthScheme::None, Dialect::OpenAiChat).is_empty());
    }

    #[test]
    fn other_headers_go_with_every_dialect() {
        let others: [(&[u8], &[u8]); 2] = [(b"x-team", b"t 1"), (b"cookie", b"s=2")];
        let credential = Credential::new(&AuthScheme::ByDialect, true, key("sk-1")).unwrap();
        let credential = credential.with_headers(&others).unwrap();
        for dialect in [Dialect::Anthropic, Dialect::OpenAiChat] {
            let mut headers = HeaderMap::new();
            credential.apply(dialect, &mut headers);
            assert_eq!(
                (headers.len(), &headers["x-team"], &headers["cookie"]),
                (3, &"t 1".parse().unwrap(), &"s=2".parse().unwrap())
            );
            assert!(headers["x-team"].is_sensitive());
        }
        let none = Credential::new(&AuthScheme::None, true, None).unwrap();
        assert_eq!(none.with_headers(&[(b"not a name", b"x")]).err(), Some(CredentialError::NotAHeader));
    }

    #[test]
    fn a_missing_key_is_an_error_only_where_one_is_needed() {
        let error = |needs, key| Credential::new(&AuthScheme::Bearer, needs, key).err();
        assert_eq!(error(true, None), Some(CredentialError::Missing));
        assert_eq!(error(true, key(" \n")), Some(CredentialError::Missing));
        assert_eq!(error(false, None), None);
        assert!(Credential::new(&AuthScheme::None, true, None).is_ok());
    }

    #[test]
    fn what_cannot_be_a_header_is_refused_without_repeating_it() {
        let error = Credential::new(&AuthScheme::Bearer, true, key("sk\n1")).err();
        assert_eq!(error, Some(CredentialError::NotAHeader));
        let name = AuthScheme::Header("not a name".into());
        assert_eq!(Credential::new(&name, true, key("k")).err(), Some(CredentialError::BadName));
    }
}
