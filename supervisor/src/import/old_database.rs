//! `llm_link.db` of the last unreleased version: providers with their keys in clear.

use super::Harvest;
use super::names::{by_address, is_presets_own, plain};
use super::old_file::{model_entry, spec};
use super::tree::Tree;
use crate::store::foreign::{Foreign, ForeignProvider};
use protocol::control::document::ProviderEntry;
use protocol::control::model::AliasCandidate;
use protocol::preset::{self, KeyNeed};
use serde_json::Value;

pub(super) fn add(harvest: &mut Harvest<'_>, found: Foreign) {
    let Foreign { providers, settings, other_tables } = found;
    providers.into_iter().for_each(|row| provider(harvest, row));
    for (name, _) in settings {
        let setting = format!("config.{name}");
        match name.as_str() {
            "setup_completed" | "version" => {
                harvest.report.exact(setting, "of that version only: nothing to take over")
            }
            _ => harvest.report.unsupported(setting, "not known"),
        }
    }
    for table in other_tables {
        harvest.report.unsupported(table, "a table that no version is known to have");
    }
}

fn provider(harvest: &mut Harvest<'_>, row: ForeignProvider) {
    let at = format!("providers.{}", row.name);
    let Ok(Value::Object(fields)) = serde_json::from_str(&row.config) else {
        harvest.report.manual(at, "its configuration cannot be read: llm-link providers add NAME");
        return;
    };
    let mut config = Tree::new(fields);
    let url = config.text("base_url").filter(|url| !url.is_empty());
    let url = url.and_then(|url| harvest.plain_text(&url, &format!("{at}.config.base_url")));
    let by_type = preset::find(&row.kind.to_ascii_lowercase());
    let preset = match &url {
        Some(url) if row.kind.eq_ignore_ascii_case("openai") => {
            by_address(url).or_else(|| preset::find(preset::GENERIC))
        }
        _ => by_type,
    };
    let Some(preset) = preset else {
        harvest.report.unsupported(at, format!("there is no provider like `{}`", row.kind));
        return;
    };
    let base_url = url.filter(|url| !is_presets_own(url, preset));
    let name = harvest.name_for(&plain(&row.name), preset, base_url.as_deref());
    let key = config.text("api_key").filter(|_| preset.key != KeyNeed::None);
    let key = key.and_then(|text| harvest.provider_key(&text, &name, &format!("{at}.config.api_key")));
    let model = config.text("model").filter(|model| !model.is_empty());
    let mut spec = spec(&name, preset, base_url);
    spec.enabled = row.enabled;
    // There the highest came first, here the lowest does.
    spec.priority = i32::try_from(-row.priority).unwrap_or_default();
    let models = model.iter().map(|id| model_entry(id)).collect();
    harvest.document.providers.push(ProviderEntry { spec, keys: key.into_iter().collect(), models });
    harvest.report.exact(&at, format!("provider {name} of preset {}", preset.id));
    if row.priority != 0 {
        harvest.report.exact(format!("{at}.priority"), format!("{}: the lowest serves first", -row.priority));
    }
    if !row.enabled {
        harvest
            .report
            .exact(format!("{at}.enabled"), "configured, not started: llm-link providers enable NAME");
    }
    if let Some(model) = model {
        harvest.alias("default", AliasCandidate { provider: name.clone(), model: model.clone(), weight: 1 });
        let became = format!("{name}/{model}, also as `default`");
        harvest.report.approximate(format!("{at}.config.model"), became);
    }
    for left in config.left() {
        harvest.report.unsupported(format!("{at}.config.{left}"), "not known");
    }
}
