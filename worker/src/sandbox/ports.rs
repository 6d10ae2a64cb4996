//! Which TCP ports a provider's worker may connect to. Pure.

use crate::upstream::{default_port, proxies};
use http::Uri;
use protocol::ipc::configure::HttpUpstream;

/// DNS over TCP, for answers too long for a datagram.
const DNS: u16 = 53;

/// The ports of the endpoints and of the proxies in front of them, and the resolver's, ascending.
/// URLs that cannot be parsed contribute nothing: [`crate::upstream::Client::new`] refuses them.
///
/// The demo provider needs none; give [`super::enter`] an empty list and it cannot connect at all.
pub fn ports(upstream: &HttpUpstream) -> Vec<u16> {
    let mut ports = vec![DNS];
    let endpoints = upstream.endpoints.iter().filter_map(|e| e.base_url.parse::<Uri>().ok());
    ports.extend(endpoints.filter_map(|uri| default_port(&uri)));
    ports.extend(proxies(&upstream.proxy).iter().filter_map(default_port));
    ports.sort_unstable();
    ports.dedup();
    ports
}
