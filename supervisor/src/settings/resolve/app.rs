//! `[[apps]]`: named clients and the keys they come with. Only hashes of keys leave here.

use super::key::Keys;
use super::{or_default, value};
use crate::settings::mistake::Findings;
use crate::settings::raw::keys::app as keys;
use crate::settings::raw::{RawApp, RawKey};
use crate::settings::resolved::{App, Listener};

/// The app of callers without a key.
const DEFAULT: &str = "default";

/// Whether any client can be told from any caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// Some app has a key, even if it could not be read.
    Keys,
    Nothing,
}

pub(super) fn guard(raw: &[RawApp]) -> Guard {
    if raw.iter().any(|app| !app.keys.is_empty()) { Guard::Keys } else { Guard::Nothing }
}

pub(super) fn apps(raw: Vec<RawApp>, secrets: &mut Keys<'_>, findings: &mut Findings) -> Vec<App> {
    let mut apps: Vec<App> = Vec::with_capacity(raw.len());
    for raw in raw {
        let Some(name) = value::name(&raw.name, &raw.place, "app", keys::NAME, findings) else { continue };
        if apps.iter().any(|other| other.name == name.value) {
            let what = format!("app `{}` is configured twice", name.value);
            findings.mistake(&name.place, what, r#"name = "a-name-of-its-own""#);
            continue;
        }
        if raw.keys.is_empty() && name.value != DEFAULT {
            let what = format!("app `{}` has no key, so nobody could be it", name.value);
            findings.mistake(&raw.place, what, keys::KEYS.example);
        }
        let name = name.value.clone();
        let key_hashes = hashes(raw.keys, &name, &apps, secrets, findings);
        apps.push(App { name, key_hashes, strict: or_default(raw.strict, false) });
    }
    apps
}

/// The apps, and the default one if a listener serves callers without a key.
pub(super) fn with_default(mut apps: Vec<App>, listeners: &[Listener]) -> Vec<App> {
    let open = listeners.iter().any(|listener| listener.open);
    if open && !apps.iter().any(|app| app.name == DEFAULT) {
        apps.insert(0, App { name: DEFAULT.to_owned(), key_hashes: Vec::new(), strict: false });
    }
    apps
}

fn hashes(
    raw: Vec<RawKey>,
    app: &str,
    others: &[App],
    secrets: &mut Keys<'_>,
    findings: &mut Findings,
) -> Vec<String> {
    let mut hashes = Vec::with_capacity(raw.len());
    for raw in raw {
        let place = raw.place.clone();
        let Some(hash) = secrets.follow(raw, keys::KEYS, findings).map(|key| key.hash()) else { continue };
        if let Some(other) = others.iter().find(|other| other.key_hashes.contains(&hash)) {
            let what = format!("apps `{}` and `{app}` have the same key", other.name);
            findings.mistake(&place, what, keys::KEYS.example);
        } else if hashes.contains(&hash) {
            findings.mistake(&place, format!("app `{app}` has the same key twice"), keys::KEYS.example);
        } else {
            hashes.push(hash);
        }
    }
    hashes
}
