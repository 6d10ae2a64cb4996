//! Sealed secrets as rows: ciphertext, wrapped data key, version, and which master key wrapped it. This file
//! moves them in and out; it can open none of them. [`crate::vault`] can, and knows nothing of SQL.

use super::edit::{Edit, Verb, View};
use super::error::{Object, StoreError};
use rusqlite::Row;
use serde_json::json;

/// The column a secret belongs to: the table, the row and the field, which the seal is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SecretPlace {
    pub(crate) owner: &'static str,
    pub(crate) owner_id: i64,
    pub(crate) field: String,
}

/// A sealed secret. Its bytes are no secret without the master key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    /// Counts the values that stood at this place; part of what the seal is bound to.
    pub(crate) version: i64,
    /// Nonce and ciphertext.
    pub(crate) ciphertext: Vec<u8>,
    /// Nonce and wrapped data key.
    pub(crate) data_key: Vec<u8>,
    /// The id of the master key that wrapped it.
    pub(crate) master_id: String,
}

/// A sealed secret with the place it was found at.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SealedRow {
    pub(crate) owner: String,
    pub(crate) owner_id: i64,
    pub(crate) field: String,
    pub(crate) sealed: Sealed,
}

impl SecretPlace {
    /// The key of a provider.
    pub(crate) fn provider_key(id: super::ProviderKeyId) -> SecretPlace {
        SecretPlace { owner: "provider_keys", owner_id: id.0, field: "key".to_owned() }
    }

    /// Something of a provider besides its keys: `proxy`, `header:authorization`.
    pub(crate) fn provider(id: super::ProviderId, field: &str) -> SecretPlace {
        SecretPlace { owner: "providers", owner_id: id.0, field: field.to_owned() }
    }

    /// Something of an alert channel: `url`, `password`.
    pub(crate) fn alert_channel(id: super::ChannelId, field: &str) -> SecretPlace {
        SecretPlace { owner: "alert_channels", owner_id: id.0, field: field.to_owned() }
    }

    /// A secret of the program itself: the key that signs access tokens.
    pub(crate) fn program(field: &str) -> SecretPlace {
        SecretPlace { owner: "settings", owner_id: 0, field: field.to_owned() }
    }

    fn name(&self) -> String {
        format!("{}/{}/{}", self.owner, self.owner_id, self.field)
    }
}

const SELECT: &str = "SELECT owner, owner_id, field, version, ciphertext, data_key, master_id FROM secrets";

impl View<'_> {
    /// The id of the master key in force; `None` before the first one was adopted.
    pub(crate) fn master_id(&self) -> Result<Option<String>, StoreError> {
        self.one("SELECT master_id FROM keyring", [], |row| row.get(0))
    }

    pub(crate) fn sealed(&self, place: &SecretPlace) -> Result<Option<Sealed>, StoreError> {
        let sql = format!("{SELECT} WHERE owner = ?1 AND owner_id = ?2 AND field = ?3");
        let found = self.one(&sql, (place.owner, place.owner_id, &place.field), from_row)?;
        Ok(found.map(|row| row.sealed))
    }

    /// The fields of a provider's secrets.
    pub(crate) fn sealed_fields_of(&self, provider: super::ProviderId) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT field FROM secrets WHERE owner = 'providers' AND owner_id = ?1 ORDER BY field";
        self.all(sql, [provider], |row| row.get(0))
    }

    /// Every sealed secret, in a fixed order.
    pub(crate) fn all_sealed(&self) -> Result<Vec<SealedRow>, StoreError> {
        self.all(&format!("{SELECT} ORDER BY id"), [], from_row)
    }
}

impl Edit<'_> {
    /// Adopts the first master key. One that is in force already stays.
    pub(crate) fn adopt_master(&mut self, master_id: &str) -> Result<(), StoreError> {
        match self.master_id()? {
            Some(adopted) if adopted == master_id => Ok(()),
            Some(adopted) => Err(StoreError::OtherMasterKey { sealed_with: master_id.to_owned(), adopted }),
            None => {
                let sql = "INSERT INTO keyring (one, master_id, adopted_at) VALUES (1, ?1, ?2)";
                self.execute(sql, (master_id, self.now()))?;
                self.created(Object::MasterKey, master_id, master_id, &json!({ "id": master_id }))
            }
        }
    }

    /// The version the next value at a place gets.
    pub(crate) fn next_secret_version(&self, place: &SecretPlace) -> Result<i64, StoreError> {
        Ok(self.sealed(place)?.map_or(1, |found| found.version + 1))
    }

    /// Puts a sealed value at its place, replacing the one before. Refused unless it was sealed with the master
    /// key in force and as the next version.
    pub(crate) fn put_sealed(&mut self, place: &SecretPlace, sealed: &Sealed) -> Result<(), StoreError> {
        let adopted = self.master_id()?.unwrap_or_default();
        if sealed.master_id != adopted {
            return Err(StoreError::OtherMasterKey { sealed_with: sealed.master_id.clone(), adopted });
        }
        let (next, name) = (self.next_secret_version(place)?, place.name());
        super::edit::Expect::Version(sealed.version).check(Object::Secret, &name, next)?;
        self.execute(
            "INSERT INTO secrets (owner, owner_id, field, version, ciphertext, data_key, master_id, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (owner, owner_id, field) DO UPDATE
             SET version = ?4, ciphertext = ?5, data_key = ?6, master_id = ?7, updated_at = ?8",
            rusqlite::params![
                place.owner,
                place.owner_id,
                place.field,
                sealed.version,
                sealed.ciphertext,
                sealed.data_key,
                sealed.master_id,
                self.now(),
            ],
        )?;
        let (verb, before) = match next {
            1 => (Verb::Create, None),
            _ => (Verb::Update, Some(json!({ "version": next - 1 }))),
        };
        self.changed(verb, (Object::Secret, name.clone(), &name), before, Some(json!({ "version": next })))
    }

    /// Removes the secret at a place, if there is one.
    pub(crate) fn remove_sealed(&mut self, place: &SecretPlace) -> Result<(), StoreError> {
        let Some(found) = self.sealed(place)? else { return Ok(()) };
        let sql = "DELETE FROM secrets WHERE owner = ?1 AND owner_id = ?2 AND field = ?3";
        self.execute(sql, (place.owner, place.owner_id, &place.field))?;
        let name = place.name();
        self.deleted(Object::Secret, &name, &name, &json!({ "version": found.version }))
    }

    /// Puts another master key in force: every data key is given to `rewrap` and stored as it comes back. Only
    /// the wrapping changes; ciphertexts and versions stay. Returns how many there were.
    pub(crate) fn rotate_master(
        &mut self,
        master_id: &str,
        mut rewrap: impl FnMut(&SealedRow) -> Result<Vec<u8>, StoreError>,
    ) -> Result<usize, StoreError> {
        let before = self.master_id()?;
        if before.as_deref() == Some(master_id) {
            return Ok(0);
        }
        let rows = self.all_sealed()?;
        let sql = "UPDATE secrets SET data_key = ?4, master_id = ?5
                   WHERE owner = ?1 AND owner_id = ?2 AND field = ?3";
        for row in &rows {
            let data_key = rewrap(row)?;
            self.execute(sql, (&row.owner, row.owner_id, &row.field, data_key, master_id))?;
        }
        let sql = "INSERT INTO keyring (one, master_id, adopted_at) VALUES (1, ?1, ?2)
                   ON CONFLICT (one) DO UPDATE SET master_id = ?1, adopted_at = ?2";
        self.execute(sql, (master_id, self.now()))?;
        let (before, after) =
            (before.map(|id| json!({ "id": id })), json!({ "id": master_id, "rewrapped": rows.len() }));
        self.changed(
            Verb::Rotate,
            (Object::MasterKey, master_id.to_owned(), master_id),
            before,
            Some(after),
        )?;
        Ok(rows.len())
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<SealedRow> {
    Ok(SealedRow {
        owner: row.get(0)?,
        owner_id: row.get(1)?,
        field: row.get(2)?,
        sealed: Sealed {
            version: row.get(3)?,
            ciphertext: row.get(4)?,
            data_key: row.get(5)?,
            master_id: row.get(6)?,
        },
    })
}
