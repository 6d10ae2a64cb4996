use super::row::{TABLE, parse};
use super::*;
use crate::dialect::Dialect;
use std::collections::BTreeSet;

fn row(id: &str) -> &'static Preset {
    find(id).unwrap_or_else(|| panic!("no preset {id}"))
}

fn urls(id: &str, base: Option<&str>, dialect: Option<Dialect>) -> Vec<String> {
    let endpoints = row(id).endpoints_at(base, dialect).expect("endpoints");
    endpoints.into_iter().map(|e| format!("{} {}", e.dialect, e.base_url)).collect()
}

#[test]
fn the_table_of_this_build_can_be_read() {
    let rows = parse(TABLE).expect("presets.toml");
    assert_eq!(rows, all());
    assert!(rows.len() >= 35, "{} rows", rows.len());
}

#[test]
fn ids_and_aliases_name_one_row_each() {
    let mut seen = BTreeSet::new();
    for name in names() {
        assert!(seen.insert(name), "{name} twice");
        assert!(
            name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b)),
            "{name}"
        );
        assert!(find(name).is_some());
    }
}

#[test]
fn every_own_url_is_valid_and_carries_its_version() {
    for preset in all() {
        for endpoint in &preset.endpoints {
            let Some(url) = &endpoint.base_url else { continue };
            let parsed = BaseUrl::parse(url).unwrap_or_else(|e| panic!("{}: {url}: {e}", preset.id));
            assert_eq!(&parsed.to_string(), url, "{} is not in its plain form", preset.id);
            let versioned = endpoint.dialect == Dialect::Ollama || parsed.is_versioned();
            assert!(versioned, "{}: {url} has no version", preset.id);
            let local = ["127.0.0.1", "localhost"].contains(&parsed.host());
            assert!(local || parsed.scheme() == Scheme::Https, "{}: {url} is not encrypted", preset.id);
        }
    }
}

#[test]
fn rows_are_consistent() {
    for preset in all() {
        let id = &preset.id;
        let dialects: BTreeSet<_> = preset.endpoints.iter().map(|e| e.dialect).collect();
        assert_eq!(dialects.len(), preset.endpoints.len(), "{id} lists a dialect twice");
        assert_eq!(preset.is_offline(), preset.key == KeyNeed::None, "{id}");
        assert!(
            preset.key != KeyNeed::Required || !preset.env.is_empty(),
            "{id} needs a key but names no variable"
        );
        for name in &preset.env {
            assert!(
                name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'),
                "{name}"
            );
        }
        let models: BTreeSet<_> = preset.models.iter().map(|m| &m.id).collect();
        assert_eq!(models.len(), preset.models.len(), "{id} lists a model twice");
        for dialect in preset.quirks.keys() {
            let known = Dialect::from_name(dialect).unwrap_or_else(|| panic!("{id}: quirks for {dialect}"));
            assert!(dialects.contains(&known), "{id} has quirks for {dialect} but no such endpoint");
        }
    }
}

#[test]
fn a_base_url_works_with_and_without_its_version() {
    let expected = vec!["openai-chat https://api.deepseek.com/v1".to_owned()];
    for typed in [
        "https://api.deepseek.com",
        "https://api.deepseek.com/",
        "https://api.deepseek.com/v1/",
        "HTTPS://API.DeepSeek.com/v1",
    ] {
        assert_eq!(urls("deepseek", Some(typed), None), expected, "{typed}");
    }
    for (typed, resolved) in [
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000/v1"),
        ("http://127.0.0.1:9000/v1", "http://127.0.0.1:9000/v1"),
        ("http://h/api/v3", "http://h/api/v3"),
        ("http://h/api/paas/v4", "http://h/api/paas/v4"),
        ("http://h/compatible-mode/v1", "http://h/compatible-mode/v1"),
        ("http://h/openai/v1", "http://h/openai/v1"),
        ("http://h/openai", "http://h/openai/v1"),
        ("http://h/v1beta/openai", "http://h/v1beta/openai"),
        ("http://h/beta", "http://h/beta"),
        ("http://h/version", "http://h/version/v1"),
        ("http://[::1]:9000", "http://[::1]:9000/v1"),
    ] {
        assert_eq!(urls(GENERIC, Some(typed), None), [format!("openai-chat {resolved}")], "{typed}");
    }
}

#[test]
fn each_dialect_gets_its_own_prefix() {
    let at = |dialect| urls(GENERIC, Some("http://h:1"), Some(dialect));
    assert_eq!(at(Dialect::OpenAiChat), ["openai-chat http://h:1/v1"]);
    assert_eq!(at(Dialect::OpenAiResponses), ["openai-responses http://h:1/v1"]);
    assert_eq!(at(Dialect::Anthropic), ["anthropic http://h:1/v1"]);
    assert_eq!(at(Dialect::Gemini), ["gemini http://h:1/v1beta"]);
    assert_eq!(at(Dialect::Ollama), ["ollama http://h:1"]);
    assert_eq!(urls(GENERIC, Some("http://h:1/v1"), Some(Dialect::Ollama)), ["ollama http://h:1"]);
    assert_eq!(urls(GENERIC, Some("http://h:1/api/"), Some(Dialect::Ollama)), ["ollama http://h:1"]);
}

#[test]
fn a_base_url_moves_the_endpoints_of_the_same_root() {
    assert_eq!(
        urls("ollama", Some("http://gpu:11434"), None),
        ["ollama http://gpu:11434", "openai-chat http://gpu:11434/v1"]
    );
    assert_eq!(
        urls("openai", Some("http://h/v1"), None),
        ["openai-chat http://h/v1", "openai-responses http://h/v1"]
    );
    assert_eq!(urls("zhipu", Some("http://h"), None), ["openai-chat http://h/api/paas/v4"]);
    assert_eq!(
        urls("azure-openai", Some("https://me.openai.azure.com"), None),
        [
            "openai-chat https://me.openai.azure.com/openai/v1",
            "openai-responses https://me.openai.azure.com/openai/v1"
        ]
    );
    assert_eq!(
        urls("zhipu", None, Some(Dialect::Anthropic)),
        ["anthropic https://open.bigmodel.cn/api/anthropic/v1"]
    );
}

#[test]
fn what_cannot_be_reached_is_refused() {
    let refusal =
        |id: &str, base, dialect| row(id).endpoints_at(base, dialect).expect_err("refused").to_string();
    assert_eq!(refusal(GENERIC, None, None), "preset `openai-compatible` needs a `base_url`");
    assert_eq!(
        refusal("deepseek", None, Some(Dialect::Gemini)),
        "preset `deepseek` has no known endpoint for the dialect `gemini`: it needs a `base_url`"
    );
    assert_eq!(
        refusal(DEMO, Some("http://h"), None),
        "preset `demo` answers by itself and takes no `base_url` and no `dialect`"
    );
    for (url, reason) in [
        ("h:1/v1", "it does not start with `http://` or `https://`"),
        ("ftp://h/v1", "it does not start with `http://` or `https://`"),
        ("http://", "it names no host"),
        ("http:///v1", "it names no host"),
        ("http://a b/v1", "its host holds characters that no host name has"),
        ("http://[::1/v1", "its host holds characters that no host name has"),
        ("http://h:0/v1", "its port is not a number between 1 and 65535"),
        ("http://h:99999", "its port is not a number between 1 and 65535"),
        ("http://h:+1", "its port is not a number between 1 and 65535"),
        ("http://me:secret@h/v1", "it holds a user name or password"),
        ("http://h/v1?key=1", "it has a query or a fragment"),
        ("http://h/a b", "its path holds a space, a control character or a character outside ASCII"),
    ] {
        assert_eq!(BaseUrl::parse(url).expect_err(url).to_string(), reason, "{url}");
    }
}
