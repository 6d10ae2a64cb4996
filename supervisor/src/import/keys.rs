//! Keys in old files: texts, `${NAME}`, `os.environ/NAME`. A key is sealed, or left to somebody who has it; a
//! placeholder never becomes a key.

use super::Harvest;
use crate::settings::Secret;
use protocol::control::SecretText;
use protocol::control::app::{AppLimits, AppSpec};
use protocol::control::document::{AppEntry, AppKeyEntry, KeyEntry};
use protocol::control::provider::KeyValue;

/// How imported keys are called.
pub(super) const LABEL: &str = "imported";

/// A value after its placeholders.
pub(super) enum Resolved {
    Text(String),
    /// A variable that is not set.
    Unset(String),
}

impl Harvest<'_> {
    /// Puts the variables of the environment in; the rules are those of the versions before 0.1.
    pub(super) fn resolve(&self, text: &str) -> Resolved {
        if let Some(name) = text.strip_prefix("os.environ/") {
            return self.variable(name);
        }
        let (mut out, mut rest) = (String::new(), text);
        while let Some(begin) = rest.find("${") {
            out.push_str(&rest[..begin]);
            let after = &rest[begin + 2..];
            let name = after.find('}').map(|end| &after[..end]).filter(|name| is_name(name));
            let Some(name) = name else {
                out.push_str("${");
                rest = after;
                continue;
            };
            match self.variable(name) {
                Resolved::Text(value) => out.push_str(&value),
                unset @ Resolved::Unset(_) => return unset,
            }
            rest = &after[name.len() + 1..];
        }
        out.push_str(rest);
        Resolved::Text(out)
    }

    fn variable(&self, name: &str) -> Resolved {
        match self.variables.get(name).cloned().or_else(|| self.secrets.env(name)) {
            Some(value) => Resolved::Text(value),
            None => Resolved::Unset(name.to_owned()),
        }
    }

    /// A text that is no secret, its placeholders replaced; reported if that is not possible.
    pub(super) fn plain_text(&mut self, text: &str, setting: &str) -> Option<String> {
        match self.resolve(text) {
            Resolved::Text(text) => Some(text),
            Resolved::Unset(name) => {
                let how = format!("the variable {name} is not set; set it and import again");
                self.report.manual(setting, how);
                None
            }
        }
    }

    /// A provider's key.
    pub(super) fn provider_key(&mut self, text: &str, provider: &str, setting: &str) -> Option<KeyEntry> {
        let by_hand = format!("llm-link providers keys add {provider}");
        match self.resolve(text) {
            Resolved::Unset(name) => {
                self.report.manual(setting, format!("the variable {name} is not set here; then: {by_hand}"));
                None
            }
            Resolved::Text(key) if key.trim().is_empty() => {
                self.report.exact(setting, "it was empty: no key");
                None
            }
            Resolved::Text(key) => match Secret::new(key.trim().as_bytes().to_vec()) {
                Ok(_) => {
                    self.report.exact(setting, format!("sealed as a key of provider {provider}"));
                    let value = Some(KeyValue::Text(SecretText::new(key.trim().to_owned())));
                    Some(KeyEntry { label: LABEL.to_owned(), value, enabled: true })
                }
                Err(error) => {
                    self.report.manual(setting, format!("this key {error}; then: {by_hand}"));
                    None
                }
            },
        }
    }

    /// The bounds of that app.
    pub(super) fn app(&mut self, app: &str) -> &mut AppLimits {
        let at = place_of(&mut self.document.apps, app);
        &mut self.document.apps[at].spec.limits
    }

    /// A key that clients present: its hash becomes a key of that app.
    pub(super) fn client_key(&mut self, text: &str, app: &str, setting: &str) -> bool {
        let by_hand = format!("llm-link apps add {app}");
        let key = match self.resolve(text) {
            Resolved::Unset(name) => {
                // Once the placeholder itself was then accepted as the key.
                self.report.manual(setting, format!("the variable {name} is not set here; then: {by_hand}"));
                return false;
            }
            Resolved::Text(key) => key,
        };
        let hash = match Secret::new(key.trim().as_bytes().to_vec()) {
            Ok(secret) => secret.hash(),
            Err(error) => {
                self.report.manual(setting, format!("this key {error}; then: {by_hand}"));
                return false;
            }
        };
        let apps = &mut self.document.apps;
        if apps.iter().flat_map(|entry| &entry.keys).any(|known| known.sha256 == hash) {
            self.report.exact(setting, "the same key as before");
            return true;
        }
        let at = place_of(apps, app);
        if let Some(entry) = apps.get_mut(at) {
            let label = super::names::free(LABEL, |name| entry.keys.iter().any(|key| key.label == name));
            entry.keys.push(AppKeyEntry { label, sha256: hash, prefix: String::new(), expires_ms: None });
        }
        self.report.exact(setting, format!("a key of app {app}; it stays as it is for its clients"));
        true
    }
}

/// Where the app stands; made if it is not there.
fn place_of(apps: &mut Vec<AppEntry>, app: &str) -> usize {
    apps.iter().position(|entry| entry.spec.name == app).unwrap_or_else(|| {
        apps.push(AppEntry { spec: named(app), route: None, keys: Vec::new() });
        apps.len() - 1
    })
}

fn named(app: &str) -> AppSpec {
    AppSpec {
        name: app.to_owned(),
        enabled: true,
        strict: false,
        note: String::new(),
        limits: AppLimits::default(),
        models: Vec::new(),
    }
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
