//! `model-overrides.yaml`: public names of a provider's models.

use super::Harvest;
use super::old_file::model_entry;
use protocol::control::model::AliasCandidate;
use protocol::preset;
use serde_json::{Map, Value};

pub(super) fn add(harvest: &mut Harvest<'_>, providers: &Map<String, Value>) {
    for (provider, names) in providers {
        let Some(names) = names.as_object() else { continue };
        // The same words as `--provider`; an imported one has its preset's name.
        let name = preset::find(provider).map_or(provider.as_str(), |preset| preset.id.as_str()).to_owned();
        for (public, model) in names {
            let Some(model) = model.as_str() else { continue };
            one(harvest, &name, public, model, &format!("{provider}.{public}"));
        }
    }
}

fn one(harvest: &mut Harvest<'_>, provider: &str, public: &str, model: &str, setting: &str) {
    if !harvest.knows(provider) {
        let how = format!("there is no provider {provider} yet: add it, then import this file again");
        harvest.report.manual(setting, how);
        return;
    }
    let Some(model) = harvest.plain_text(model, setting) else { return };
    harvest.alias(public, AliasCandidate { provider: provider.to_owned(), model: model.clone(), weight: 1 });
    if let Some(entry) = harvest.provider(provider)
        && !entry.models.iter().any(|known| known.spec.name == model)
    {
        entry.models.push(model_entry(&model));
    }
    harvest.report.exact(setting, format!("alias {public} = {provider}/{model}"));
}
