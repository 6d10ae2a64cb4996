//! A document as text: one key a line, in the order of the example configuration, nothing that is the default.

use super::provider::EVERY_DIALECT;
use protocol::control::app::AppLimits;
use protocol::control::document::{AppEntry, AppKeyEntry, Document, KeyEntry, ModelEntry, ProviderEntry};
use protocol::control::model::{AliasSpec, PriceSpec};
use protocol::control::provider::{
    KeyValue, ProviderLimits, ProviderSpec, ProviderTimeouts, ProxyRule, SecretValue,
};
use protocol::control::route::{Hold, RetryRule, RouteSpec, Rule, Step};
use serde_json::Value as Json;
use std::fmt::Write;
use toml::{Table, Value};

/// The text that [`super::read`] reads as this document.
pub(crate) fn write(document: &Document) -> String {
    let mut text =
        String::from("# Written by `llm-link export`, for `llm-link apply -f FILE`. It holds no secrets.\n");
    if !document.settings.is_empty() {
        text.push_str("\n[settings]\n");
        let mut section = Section(&mut text);
        for (name, value) in &document.settings {
            section.json(name, value);
        }
    }
    for entry in &document.providers {
        text.push_str("\n[[providers]]\n");
        provider(entry, &mut Section(&mut text));
    }
    for spec in &document.aliases {
        text.push_str("\n[[aliases]]\n");
        alias(spec, &mut Section(&mut text));
    }
    for entry in &document.apps {
        text.push_str("\n[[apps]]\n");
        app(entry, &mut Section(&mut text));
    }
    text
}

/// Lines of one table.
struct Section<'t>(&'t mut String);

impl Section<'_> {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{} = {}", quoted(name), value.into());
    }

    fn some(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    fn json(&mut self, name: &str, value: &Json) {
        self.some(name, toml_of(value));
    }

    fn table(&mut self, name: &str, table: Table) {
        if !table.is_empty() {
            self.put(name, table);
        }
    }

    fn list(&mut self, name: &str, list: Vec<Value>) {
        match list.len() {
            0 => {}
            1 => self.put(name, list),
            _ => {
                let _ = writeln!(self.0, "{} = [", quoted(name));
                for one in list {
                    let _ = writeln!(self.0, "  {one},");
                }
                self.0.push_str("]\n");
            }
        }
    }

    fn texts(&mut self, name: &str, texts: &[String]) {
        if !texts.is_empty() {
            self.put(name, texts.iter().map(|text| Value::from(text.clone())).collect::<Vec<_>>());
        }
    }
}

/// A table made of what is there.
#[derive(Default)]
struct Inline(Table);

impl Inline {
    fn with(mut self, name: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
        self
    }

    fn time(self, name: &str, ms: Option<u64>) -> Self {
        self.with(name, ms.map(time))
    }

    fn number(self, name: &str, number: Option<u64>) -> Self {
        self.with(name, number.map(number_of))
    }
}

fn quoted(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    // A key may not be a string of several lines; JSON's strings never are, and TOML reads them.
    if bare { name.to_owned() } else { Json::from(name).to_string() }
}

fn number_of(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn time(ms: u64) -> String {
    if ms > 0 && ms.is_multiple_of(1000) { format!("{}s", ms / 1000) } else { format!("{ms}ms") }
}

fn size(bytes: u64) -> String {
    for (unit, scale) in [("GiB", 1u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes >= scale && bytes.is_multiple_of(scale) {
            return format!("{}{unit}", bytes / scale);
        }
    }
    format!("{bytes}B")
}

/// `12.5`, from its multiple of ten to the `places`.
fn decimal(amount: u64, places: u32) -> String {
    let scale = 10u64.pow(places);
    let fraction = format!("{:0width$}", amount % scale, width = places as usize);
    let fraction = fraction.trim_end_matches('0');
    let fraction = if fraction.is_empty() { "0" } else { fraction };
    format!("{}.{fraction}", amount / scale)
}

/// RFC 3339 in UTC, in quotes: the language takes it so.
fn moment(ms: i64) -> Option<String> {
    jiff::Timestamp::from_millisecond(ms).ok().map(|at| at.strftime("%Y-%m-%dT%H:%M:%S%.fZ").to_string())
}

/// JSON as TOML; what is null is not there.
fn toml_of(value: &Json) -> Option<Value> {
    Some(match value {
        Json::Null => return None,
        Json::Bool(flag) => Value::from(*flag),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::from(whole),
            None => Value::from(number.as_f64()?),
        },
        Json::String(text) => Value::from(text.clone()),
        Json::Array(items) => items.iter().filter_map(toml_of).collect::<Vec<_>>().into(),
        Json::Object(fields) => {
            let field = |(name, value): (&String, &Json)| Some((name.clone(), toml_of(value)?));
            Value::Table(fields.iter().filter_map(field).collect())
        }
    })
}

fn provider(entry: &ProviderEntry, to: &mut Section<'_>) {
    let ProviderEntry { spec, keys, models } = entry;
    to.put("name", spec.name.clone());
    to.put("preset", spec.preset.clone());
    to.some("dialect", spec.dialect.map(|dialect| dialect.name()));
    address(spec, to);
    provider_keys(keys, to);
    to.list("models", models.iter().map(model).collect());
    if spec.priority != 0 {
        to.put("priority", i64::from(spec.priority));
    }
    to.texts("fallback", &spec.fallback);
    if !spec.enabled {
        to.put("enabled", false);
    }
    to.some("sandbox", spec.sandbox.as_ref().and_then(|mode| toml_of(&serde_json::to_value(mode).ok()?)));
    provider_limits(&spec.limits, to);
    to.some(
        "proxy",
        spec.proxy.as_ref().map(|rule| match rule {
            ProxyRule::Direct => "direct".to_owned(),
            ProxyRule::Environment => "environment".to_owned(),
            ProxyRule::Url(url) => url.clone(),
        }),
    );
    to.some("proxy_login", spec.proxy_login.as_ref().map(secret));
    to.table(
        "headers",
        spec.headers.iter().map(|(name, value)| (name.clone(), Value::from(value.clone()))).collect(),
    );
    to.table(
        "secret_headers",
        spec.secret_headers.iter().map(|(name, value)| (name.clone(), Value::from(secret(value)))).collect(),
    );
    let quirk = |(name, value): (&String, &Json)| Some((name.clone(), toml_of(value)?));
    to.table("quirks", spec.quirks.iter().filter_map(quirk).collect());
    to.table("timeouts", timeouts(&spec.timeouts));
}

/// A secret is never written; what is sealed stays.
fn secret(value: &SecretValue) -> Table {
    let table = Inline::default();
    let table = match value {
        SecretValue::File(path) => table.with("file", Some(path.clone())),
        SecretValue::Env(name) => table.with("env", Some(name.clone())),
        SecretValue::Kept | SecretValue::Text(_) => table.with("kept", Some(true)),
    };
    table.0
}

fn address(spec: &ProviderSpec, to: &mut Section<'_>) {
    if spec.endpoints.is_empty() {
        to.some("base_url", spec.base_url.clone());
        return;
    }
    let each = |(dialect, url): (&protocol::dialect::Dialect, &String)| {
        (dialect.name().to_owned(), url.clone().into())
    };
    let mut urls: Table = spec.endpoints.iter().map(each).collect();
    if let Some(every) = &spec.base_url {
        urls.insert(EVERY_DIALECT.to_owned(), every.clone().into());
    }
    to.put("base_url", urls);
}

fn provider_keys(keys: &[KeyEntry], to: &mut Section<'_>) {
    let reference = |value: &Option<KeyValue>| match value {
        Some(KeyValue::File(path)) => Inline::default().with("file", Some(path.clone())),
        Some(KeyValue::Env(name)) => Inline::default().with("env", Some(name.clone())),
        // A secret is never written; what is stored stays.
        Some(KeyValue::Text(_)) | None => Inline::default(),
    };
    if let [KeyEntry { label, value: value @ Some(KeyValue::File(_) | KeyValue::Env(_)), enabled: true }] =
        keys
        && label == "main"
    {
        to.table("key", reference(value).0);
        return;
    }
    let one = |key: &KeyEntry| {
        let enabled = (!key.enabled).then_some(false);
        Value::from(reference(&key.value).with("label", Some(key.label.clone())).with("enabled", enabled).0)
    };
    to.list("keys", keys.iter().map(one).collect());
}

fn provider_limits(limits: &ProviderLimits, to: &mut Section<'_>) {
    to.some("memory_limit", limits.memory_bytes.map(size));
    to.some("files", limits.files.map(number_of));
    to.some("max_concurrent", limits.max_concurrent.map(i64::from));
    to.some("max_queue", limits.max_queue.map(i64::from));
    to.some("max_wait", limits.queue_wait_ms.map(time));
    to.some("pool_idle", limits.pool_idle.map(i64::from));
    let rates = Inline::default()
        .number("requests_per_second", limits.requests_per_second)
        .number("requests_per_minute", limits.requests_per_minute)
        .number("tokens_per_minute", limits.tokens_per_minute);
    to.table("rates", rates.0);
}

fn timeouts(timeouts: &ProviderTimeouts) -> Table {
    Inline::default()
        .time("connect", timeouts.connect_ms)
        .time("first_token", timeouts.first_token_ms)
        .time("idle", timeouts.idle_ms)
        .time("total", timeouts.total_ms)
        .time("total_stream", timeouts.total_stream_ms)
        .0
}

fn model(entry: &ModelEntry) -> Value {
    let ModelEntry { spec, prices } = entry;
    let list = |texts: &[String]| (!texts.is_empty()).then(|| texts.to_vec());
    let prices: Vec<Value> = prices.iter().map(price).collect();
    let table = Inline::default()
        .with("id", Some(spec.name.clone()))
        .with("version", spec.model_version.clone())
        .with("enabled", (!spec.enabled).then_some(false))
        .number("context", spec.facts.context)
        .number("max_output", spec.facts.max_output)
        .with("tools", spec.facts.tools)
        .with("vision", spec.facts.vision)
        .with("reasoning", spec.facts.reasoning)
        .with("prefill", spec.facts.prefill)
        .with("deprecated", spec.deprecated.then_some(true))
        .with("sunset", spec.sunset_ms.and_then(moment))
        .with("alternatives", list(&spec.alternatives))
        .with("prices", (!prices.is_empty()).then_some(prices))
        .0;
    match table.len() {
        1 => Value::from(spec.name.clone()),
        _ => Value::from(table),
    }
}

fn price(spec: &PriceSpec) -> Value {
    // Millionths; a float prints the shortest text that means it.
    let amount = |micro: Option<u64>| micro.and_then(|micro| decimal(micro, 6).parse::<f64>().ok());
    let table = Inline::default()
        .with("since", (spec.since_ms != 0).then_some(spec.since_ms).and_then(moment))
        .with("currency", Some(spec.currency.clone()))
        .with("input", amount(spec.input_fresh))
        .with("cache_read", amount(spec.cache_read))
        .with("cache_write", amount(spec.cache_write))
        .with("output", amount(spec.output));
    Value::from(table.0)
}

fn alias(spec: &AliasSpec, to: &mut Section<'_>) {
    to.put("name", spec.name.clone());
    if !spec.enabled {
        to.put("enabled", false);
    }
    to.some("note", (!spec.note.is_empty()).then(|| spec.note.clone()));
    let candidate = |one: &protocol::control::model::AliasCandidate| match one.weight {
        1 => Value::from(format!("{}/{}", one.provider, one.model)),
        weight => Value::from(
            Inline::default()
                .with("provider", Some(one.provider.clone()))
                .with("model", Some(one.model.clone()))
                .with("weight", Some(i64::from(weight)))
                .0,
        ),
    };
    to.list("candidates", spec.candidates.iter().map(candidate).collect());
}

fn app(entry: &AppEntry, to: &mut Section<'_>) {
    let AppEntry { spec, route, keys } = entry;
    to.put("name", spec.name.clone());
    if !spec.enabled {
        to.put("enabled", false);
    }
    to.some("note", (!spec.note.is_empty()).then(|| spec.note.clone()));
    if spec.strict {
        to.put("strict", true);
    }
    to.list("keys", keys.iter().map(app_key).collect());
    to.texts("models", &spec.models);
    if let Some(spec) = route {
        self::route(spec, to);
    }
    app_limits(&spec.limits, to);
}

fn app_key(key: &AppKeyEntry) -> Value {
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    let table = Inline::default()
        .with("sha256", Some(key.sha256.clone()))
        .with("label", text(&key.label))
        .with("prefix", text(&key.prefix))
        .with("expires", key.expires_ms.and_then(moment));
    Value::from(table.0)
}

fn app_limits(limits: &AppLimits, to: &mut Section<'_>) {
    let table = Inline::default()
        .number("requests_per_second", limits.requests_per_second.map(u64::from))
        .number("requests_per_minute", limits.requests_per_minute.map(u64::from))
        .number("tokens_per_minute", limits.tokens_per_minute)
        .number("concurrent", limits.concurrent.map(u64::from))
        .number("queue", limits.queue.map(u64::from))
        .time("wait", limits.queue_wait_ms);
    to.table("limits", table.0);
    let budgets = Inline::default()
        .number("daily_tokens", limits.tokens_per_day)
        .number("monthly_tokens", limits.tokens_per_month)
        .with("daily_cost", limits.cost_per_day_nano.map(|nano| decimal(nano, 9)))
        .with("monthly_cost", limits.cost_per_month_nano.map(|nano| decimal(nano, 9)));
    to.table("budgets", budgets.0);
}

fn route(spec: &RouteSpec, to: &mut Section<'_>) {
    if spec.rule != Rule::default() {
        to.some("rule", serde_json::to_value(spec.rule).ok().as_ref().and_then(toml_of));
    }
    to.list("candidates", spec.candidates.iter().map(step).collect());
    to.list("fallback", spec.fallback.iter().map(step).collect());
    to.some("sticky", spec.sticky_header.clone());
    to.table("retry", retry(&spec.retry));
    to.table("hold", hold(&spec.hold));
    if spec.continuation {
        to.put("continuation", true);
    }
    match (spec.hedge.enabled, spec.hedge.after_ms) {
        (false, _) => {}
        (true, None) => to.put("hedge", true),
        (true, Some(ms)) => to.table("hedge", Inline::default().time("after", Some(ms)).0),
    }
}

fn retry(rule: &RetryRule) -> Table {
    Inline::default()
        .number("max_attempts", rule.max_attempts.map(u64::from))
        .number("attempts_per_provider", rule.attempts_per_provider.map(u64::from))
        .time("backoff", rule.backoff_ms)
        .time("deadline", rule.deadline_ms)
        .with("after_timeout", rule.on_timeout)
        .0
}

fn hold(hold: &Hold) -> Table {
    let some = |n: u32| (n > 0).then(|| u64::from(n));
    Inline::default()
        .number("chunks", some(hold.chunks))
        .with("bytes", some(hold.bytes).map(size))
        .time("time", some(hold.ms))
        .0
}

fn step(step: &Step) -> Value {
    let when = &step.when;
    let conditions = Inline::default()
        .with("models", when.model.clone().map(|model| vec![model]))
        .with("dialects", when.dialect.map(|dialect| vec![dialect.name()]))
        .with("tools", when.needs_tools)
        .with("vision", when.needs_vision)
        .number("min_context", when.min_context)
        .number("max_context", when.max_context)
        .0;
    if step.weight == 1 && conditions.is_empty() {
        return match &step.model {
            Some(model) => format!("{}/{model}", step.provider).into(),
            None => step.provider.clone().into(),
        };
    }
    let table = Inline::default()
        .with("provider", Some(step.provider.clone()))
        .with("model", step.model.clone())
        .with("weight", (step.weight != 1).then(|| i64::from(step.weight)))
        .with("when", (!conditions.is_empty()).then_some(conditions));
    Value::from(table.0)
}
