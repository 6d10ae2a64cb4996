//! Whatever stands in the file, reading it ends in settings or in mistakes.

use super::*;
use proptest::prelude::*;

/// Keys that mean something, so that arbitrary values reach the resolvers.
const KEYS: [&str; 64] = [
    "server",
    "listen",
    "open",
    "state_dir",
    "runtime_dir",
    "body_limit",
    "hold_limit",
    "header_limit",
    "read_timeout",
    "connections",
    "deadline",
    "drain_timeout",
    "max_attempts",
    "threads",
    "runtime",
    "providers",
    "name",
    "preset",
    "dialect",
    "base_url",
    "key",
    "file",
    "env",
    "models",
    "id",
    "context",
    "priority",
    "fallback",
    "enabled",
    "sandbox",
    "memory_limit",
    "files",
    "max_concurrent",
    "proxy",
    "headers",
    "quirks",
    "timeouts",
    "connect",
    "apps",
    "keys",
    "aliases",
    "candidates",
    "log",
    "level",
    "provider",
    "model",
    "weight",
    "when",
    "rule",
    "fallback",
    "sticky",
    "retry",
    "limits",
    "rates",
    "requests_per_second",
    "wait",
    "budgets",
    "daily_cost",
    "hold",
    "expires",
    "sunset",
    "deprecated",
    "prices",
    "input",
];

const WORDS: [&str; 24] = [
    "demo",
    "a",
    "b",
    "a/m",
    "*",
    "",
    "openai",
    "openai-chat",
    "ollama",
    "127.0.0.1:0",
    "0.0.0.0:80",
    "[::1]:1",
    "http://127.0.0.1:8080/v1",
    "https://h",
    "http://u:p@h:1/",
    "64MiB",
    "30s",
    "0",
    "required",
    "KEY",
    "direct",
    "info",
    "智谱",
    "\u{0}\n",
];

fn value() -> impl Strategy<Value = toml::Value> {
    let leaf = prop_oneof![
        prop::sample::select(&WORDS[..]).prop_map(toml::Value::from),
        any::<String>().prop_map(toml::Value::from),
        any::<i64>().prop_map(toml::Value::from),
        (0i64..100).prop_map(toml::Value::from),
        any::<f64>().prop_map(toml::Value::from),
        any::<bool>().prop_map(toml::Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        let key = prop::sample::select(&KEYS[..]).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(toml::Value::from),
            prop::collection::btree_map(key, inner, 0..8)
                .prop_map(|map| toml::Value::Table(map.into_iter().collect())),
        ]
    })
}

/// A file whose sections are at least tables or lists of tables.
fn file() -> impl Strategy<Value = String> {
    let table = || {
        let key = prop::sample::select(&KEYS[..]).prop_map(str::to_owned);
        prop::collection::btree_map(key, value(), 0..12)
            .prop_map(|map| toml::Value::Table(map.into_iter().collect()))
    };
    let list = || prop::collection::vec(table(), 0..4).prop_map(toml::Value::from);
    (table(), list(), list(), list(), table()).prop_map(|(server, providers, apps, aliases, log)| {
        let sections = [
            ("server", server),
            ("providers", providers),
            ("apps", apps),
            ("aliases", aliases),
            ("log", log),
        ];
        let table: toml::Table = sections.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        table.to_string()
    })
}

/// Loading ends, and its words can be said.
fn survives(text: &str) {
    let pretend = Pretend::default().with_env("KEY", "secret-of-the-variable").with_file("key", "k");
    match load_file(text, &pretend).outcome {
        Ok((_, settings)) => assert!(!settings.providers.is_empty()),
        Err(mistakes) => {
            let said = mistakes.to_string();
            assert!(mistakes.count() > 0 && !said.is_empty());
            assert!(!said.contains("secret-of-the-variable"), "{said}");
        }
    }
}

proptest! {
    #[test]
    fn any_text(text in any::<String>()) {
        survives(&text);
    }

    #[test]
    fn any_values_in_known_places(text in file()) {
        survives(&text);
    }

    #[test]
    fn a_good_file_cut_or_changed_anywhere(at in 0usize..4000, byte in any::<u8>()) {
        let good = include_str!("../../../../systemd/llm-link.toml").as_bytes();
        let at = at % good.len();
        survives(&String::from_utf8_lossy(&good[..at]));
        let mut changed = good.to_vec();
        changed[at] = byte;
        survives(&String::from_utf8_lossy(&changed));
    }
}
