//! LiteLLM's `config.yaml`: a list of deployments behind public names, and settings of the proxy around it.

use super::Harvest;
use super::keys::Resolved;
use super::names::{by_address, free, plain};
use super::old_file::{model_entry, spec};
use super::tree::Tree;
use protocol::control::document::ProviderEntry;
use protocol::control::model::AliasCandidate;
use protocol::preset::{self, Preset};
use serde_json::Value;

/// The app of the proxy's master key.
const APP: &str = "clients";

/// What tells one account from another.
#[derive(PartialEq)]
struct Account {
    preset: &'static str,
    address: Option<String>,
    key: Option<String>,
}

pub(super) fn add(harvest: &mut Harvest<'_>, mut tree: Tree) {
    let mut accounts: Vec<(Account, String)> = Vec::new();
    if let Some(Value::Array(list)) = tree.take("model_list") {
        for (at, item) in list.into_iter().enumerate() {
            let at = format!("model_list[{at}]");
            match item {
                Value::Object(fields) => deployment(harvest, Tree::new(fields), &at, &mut accounts),
                _ => harvest.report.manual(at, "it is no deployment"),
            }
        }
    }
    for section in ["litellm_settings", "router_settings"] {
        if let Some(settings) = tree.section(section) {
            self::settings(harvest, settings, section);
        }
    }
    if let Some(general) = tree.section("general_settings") {
        self::general(harvest, general);
    }
    if tree.take("environment_variables").is_some() {
        let how = "set them where llm-link is started, or give providers their keys";
        harvest.report.manual("environment_variables", how);
    }
    for left in tree.left() {
        harvest.report.unsupported(left, "there is nothing like it");
    }
}

fn deployment(harvest: &mut Harvest<'_>, mut item: Tree, at: &str, accounts: &mut Vec<(Account, String)>) {
    let public = item.text("model_name");
    let params = item.section("litellm_params");
    let (Some(public), Some(mut params)) = (public, params) else {
        harvest.report.manual(at, "it has no model_name or no litellm_params");
        return;
    };
    let Some(target) = params.text("model") else {
        harvest.report.manual(format!("{at}.litellm_params"), "it names no model");
        return;
    };
    let address = params.text("api_base").or_else(|| params.text("base_url"));
    let address =
        address.and_then(|text| harvest.plain_text(&text, &format!("{at}.litellm_params.api_base")));
    let Some((preset, model)) = target_of(&target, address.as_deref()) else {
        harvest
            .report
            .unsupported(format!("{at}.litellm_params.model"), format!("there is no preset for `{target}`"));
        return;
    };
    let account = Account { preset: &preset.id, address, key: params.text("api_key") };
    let provider = provider_of(harvest, account, preset, at, accounts);
    if let Some(entry) = harvest.provider(&provider)
        && !entry.models.iter().any(|known| known.spec.name == model)
    {
        entry.models.push(model_entry(&model));
    }
    let weight = params.number("weight").map_or(1, |weight| (weight.round() as u32).max(1));
    harvest.alias(&public, AliasCandidate { provider: provider.clone(), model: model.clone(), weight });
    harvest.report.exact(at, format!("alias {public} = {provider}/{model}"));
    rates(harvest, &mut params, &provider, at);
    facts(harvest, item.section("model_info"), &provider, &model, at);
    for left in params.left() {
        harvest.report.unsupported(
            format!("{at}.litellm_params.{left}"),
            "clients send it, or there is nothing like it",
        );
    }
    for left in item.left() {
        harvest.report.unsupported(format!("{at}.{left}"), "there is nothing like it");
    }
}

/// `openai/gpt-4o`: which vendor, and the model there.
fn target_of(target: &str, address: Option<&str>) -> Option<(&'static Preset, String)> {
    let (vendor, model) = target.split_once('/').unwrap_or(("openai", target));
    let named = match vendor {
        "openai" | "custom_openai" => match address {
            Some(url) => by_address(url).or_else(|| preset::find(preset::GENERIC)),
            None => preset::find("openai"),
        },
        "ollama_chat" => preset::find("ollama"),
        "azure" => preset::find("azure-openai"),
        "hosted_vllm" => preset::find("vllm"),
        "together_ai" => preset::find("together"),
        "fireworks_ai" => preset::find("fireworks"),
        "dashscope" => preset::find("aliyun"),
        other => preset::find(other),
    };
    match named {
        Some(preset) => Some((preset, model.to_owned())),
        // A model's own name with a slash in it.
        None if address.is_some() => Some((preset::find(preset::GENERIC)?, target.to_owned())),
        None => None,
    }
}

/// The provider of an account: the one it has already, or a new one.
fn provider_of(
    harvest: &mut Harvest<'_>,
    account: Account,
    preset: &'static Preset,
    at: &str,
    accounts: &mut Vec<(Account, String)>,
) -> String {
    if let Some((_, name)) = accounts.iter().find(|(known, _)| *known == account) {
        return name.clone();
    }
    let name = free(&plain(&preset.id), |name| harvest.knows(name));
    let setting = format!("{at}.litellm_params.api_key");
    let key = account.key.as_deref().and_then(|text| harvest.provider_key(text, &name, &setting));
    let base_url = account.address.clone().filter(|url| !super::names::is_presets_own(url, preset));
    let entry = ProviderEntry {
        spec: spec(&name, preset, base_url),
        keys: key.into_iter().collect(),
        models: Vec::new(),
    };
    harvest.document.providers.push(entry);
    accounts.push((account, name.clone()));
    name
}

fn rates(harvest: &mut Harvest<'_>, params: &mut Tree, provider: &str, at: &str) {
    let (requests, tokens) = (params.number("rpm"), params.number("tpm"));
    if requests.is_none() && tokens.is_none() {
        return;
    }
    let Some(entry) = harvest.provider(provider) else { return };
    let limits = &mut entry.spec.limits;
    let sum = |known: Option<u64>, more: Option<f64>| match more {
        Some(more) => Some(known.unwrap_or_default().saturating_add(more as u64)),
        None => known,
    };
    limits.requests_per_minute = sum(limits.requests_per_minute, requests);
    limits.tokens_per_minute = sum(limits.tokens_per_minute, tokens);
    let became = format!("limits of provider {provider}, summed over its deployments");
    harvest.report.approximate(format!("{at}.litellm_params.rpm/tpm"), became);
}

fn facts(harvest: &mut Harvest<'_>, info: Option<Tree>, provider: &str, model: &str, at: &str) {
    let Some(mut info) = info else { return };
    let context = info.number("max_input_tokens").map(|n| n as u64);
    let output = info.number("max_output_tokens").map(|n| n as u64);
    let (tools, vision) = (info.flag("supports_function_calling"), info.flag("supports_vision"));
    let Some(entry) = harvest.provider(provider) else { return };
    if let Some(known) = entry.models.iter_mut().find(|known| known.spec.name == model) {
        let facts = &mut known.spec.facts;
        facts.context = context.or(facts.context);
        facts.max_output = output.or(facts.max_output);
        facts.tools = tools.or(facts.tools);
        facts.vision = vision.or(facts.vision);
    }
    if info.take("input_cost_per_token").is_some() | info.take("output_cost_per_token").is_some() {
        let how =
            format!("llm-link models price {provider} {model} --currency USD --input AMOUNT --output AMOUNT");
        harvest.report.manual(format!("{at}.model_info.*_cost_per_token"), how);
    }
    harvest.report.exact(format!("{at}.model_info"), "what is known of the model");
    for left in info.left().into_iter().filter(|left| left != "id" && left != "mode") {
        harvest.report.unsupported(format!("{at}.model_info.{left}"), "there is nothing like it");
    }
}

fn settings(harvest: &mut Harvest<'_>, mut settings: Tree, section: &str) {
    let named = |name: &str| format!("{section}.{name}");
    for name in ["fallbacks", "context_window_fallbacks"] {
        if let Some(Value::Array(list)) = settings.take(name) {
            fallbacks(harvest, list, &named(name));
        }
    }
    if let Some(tries) = settings.number("num_retries") {
        let line = format!("in the configuration file: [server] max_attempts = {}", tries as u64 + 1);
        harvest.report.manual(named("num_retries"), line);
    }
    for name in ["request_timeout", "timeout"] {
        if let Some(seconds) = settings.number(name) {
            let line = format!(
                "for each provider: llm-link providers edit NAME --set timeouts.total_ms={}s",
                seconds
            );
            harvest.report.manual(named(name), line);
        }
    }
    if let Some(strategy) = settings.text("routing_strategy") {
        let became = match strategy.as_str() {
            "simple-shuffle" => "by weight where deployments have weights, else in order",
            "least-busy" => "llm-link apps route APP --rule least_connections",
            "latency-based-routing" => "llm-link apps route APP --rule latency",
            _ => "llm-link apps route APP --rule RULE",
        };
        match strategy.as_str() {
            "simple-shuffle" => harvest.report.approximate(named("routing_strategy"), became),
            _ => harvest.report.manual(named("routing_strategy"), became),
        }
    }
    if settings.take("drop_params").is_some() {
        let became =
            "what a dialect cannot say is left out and named in x-llm-link-dropped; strict apps refuse it";
        harvest.report.exact(named("drop_params"), became);
    }
    if settings.take("model_group_alias").is_some() {
        harvest.report.manual(named("model_group_alias"), "llm-link aliases set NAME --to PROVIDER/MODEL");
    }
    for left in settings.left() {
        harvest.report.unsupported(named(&left), "there is nothing like it");
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
            let behind = harvest.document.aliases.iter().find(|alias| alias.name == to);
            let candidates = behind.map(|alias| alias.candidates.clone()).unwrap_or_default();
            if candidates.is_empty() || !harvest.document.aliases.iter().any(|alias| alias.name == from) {
                harvest.report.manual(
                    format!("{setting}.{from}"),
                    format!("`{from}` or `{to}` is no model of this file"),
                );
                continue;
            }
            candidates.into_iter().for_each(|candidate| harvest.alias(&from, candidate));
            let became = format!("the candidates of {to} come after those of {from}");
            harvest.report.approximate(format!("{setting}.{from}"), became);
        }
    }
}

fn general(harvest: &mut Harvest<'_>, mut general: Tree) {
    if let Some(key) = general.text("master_key") {
        let is_set = matches!(harvest.resolve(&key), Resolved::Text(_));
        harvest.client_key(&key, APP, "general_settings.master_key");
        if is_set {
            let became = "it opens the model APIs only; administrators are users: llm-link setup-link";
            harvest.report.approximate("general_settings.master_key", became);
        }
    }
    if general.take("database_url").is_some() {
        let how = "virtual keys there are hashed: make new ones with llm-link apps add NAME";
        harvest.report.manual("general_settings.database_url", how);
    }
    for left in general.left() {
        harvest.report.unsupported(format!("general_settings.{left}"), "there is nothing like it");
    }
}
