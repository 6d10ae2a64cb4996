//! What is stored as one document, and what two documents differ in. Pure but for reading rows.

use super::rows::{hex, model_spec, price_spec};
use crate::store::edit::View;
use crate::store::provider_keys::{KeyReference, ProviderKey};
use crate::store::{StoreError, UnixMs};
use protocol::control::document::{
    AppEntry, AppKeyEntry, Difference, Document, KeyEntry, ModelEntry, ProviderEntry,
};
use protocol::control::provider::KeyValue;
use serde::Serialize;
use serde_json::Value;

/// What is stored. Sealed keys are in it by label only.
pub(super) fn export(view: &View<'_>, at: UnixMs) -> Result<Document, StoreError> {
    let snapshot = view.snapshot(at)?;
    let mut providers = Vec::with_capacity(snapshot.providers.len());
    for row in &snapshot.providers {
        let keys = snapshot.provider_keys.iter().filter(|key| key.provider_id == row.id);
        let models = snapshot.models.iter().filter(|model| model.provider_id == row.id);
        let model = |model: &crate::store::models::Model| ModelEntry {
            spec: model_spec(model),
            prices: {
                let own = snapshot.prices.iter().filter(|price| price.model_id == model.id);
                own.map(price_spec).collect()
            },
        };
        providers.push(ProviderEntry {
            spec: row.spec.clone(),
            keys: keys.map(key_entry).collect(),
            models: models.map(model).collect(),
        });
    }
    providers.sort_by(|a, b| a.spec.name.cmp(&b.spec.name));
    let app = |row: &crate::store::apps::App| AppEntry {
        spec: row.spec.clone(),
        route: snapshot.routes.iter().find(|route| route.app_id == row.id).map(|route| route.spec.clone()),
        keys: {
            let own = snapshot.app_keys.iter().filter(|key| key.app_id == row.id);
            own.map(|key| AppKeyEntry {
                label: key.label.clone(),
                sha256: hex(&key.hash),
                prefix: key.prefix.clone(),
                expires_ms: key.expires_at.map(|at| at.0),
            })
            .collect()
        },
    };
    Ok(Document {
        settings: snapshot.settings.iter().map(|s| (s.name.clone(), s.value.clone())).collect(),
        providers,
        aliases: snapshot.aliases.iter().map(|alias| alias.spec.clone()).collect(),
        apps: snapshot.apps.iter().map(app).collect(),
    })
}

fn key_entry(key: &ProviderKey) -> KeyEntry {
    let value = key.spec.reference.as_ref().map(|reference| match reference {
        KeyReference::File(path) => KeyValue::File(path.clone()),
        KeyReference::Env(name) => KeyValue::Env(name.clone()),
    });
    KeyEntry { label: key.spec.label.clone(), value, enabled: key.spec.enabled }
}

/// What it takes to get from one document to another, things before what belongs to them. What is only in the
/// first goes with `prune`. `same` tells whether a key's text is the one that is sealed already.
pub(super) fn differences(
    before: &Document,
    after: &Document,
    prune: bool,
    same: &dyn Fn(&str, &KeyEntry) -> bool,
) -> Vec<Difference> {
    let mut found = Found { differences: Vec::new(), prune };
    found.lists("setting", before.settings.iter(), after.settings.iter(), |(name, _)| (*name).clone());
    for entry in &after.providers {
        let old = before.providers.iter().find(|old| old.spec.name == entry.spec.name);
        found.provider(old, entry, same);
    }
    for gone in before
        .providers
        .iter()
        .filter(|old| !after.providers.iter().any(|new| new.spec.name == old.spec.name))
    {
        found.removed("provider", &gone.spec.name);
    }
    found.lists("alias", before.aliases.iter(), after.aliases.iter(), |alias| alias.name.clone());
    for entry in &after.apps {
        let old = before.apps.iter().find(|old| old.spec.name == entry.spec.name);
        found.app(old, entry);
    }
    for gone in before.apps.iter().filter(|old| !after.apps.iter().any(|new| new.spec.name == old.spec.name))
    {
        found.removed("app", &gone.spec.name);
    }
    found.differences
}

struct Found {
    differences: Vec<Difference>,
    prune: bool,
}

impl Found {
    fn provider(
        &mut self,
        old: Option<&ProviderEntry>,
        new: &ProviderEntry,
        same: &dyn Fn(&str, &KeyEntry) -> bool,
    ) {
        let name = &new.spec.name;
        self.compare("provider", name, old.map(|old| &old.spec), &new.spec);
        let within = |part: &str| format!("{name}/{part}");
        for key in &new.keys {
            let before = old.and_then(|old| old.keys.iter().find(|before| before.label == key.label));
            self.key(&within(&key.label), before, key, same(name, key));
        }
        for entry in &new.models {
            let before = old.and_then(|old| old.models.iter().find(|m| m.spec.name == entry.spec.name));
            let path = within(&entry.spec.name);
            self.compare("model", &path, before.map(|before| &before.spec), &entry.spec);
            let prices = before.map(|before| before.prices.as_slice()).unwrap_or_default();
            self.lists("price", prices.iter(), entry.prices.iter(), |price| {
                format!("{path} since {}", price.since_ms)
            });
        }
        let Some(old) = old else { return };
        for key in old.keys.iter().filter(|key| !new.keys.iter().any(|k| k.label == key.label)) {
            self.removed("provider_key", &within(&key.label));
        }
        for model in old.models.iter().filter(|m| !new.models.iter().any(|n| n.spec.name == m.spec.name)) {
            self.removed("model", &within(&model.spec.name));
        }
    }

    /// A key's own text is never shown.
    fn key(&mut self, name: &str, before: Option<&KeyEntry>, after: &KeyEntry, same: bool) {
        let Some(before) = before else { return self.push("create", "provider_key", name, Vec::new()) };
        let mut fields = Vec::new();
        if before.enabled != after.enabled {
            fields.push(("enabled".to_owned(), before.enabled.into(), after.enabled.into()));
        }
        let other = match &after.value {
            None => false,
            Some(KeyValue::Text(_)) => !same,
            Some(reference) => before.value.as_ref() != Some(reference),
        };
        if other {
            let kept = |value: &Option<KeyValue>| match value {
                Some(KeyValue::File(path)) => format!("file {path}"),
                Some(KeyValue::Env(name)) => format!("env {name}"),
                Some(KeyValue::Text(_)) | None => "sealed".to_owned(),
            };
            fields.push(("value".to_owned(), kept(&before.value).into(), kept(&after.value).into()));
        }
        if !fields.is_empty() {
            self.push("update", "provider_key", name, fields);
        }
    }

    fn app(&mut self, old: Option<&AppEntry>, new: &AppEntry) {
        let name = &new.spec.name;
        self.compare("app", name, old.map(|old| &old.spec), &new.spec);
        match (old.and_then(|old| old.route.as_ref()), &new.route) {
            (before, Some(route)) => self.compare("route", name, before, route),
            (Some(_), None) => self.removed("route", name),
            (None, None) => {}
        }
        let keys = old.map(|old| old.keys.as_slice()).unwrap_or_default();
        for key in new.keys.iter().filter(|key| !keys.iter().any(|k| k.sha256 == key.sha256)) {
            self.push("create", "app_key", &format!("{name}/{}", key.label), Vec::new());
        }
        for key in keys.iter().filter(|key| !new.keys.iter().any(|k| k.sha256 == key.sha256)) {
            self.removed("app_key", &format!("{name}/{}", key.label));
        }
    }

    fn lists<T: Serialize>(
        &mut self,
        object: &str,
        before: impl Iterator<Item = T> + Clone,
        after: impl Iterator<Item = T> + Clone,
        name: impl Fn(&T) -> String,
    ) {
        for new in after.clone() {
            let old = before.clone().find(|old| name(old) == name(&new));
            self.compare(object, &name(&new), old.as_ref(), &new);
        }
        for old in before.filter(|old| !after.clone().any(|new| name(&new) == name(old))) {
            self.removed(object, &name(&old));
        }
    }

    fn compare<T: Serialize>(&mut self, object: &str, name: &str, before: Option<&T>, after: &T) {
        let Some(before) = before else { return self.push("create", object, name, Vec::new()) };
        let value = |thing: &T| serde_json::to_value(thing).unwrap_or_default();
        let mut fields = Vec::new();
        walk("", &value(before), &value(after), &mut fields);
        if !fields.is_empty() {
            self.push("update", object, name, fields);
        }
    }

    fn removed(&mut self, object: &str, name: &str) {
        if self.prune {
            self.push("delete", object, name, Vec::new());
        }
    }

    fn push(&mut self, verb: &str, object: &str, name: &str, fields: Vec<(String, Value, Value)>) {
        let (verb, object, name) = (verb.to_owned(), object.to_owned(), name.to_owned());
        self.differences.push(Difference { verb, object, name, fields });
    }
}

/// The fields that differ, by their paths.
fn walk(path: &str, before: &Value, after: &Value, out: &mut Vec<(String, Value, Value)>) {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let keys = old.keys().chain(new.keys().filter(|key| !old.contains_key(*key)));
            for key in keys {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let none = Value::Null;
                walk(&below, old.get(key).unwrap_or(&none), new.get(key).unwrap_or(&none), out);
            }
        }
        (before, after) if before == after => {}
        (before, after) => out.push((path.to_owned(), before.clone(), after.clone())),
    }
}

#[cfg(test)]
mod tests;
