//! When to tell whom: channels and rules. Whether a rule holds is decided elsewhere; what was told is in
//! [`super::alert_history`]. A channel's address or password is a sealed secret.

use super::check::Check;
use super::edit::{Edit, Expect, View};
use super::error::{Object, StoreError, dangling, unique};
use super::events::Severity;
use super::words::{AlertRuleId, ChannelId, Json, UnixMs, words};
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

words! {
    ChannelKind {
        Webhook = "webhook",
        Log = "log",
        Email = "email",
    }

    /// Which side of the threshold is bad.
    Comparison {
        Above = "above",
        Below = "below",
    }

    /// What a rule looks at.
    Measure {
        /// Failed calls per hundred.
        ErrorRate = "error_rate",
        /// Calls that got an answer, per hundred.
        Availability = "availability",
        LatencyP95Ms = "latency_p95_ms",
        FirstTokenP95Ms = "first_token_p95_ms",
        CallsPerMinute = "calls_per_minute",
        TokensPerMinute = "tokens_per_minute",
        /// Cost per hour, in currency units.
        CostPerHour = "cost_per_hour",
        /// 1 while the provider's worker is Ready, else 0.
        ProviderHealth = "provider_health",
        OpenBreakers = "open_breakers",
    }
}

/// What an operator says about a channel; its secrets excepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChannelSpec {
    pub(crate) name: String,
    pub(crate) kind: ChannelKind,
    pub(crate) enabled: bool,
    pub(crate) options: serde_json::Map<String, Value>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Channel {
    pub(crate) id: ChannelId,
    #[serde(flatten)]
    pub(crate) spec: ChannelSpec,
    pub(crate) version: i64,
    pub(crate) created_at: UnixMs,
    pub(crate) updated_at: UnixMs,
}

/// What an operator says about a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AlertRuleSpec {
    pub(crate) name: String,
    pub(crate) enabled: bool,
    pub(crate) severity: Severity,
    pub(crate) measure: Measure,
    pub(crate) comparison: Comparison,
    pub(crate) threshold: f64,
    /// Seconds over which the measure is taken.
    pub(crate) window_s: u32,
    /// Seconds it must hold before anybody is told.
    pub(crate) hold_s: u32,
    /// Seconds between reminders; 0 = none.
    pub(crate) repeat_s: u32,
    /// Only this provider, app, model; `None` = all together.
    pub(crate) provider: Option<String>,
    pub(crate) app: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) channels: Vec<ChannelId>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct AlertRule {
    pub(crate) id: AlertRuleId,
    #[serde(flatten)]
    pub(crate) spec: AlertRuleSpec,
    pub(crate) version: i64,
    pub(crate) created_at: UnixMs,
    pub(crate) updated_at: UnixMs,
}

const SELECT_CHANNEL: &str =
    "SELECT id, name, kind, enabled, options, version, created_at, updated_at FROM alert_channels";
const SELECT_RULE: &str =
    "SELECT id, name, enabled, severity, measure, comparison, threshold, window_s, hold_s,
    repeat_s, provider, app, model, version, created_at, updated_at FROM alert_rules";

impl ChannelSpec {
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let mut check = Check::new(Object::AlertChannel);
        check.text("name", &self.name, 100);
        check.require(!self.name.is_empty(), "name", "must not be empty");
        for secret in ["url", "password", "token"] {
            let absent = !self.options.contains_key(secret);
            check.require(
                absent,
                &format!("options.{secret}"),
                "may hold a credential: store it as a secret",
            );
        }
        check.finish()
    }
}

impl AlertRuleSpec {
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let mut check = Check::new(Object::AlertRule);
        check.text("name", &self.name, 100);
        check.require(!self.name.is_empty(), "name", "must not be empty");
        check.require(self.threshold.is_finite(), "threshold", "must be a number");
        check.require((10..=86_400).contains(&self.window_s), "window_s", "must be 10 to 86400");
        check.finish()
    }
}

impl View<'_> {
    pub(crate) fn channel(&self, id: ChannelId) -> Result<Channel, StoreError> {
        self.one(&format!("{SELECT_CHANNEL} WHERE id = ?1"), [id], channel_from_row)?
            .ok_or_else(|| StoreError::not_found(Object::AlertChannel, id))
    }

    pub(crate) fn channels(&self) -> Result<Vec<Channel>, StoreError> {
        self.all(&format!("{SELECT_CHANNEL} ORDER BY name"), [], channel_from_row)
    }

    pub(crate) fn alert_rule(&self, id: AlertRuleId) -> Result<AlertRule, StoreError> {
        let found = self.one(&format!("{SELECT_RULE} WHERE id = ?1"), [id], rule_from_row)?;
        self.with_channels(found.ok_or_else(|| StoreError::not_found(Object::AlertRule, id))?)
    }

    pub(crate) fn alert_rules(&self) -> Result<Vec<AlertRule>, StoreError> {
        let found = self.all(&format!("{SELECT_RULE} ORDER BY name"), [], rule_from_row)?;
        found.into_iter().map(|rule| self.with_channels(rule)).collect()
    }

    fn with_channels(&self, mut rule: AlertRule) -> Result<AlertRule, StoreError> {
        let sql = "SELECT channel_id FROM alert_rule_channels WHERE rule_id = ?1 ORDER BY channel_id";
        rule.spec.channels = self.all(sql, [rule.id], |row| row.get(0))?;
        Ok(rule)
    }
}

impl Edit<'_> {
    pub(crate) fn create_channel(&mut self, spec: &ChannelSpec) -> Result<Channel, StoreError> {
        spec.check()?;
        self.execute(
            "INSERT INTO alert_channels (name, kind, enabled, options, version, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5)",
            params![spec.name, spec.kind, spec.enabled, Json(&spec.options), self.now()],
        )
        .map_err(unique(Object::AlertChannel, &spec.name))?;
        let made = self.channel(ChannelId(self.conn.last_insert_rowid()))?;
        self.created(Object::AlertChannel, made.id, &spec.name, &made)?;
        Ok(made)
    }

    pub(crate) fn update_channel(
        &mut self,
        id: ChannelId,
        expect: Expect,
        spec: &ChannelSpec,
    ) -> Result<Channel, StoreError> {
        spec.check()?;
        let before = self.channel(id)?;
        expect.check(Object::AlertChannel, &before.spec.name, before.version)?;
        if before.spec == *spec {
            return Ok(before);
        }
        self.execute(
            "UPDATE alert_channels SET name = ?2, kind = ?3, enabled = ?4, options = ?5, version = version + 1,
             updated_at = ?6 WHERE id = ?1",
            params![id, spec.name, spec.kind, spec.enabled, Json(&spec.options), self.now()],
        )
        .map_err(unique(Object::AlertChannel, &spec.name))?;
        let after = self.channel(id)?;
        self.updated(Object::AlertChannel, id, &spec.name, (&before, &after))?;
        Ok(after)
    }

    /// Removes a channel and its secrets. Refused while a rule tells it.
    pub(crate) fn delete_channel(&mut self, id: ChannelId, expect: Expect) -> Result<(), StoreError> {
        let before = self.channel(id)?;
        let name = before.spec.name.clone();
        expect.check(Object::AlertChannel, &name, before.version)?;
        let sql = "SELECT 'rule ' || r.name FROM alert_rule_channels c JOIN alert_rules r ON r.id = c.rule_id
                   WHERE c.channel_id = ?1 ORDER BY r.name";
        let users: Vec<String> = self.all(sql, [id], |row| row.get(0))?;
        if !users.is_empty() {
            return Err(StoreError::InUse { object: Object::AlertChannel, name, by: users.join(", ") });
        }
        self.execute("DELETE FROM alert_channels WHERE id = ?1", [id])?;
        self.deleted(Object::AlertChannel, id, &name, &before)
    }

    pub(crate) fn create_alert_rule(&mut self, spec: &AlertRuleSpec) -> Result<AlertRule, StoreError> {
        spec.check()?;
        let sql =
            "INSERT INTO alert_rules (id, name, enabled, severity, measure, comparison, threshold, window_s,
                   hold_s, repeat_s, provider, app, model, version, created_at, updated_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 1, ?14, ?14)";
        self.write_rule(sql, None, spec)?;
        let id = AlertRuleId(self.conn.last_insert_rowid());
        self.write_rule_channels(id, &spec.channels)?;
        let made = self.alert_rule(id)?;
        self.created(Object::AlertRule, id, &spec.name, &made)?;
        Ok(made)
    }

    pub(crate) fn update_alert_rule(
        &mut self,
        id: AlertRuleId,
        expect: Expect,
        spec: &AlertRuleSpec,
    ) -> Result<AlertRule, StoreError> {
        spec.check()?;
        let before = self.alert_rule(id)?;
        expect.check(Object::AlertRule, &before.spec.name, before.version)?;
        if before.spec == *spec {
            return Ok(before);
        }
        let sql = "UPDATE alert_rules SET name = ?2, enabled = ?3, severity = ?4, measure = ?5, comparison = ?6,
                   threshold = ?7, window_s = ?8, hold_s = ?9, repeat_s = ?10, provider = ?11, app = ?12, model = ?13,
                   version = version + 1, updated_at = ?14 WHERE id = ?1";
        self.write_rule(sql, Some(id), spec)?;
        self.write_rule_channels(id, &spec.channels)?;
        let after = self.alert_rule(id)?;
        self.updated(Object::AlertRule, id, &spec.name, (&before, &after))?;
        Ok(after)
    }

    pub(crate) fn delete_alert_rule(&mut self, id: AlertRuleId, expect: Expect) -> Result<(), StoreError> {
        let before = self.alert_rule(id)?;
        expect.check(Object::AlertRule, &before.spec.name, before.version)?;
        self.execute("DELETE FROM alert_rules WHERE id = ?1", [id])?;
        self.deleted(Object::AlertRule, id, &before.spec.name, &before)
    }

    fn write_rule(&self, sql: &str, id: Option<AlertRuleId>, spec: &AlertRuleSpec) -> Result<(), StoreError> {
        let written = self.execute(
            sql,
            params![
                id,
                spec.name,
                spec.enabled,
                spec.severity,
                spec.measure,
                spec.comparison,
                spec.threshold,
                spec.window_s,
                spec.hold_s,
                spec.repeat_s,
                spec.provider,
                spec.app,
                spec.model,
                self.now(),
            ],
        );
        written.map(|_rows| ()).map_err(unique(Object::AlertRule, &spec.name))
    }

    fn write_rule_channels(&self, id: AlertRuleId, channels: &[ChannelId]) -> Result<(), StoreError> {
        self.execute("DELETE FROM alert_rule_channels WHERE rule_id = ?1", [id])?;
        let sql =
            "INSERT INTO alert_rule_channels (rule_id, channel_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        for channel in channels {
            self.execute(sql, (id, channel)).map_err(dangling(Object::AlertChannel, channel))?;
        }
        Ok(())
    }
}

fn channel_from_row(row: &Row<'_>) -> rusqlite::Result<Channel> {
    Ok(Channel {
        id: row.get(0)?,
        spec: ChannelSpec {
            name: row.get(1)?,
            kind: row.get(2)?,
            enabled: row.get(3)?,
            options: row.get::<_, Json<_>>(4)?.0,
        },
        version: row.get(5)?,
        created_at: row.get(6)?,
        updated_at: row.get(7)?,
    })
}

fn rule_from_row(row: &Row<'_>) -> rusqlite::Result<AlertRule> {
    Ok(AlertRule {
        id: row.get(0)?,
        spec: AlertRuleSpec {
            name: row.get(1)?,
            enabled: row.get(2)?,
            severity: row.get(3)?,
            measure: row.get(4)?,
            comparison: row.get(5)?,
            threshold: row.get(6)?,
            window_s: row.get(7)?,
            hold_s: row.get(8)?,
            repeat_s: row.get(9)?,
            provider: row.get(10)?,
            app: row.get(11)?,
            model: row.get(12)?,
            channels: Vec::new(),
        },
        version: row.get(13)?,
        created_at: row.get(14)?,
        updated_at: row.get(15)?,
    })
}
