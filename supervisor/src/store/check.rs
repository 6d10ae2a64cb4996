//! Collects everything that is wrong with a value before any of it is stored.
//! It judges single values; whether a name is taken or a row exists is the database's to say.

use super::error::{Mistake, Object, StoreError};
use std::collections::BTreeMap;

/// The mistakes found so far in one value.
pub(super) struct Check {
    object: Object,
    mistakes: Vec<Mistake>,
}

/// A header with one of these in its name carries a credential: its value belongs in a sealed secret.
const CREDENTIAL_WORDS: &[&str] =
    &["auth", "token", "secret", "cookie", "password", "credential", "api-key", "apikey", "session"];

impl Check {
    pub(super) fn new(object: Object) -> Check {
        Check { object, mistakes: Vec::new() }
    }

    /// `Ok` when nothing was found, else all of it.
    pub(super) fn finish(self) -> Result<(), StoreError> {
        if self.mistakes.is_empty() {
            return Ok(());
        }
        Err(StoreError::Invalid { object: self.object, mistakes: self.mistakes })
    }

    pub(super) fn mistake(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.mistakes.push(Mistake { field: field.into(), problem: problem.into() });
    }

    /// A problem unless the condition holds.
    pub(super) fn require(&mut self, holds: bool, field: &str, problem: &str) {
        if !holds {
            self.mistake(field, problem);
        }
    }

    /// A name as it stands in addresses and headers: `[a-z0-9][a-z0-9._-]{0,62}`, upper case allowed.
    pub(super) fn name(&mut self, field: &str, name: &str) {
        let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        let rest = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        let fits = first && rest && name.len() <= 63;
        self.require(
            fits,
            field,
            "must be 1 to 63 letters, digits, `.`, `_` or `-`, beginning with a letter or digit",
        );
    }

    /// A model's name or a public alias: printable, no spaces, at most 200 bytes.
    pub(super) fn model_name(&mut self, field: &str, name: &str) {
        let printable = name.chars().all(|c| !c.is_control() && !c.is_whitespace());
        let fits = printable && (1..=200).contains(&name.len());
        self.require(fits, field, "must be 1 to 200 characters without spaces");
    }

    /// A line for people: no control characters, at most that many bytes.
    pub(super) fn text(&mut self, field: &str, text: &str, longest: usize) {
        let fits = text.len() <= longest && !text.chars().any(char::is_control);
        self.require(fits, field, &format!("must be one line of at most {longest} bytes"));
    }

    /// An `http` or `https` address without user name, password, query or fragment.
    pub(super) fn base_url(&mut self, field: &str, url: &str) {
        self.url(field, url, &["http://", "https://"]);
        self.require(!url.contains(['?', '#']), field, "must not have a query or fragment");
    }

    /// A proxy's address. Its user name and password are a secret.
    pub(super) fn proxy_url(&mut self, field: &str, url: &str) {
        self.url(field, url, &["http://", "https://", "socks5://", "socks5h://"]);
    }

    fn url(&mut self, field: &str, url: &str, schemes: &[&str]) {
        let rest = schemes.iter().find_map(|scheme| url.strip_prefix(scheme));
        let Some(rest) = rest else {
            return self.mistake(field, format!("must begin with {}", schemes.join(" or ")));
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        self.require(!authority.is_empty(), field, "must name a host");
        self.require(
            !authority.contains('@'),
            field,
            "must not hold a user name or password: put them into `proxy_login`",
        );
        let printable = url.len() <= 2048 && url.bytes().all(|b| b.is_ascii_graphic());
        self.require(printable, field, "must be at most 2048 ASCII characters without spaces");
    }

    /// A header's name as it is stored.
    pub(super) fn header_name(&mut self, field: &str, name: &str) {
        let token = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&b);
        self.require(!name.is_empty() && name.bytes().all(token), field, "must be a lower-case header name");
    }

    /// Headers to send with each request: lower-case names, one-line values, no credentials.
    pub(super) fn headers(&mut self, field: &str, headers: &BTreeMap<String, String>) {
        for (name, value) in headers {
            let here = format!("{field}.{name}");
            self.header_name(&here, name);
            let line = value.len() <= 4096 && value.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
            self.require(line, &here, "must be one line of visible ASCII");
            let credential = CREDENTIAL_WORDS.iter().any(|word| name.contains(word));
            self.require(!credential, &here, "carries a credential: put it into `secret_headers`");
        }
    }
}
