//! Providers: configured upstream accounts. What is not set is `None`: the preset or the program's default
//! applies. Keys are in [`super::provider_keys`]; proxy passwords and credential headers are sealed secrets.

use super::check::Check;
use super::edit::{Edit, Expect, View};
use super::error::{Object, StoreError, unique};
use super::words::{Json, ProviderId, UnixMs};
use protocol::dialect::Dialect;
use protocol::ipc::configure::SandboxMode;
use rusqlite::types::Type;
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What an operator says about a provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderSpec {
    pub(crate) name: String,
    pub(crate) preset: String,
    #[serde(default)]
    pub(crate) dialect: Option<Dialect>,
    /// One address for every dialect it speaks.
    #[serde(default)]
    pub(crate) base_url: Option<String>,
    /// Addresses of single dialects, before `base_url`.
    #[serde(default)]
    pub(crate) endpoints: BTreeMap<Dialect, String>,
    pub(crate) enabled: bool,
    /// Lower serves first.
    #[serde(default)]
    pub(crate) priority: i32,
    /// Names of the providers that take over, in order.
    #[serde(default)]
    pub(crate) fallback: Vec<String>,
    #[serde(default)]
    pub(crate) limits: ProviderLimits,
    #[serde(default)]
    pub(crate) timeouts: ProviderTimeouts,
    #[serde(default)]
    pub(crate) sandbox: Option<SandboxMode>,
    #[serde(default)]
    pub(crate) proxy: Option<ProxyRule>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// Deviations from the dialect, by dialect.
    #[serde(default)]
    pub(crate) quirks: BTreeMap<String, Value>,
}

/// Bounds of a provider's worker and of its traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ProviderLimits {
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) files: Option<u64>,
    pub(crate) max_concurrent: Option<u32>,
    pub(crate) max_queue: Option<u32>,
    pub(crate) pool_idle: Option<u32>,
    pub(crate) requests_per_minute: Option<u64>,
    pub(crate) tokens_per_minute: Option<u64>,
}

/// Milliseconds; 0 = none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ProviderTimeouts {
    pub(crate) connect_ms: Option<u64>,
    pub(crate) first_token_ms: Option<u64>,
    pub(crate) idle_ms: Option<u64>,
    pub(crate) total_ms: Option<u64>,
    pub(crate) total_stream_ms: Option<u64>,
}

/// The way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ProxyRule {
    Direct,
    /// The supervisor's own proxy variables.
    Environment,
    /// Without user name and password; those are the secret `proxy` of the provider.
    Url(String),
}

/// A stored provider.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Provider {
    pub(crate) id: ProviderId,
    #[serde(flatten)]
    pub(crate) spec: ProviderSpec,
    pub(crate) version: i64,
    pub(crate) created_at: UnixMs,
    pub(crate) updated_at: UnixMs,
}

const SELECT: &str =
    "SELECT id, name, preset, dialect, base_url, endpoints, enabled, priority, fallback, limits,
    timeouts, sandbox, proxy, headers, quirks, version, created_at, updated_at FROM providers";

impl ProviderSpec {
    /// Everything that is wrong with it.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let mut check = Check::new(Object::Provider);
        check.name("name", &self.name);
        let lower = !self.name.bytes().any(|b| b.is_ascii_uppercase());
        check.require(lower, "name", "must be lower-case");
        check.name("preset", &self.preset);
        if let Some(url) = &self.base_url {
            check.base_url("base_url", url);
        }
        for (dialect, url) in &self.endpoints {
            check.base_url(&format!("endpoints.{dialect}"), url);
        }
        if let Some(ProxyRule::Url(url)) = &self.proxy {
            check.proxy_url("proxy", url);
        }
        check.headers("headers", &self.headers);
        for name in &self.fallback {
            check.require(
                !name.eq_ignore_ascii_case(&self.name),
                "fallback",
                "must not name the provider itself",
            );
        }
        check.finish()
    }
}

impl View<'_> {
    pub(crate) fn provider(&self, id: ProviderId) -> Result<Provider, StoreError> {
        self.one(&format!("{SELECT} WHERE id = ?1"), [id], from_row)?
            .ok_or_else(|| StoreError::not_found(Object::Provider, id))
    }

    pub(crate) fn provider_named(&self, name: &str) -> Result<Provider, StoreError> {
        self.one(&format!("{SELECT} WHERE name = ?1"), [name], from_row)?
            .ok_or_else(|| StoreError::not_found(Object::Provider, name))
    }

    /// All of them, in the order they serve.
    pub(crate) fn providers(&self) -> Result<Vec<Provider>, StoreError> {
        self.all(&format!("{SELECT} ORDER BY priority, name"), [], from_row)
    }
}

impl Edit<'_> {
    pub(crate) fn create_provider(&mut self, spec: &ProviderSpec) -> Result<Provider, StoreError> {
        spec.check()?;
        self.write_provider(
            "INSERT INTO providers (id, name, preset, dialect, base_url, endpoints, enabled, priority, fallback,
             limits, timeouts, sandbox, proxy, headers, quirks, version, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, 1, ?16, ?16)",
            None,
            spec,
        )?;
        let made = self.provider(ProviderId(self.conn.last_insert_rowid()))?;
        self.created(Object::Provider, made.id, &spec.name, &made)?;
        Ok(made)
    }

    /// Replaces what is said about a provider. Names in aliases and routes are ids underneath: a rename keeps
    /// them; fallback lists of other providers are renamed with it.
    pub(crate) fn update_provider(
        &mut self,
        id: ProviderId,
        expect: Expect,
        spec: &ProviderSpec,
    ) -> Result<Provider, StoreError> {
        spec.check()?;
        let before = self.provider(id)?;
        expect.check(Object::Provider, &before.spec.name, before.version)?;
        if before.spec == *spec {
            return Ok(before);
        }
        self.write_provider(
            "UPDATE providers SET name = ?2, preset = ?3, dialect = ?4, base_url = ?5, endpoints = ?6, enabled = ?7,
             priority = ?8, fallback = ?9, limits = ?10, timeouts = ?11, sandbox = ?12, proxy = ?13, headers = ?14,
             quirks = ?15, version = version + 1, updated_at = ?16 WHERE id = ?1",
            Some(id),
            spec,
        )?;
        let after = self.provider(id)?;
        self.updated(Object::Provider, id, &spec.name, (&before, &after))?;
        if before.spec.name != spec.name {
            self.rename_in_fallbacks(&before.spec.name, &spec.name)?;
        }
        Ok(after)
    }

    /// Removes a provider with its keys, secrets, models and prices. Refused while an alias, a route or another
    /// provider's fallback names it.
    pub(crate) fn delete_provider(&mut self, id: ProviderId, expect: Expect) -> Result<(), StoreError> {
        let before = self.provider(id)?;
        let name = before.spec.name.clone();
        expect.check(Object::Provider, &name, before.version)?;
        let users = self.users_of_provider(&before)?;
        if !users.is_empty() {
            return Err(StoreError::InUse { object: Object::Provider, name, by: users.join(", ") });
        }
        self.execute("DELETE FROM providers WHERE id = ?1", [id])?;
        self.deleted(Object::Provider, id, &name, &before)
    }

    fn write_provider(
        &self,
        sql: &str,
        id: Option<ProviderId>,
        spec: &ProviderSpec,
    ) -> Result<(), StoreError> {
        let written = self.execute(
            sql,
            params![
                id,
                spec.name,
                spec.preset,
                spec.dialect.map(Dialect::name),
                spec.base_url,
                Json(&spec.endpoints),
                spec.enabled,
                spec.priority,
                Json(&spec.fallback),
                Json(&spec.limits),
                Json(&spec.timeouts),
                spec.sandbox.map(sandbox_name),
                Json(&spec.proxy),
                Json(&spec.headers),
                Json(&spec.quirks),
                self.now(),
            ],
        );
        written.map(|_rows| ()).map_err(unique(Object::Provider, &spec.name))
    }

    fn rename_in_fallbacks(&mut self, old: &str, new: &str) -> Result<(), StoreError> {
        for other in self.providers()? {
            if !other.spec.fallback.iter().any(|name| name == old) {
                continue;
            }
            let mut spec = other.spec.clone();
            spec.fallback.iter_mut().filter(|name| *name == old).for_each(|name| new.clone_into(name));
            self.update_provider(other.id, Expect::Any, &spec)?;
        }
        Ok(())
    }
}

impl View<'_> {
    fn users_of_provider(&self, provider: &Provider) -> Result<Vec<String>, StoreError> {
        let mut users: Vec<String> = self.all(
            "SELECT DISTINCT 'alias ' || a.name FROM alias_candidates c JOIN aliases a ON a.id = c.alias_id
             WHERE c.provider_id = ?1
             UNION SELECT DISTINCT 'app ' || a.name FROM app_route_steps s JOIN apps a ON a.id = s.app_id
             WHERE s.provider_id = ?1 ORDER BY 1",
            [provider.id],
            |row| row.get(0),
        )?;
        for other in self.providers()? {
            if other.spec.fallback.contains(&provider.spec.name) {
                users.push(format!("provider {}", other.spec.name));
            }
        }
        Ok(users)
    }
}

fn sandbox_name(mode: SandboxMode) -> &'static str {
    match mode {
        SandboxMode::BestEffort => "best-effort",
        SandboxMode::Required => "required",
        SandboxMode::Off => "off",
    }
}

fn sandbox_named(word: &str) -> Option<SandboxMode> {
    [SandboxMode::BestEffort, SandboxMode::Required, SandboxMode::Off]
        .into_iter()
        .find(|m| sandbox_name(*m) == word)
}

/// A word of another crate's closed set in a column.
pub(super) fn named<T>(
    row: &Row<'_>,
    column: usize,
    known: impl Fn(&str) -> Option<T>,
) -> rusqlite::Result<Option<T>> {
    let Some(word) = row.get::<_, Option<String>>(column)? else { return Ok(None) };
    let unknown = || {
        let error = super::words::unknown_word("value", &word);
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    };
    known(&word).map(Some).ok_or_else(unknown)
}

/// The same in a column that is never null.
pub(super) fn always_named<T>(
    row: &Row<'_>,
    column: usize,
    known: impl Fn(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let null = || rusqlite::Error::InvalidColumnType(column, String::new(), Type::Null);
    named(row, column, known)?.ok_or_else(null)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Provider> {
    Ok(Provider {
        id: row.get(0)?,
        spec: ProviderSpec {
            name: row.get(1)?,
            preset: row.get(2)?,
            dialect: named(row, 3, Dialect::from_name)?,
            base_url: row.get(4)?,
            endpoints: row.get::<_, Json<_>>(5)?.0,
            enabled: row.get(6)?,
            priority: row.get(7)?,
            fallback: row.get::<_, Json<_>>(8)?.0,
            limits: row.get::<_, Json<_>>(9)?.0,
            timeouts: row.get::<_, Json<_>>(10)?.0,
            sandbox: named(row, 11, sandbox_named)?,
            proxy: row.get::<_, Json<_>>(12)?.0,
            headers: row.get::<_, Json<_>>(13)?.0,
            quirks: row.get::<_, Json<_>>(14)?.0,
        },
        version: row.get(15)?,
        created_at: row.get(16)?,
        updated_at: row.get(17)?,
    })
}
