//! Which names an open loopback listener answers to.
//!
//! A web page can make a browser call any address under a name of the page's own (DNS rebinding), and read the
//! answer as its own. What is open because it is local therefore answers to local names only: addresses,
//! `localhost`, single words and the domains that no one can register.

use http::Uri;
use http::header::{HOST, HeaderMap};
use std::net::IpAddr;

/// Top-level names that are never delegated (RFC 6761, RFC 6762, ICANN for `internal`).
const LOCAL_DOMAINS: [&str; 5] = ["localhost", "local", "internal", "home.arpa", "test"];

/// The request names a machine that may be another one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` is no local name: without a key this address answers as localhost or by its IP address only"
)]
pub(crate) struct ForeignHost {
    name: String,
}

/// The request names this machine, or nobody.
pub(crate) fn check(uri: &Uri, headers: &HeaderMap) -> Result<(), ForeignHost> {
    // An absolute request target wins over the header (RFC 9112, 3.2.2).
    let named = uri.authority().map(|a| a.as_str()).or_else(|| headers.get(HOST)?.to_str().ok());
    let name = named.map_or("", bare);
    if is_local(name) {
        return Ok(());
    }
    Err(ForeignHost { name: name.chars().take(100).collect() })
}

/// Without the port.
fn bare(named: &str) -> &str {
    match named.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => named.rsplit_once(':').map_or(named, |(name, _)| name),
    }
}

fn is_local(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let in_domain =
        |domain: &&str| name.strip_suffix(*domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    !name.contains('.') && !name.contains(':')
        || name.parse::<IpAddr>().is_ok()
        || LOCAL_DOMAINS.iter().any(in_domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        check(&Uri::from_static("/v1/models"), &headers).is_ok()
    }

    #[test]
    fn local_names_only() {
        assert!(check(&Uri::from_static("/"), &HeaderMap::new()).is_ok(), "HTTP/1.0 names nobody");
        for local in
            ["localhost", "LocalHost:8080", "127.0.0.1:8080", "[::1]:8080", "10.0.0.7", "llm-link:8080"]
        {
            assert!(accepts(local), "{local}");
        }
        for local in ["host.docker.internal", "box.local:1", "llm.default.svc.cluster.local", "a.localhost."]
        {
            assert!(accepts(local), "{local}");
        }
        for foreign in [
            "evil.example",
            "rebind.network:8080",
            "localhost.evil.com",
            "127.0.0.1.nip.io",
            "notlocal.xlocal",
        ] {
            assert!(!accepts(foreign), "{foreign}");
        }
    }

    #[test]
    fn an_absolute_target_counts_more_than_the_header() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "localhost".parse().unwrap());
        assert!(check(&Uri::from_static("http://evil.example/v1/models"), &headers).is_err());
    }
}
