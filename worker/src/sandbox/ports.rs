//! Which TCP ports a provider's worker may connect to. Pure.

use crate::upstream::{Routes, UpstreamError, url};
use protocol::ipc::configure::HttpUpstream;

/// DNS over TCP, for answers too long for a datagram.
const DNS: u16 = 53;

/// For each endpoint its port, or its proxy's where one stands in between, and the resolver's; ascending.
///
/// The demo provider needs none; give [`super::enter`] an empty list and it cannot connect at all.
///
/// # Errors
/// When a base URL or the proxy cannot be used.
pub fn ports(upstream: &HttpUpstream) -> Result<Vec<u16>, UpstreamError> {
    let routes = Routes::new(&upstream.proxy)?;
    let mut ports = vec![DNS];
    for endpoint in &upstream.endpoints {
        ports.extend(routes.port(&url::base(&endpoint.base_url)?));
    }
    ports.sort_unstable();
    ports.dedup();
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::dialect::Dialect;
    use protocol::ipc::configure::{AuthScheme, Endpoint, Proxy};
    use std::collections::BTreeMap;

    fn upstream(bases: &[&str], proxy: Proxy) -> HttpUpstream {
        let endpoint = |base: &&str| Endpoint { dialect: Dialect::OpenAiChat, base_url: (*base).to_owned() };
        HttpUpstream {
            endpoints: bases.iter().map(endpoint).collect(),
            auth: AuthScheme::Bearer,
            needs_key: true,
            headers: vec![],
            proxy,
            quirks: BTreeMap::new(),
            models: BTreeMap::new(),
        }
    }

    #[test]
    fn only_where_the_provider_is_reached() {
        let direct = upstream(&["https://a.example/v1", "http://127.0.0.1:11434"], Proxy::Direct);
        assert_eq!(ports(&direct).unwrap(), [53, 443, 11434]);
        let proxied = upstream(&["https://a.example/v1"], Proxy::Url("http://p:3128".into()));
        assert_eq!(ports(&proxied).unwrap(), [53, 3128]);
        let broken = upstream(&["nonsense"], Proxy::Direct);
        assert!(ports(&broken).is_err());
    }
}
