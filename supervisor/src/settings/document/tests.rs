//! What is written is read as the same, and what cannot be stored is said.

use super::*;
use crate::settings::testing::Pretend;
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use protocol::control::app::{AppLimits, AppSpec};
use protocol::control::document::{AppEntry, AppKeyEntry, KeyEntry, ModelEntry, ProviderEntry};
use protocol::control::model::{ModelSpec, PriceSpec};
use protocol::control::provider::{
    KeyValue, ProviderLimits, ProviderSpec, ProviderTimeouts, ProxyRule, SecretValue,
};
use protocol::control::route::{Condition, Hedge, Hold, RetryRule, RouteSpec, Rule, Step};
use protocol::dialect::Dialect;
use protocol::ipc::configure::{ModelFacts, SandboxMode};
use serde_json::json;

fn read_text(text: &str, pretend: &Pretend) -> Result<Document, String> {
    let context = Context { secrets: pretend, base: Path::new("/etc/llm-link") };
    read("a.toml", text, context).map_err(|mistakes| mistakes.to_string())
}

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9._-]{0,12}"
}

/// Any text a person can store: quotes, Chinese, line breaks.
fn text() -> impl Strategy<Value = String> {
    "[ -~智谱\n\t\"\\\\]{0,12}"
}

fn dialect() -> impl Strategy<Value = Dialect> {
    prop::sample::select(&Dialect::ALL[..])
}

/// Numbers as TOML can say them.
fn n() -> impl Strategy<Value = Option<u64>> {
    of(0u64..1 << 40)
}

fn small() -> impl Strategy<Value = Option<u32>> {
    of(any::<u32>())
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        any::<bool>().prop_map(|flag| json!(flag)),
        any::<i64>().prop_map(|n| json!(n)),
        text().prop_map(|t| json!(t)),
        (text(), any::<i32>()).prop_map(|(t, n)| json!({ "a b": [t], "c": { "d": n } })),
    ]
}

fn provider_limits() -> impl Strategy<Value = ProviderLimits> {
    (n(), n(), small(), small(), n(), small(), (n(), n(), n())).prop_map(
        |(memory_bytes, files, a, b, w, p, r)| ProviderLimits {
            memory_bytes,
            files,
            max_concurrent: a,
            max_queue: b,
            queue_wait_ms: w,
            pool_idle: p,
            requests_per_second: r.0,
            requests_per_minute: r.1,
            tokens_per_minute: r.2,
        },
    )
}

fn timeouts() -> impl Strategy<Value = ProviderTimeouts> {
    (n(), n(), n(), n(), n()).prop_map(|(connect_ms, first_token_ms, idle_ms, total_ms, total_stream_ms)| {
        ProviderTimeouts { connect_ms, first_token_ms, idle_ms, total_ms, total_stream_ms }
    })
}

fn proxy() -> impl Strategy<Value = ProxyRule> {
    prop_oneof![
        Just(ProxyRule::Direct),
        Just(ProxyRule::Environment),
        Just(ProxyRule::Url("http://proxy.example.com:3128".to_owned()))
    ]
}

fn sandbox() -> impl Strategy<Value = SandboxMode> {
    prop::sample::select(&[SandboxMode::BestEffort, SandboxMode::Required, SandboxMode::Off][..])
}

fn provider_spec() -> impl Strategy<Value = ProviderSpec> {
    let address = (of(text()), btree_map(dialect(), text(), 0..3));
    let first = (name(), name(), of(dialect()), address, any::<bool>(), any::<i32>(), vec(name(), 0..3));
    let second = (provider_limits(), timeouts(), of(sandbox()), of(proxy()));
    let third = (btree_map(text(), text(), 0..3), btree_map(name(), json_value(), 0..3));
    let fourth = (of(secret()), btree_map(name(), secret(), 0..3));
    (first, second, third, fourth).prop_map(|(a, b, c, d)| ProviderSpec {
        name: a.0,
        preset: a.1,
        dialect: a.2,
        base_url: a.3.0,
        endpoints: a.3.1,
        enabled: a.4,
        priority: a.5,
        fallback: a.6,
        limits: b.0,
        timeouts: b.1,
        sandbox: b.2,
        proxy: b.3,
        proxy_login: d.0,
        secret_headers: d.1,
        headers: c.0,
        quirks: c.1,
    })
}

fn secret() -> impl Strategy<Value = SecretValue> {
    prop_oneof![
        Just(SecretValue::Kept),
        name().prop_map(|name| SecretValue::File(format!("/etc/{name}"))),
        "[A-Z][A-Z_]{0,8}".prop_map(SecretValue::Env)
    ]
}

fn key_entry() -> impl Strategy<Value = KeyEntry> {
    let value = of(prop_oneof![
        name().prop_map(|name| KeyValue::File(format!("/etc/{name}"))),
        "[A-Z][A-Z_]{0,8}".prop_map(KeyValue::Env)
    ]);
    (text(), value, any::<bool>()).prop_map(|(label, value, enabled)| KeyEntry { label, value, enabled })
}

fn model_entry() -> impl Strategy<Value = ModelEntry> {
    let facts = (n(), n(), of(any::<bool>()), of(any::<bool>()), of(any::<bool>()), of(any::<bool>()))
        .prop_map(|(context, max_output, tools, vision, reasoning, prefill)| ModelFacts {
            context,
            max_output,
            tools,
            vision,
            reasoning,
            prefill,
        });
    let instant = 0i64..4_000_000_000_000;
    let price =
        (instant.clone(), "[A-Z]{3}", n(), n(), n(), n()).prop_map(|(since_ms, currency, i, r, w, o)| {
            PriceSpec { since_ms, currency, input_fresh: i, cache_read: r, cache_write: w, output: o }
        });
    let life = (any::<bool>(), any::<bool>(), of(instant), vec(text(), 0..3));
    (text(), of(text()), facts, life, vec(price, 0..3)).prop_map(
        |(name, model_version, facts, life, prices)| {
            let (enabled, deprecated, sunset_ms, alternatives) = life;
            let spec = ModelSpec { name, model_version, enabled, facts, deprecated, sunset_ms, alternatives };
            ModelEntry { spec, prices }
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let when = (of(text()), of(dialect()), of(any::<bool>()), of(any::<bool>()), n(), n()).prop_map(
        |(model, dialect, needs_tools, needs_vision, min_context, max_context)| Condition {
            model,
            dialect,
            needs_tools,
            needs_vision,
            min_context,
            max_context,
        },
    );
    (name(), of("[a-z/:]{0,6}"), any::<u32>(), when).prop_map(|(provider, model, weight, when)| Step {
        provider,
        model,
        weight,
        when,
    })
}

fn route() -> impl Strategy<Value = RouteSpec> {
    let rules = [Rule::Priority, Rule::RoundRobin, Rule::Weighted, Rule::LeastConnections, Rule::Latency];
    let retry =
        (of(any::<u8>()), of(any::<u8>()), n(), n(), of(any::<bool>())).prop_map(|(a, b, c, d, e)| {
            RetryRule {
                max_attempts: a,
                attempts_per_provider: b,
                backoff_ms: c,
                deadline_ms: d,
                on_timeout: e,
            }
        });
    // A time says that there is one.
    let hedge = (any::<bool>(), n())
        .prop_map(|(enabled, after_ms)| Hedge { enabled, after_ms: after_ms.filter(|_| enabled) });
    let hold =
        (any::<u32>(), any::<u32>(), any::<u32>()).prop_map(|(chunks, bytes, ms)| Hold { chunks, bytes, ms });
    let steps = (vec(step(), 1..4), vec(step(), 0..3));
    (prop::sample::select(rules.to_vec()), steps, retry, of(text()), hedge, any::<bool>(), hold).prop_map(
        |(rule, steps, retry, sticky_header, hedge, continuation, hold)| RouteSpec {
            rule,
            candidates: steps.0,
            fallback: steps.1,
            retry,
            sticky_header,
            hedge,
            continuation,
            hold,
        },
    )
}

fn app_entry() -> impl Strategy<Value = AppEntry> {
    let limits =
        ((small(), small(), n(), small(), small()), (n(), n(), n(), n(), n())).prop_map(|(a, b)| AppLimits {
            requests_per_second: a.0,
            requests_per_minute: a.1,
            tokens_per_minute: a.2,
            concurrent: a.3,
            queue: a.4,
            queue_wait_ms: b.0,
            tokens_per_day: b.1,
            tokens_per_month: b.2,
            cost_per_day_nano: b.3,
            cost_per_month_nano: b.4,
        });
    let spec = (name(), any::<bool>(), any::<bool>(), text(), limits, vec(text(), 0..3)).prop_map(
        |(name, enabled, strict, note, limits, models)| AppSpec {
            name,
            enabled,
            strict,
            note,
            limits,
            models,
        },
    );
    let key = (text(), "[0-9a-f]{64}", text(), of(0i64..4_000_000_000_000))
        .prop_map(|(label, sha256, prefix, expires_ms)| AppKeyEntry { label, sha256, prefix, expires_ms });
    (spec, of(route()), vec(key, 0..3)).prop_map(|(spec, route, keys)| AppEntry { spec, route, keys })
}

fn any_document() -> impl Strategy<Value = Document> {
    let provider = (provider_spec(), vec(key_entry(), 0..3), vec(model_entry(), 0..3))
        .prop_map(|(spec, keys, models)| ProviderEntry { spec, keys, models });
    let candidate = (name(), "[a-z/:]{0,6}", any::<u32>())
        .prop_map(|(provider, model, weight)| AliasCandidate { provider, model, weight });
    let alias = (text(), any::<bool>(), text(), vec(candidate, 0..3))
        .prop_map(|(name, enabled, note, candidates)| AliasSpec { name, enabled, note, candidates });
    let settings = btree_map(text(), json_value(), 0..3);
    (settings, vec(provider, 0..3), vec(alias, 0..3), vec(app_entry(), 0..3))
        .prop_map(|(settings, providers, aliases, apps)| Document { settings, providers, aliases, apps })
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_the_same(document in any_document()) {
        let text = write(&document);
        let read = read_text(&text, &Pretend::default());
        prop_assert_eq!(read.as_ref(), Ok(&document), "{}", text);
        prop_assert_eq!(write(&document), text);
    }
}

#[test]
fn the_language_is_that_of_the_file() {
    let text = "[[providers]]\nname = \"deepseek\"\nkey = { file = \"deepseek.key\" }\nmodels = [\"m\"]\nmax_wait = \"2s\"\n\
        [[aliases]]\nname = \"fast\"\ncandidates = [\"deepseek/m\"]\n\
        [[apps]]\nname = \"web\"\nkeys = [{ env = \"WEB\", label = \"a\" }]\nfallback = \"deepseek\"\n\
        limits = { concurrent = 4 }\nbudgets = { daily_cost = \"2.5\" }\n";
    let document = read_text(text, &Pretend::default().with_env("WEB", "abc")).unwrap();
    let provider = &document.providers[0];
    assert_eq!((provider.spec.preset.as_str(), provider.spec.limits.queue_wait_ms), ("deepseek", Some(2000)));
    assert_eq!(provider.keys[0].value, Some(KeyValue::File("/etc/llm-link/deepseek.key".to_owned())));
    assert_eq!(document.aliases[0].candidates[0].weight, 1);
    let app = &document.apps[0];
    assert_eq!(app.keys[0].sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(app.spec.limits.cost_per_day_nano, Some(2_500_000_000));
    assert_eq!(app.route.as_ref().map(|route| route.fallback.len()), Some(1));
}

#[test]
fn what_cannot_be_stored_is_said() {
    let said = |text: &str| read_text(text, &Pretend::default()).unwrap_err();
    for (text, expected) in [
        ("[server]\nlisten = \"127.0.0.1:1\"", "a.toml:2:10: [server] stands in the configuration file"),
        ("[log]\nlevel = \"info\"", "a.toml:2:9: [log] stands in the configuration file"),
        ("[[apps]]\nname = \"a\"\nkeys = [{ sha256 = \"12\" }]", "must be 64 hexadecimal digits"),
        ("[[apps]]\nname = \"a\"\nkeys = [{ label = \"x\" }]", "needs one of `file`, `env` and `sha256`"),
        ("[[apps]]\nname = \"a\"\nkeys = [{ env = \"NO\" }]", "the environment variable `NO` is not set"),
        ("[[apps]]\nname = \"a\"\nbudgets = { daily_cost = \"2 USD\" }", "say the amount alone"),
        (
            "[[apps]]\nname = \"a\"\ncandidates = [{ provider = \"p\", when = { models = [\"a\", \"b\"] } }]",
            "one value for `models`",
        ),
        (
            "[[aliases]]\nname = \"a\"\nrule = \"latency\"\ncandidates = [\"p/m\"]",
            "tried in order, or by weight",
        ),
        ("[[aliases]]\ncandidates = [\"p/m\"]", "this alias has no `name`"),
        ("[[providers]]\nname = \"a\"\nbase_url = { opanai = \"http://h\" }", "there is no dialect `opanai`"),
        ("[[providers]]\nname = \"a\"\nmemory_limit = \"1\"", "is no size for `memory_limit`"),
        ("[[providers]]\nname = \"a\"\nlimts = 1", "unknown key `limts`"),
    ] {
        let said = said(text);
        assert!(said.contains(expected), "{text}: {said}");
    }
}
