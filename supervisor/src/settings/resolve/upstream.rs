//! Where a provider's calls go and what travels with them: endpoints, auth scheme, headers, proxy, quirks.

use super::Context;
use super::provider::Resolving;
use crate::settings::mistake::Findings;
use crate::settings::place::{Place, Typed};
use crate::settings::raw::RawBase;
use crate::settings::raw::keys::provider as keys;
use crate::settings::resolved::Listener;
use crate::settings::secret::Secret;
use crate::settings::suggest::did_you_mean;
use protocol::dialect::Dialect;
use protocol::ipc::configure::{AuthScheme, Endpoint, HttpUpstream, ModelEntry, Proxy, Upstream};
use protocol::preset::{BaseUrl, EndpointError, Preset, Scheme};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What was said about the way to a provider.
pub(super) struct Reach<'r> {
    pub(super) place: Place,
    pub(super) preset: Option<&'static Preset>,
    pub(super) dialect: Option<Typed<String>>,
    pub(super) base_url: Option<RawBase>,
    pub(super) headers: Vec<(Typed<String>, Typed<String>)>,
    pub(super) quirks: Vec<(Typed<String>, Json)>,
    pub(super) proxy: Option<Typed<String>>,
    pub(super) key: Option<&'r Secret>,
    pub(super) login: Option<Typed<Secret>>,
    pub(super) secret_headers: Vec<(Typed<String>, Secret)>,
    pub(super) models: &'r [ModelEntry],
}

/// Where calls go, the proxy's login, and the headers that carry a credential.
type Reached = (Upstream, Option<Secret>, Vec<(String, Secret)>);

pub(super) fn upstream(
    reach: Reach<'_>,
    name: &str,
    resolving: &Resolving<'_>,
    findings: &mut Findings,
) -> Reached {
    let place = base_place(&reach);
    let has_key = reach.key.is_some();
    let tells = has_key || !reach.secret_headers.is_empty();
    let endpoints = endpoints(&reach, findings);
    for endpoint in &endpoints {
        check_endpoint(endpoint, name, tells, (&place, resolving.listeners), findings);
    }
    let headers = headers(reach.headers, findings);
    let quirks = quirks(reach.quirks, reach.preset, findings);
    let (proxy, login) = proxy(reach.proxy, reach.login, resolving.context, findings);
    if reach.preset.is_some_and(Preset::is_offline) {
        return (Upstream::Demo, None, Vec::new());
    }
    let auth = match reach.preset {
        Some(preset) if has_key => preset.auth.clone(),
        Some(_) | None => AuthScheme::None,
    };
    let secret_headers = secret_headers(reach.secret_headers, &headers, &auth, findings);
    let http = HttpUpstream {
        endpoints,
        auth,
        needs_key: has_key || login.is_some() || !secret_headers.is_empty(),
        headers,
        proxy,
        quirks,
        models: reach.models.iter().map(|m| (m.id.clone(), m.facts.clone())).collect(),
    };
    (Upstream::Http(http), login, secret_headers)
}

fn base_place(reach: &Reach<'_>) -> Place {
    match &reach.base_url {
        Some(RawBase::One(typed)) => typed.place.clone(),
        Some(RawBase::PerDialect { place, .. }) => place.clone(),
        None => reach.place.clone(),
    }
}

fn endpoints(reach: &Reach<'_>, findings: &mut Findings) -> Vec<Endpoint> {
    let Some(preset) = reach.preset else { return Vec::new() };
    let dialect = reach.dialect.as_ref().and_then(|typed| dialect(typed, findings));
    match &reach.base_url {
        Some(RawBase::PerDialect { place, urls }) => per_dialect(preset, place, urls, findings),
        Some(RawBase::One(typed)) => {
            let found = preset.endpoints_at(Some(&typed.value), dialect);
            found.unwrap_or_else(|error| refused(&error, &typed.place, findings))
        }
        None => preset.endpoints_at(None, dialect).unwrap_or_else(|error| {
            let place = reach.dialect.as_ref().map_or(&reach.place, |typed| &typed.place);
            refused(&error, place, findings)
        }),
    }
}

fn per_dialect(
    preset: &Preset,
    place: &Place,
    urls: &[(Typed<String>, Typed<String>)],
    findings: &mut Findings,
) -> Vec<Endpoint> {
    if urls.is_empty() {
        findings.mistake(place, "`base_url` is an empty table", keys::BASE_URL.example);
    }
    let mut endpoints = Vec::with_capacity(urls.len());
    for (name, url) in urls {
        let Some(dialect) = dialect(name, findings) else { continue };
        match preset.endpoints_at(Some(&url.value), Some(dialect)) {
            Ok(found) => endpoints.extend(found),
            Err(error) => endpoints.extend(refused(&error, &url.place, findings)),
        }
    }
    // TOML tables have no order; the preset's order of preference does.
    endpoints.sort_by_key(|e| {
        preset.endpoints.iter().position(|row| row.dialect == e.dialect).unwrap_or(usize::MAX)
    });
    endpoints
}

fn refused(error: &EndpointError, place: &Place, findings: &mut Findings) -> Vec<Endpoint> {
    let example = match error {
        EndpointError::BaseUrl(_)
        | EndpointError::BaseUrlNeeded { .. }
        | EndpointError::DialectUnknown { .. } => keys::BASE_URL.example,
        EndpointError::NotHttp { .. } => r#"preset = "demo""#,
    };
    findings.mistake(place, error.to_string(), example);
    Vec::new()
}

pub(super) fn dialect(typed: &Typed<String>, findings: &mut Findings) -> Option<Dialect> {
    let found = Dialect::from_name(&typed.value);
    if found.is_none() {
        let names = || Dialect::ALL.into_iter().map(Dialect::name);
        let listed = names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let shown = typed.value.escape_debug().to_string();
        let hint = did_you_mean(&shown, names());
        let what = format!("`{shown}` is not one of {listed}{hint}");
        findings.mistake(&typed.place, what, keys::DIALECT.example);
    }
    found
}

/// Refuses a provider that is ourselves, and warns of a key that travels in the open.
fn check_endpoint(
    endpoint: &Endpoint,
    name: &str,
    has_key: bool,
    (place, listeners): (&Place, &[Listener]),
    findings: &mut Findings,
) {
    let Ok(url) = BaseUrl::parse(&endpoint.base_url) else { return };
    let address: Option<IpAddr> = match url.host() {
        "localhost" => Some(IpAddr::from([127, 0, 0, 1])),
        host => host.trim_matches(['[', ']']).parse().ok(),
    };
    let local = address.is_some_and(|ip| ip.is_loopback() || ip.is_unspecified());
    let ours = |listener: &Listener| {
        let here = listener.address.ip();
        listener.address.port() == url.port()
            && (address == Some(here) || (local && (here.is_loopback() || here.is_unspecified())))
    };
    if let Some(own) = listeners.iter().find(|listener| ours(listener)) {
        let what = format!(
            "provider `{name}` is at `{}`, where LLM Link itself listens ({})",
            endpoint.base_url, own.address
        );
        let example = match place {
            Place::Named(_) => "--port 11435   # or another --base-url",
            Place::Byte(_) | Place::Whole | Place::Stored(_) => {
                r#"base_url = "http://127.0.0.1:11435/v1"   # or another `listen`"#
            }
        };
        findings.mistake(place, what, example);
    }
    if has_key && url.scheme() == Scheme::Http && !local {
        findings.warn(format!("the key of provider `{name}` travels unencrypted to `{}`", endpoint.base_url));
    }
}

/// Those of the connection itself.
const HTTP: [&str; 9] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "keep-alive",
    "expect",
];

/// Lower-case names; neither those of the connection nor the one that carries the key nor one that is set openly.
fn secret_headers(
    typed: Vec<(Typed<String>, Secret)>,
    open: &[(String, String)],
    auth: &AuthScheme,
    findings: &mut Findings,
) -> Vec<(String, Secret)> {
    let of_key: &[&str] = match auth {
        AuthScheme::None => &[],
        AuthScheme::Bearer => &["authorization"],
        AuthScheme::Header(name) => &[name.as_str()],
        AuthScheme::ByDialect => &["authorization", "x-api-key", "x-goog-api-key"],
    };
    let mut headers: Vec<(String, Secret)> = Vec::with_capacity(typed.len());
    for (name, value) in typed {
        let lower = name.value.to_ascii_lowercase();
        let shown = lower.escape_debug();
        let what = if HTTP.contains(&lower.as_str()) || lower == "proxy-authorization" {
            Some(format!("header `{shown}` belongs to the connection and cannot be set"))
        } else if http::HeaderName::from_bytes(lower.as_bytes()).is_err() {
            Some(format!("`{shown}` is no header name"))
        } else if of_key.contains(&lower.as_str()) {
            Some(format!("header `{shown}` carries the provider's key: use `key` alone"))
        } else if open.iter().any(|(other, _)| *other == lower) || headers.iter().any(|(n, _)| *n == lower) {
            Some(format!("header `{shown}` is set twice"))
        } else {
            None
        };
        match what {
            Some(what) => findings.mistake(&name.place, what, keys::SECRET_HEADERS.example),
            None => headers.push((lower, value)),
        }
    }
    headers
}

/// Lower-case names; what belongs to HTTP itself or carries the key cannot be set.
fn headers(typed: Vec<(Typed<String>, Typed<String>)>, findings: &mut Findings) -> Vec<(String, String)> {
    const KEYS: [&str; 6] =
        ["authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization", "cookie"];
    let mut headers: Vec<(String, String)> = Vec::with_capacity(typed.len());
    for (name, value) in typed {
        let lower = name.value.to_ascii_lowercase();
        let shown = lower.escape_debug();
        let what = if KEYS.contains(&lower.as_str()) {
            Some(format!(
                "header `{shown}` carries a key: use `key` or `secret_headers`, which stay out of this file"
            ))
        } else if HTTP.contains(&lower.as_str()) {
            Some(format!("header `{shown}` belongs to the connection and cannot be set"))
        } else if http::HeaderName::from_bytes(lower.as_bytes()).is_err() {
            Some(format!("`{shown}` is no header name"))
        } else if !value.value.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
            Some(format!("the value of header `{shown}` holds characters that no header can carry"))
        } else if headers.iter().any(|(other, _)| *other == lower) {
            Some(format!("header `{shown}` is set twice"))
        } else {
            None
        };
        match what {
            Some(what) => findings.mistake(&name.place, what, keys::HEADERS.example),
            None => headers.push((lower, value.value)),
        }
    }
    headers
}

/// The preset's quirks, with each key that was typed put in place of the preset's.
fn quirks(
    typed: Vec<(Typed<String>, Json)>,
    preset: Option<&Preset>,
    findings: &mut Findings,
) -> BTreeMap<String, Json> {
    let mut quirks = preset.map(|p| p.quirks.clone()).unwrap_or_default();
    for (name, value) in typed {
        let Some(dialect) = dialect(&name, findings) else { continue };
        let Json::Object(value) = value else {
            let what = format!("the quirks of `{dialect}` must be a table");
            findings.mistake(&name.place, what, keys::QUIRKS.example);
            continue;
        };
        let entry =
            quirks.entry(dialect.name().to_owned()).or_insert_with(|| Json::Object(Default::default()));
        match entry {
            Json::Object(known) => known.extend(value),
            other => *other = Json::Object(value),
        }
    }
    quirks
}

/// The way out. The environment is read here, once: a worker has none.
fn proxy(
    typed: Option<Typed<String>>,
    login: Option<Typed<Secret>>,
    context: Context<'_>,
    findings: &mut Findings,
) -> (Proxy, Option<Secret>) {
    const EXAMPLE: &str = r#"proxy = "http://proxy.example.com:3128"   # or "direct" or "environment""#;
    let mut found = None;
    let proxy = match typed {
        None => environment_proxy(context),
        Some(typed) => match typed.value.as_str() {
            "direct" => Proxy::Direct,
            "environment" => environment_proxy(context),
            url => {
                if let Err(what) = check_proxy(url) {
                    findings.mistake(&typed.place, what, EXAMPLE);
                }
                let (url, in_it) = apart(url);
                found = in_it;
                Proxy::Url(url)
            }
        },
    };
    let Some(login) = login else { return (proxy, found) };
    if found.is_some() {
        let what = "`proxy` has a user and password already";
        findings.mistake(&login.place, what, keys::PROXY_LOGIN.example);
    } else if !matches!(proxy, Proxy::Url(_)) {
        let what = "`proxy_login` is for a proxy whose address is in `proxy`";
        findings.mistake(&login.place, what, EXAMPLE);
    } else {
        found = Some(login.value);
    }
    (proxy, found)
}

/// A proxy's address, and the login that stands in it: that is a secret like any other from here on.
fn apart(url: &str) -> (String, Option<Secret>) {
    let parts = url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?)));
    let Some((scheme, (login, address))) = parts else { return (url.to_owned(), None) };
    let login = percent_encoding::percent_decode_str(login).collect();
    (format!("{scheme}://{address}"), Secret::line(login).ok())
}

/// Proxies may have a user and password, which messages must not repeat.
fn check_proxy(url: &str) -> Result<(), String> {
    let known = ["http", "https", "socks5", "socks5h"];
    let Some((_, rest)) = url.split_once("://").filter(|(scheme, _)| known.contains(scheme)) else {
        return Err(
            "`proxy` is neither `direct`, `environment` nor an http, https or socks5 address".to_owned()
        );
    };
    let address = rest.rsplit_once('@').map_or(rest, |(_, address)| address);
    let parsed =
        BaseUrl::parse(&format!("http://{address}")).map_err(|e| format!("`proxy` cannot be used: {e}"))?;
    if parsed.path().is_empty() { Ok(()) } else { Err("`proxy` has a path".to_owned()) }
}

fn environment_proxy(context: Context<'_>) -> Proxy {
    let first = |names: &[&str]| {
        let set =
            names.iter().filter_map(|name| context.secrets.env(name)).find(|value| !value.trim().is_empty());
        set.unwrap_or_default()
    };
    let http = first(&["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]);
    let https = first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]);
    if http.is_empty() && https.is_empty() {
        return Proxy::Direct;
    }
    Proxy::Environment { http, https, no: first(&["no_proxy", "NO_PROXY"]) }
}
