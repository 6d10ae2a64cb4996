//! What must hold across tables when a change ends, whatever its parts were. Checked once per change, so that a
//! change may go through states that do not hold (two new providers that name each other as fallback).

use super::check::Check;
use super::edit::View;
use super::error::{Object, StoreError};

/// Refuses a configuration with a key that is none. Whether what is named exists is not the store's to say: it may
/// stand in the configuration file.
pub(super) fn check(view: &View<'_>) -> Result<(), StoreError> {
    keys_have_values(view)?;
    secrets_are_sealed(view)
}

fn keys_have_values(view: &View<'_>) -> Result<(), StoreError> {
    let empty: Vec<String> = view.all(
        "SELECT k.label FROM provider_keys k WHERE k.reference IS NULL AND NOT EXISTS
         (SELECT 1 FROM secrets s WHERE s.owner = 'provider_keys' AND s.owner_id = k.id AND s.field = 'key')",
        [],
        |row| row.get(0),
    )?;
    let mut check = Check::new(Object::ProviderKey);
    for label in empty {
        check.mistake("key", format!("`{label}` has neither a value nor a reference"));
    }
    check.finish()
}

/// What a provider says is kept is there.
fn secrets_are_sealed(view: &View<'_>) -> Result<(), StoreError> {
    let missing: Vec<String> = view.all(
        "SELECT p.name || ': proxy_login' FROM providers p WHERE p.proxy_login = '\"kept\"' AND NOT EXISTS
         (SELECT 1 FROM secrets s WHERE s.owner = 'providers' AND s.owner_id = p.id AND s.field = 'proxy')
         UNION ALL
         SELECT p.name || ': secret_headers.' || h.key FROM providers p, json_each(p.secret_headers) h
         WHERE h.value = 'kept' AND NOT EXISTS
         (SELECT 1 FROM secrets s WHERE s.owner = 'providers' AND s.owner_id = p.id AND s.field = 'header:' || h.key)",
        [],
        |row| row.get(0),
    )?;
    let mut check = Check::new(Object::Provider);
    for name in missing {
        let field = name.rsplit_once(": ").map_or(name.as_str(), |(_, field)| field);
        check.mistake(field, "has no value yet, so there is nothing to keep");
    }
    check.finish()
}
