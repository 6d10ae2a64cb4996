//! Providers: configured upstream accounts. What is not set is `None`: the preset or the program's default
//! applies. Keys are in [`super::provider_keys`]; proxy passwords and credential headers are sealed secrets.

use super::check::Check;
use super::edit::{Edit, Expect, View};
use super::error::{Object, StoreError, unique};
use super::words::{Json, ProviderId, UnixMs};
use protocol::control::provider::{ProviderSpec, ProxyRule, SecretValue};
use protocol::dialect::Dialect;
use protocol::ipc::configure::SandboxMode;
use rusqlite::types::Type;
use rusqlite::{Row, params};
use serde::Serialize;

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
    timeouts, sandbox, proxy, headers, quirks, version, created_at, updated_at, proxy_login, secret_headers
    FROM providers";

/// Everything that is wrong with what is said about a provider, as far as one can see from that alone.
fn check(spec: &ProviderSpec) -> Result<(), StoreError> {
    let mut check = Check::new(Object::Provider);
    check.name("name", &spec.name);
    let lower = !spec.name.bytes().any(|b| b.is_ascii_uppercase());
    check.require(lower, "name", "must be lower-case");
    check.name("preset", &spec.preset);
    if let Some(url) = &spec.base_url {
        check.base_url("base_url", url);
    }
    for (dialect, url) in &spec.endpoints {
        check.base_url(&format!("endpoints.{dialect}"), url);
    }
    if let Some(ProxyRule::Url(url)) = &spec.proxy {
        check.proxy_url("proxy", url);
    }
    check.headers("headers", &spec.headers);
    check_secrets(&mut check, spec);
    for name in &spec.fallback {
        check.require(
            !name.eq_ignore_ascii_case(&spec.name),
            "fallback",
            "must not name the provider itself",
        );
    }
    check.finish()
}

/// Where secrets are kept, never themselves.
fn check_secrets(check: &mut Check, spec: &ProviderSpec) {
    const MOST: usize = 32;
    if spec.proxy_login.is_some() {
        let addressed = matches!(spec.proxy, Some(ProxyRule::Url(_)));
        check.require(addressed, "proxy_login", "needs the address of a proxy in `proxy`");
    }
    check.require(spec.secret_headers.len() <= MOST, "secret_headers", "must be at most 32");
    for name in spec.secret_headers.keys() {
        let here = format!("secret_headers.{name}");
        check.header_name(&here, name);
        check.require(!spec.headers.contains_key(name), &here, "stands in `headers` too");
    }
    let login = spec.proxy_login.iter().map(|value| ("proxy_login".to_owned(), value));
    let headers = spec.secret_headers.iter().map(|(name, value)| (format!("secret_headers.{name}"), value));
    for (field, value) in login.chain(headers) {
        match value {
            SecretValue::File(path) => {
                check.require(path.starts_with('/'), &field, "must be an absolute path")
            }
            SecretValue::Env(name) => check.name(&field, name),
            SecretValue::Kept => {}
            SecretValue::Text(_) => check.mistake(&field, "must be sealed before it is stored"),
        }
    }
}

/// The secrets of a provider that are sealed, by their fields in `secrets`.
pub(crate) fn sealed_fields(spec: &ProviderSpec) -> Vec<String> {
    let is_kept = |value: &&SecretValue| **value == SecretValue::Kept;
    let login = spec.proxy_login.iter().filter(is_kept).map(|_| PROXY_FIELD.to_owned());
    let headers = spec.secret_headers.iter().filter(|(_, value)| is_kept(value));
    login.chain(headers.map(|(name, _)| header_field(name))).collect()
}

/// The login at a proxy, as a field of its provider's secrets.
pub(crate) const PROXY_FIELD: &str = "proxy";

/// A header, as a field of its provider's secrets.
pub(crate) fn header_field(name: &str) -> String {
    format!("header:{name}")
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
        check(spec)?;
        self.write_provider(
            "INSERT INTO providers (id, name, preset, dialect, base_url, endpoints, enabled, priority, fallback,
             limits, timeouts, sandbox, proxy, headers, quirks, version, created_at, updated_at, proxy_login,
             secret_headers)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, 1, ?16, ?16, ?17, ?18)",
            None,
            spec,
        )?;
        let made = self.provider(ProviderId(self.conn.last_insert_rowid()))?;
        self.created(Object::Provider, made.id, &spec.name, &made)?;
        Ok(made)
    }

    /// Replaces what is said about a provider. A rename is one in every fallback list, alias and route too.
    pub(crate) fn update_provider(
        &mut self,
        id: ProviderId,
        expect: Expect,
        spec: &ProviderSpec,
    ) -> Result<Provider, StoreError> {
        check(spec)?;
        let before = self.provider(id)?;
        expect.check(Object::Provider, &before.spec.name, before.version)?;
        if before.spec == *spec {
            return Ok(before);
        }
        self.write_provider(
            "UPDATE providers SET name = ?2, preset = ?3, dialect = ?4, base_url = ?5, endpoints = ?6, enabled = ?7,
             priority = ?8, fallback = ?9, limits = ?10, timeouts = ?11, sandbox = ?12, proxy = ?13, headers = ?14,
             quirks = ?15, version = version + 1, updated_at = ?16, proxy_login = ?17, secret_headers = ?18 WHERE id = ?1",
            Some(id),
            spec,
        )?;
        let after = self.provider(id)?;
        self.updated(Object::Provider, id, &spec.name, (&before, &after))?;
        if before.spec.name != spec.name {
            self.rename_in_fallbacks(&before.spec.name, &spec.name)?;
            self.rename_in_aliases(&before.spec.name, &spec.name)?;
            self.rename_in_routes(&before.spec.name, &spec.name)?;
        }
        Ok(after)
    }

    /// A secret of it has another value: whoever has seen the provider has seen another one.
    pub(crate) fn renew_provider(&mut self, id: ProviderId) -> Result<(), StoreError> {
        let sql = "UPDATE providers SET version = version + 1, updated_at = ?2 WHERE id = ?1";
        self.execute(sql, (id, self.now()))?;
        Ok(())
    }

    /// Removes a provider with its keys, secrets, models and prices. Refused while an alias, a route or another
    /// provider's fallback names it.
    pub(crate) fn delete_provider(&mut self, id: ProviderId, expect: Expect) -> Result<(), StoreError> {
        let before = self.provider(id)?;
        let name = before.spec.name.clone();
        expect.check(Object::Provider, &name, before.version)?;
        let users = self.users_of_provider(&name)?;
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
                spec.proxy_login.as_ref().map(Json),
                Json(&spec.secret_headers),
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
    /// What names the provider, in words.
    fn users_of_provider(&self, provider: &str) -> Result<Vec<String>, StoreError> {
        let mut users = Vec::new();
        for alias in self.aliases()? {
            if alias.spec.candidates.iter().any(|candidate| candidate.provider == provider) {
                users.push(format!("alias {}", alias.spec.name));
            }
        }
        for route in self.routes()? {
            if super::routes::steps(&route.spec).any(|step| step.provider == provider) {
                users.push(format!("app {}", self.app(route.app_id)?.spec.name));
            }
        }
        for other in self.providers()? {
            if other.spec.fallback.iter().any(|name| name == provider) {
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
            proxy_login: row.get::<_, Option<Json<_>>>(18)?.map(|login| login.0),
            headers: row.get::<_, Json<_>>(13)?.0,
            secret_headers: row.get::<_, Json<_>>(19)?.0,
            quirks: row.get::<_, Json<_>>(14)?.0,
        },
        version: row.get(15)?,
        created_at: row.get(16)?,
        updated_at: row.get(17)?,
    })
}
