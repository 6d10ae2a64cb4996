//! The base URL of an endpoint: what stands before `/chat/completions`, `/messages` or `/api/chat`.
//!
//! Owns the rule that makes `https://api.example.com`, `https://api.example.com/` and
//! `https://api.example.com/v1` one and the same endpoint. Never resolves a name or opens a connection.

use crate::dialect::Dialect;
use std::fmt;

/// How an endpoint is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    Http,
    Https,
}

impl Scheme {
    /// The word before `://`.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// The port used when a URL names none.
    pub fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

/// A parsed `http://` or `https://` URL without user, query or fragment, and without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    scheme: Scheme,
    host: String,
    port: Option<u16>,
    path: String,
}

/// Why a text is not a base URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    #[error("it does not start with `http://` or `https://`")]
    Scheme,
    #[error("it names no host")]
    Host,
    #[error("its host holds characters that no host name has")]
    HostCharacters,
    #[error("its port is not a number between 1 and 65535")]
    Port,
    #[error("it holds a user name or password")]
    Credentials,
    #[error("it has a query or a fragment")]
    Query,
    #[error("its path holds a space, a control character or a character outside ASCII")]
    Path,
}

impl BaseUrl {
    /// Reads `scheme://host[:port][/path]`; trailing slashes go, scheme and host become lower case.
    pub fn parse(text: &str) -> Result<BaseUrl, BaseUrlError> {
        let (scheme, rest) = split_scheme(text)?;
        if rest.contains(['?', '#']) {
            return Err(BaseUrlError::Query);
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(BaseUrlError::Credentials);
        }
        let (host, port) = split_port(authority)?;
        let path = path.trim_end_matches('/');
        if !path.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(BaseUrlError::Path);
        }
        Ok(BaseUrl { scheme, host, port, path: path.to_owned() })
    }

    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// A name, an IPv4 address, or an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port a connection goes to.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(self.scheme.default_port())
    }

    /// Empty, or `/` and more; never ends in `/`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path ends in a version (`/v1`, `/api/paas/v4`, `/v1beta`, `/v1beta/openai`, `/beta`).
    pub fn is_versioned(&self) -> bool {
        let mut segments = self.path.rsplit('/');
        let last = segments.next().unwrap_or("");
        is_version(last) || (last == "openai" && segments.next().is_some_and(is_version))
    }

    /// The same URL with its last path segment removed if that is a version.
    pub fn unversioned(&self) -> BaseUrl {
        match self.path.rsplit_once('/') {
            Some((root, last)) if is_version(last) => BaseUrl { path: root.to_owned(), ..self.clone() },
            Some(_) | None => self.clone(),
        }
    }

    /// Where `dialect` is, given what a person typed: as typed if it ends in a version, else with `prefix`
    /// appended. The Ollama dialect has no version, so a `/v1` or `/api` typed for it is taken off.
    pub fn rooted(&self, dialect: Dialect, prefix: &str) -> BaseUrl {
        match dialect {
            Dialect::Ollama => {
                let path = self.path.strip_suffix("/v1").or(self.path.strip_suffix("/api"));
                BaseUrl { path: path.unwrap_or(&self.path).to_owned(), ..self.clone() }
            }
            Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Anthropic | Dialect::Gemini => {
                if self.is_versioned() {
                    return self.clone();
                }
                BaseUrl { path: format!("{}{prefix}", self.path), ..self.clone() }
            }
        }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.path)
    }
}

/// The version prefix that the dialect's own vendor uses.
pub fn version_prefix(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Anthropic => "/v1",
        Dialect::Gemini => "/v1beta",
        Dialect::Ollama => "",
    }
}

fn split_scheme(text: &str) -> Result<(Scheme, &str), BaseUrlError> {
    let (scheme, rest) = text.split_once("://").ok_or(BaseUrlError::Scheme)?;
    if scheme.eq_ignore_ascii_case("https") {
        Ok((Scheme::Https, rest))
    } else if scheme.eq_ignore_ascii_case("http") {
        Ok((Scheme::Http, rest))
    } else {
        Err(BaseUrlError::Scheme)
    }
}

fn split_port(authority: &str) -> Result<(String, Option<u16>), BaseUrlError> {
    let host_end = match authority.strip_prefix('[') {
        Some(_) => authority.find(']').map(|at| at + 1).ok_or(BaseUrlError::HostCharacters)?,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(host_end);
    if host.is_empty() {
        return Err(BaseUrlError::Host);
    }
    if !is_host(host) {
        return Err(BaseUrlError::HostCharacters);
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        None => return Err(BaseUrlError::HostCharacters),
        Some(digits) => Some(parse_port(digits).ok_or(BaseUrlError::Port)?),
    };
    Ok((host.to_ascii_lowercase(), port))
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(address) => address.parse::<core::net::Ipv6Addr>().is_ok(),
        None => host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')),
    }
}

fn parse_port(digits: &str) -> Option<u16> {
    let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|port| all_digits && *port > 0)
}

/// `v1`, `v4`, `v1beta`, `v1beta2`, `beta`.
fn is_version(segment: &str) -> bool {
    let Some(rest) = segment.strip_prefix('v') else { return segment == "beta" };
    let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let stage = after.trim_end_matches(|c: char| c.is_ascii_digit());
    after.len() < rest.len() && matches!(stage, "" | "alpha" | "beta")
}
