//! Which headers pass, in either direction. Pure.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use protocol::dialect::Dialect;

/// The version of the API whose shapes are spoken when the client names none
/// (<https://docs.anthropic.com/en/api/versioning>).
const ANTHROPIC_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("llm-link/", env!("CARGO_PKG_VERSION")));

/// Never sent upstream: of this connection only (RFC 9110, 7.6.1), a secret between the client and us, set
/// by us, or none of the provider's business.
const NOT_UPSTREAM: [&str; 33] = [
    // of this connection only
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
    // secrets between the client and us
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    // ours to set; answers are read, so they must not be compressed
    "host",
    "content-length",
    "accept-encoding",
    // about the client and its way here
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-prefix",
    "x-real-ip",
    "true-client-ip",
    "origin",
    "referer",
    "dnt",
    "if-none-match",
    "if-modified-since",
    "http2-settings",
];
const NOT_UPSTREAM_PREFIX: [&str; 5] = ["x-llm-link-", "x-stainless-", "sec-", "cf-", "access-control-"];

/// Passed back to the client, besides the prefixes.
const TO_CLIENT: [&str; 18] = [
    "content-type",
    "content-encoding",
    "content-disposition",
    "content-language",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    "x-request-id",
    "request-id",
    "x-trace-id",
    "trace-id",
    "apim-request-id",
    "x-ms-region",
    "cf-ray",
    "deprecation",
    "sunset",
    "warning",
    "x-groq-region",
];
const TO_CLIENT_PREFIX: [&str; 5] = ["x-ratelimit-", "ratelimit-", "anthropic-", "openai-", "x-goog-"];

/// The headers of a request: the client's that may travel, then the provider's own, then defaults.
/// Both lists have lower-case names; what is not a valid header is left out. The key is not among them:
/// see [`super::Credential::apply`].
pub fn to_upstream(
    client: &[(String, String)],
    provider: &[(String, String)],
    dialect: Dialect,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let named = connection_options(client);
    for (name, value) in client.iter().filter(|(name, _)| travels(name) && !named.contains(name)) {
        if let Some((name, value)) = header(name, value) {
            headers.append(name, value);
        }
    }
    for (name, value) in provider {
        if let Some((name, value)) = header(name, value) {
            headers.insert(name, value);
        }
    }
    headers.entry(http::header::USER_AGENT).or_insert(USER_AGENT);
    if dialect == Dialect::Anthropic {
        headers.entry(HeaderName::from_static("anthropic-version")).or_insert(ANTHROPIC_VERSION);
    }
    headers
}

/// The headers of an answer that mean something to the client, lower-case, in their order.
/// Values that are not text are left out.
pub fn to_client(upstream: &HeaderMap) -> Vec<(String, String)> {
    let passes = |name: &str| {
        TO_CLIENT.contains(&name) || TO_CLIENT_PREFIX.iter().any(|prefix| name.starts_with(prefix))
    };
    let kept = upstream.iter().filter(|(name, _)| passes(name.as_str()));
    kept.filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect()
}

fn travels(name: &str) -> bool {
    !NOT_UPSTREAM.contains(&name) && !NOT_UPSTREAM_PREFIX.iter().any(|prefix| name.starts_with(prefix))
}

/// Headers that `connection` declares to be of that connection only.
fn connection_options(client: &[(String, String)]) -> Vec<String> {
    let values = client.iter().filter(|(name, _)| name == "connection").map(|(_, value)| value);
    values.flat_map(|v| v.split(',')).map(|option| option.trim().to_ascii_lowercase()).collect()
}

fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn secrets_and_connection_headers_stay_here() {
        let client = pairs(&[
            ("authorization", "Bearer ours"),
            ("x-api-key", "ours"),
            ("cookie", "session"),
            ("host", "localhost:8080"),
            ("content-length", "5"),
            ("accept-encoding", "gzip"),
            ("connection", "keep-alive, X-Hop"),
            ("x-hop", "1"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-llm-link-strict", "1"),
            ("x-stainless-os", "Linux"),
            ("sec-fetch-mode", "cors"),
            ("content-type", "application/json"),
            ("user-agent", "tool/1"),
            ("openai-organization", "org"),
            ("traceparent", "00-1"),
        ]);
        let headers = to_upstream(&client, &[], Dialect::OpenAiChat);
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-type", "openai-organization", "traceparent", "user-agent"]);
        assert_eq!(headers["user-agent"], "tool/1");
    }

    #[test]
    fn the_providers_headers_win_and_defaults_fill_in() {
        let client = pairs(&[("x-title", "client"), ("anthropic-beta", "a"), ("anthropic-beta", "b")]);
        let provider = pairs(&[("x-title", "ours"), ("bad name", "x"), ("x-bad", "line\nbreak")]);
        let headers = to_upstream(&client, &provider, Dialect::Anthropic);
        assert_eq!(headers["x-title"], "ours");
        assert_eq!(headers.get_all("anthropic-beta").iter().count(), 2);
        assert_eq!(headers["anthropic-version"], "2023-06-01");
        assert!(headers["user-agent"].to_str().unwrap().starts_with("llm-link/"));
        assert!(!headers.contains_key("x-bad"));
        let named = to_upstream(&pairs(&[("anthropic-version", "2024-01-01")]), &[], Dialect::Anthropic);
        assert_eq!(named["anthropic-version"], "2024-01-01");
    }

    #[test]
    fn an_answers_useful_headers_go_back_in_order() {
        let mut upstream = HeaderMap::new();
        for (name, value) in [
            ("content-type", "text/event-stream"),
            ("set-cookie", "a=b"),
            ("transfer-encoding", "chunked"),
            ("content-length", "12"),
            ("server", "nginx"),
            ("retry-after", "7"),
            ("x-ratelimit-remaining-tokens", "10"),
            ("anthropic-ratelimit-requests-reset", "2030-01-01T00:00:00Z"),
            ("request-id", "req_1"),
            ("openai-processing-ms", "12"),
        ] {
            upstream.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let names: Vec<String> = to_client(&upstream).into_iter().map(|(n, _)| n).collect();
        let expected = [
            "content-type",
            "retry-after",
            "x-ratelimit-remaining-tokens",
            "anthropic-ratelimit-requests-reset",
            "request-id",
            "openai-processing-ms",
        ];
        assert_eq!(names, expected);
    }
}
