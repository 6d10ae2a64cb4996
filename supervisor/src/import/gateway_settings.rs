//! The settings around the deployments of LiteLLM's `config.yaml`: tries, times, fallbacks, budgets, the clients' key.

use super::Harvest;
use super::gateway::milliseconds;
use super::keys::Resolved;
use super::tree::Tree;
use serde_json::Value;

/// The app of the proxy's master key.
const APP: &str = "clients";
/// Dollars as budgets count them.
const NANO: f64 = 1e9;

/// `litellm_settings` or `router_settings`.
pub(super) fn settings(harvest: &mut Harvest<'_>, mut settings: Tree, section: &str) {
    let named = |name: &str| format!("{section}.{name}");
    if let Some(groups) = settings.section("model_group_alias") {
        groups_of(harvest, groups, &named("model_group_alias"));
    }
    for name in ["fallbacks", "context_window_fallbacks", "content_policy_fallbacks"] {
        if let Some(Value::Array(list)) = settings.take(name) {
            fallbacks(harvest, list, &named(name));
        }
    }
    if let Some(Value::Array(last)) = settings.take("default_fallbacks") {
        default_fallbacks(harvest, &last, &named("default_fallbacks"));
    }
    if let Some(tries) = settings.number("num_retries") {
        let tries = (tries.max(0.0) as u64).saturating_add(1).min(10);
        harvest.document.settings.insert("server.max_attempts".to_owned(), tries.into());
        let became = format!("setting server.max_attempts = {tries}, the first try included, for every app");
        harvest.report.approximate(named("num_retries"), became);
    }
    for name in ["request_timeout", "timeout"] {
        if let Some(ms) = settings.number(name).and_then(milliseconds) {
            let text = format!("{ms}ms");
            harvest.document.settings.insert("defaults.timeouts.total".to_owned(), text.into());
            let became =
                "setting defaults.timeouts.total: of whole answers; streams end when they fall silent";
            harvest.report.approximate(named(name), became);
        }
    }
    if let Some(ms) = settings.number("stream_timeout").and_then(milliseconds) {
        let text = format!("{ms}ms");
        harvest.document.settings.insert("defaults.timeouts.first_token".to_owned(), text.into());
        harvest.report.approximate(named("stream_timeout"), "setting defaults.timeouts.first_token");
    }
    budget(harvest, &mut settings, section);
    if let Some(strategy) = settings.text("routing_strategy") {
        strategy_of(harvest, &strategy, named("routing_strategy"));
    }
    told(harvest, &mut settings, section);
    for left in settings.left() {
        harvest.report.unsupported(named(&left), "there is nothing like it");
    }
}

/// What is always so here, or is done by other means.
fn told(harvest: &mut Harvest<'_>, settings: &mut Tree, section: &str) {
    const ALWAYS: [(&str, &str); 5] = [
        (
            "drop_params",
            "what a dialect cannot say is left out and named in x-llm-link-dropped; strict apps refuse it",
        ),
        ("modify_params", "requests are fitted to what the provider takes"),
        ("allowed_fails", "a provider that fails five times in a row rests"),
        ("cooldown_time", "for 30 s, then longer; a 429 for as long as it says"),
        ("enable_pre_call_checks", "candidates that cannot serve a call are passed over"),
    ];
    const BY_HAND: [(&str, &str); 3] = [
        ("set_verbose", "in the configuration file: [log] level = \"debug\""),
        ("json_logs", "in the configuration file: [log] format = \"json\""),
        ("retry_after", "for an app: llm-link apps route APP --set retry.backoff_ms=MS"),
    ];
    for (name, became) in ALWAYS {
        if settings.take(name).is_some() {
            let exact = name == "drop_params";
            let say = if exact { super::Grade::Exact } else { super::Grade::Approximate };
            harvest.report.say(say, format!("{section}.{name}"), became);
        }
    }
    for (name, how) in BY_HAND {
        if settings.take(name).is_some() {
            harvest.report.manual(format!("{section}.{name}"), how);
        }
    }
}

fn strategy_of(harvest: &mut Harvest<'_>, strategy: &str, setting: String) {
    match strategy {
        "simple-shuffle" => {
            let became = "by weight where deployments have weights, else in order";
            harvest.report.approximate(setting, became);
        }
        "least-busy" => harvest.report.manual(setting, "llm-link apps route APP --rule least_connections"),
        "latency-based-routing" => harvest.report.manual(setting, "llm-link apps route APP --rule latency"),
        _ => harvest.report.manual(setting, "llm-link apps route APP --rule RULE"),
    }
}

/// `{ "public": "group" }` or `{ "public": { "model": "group" } }`: another name for what that group has.
fn groups_of(harvest: &mut Harvest<'_>, groups: Tree, setting: &str) {
    for (public, group) in groups.into_fields() {
        let group = match &group {
            Value::Object(fields) => fields.get("model").and_then(Value::as_str),
            other => other.as_str(),
        };
        let setting = format!("{setting}.{public}");
        let group = group.unwrap_or_default();
        let behind = harvest.document.aliases.iter().find(|alias| alias.name == group);
        let Some(candidates) = behind.map(|alias| alias.candidates.clone()) else {
            harvest.report.manual(setting, format!("`{group}` is no model of this file"));
            continue;
        };
        candidates.into_iter().for_each(|candidate| harvest.alias(&public, candidate));
        harvest.report.exact(setting, format!("alias {public} has the candidates of {group}"));
    }
}

/// `[{ "a": ["b", "c"] }]`: the candidates of b and c come after those of a.
fn fallbacks(harvest: &mut Harvest<'_>, list: Vec<Value>, setting: &str) {
    let pairs = list.into_iter().filter_map(|one| match one {
        Value::Object(fields) => Some(fields),
        _ => None,
    });
    for (from, to) in pairs.flatten() {
        for to in to.as_array().into_iter().flatten().filter_map(Value::as_str) {
            let setting = format!("{setting}.{from}");
            if append(harvest, &from, to) {
                harvest
                    .report
                    .approximate(setting, format!("the candidates of {to} come after those of {from}"));
            } else {
                harvest.report.manual(setting, format!("`{from}` or `{to}` is no model of this file"));
            }
        }
    }
}

/// `["b"]`: after the candidates of every name.
fn default_fallbacks(harvest: &mut Harvest<'_>, last: &[Value], setting: &str) {
    let names: Vec<String> = harvest.document.aliases.iter().map(|alias| alias.name.clone()).collect();
    for to in last.iter().filter_map(Value::as_str) {
        if names.iter().any(|name| name == to) {
            names.iter().filter(|name| *name != to).for_each(|from| {
                append(harvest, from, to);
            });
            harvest
                .report
                .approximate(setting, format!("the candidates of {to} come last behind every other name"));
        } else {
            harvest.report.manual(setting, format!("`{to}` is no model of this file"));
        }
    }
}

/// Puts the candidates of one name after those of another, if both are there.
fn append(harvest: &mut Harvest<'_>, from: &str, to: &str) -> bool {
    let behind = |name: &str| harvest.document.aliases.iter().find(|alias| alias.name == name);
    let candidates = behind(to).map(|alias| alias.candidates.clone()).unwrap_or_default();
    if candidates.is_empty() || behind(from).is_none() {
        return false;
    }
    candidates.into_iter().for_each(|candidate| harvest.alias(from, candidate));
    true
}

/// What the whole proxy may spend: the bound of the app that its key becomes.
fn budget(harvest: &mut Harvest<'_>, settings: &mut Tree, section: &str) {
    let Some(most) = settings.number("max_budget").filter(|most| *most > 0.0) else { return };
    let time = settings.text("budget_duration").unwrap_or_default();
    let setting = format!("{section}.max_budget");
    let limits = harvest.app(APP);
    let nano = Some((most * NANO).round() as u64);
    match time.as_str() {
        "1d" | "24h" => {
            limits.cost_per_day_nano = nano;
            harvest.report.exact(setting, format!("app {APP} may spend {most} USD a day"));
        }
        "30d" | "1mo" | "31d" => {
            limits.cost_per_month_nano = nano;
            let became = format!("app {APP} may spend {most} USD a calendar month");
            harvest.report.approximate(setting, became);
        }
        _ => {
            let how = format!(
                "days and months have budgets: llm-link apps edit {APP} --set limits.cost_per_month_nano=N"
            );
            harvest.report.manual(setting, how);
        }
    }
}

/// `general_settings`.
pub(super) fn general(harvest: &mut Harvest<'_>, mut general: Tree) {
    if let Some(key) = general.text("master_key") {
        let is_set = matches!(harvest.resolve(&key), Resolved::Text(_));
        harvest.client_key(&key, APP, "general_settings.master_key");
        if is_set {
            let became = "it opens the model APIs only; administrators are users: llm-link setup-link";
            harvest.report.approximate("general_settings.master_key", became);
        }
    }
    if let Some(most) = general.number("global_max_parallel_requests").filter(|most| *most >= 1.0) {
        harvest.app(APP).concurrent = Some(most as u32);
        let became = format!("app {APP} may have so many calls at once");
        harvest.report.approximate("general_settings.global_max_parallel_requests", became);
    }
    const BY_HAND: [(&str, &str); 4] = [
        ("database_url", "virtual keys there are hashed: make new ones with llm-link apps add NAME"),
        ("alerting", "llm-link alerts, or Settings, Alerts in the console"),
        ("ui_username", "people log in by name: llm-link users add NAME"),
        ("ui_password", "people choose their own: llm-link setup-link"),
    ];
    for (name, how) in BY_HAND {
        if general.take(name).is_some() {
            harvest.report.manual(format!("general_settings.{name}"), how);
        }
    }
    for left in general.left() {
        harvest.report.unsupported(format!("general_settings.{left}"), "there is nothing like it");
    }
}
