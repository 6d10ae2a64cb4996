//! LiteLLM's `config.yaml`: a list of deployments behind public names. The settings of the proxy around it are in
//! [`super::gateway_settings`].

use super::Harvest;
use super::gateway_settings::{general, settings};
use super::names::{by_address, plain};
use super::old_file::{model_entry, spec};
use super::tree::Tree;
use protocol::control::document::ProviderEntry;
use protocol::control::model::{AliasCandidate, PriceSpec};
use protocol::preset::{self, Preset};
use serde_json::Value;

/// What tells one account from another.
#[derive(PartialEq)]
struct Account {
    preset: &'static str,
    address: Option<String>,
    key: Option<String>,
}

pub(super) fn add(harvest: &mut Harvest<'_>, mut tree: Tree) {
    if let Some(Value::Object(variables)) = tree.take("environment_variables") {
        self::variables(harvest, variables);
    }
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
        if let Some(found) = tree.section(section) {
            settings(harvest, found, section);
        }
    }
    if let Some(found) = tree.section("general_settings") {
        general(harvest, found);
    }
    for left in tree.left() {
        harvest.report.unsupported(left, "there is nothing like it");
    }
}

/// What the file sets itself, for its own `os.environ/NAME`; nothing else reads it here.
fn variables(harvest: &mut Harvest<'_>, variables: serde_json::Map<String, Value>) {
    for (name, value) in variables {
        let value = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        harvest.report.exact(format!("environment_variables.{name}"), "used where this file names it");
        harvest.variables.insert(name, value);
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
    bounds(harvest, &mut params, &provider, at);
    prices(harvest, &mut params, (&provider, &model), &format!("{at}.litellm_params"));
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
    let base_url = account.address.clone().filter(|url| !super::names::is_presets_own(url, preset));
    let name = harvest.name_for(&plain(&preset.id), preset, base_url.as_deref());
    let setting = format!("{at}.litellm_params.api_key");
    let key = account.key.as_deref().and_then(|text| harvest.provider_key(text, &name, &setting));
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
    prices(harvest, &mut info, (provider, model), &format!("{at}.model_info"));
    harvest.report.exact(format!("{at}.model_info"), "what is known of the model");
    for left in info.left().into_iter().filter(|left| left != "id" && left != "mode") {
        harvest.report.unsupported(format!("{at}.model_info.{left}"), "there is nothing like it");
    }
}

/// How long and how many at once; they are a provider's here, not a deployment's.
fn bounds(harvest: &mut Harvest<'_>, params: &mut Tree, provider: &str, at: &str) {
    let mut taken = Vec::new();
    let Some(entry) = harvest.provider(provider) else { return };
    if let Some(seconds) = params.number("timeout").and_then(milliseconds) {
        entry.spec.timeouts.total_ms = Some(seconds);
        taken.push("timeout");
    }
    if let Some(seconds) = params.number("stream_timeout").and_then(milliseconds) {
        entry.spec.timeouts.first_token_ms = Some(seconds);
        taken.push("stream_timeout");
    }
    if let Some(most) = params.number("max_parallel_requests").filter(|most| *most >= 1.0) {
        entry.spec.limits.max_concurrent = Some(most as u32);
        taken.push("max_parallel_requests");
    }
    for name in taken {
        let became = format!("of provider {provider}, for all its models");
        harvest.report.approximate(format!("{at}.litellm_params.{name}"), became);
    }
}

/// Seconds, as that file counts.
pub(super) fn milliseconds(seconds: f64) -> Option<u64> {
    (seconds > 0.0).then_some((seconds * 1000.0).round() as u64)
}

/// Dollars for one token; ours are for a million.
fn prices(harvest: &mut Harvest<'_>, costs: &mut Tree, (provider, model): (&str, &str), at: &str) {
    /// From one token's dollars to millionths of a dollar for a million tokens.
    const SCALE: f64 = 1e12;
    let mut cost =
        |name: &str| costs.number(name).filter(|cost| *cost >= 0.0).map(|cost| (cost * SCALE).round() as u64);
    let spec = PriceSpec {
        since_ms: 0,
        currency: "USD".to_owned(),
        input_fresh: cost("input_cost_per_token"),
        cache_read: cost("cache_read_input_token_cost"),
        cache_write: cost("cache_creation_input_token_cost"),
        output: cost("output_cost_per_token"),
    };
    if spec.input_fresh.is_none() && spec.output.is_none() {
        return;
    }
    let Some(entry) = harvest.provider(provider) else { return };
    if let Some(known) = entry.models.iter_mut().find(|known| known.spec.name == model) {
        known.prices = vec![spec];
    }
    let became = format!("prices of {provider}/{model} in USD for a million tokens");
    harvest.report.exact(format!("{at}.*_cost_per_token"), became);
}
