//! The web console: its files, embedded in the executable and compressed already, with what browsers need to
//! know of them. A page's address gives the same document whatever it is: the console itself finds its way.
//!
//! It knows nothing of who is logged in and asks nobody anything; what the console shows comes from the admin API.

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HeaderName, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;
use std::io::Read;

/// A file of the console.
struct File {
    /// Without the leading slash.
    path: &'static str,
    content_type: &'static str,
    etag: &'static str,
    /// Its name changes with its content.
    immutable: bool,
    br: &'static [u8],
    gz: &'static [u8],
}

mod files {
    use super::File;
    include!(concat!(env!("OUT_DIR"), "/console_files.rs"));
}

/// The document behind every page.
const INDEX: &str = "index.html";
/// Where the console's own files are; nothing else is there.
const ASSETS: &str = "_app/";
/// The first parts of its pages' addresses.
const PAGES: [&str; 9] =
    ["", "login", "setup", "providers", "apps", "models", "monitoring", "playground", "settings"];
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// A response of the console.
pub(crate) type Reply = Response<Full<Bytes>>;

/// The console's answer, if the request is for one of its files or pages. A page is for who wants HTML: programs
/// that ask for `/` or `/models` mean the client APIs.
pub(crate) fn serve(parts: &Parts) -> Option<Reply> {
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return None;
    }
    let path = parts.uri.path().strip_prefix('/')?;
    if let Some(file) = find(path).filter(|f| f.path != INDEX) {
        return Some(file.reply(&parts.headers));
    }
    if path.starts_with(ASSETS) {
        return Some(nothing());
    }
    let first = path.split('/').next().unwrap_or_default();
    (PAGES.contains(&first) && wants_html(&parts.headers))
        .then(|| find(INDEX).map(|f| f.reply(&parts.headers)))?
}

fn find(path: &str) -> Option<&'static File> {
    files::FILES.binary_search_by(|f| f.path.cmp(path)).ok().and_then(|i| files::FILES.get(i))
}

fn wants_html(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().any(|v| v.to_str().is_ok_and(|v| v.contains("text/html")))
}

/// A file of another version of the console: the page that asks for it is old.
fn nothing() -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = StatusCode::NOT_FOUND;
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

impl File {
    fn reply(&self, asked: &HeaderMap) -> Reply {
        let coding = Coding::of(asked);
        let known = asked.get_all(IF_NONE_MATCH).iter().filter_map(|v| v.to_str().ok());
        let unchanged =
            known.flat_map(|v| v.split(',')).any(|v| v.trim().trim_start_matches("W/") == self.etag);
        let mut reply = Response::new(if unchanged { Full::default() } else { Full::new(self.body(coding)) });
        if unchanged {
            *reply.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = reply.headers_mut();
        let kept = if self.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
        headers.insert(ETAG, HeaderValue::from_static(self.etag));
        headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if !unchanged {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
            if let Some(name) = coding.name() {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
            }
        }
        if self.path == INDEX {
            guard(headers);
        }
        reply
    }

    fn body(&self, coding: Coding) -> Bytes {
        match coding {
            Coding::Brotli => Bytes::from_static(self.br),
            Coding::Gzip => Bytes::from_static(self.gz),
            Coding::Identity => {
                let mut plain = Vec::new();
                // What the build compressed can be decompressed; a test does so with every file.
                let _read = GzDecoder::new(self.gz).read_to_end(&mut plain);
                plain.into()
            }
        }
    }
}

/// What a page of the console may do in a browser, and who may hold it.
fn guard(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(files::POLICY));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    let nothing = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
    headers.insert(PERMISSIONS_POLICY, HeaderValue::from_static(nothing));
}

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Brotli,
    Gzip,
    Identity,
}

impl Coding {
    /// The smallest that the client takes.
    fn of(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok());
        let names: Vec<String> = accepted.flat_map(|v| v.split(',')).filter_map(taken).collect();
        let takes = |name: &str| names.iter().any(|n| n == name);
        match () {
            () if takes("br") => Self::Brotli,
            () if takes("gzip") || takes("x-gzip") || takes("*") => Self::Gzip,
            () => Self::Identity,
        }
    }

    fn name(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Identity => None,
        }
    }
}

/// The coding's name, unless its weight is 0.
fn taken(one: &str) -> Option<String> {
    let (name, parameters) = one.split_once(';').unwrap_or((one, ""));
    let weight = parameters.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
    weight.is_ok_and(|w| w > 0.0).then(|| name.trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
