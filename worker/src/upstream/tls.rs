//! TLS to providers and proxies: which roots are trusted, which protocols are offered.
//!
//! Roots are the system's (`SSL_CERT_FILE` and `SSL_CERT_DIR` win, as with OpenSSL), else Mozilla's as
//! compiled in. They are only loaded when something on the way speaks TLS: they are most of an idle
//! worker's memory.

use super::UpstreamError;
use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// Sessions remembered for resumption: a worker knows a handful of hosts.
const SESSIONS: usize = 16;

/// Whether anything on the way speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Roots {
    Load,
    None,
}

/// The configurations for destinations (HTTP/2 or 1.1) and for proxies (HTTP/1.1), same roots.
pub(super) fn configs(roots: Roots) -> Result<(ClientConfig, ClientConfig), UpstreamError> {
    let store = match roots {
        Roots::Load => load(),
        Roots::None => RootCertStore::empty(),
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut destination = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(UpstreamError::Tls)?
        .with_root_certificates(store)
        .with_no_client_auth();
    destination.resumption = Resumption::in_memory_sessions(SESSIONS);
    let mut proxy = destination.clone();
    destination.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    proxy.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((destination, proxy))
}

fn load() -> RootCertStore {
    let mut store = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, ignored) = store.add_parsable_certificates(found.certs);
    if added == 0 {
        let reason = found.errors.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
        tracing::warn!(%reason, "no root certificate of the system can be used: taking Mozilla's");
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    } else {
        tracing::debug!(added, ignored, "root certificates");
    }
    store
}
