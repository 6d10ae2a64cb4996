//! Which way to a destination: straight, or through a proxy, and through which kind. Pure.
//!
//! The rules for `no_proxy` are curl's, as `hyper-util` has them. A proxy that cannot be understood is an
//! error: falling back to a direct connection would bypass what the operator asked for.

use super::UpstreamError;
use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use protocol::ipc::configure::Proxy;
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// The configured way out.
pub struct Routes {
    proxies: Option<Matcher>,
    /// The same with the login that came later.
    admitted: OnceLock<Matcher>,
}

/// The way to one destination.
#[derive(Clone, Debug)]
pub(super) enum Way {
    Direct,
    /// The proxy sees the request (plain HTTP): absolute URI, `proxy-authorization` in the request.
    Forward(Intercept),
    /// `CONNECT`, and TLS to the destination inside.
    Tunnel(Intercept),
    /// SOCKS 5; the proxy resolves the name.
    Socks(Intercept),
}

impl Routes {
    /// # Errors
    /// [`UpstreamError::Proxy`] for an address that is no proxy's.
    pub fn new(proxy: &Proxy) -> Result<Self, UpstreamError> {
        let proxies = match proxy {
            Proxy::Direct => None,
            Proxy::Environment { http, https, no } => {
                check(http)?;
                check(https)?;
                let matcher = Matcher::builder().http(http.as_str()).https(https.as_str()).no(no.as_str());
                (!http.is_empty() || !https.is_empty()).then(|| matcher.build())
            }
            Proxy::Url(url) => {
                check(url)?;
                (!url.is_empty()).then(|| Matcher::builder().all(url.as_str()).build())
            }
        };
        Ok(Self { proxies, admitted: OnceLock::new() })
    }

    /// Presents `user:password` to the configured proxy from now on. Ports and kinds of ways stay.
    ///
    /// # Errors
    /// [`UpstreamError::Proxy`] where no proxy has its address, or has a login in it, in the configuration.
    pub fn log_in(&self, proxy: &Proxy, login: &[u8]) -> Result<(), UpstreamError> {
        let reason = |reason: &str| UpstreamError::Proxy { reason: reason.to_owned() };
        let Proxy::Url(url) = proxy else { return Err(reason("it has a login and no address")) };
        let (scheme, address) = url.split_once("://").unwrap_or(("http", url));
        if address.contains('@') {
            return Err(reason("it has a login in its address already"));
        }
        let at = login.iter().position(|byte| *byte == b':').unwrap_or(login.len());
        let (user, password) = (&login[..at], login.get(at + 1..).unwrap_or_default());
        let encoded = |part| percent_encode(part, NON_ALPHANUMERIC);
        let url = Zeroizing::new(format!("{scheme}://{}:{}@{address}", encoded(user), encoded(password)));
        check(&url)?;
        self.admitted
            .set(Matcher::builder().all(url.as_str()).build())
            .map_err(|_| reason("it was logged in to already"))
    }

    /// The port that will be connected to on the way to `destination`.
    pub fn port(&self, destination: &Uri) -> Option<u16> {
        match self.way(destination) {
            Way::Direct => port_of(destination),
            Way::Forward(p) | Way::Tunnel(p) | Way::Socks(p) => port_of(p.uri()),
        }
    }

    /// The way to `destination`.
    pub(super) fn way(&self, destination: &Uri) -> Way {
        let proxies = self.admitted.get().or(self.proxies.as_ref());
        let Some(proxy) = proxies.and_then(|p| p.intercept(destination)) else {
            return Way::Direct;
        };
        match (proxy.uri().scheme_str(), destination.scheme_str()) {
            (Some("socks5" | "socks5h"), _) => Way::Socks(proxy),
            (_, Some("https")) => Way::Tunnel(proxy),
            _ => Way::Forward(proxy),
        }
    }

    /// Whether TLS is spoken on the way to `destination`, to it or to its proxy.
    pub(super) fn needs_tls(&self, destination: &Uri) -> bool {
        let https = |uri: &Uri| uri.scheme_str() == Some("https");
        https(destination)
            || match self.way(destination) {
                Way::Direct | Way::Socks(_) => false,
                Way::Forward(p) | Way::Tunnel(p) => https(p.uri()),
            }
    }
}

/// The port a URI names, or its scheme's.
pub(super) fn port_of(uri: &Uri) -> Option<u16> {
    uri.port_u16().or(match uri.scheme_str() {
        Some("http") => Some(80),
        Some("https") => Some(443),
        Some("socks5" | "socks5h") => Some(1080),
        _ => None,
    })
}

/// The same host with the port that its scheme implies spelled out: the SOCKS connector takes 443 for every
/// destination without one, and knows no port for its own scheme.
pub(super) fn with_port(uri: &Uri) -> Uri {
    let (Some(host), Some(port)) = (uri.host(), port_of(uri)) else { return uri.clone() };
    format!("http://{host}:{port}/").parse().unwrap_or_else(|_| uri.clone())
}

fn check(proxy: &str) -> Result<(), UpstreamError> {
    if proxy.is_empty() {
        return Ok(());
    }
    let probe = Matcher::builder().all(proxy).build();
    let understood = probe.intercept(&Uri::from_static("http://destination.invalid/"));
    match understood.as_ref().and_then(|p| p.uri().scheme_str()) {
        Some("http" | "https" | "socks5" | "socks5h") => Ok(()),
        // The value may hold a password: it is not repeated.
        Some(scheme) => Err(UpstreamError::Proxy { reason: format!("its scheme {scheme} is not supported") }),
        None => Err(UpstreamError::Proxy { reason: "it is not the URL of a proxy".to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    fn environment(http: &str, https: &str, no: &str) -> Proxy {
        Proxy::Environment { http: http.into(), https: https.into(), no: no.into() }
    }

    #[test]
    fn direct_goes_to_the_destinations_own_port() {
        let routes = Routes::new(&Proxy::Direct).unwrap();
        assert_eq!(routes.port(&uri("https://api.example.com/v1")), Some(443));
        assert_eq!(routes.port(&uri("http://127.0.0.1:11434/v1")), Some(11434));
        assert_eq!(routes.port(&uri("http://[::1]/v1")), Some(80));
    }

    #[test]
    fn the_environment_decides_by_scheme_and_exception() {
        let proxy = environment("http://p:3128", "http://q:3129", "localhost,127.0.0.0/8,.corp.example");
        let routes = Routes::new(&proxy).unwrap();
        assert!(matches!(routes.way(&uri("http://api.example.com/")), Way::Forward(_)));
        assert!(matches!(routes.way(&uri("https://api.example.com/")), Way::Tunnel(_)));
        assert!(matches!(routes.way(&uri("https://x.corp.example/")), Way::Direct));
        assert!(matches!(routes.way(&uri("http://127.0.0.1:11434/")), Way::Direct));
        assert_eq!(routes.port(&uri("http://api.example.com/")), Some(3128));
        assert_eq!(routes.port(&uri("https://api.example.com/")), Some(3129));
    }

    #[test]
    fn an_empty_environment_is_direct() {
        let routes = Routes::new(&environment("", "", "")).unwrap();
        assert!(matches!(routes.way(&uri("https://api.example.com/")), Way::Direct));
    }

    #[test]
    fn socks_and_implied_ports() {
        let routes = Routes::new(&Proxy::Url("socks5h://u:p@proxy".into())).unwrap();
        let destination = uri("https://api.example.com/");
        let Way::Socks(proxy) = routes.way(&destination) else { panic!("not socks") };
        assert_eq!(with_port(proxy.uri()), uri("http://proxy:1080/"));
        assert_eq!(with_port(&uri("http://h/x")), uri("http://h:80/"));
        assert_eq!(proxy.raw_auth(), Some(("u", "p")));
        assert_eq!(routes.port(&destination), Some(1080));
        assert!(routes.needs_tls(&destination));
        assert!(!routes.needs_tls(&uri("http://api.example.com/")));
        let tls_proxy = Routes::new(&Proxy::Url("https://proxy".into())).unwrap();
        assert!(tls_proxy.needs_tls(&uri("http://api.example.com/")));
    }

    #[test]
    fn a_login_comes_after_the_address() {
        let proxy = Proxy::Url("http://proxy:3128".into());
        let routes = Routes::new(&proxy).unwrap();
        let way = || match routes.way(&uri("http://api.example.com/")) {
            Way::Forward(proxy) => proxy.basic_auth().map(|auth| auth.to_str().unwrap().to_owned()),
            other => panic!("{other:?}"),
        };
        assert_eq!(way(), None);
        routes.log_in(&proxy, b"us er:p@ss:w/ord%").unwrap();
        // `us er:p@ss:w/ord%`
        assert_eq!(way().as_deref(), Some("Basic dXMgZXI6cEBzczp3L29yZCU="));
        assert!(routes.log_in(&proxy, b"again:x").is_err());
        let socks = Proxy::Url("socks5h://proxy".into());
        let routes = Routes::new(&socks).unwrap();
        routes.log_in(&socks, b"u:p").unwrap();
        let Way::Socks(way) = routes.way(&uri("https://api.example.com/")) else { panic!("not socks") };
        assert_eq!(way.raw_auth(), Some(("u", "p")));
        assert!(Routes::new(&Proxy::Direct).unwrap().log_in(&Proxy::Direct, b"u:p").is_err());
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_repeating_it() {
        for bad in ["socks4://u:secret@p:1", "ftp://u:secret@p", "http://", "not a url:secret"] {
            let error = Routes::new(&Proxy::Url(bad.into())).err().map(|e| e.to_string());
            let error = error.unwrap_or_else(|| panic!("{bad} was taken"));
            assert!(!error.contains("secret"), "{error}");
            assert!(Routes::new(&environment("", bad, "")).is_err());
        }
    }
}
