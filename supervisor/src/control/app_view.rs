//! Apps as operators see them: rows of the store and resolved settings as the vocabulary's views.

use super::Picture;
use super::means::source;
use crate::settings::SpotKind;
use crate::store::UnixMs;
use crate::store::app_keys::{AppKey, KeyUsed};
use crate::store::apps::App as Row;
use crate::store::routes::Route;
use crate::store::snapshot::Snapshot;
use crate::store::words::{AppId, AppKeyId};
use protocol::control::app::{AppKeyView, AppLimits, AppSpec, AppView};
use protocol::control::record::Source;
use protocol::control::route::{Condition, RetryRule, RouteSpec, Step};
use protocol::ipc::configure as ipc;
use std::collections::HashMap;
use std::sync::Arc;

/// When keys were last used: newer than what the snapshot says, as a use changes no configuration.
#[derive(Default)]
pub(super) struct Uses {
    pub(super) stored: HashMap<AppKeyId, UnixMs>,
    /// Of apps in the configuration file.
    pub(super) of_file: HashMap<KeyUsed, UnixMs>,
}

/// What is stored of apps, found by name and id.
pub(super) struct AppRows<'s> {
    used: Uses,
    by_name: HashMap<&'s str, &'s Row>,
    keys: HashMap<AppId, Vec<&'s AppKey>>,
    routes: HashMap<AppId, &'s Route>,
}

impl<'s> AppRows<'s> {
    pub(super) fn of(snapshot: &'s Snapshot, used: Uses) -> AppRows<'s> {
        let mut keys: HashMap<AppId, Vec<&AppKey>> = HashMap::new();
        for key in &snapshot.app_keys {
            keys.entry(key.app_id).or_default().push(key);
        }
        AppRows {
            used,
            by_name: snapshot.apps.iter().map(|row| (row.spec.name.as_str(), row)).collect(),
            keys,
            routes: snapshot.routes.iter().map(|route| (route.app_id, route)).collect(),
        }
    }
}

impl AppRows<'_> {
    fn key_view(&self, key: &AppKey) -> AppKeyView {
        let used = self.used.stored.get(&key.id).copied().or(key.last_used_at);
        AppKeyView { last_used_ms: used.map(|at| at.0), ..key_view(key) }
    }
}

/// An app by its name, if there is one.
pub(super) fn app_view(picture: &Arc<Picture>, rows: &AppRows<'_>, name: &str) -> Option<AppView> {
    let row = rows.by_name.get(name).copied();
    let source = source(picture, SpotKind::App, name, row.is_some());
    let Some(row) = row.filter(|_| source == Source::Store) else {
        let app = picture.settings.apps.iter().find(|app| app.name == name)?;
        return Some(of_file(app, source, &rows.used.of_file));
    };
    let route = rows.routes.get(&row.id);
    Some(AppView {
        spec: row.spec.clone(),
        source,
        version: row.version,
        route: route.map(|route| route.spec.clone()),
        route_version: route.map_or(0, |route| route.version),
        keys: rows.keys.get(&row.id).into_iter().flatten().map(|key| rows.key_view(key)).collect(),
        levels: Vec::new(),
        created_ms: Some(row.created_at.0),
        updated_ms: Some(row.updated_at.0),
    })
}

pub(super) fn key_view(key: &AppKey) -> AppKeyView {
    AppKeyView {
        id: key.id.0,
        label: key.label.clone(),
        prefix: key.prefix.clone(),
        created_ms: Some(key.created_at.0),
        expires_ms: key.expires_at.map(|at| at.0),
        revoked_ms: key.revoked_at.map(|at| at.0),
        last_used_ms: key.last_used_at.map(|at| at.0),
    }
}

fn of_file(app: &ipc::App, source: Source, used: &HashMap<KeyUsed, UnixMs>) -> AppView {
    let last = |label: &str| used.get(&KeyUsed { app: app.name.clone(), label: label.to_owned() });
    let key = |key: &ipc::AppKey| AppKeyView {
        id: 0,
        label: key.label.clone(),
        prefix: String::new(),
        created_ms: None,
        expires_ms: key.expires_ms.and_then(|ms| i64::try_from(ms).ok()),
        revoked_ms: None,
        last_used_ms: last(&key.label).map(|at| at.0),
    };
    AppView {
        spec: AppSpec {
            name: app.name.clone(),
            enabled: true,
            strict: app.strict,
            note: String::new(),
            limits: limits(app),
            models: app.models.clone(),
        },
        source,
        version: 0,
        route: (!app.route.candidates.is_empty()).then(|| route(app)),
        route_version: 0,
        keys: app.keys.iter().map(key).collect(),
        levels: Vec::new(),
        created_ms: None,
        updated_ms: None,
    }
}

fn limits(app: &ipc::App) -> AppLimits {
    let ipc::Limits { rates, concurrent, queue, wait_ms } = app.limits;
    let narrow = |value: Option<u64>| value.and_then(|value| u32::try_from(value).ok());
    let cost = |budget: &ipc::Budget| budget.cost.first().map(|money| money.nano);
    AppLimits {
        requests_per_second: narrow(rates.requests_per_second),
        requests_per_minute: narrow(rates.requests_per_minute),
        tokens_per_minute: rates.tokens_per_minute,
        concurrent,
        queue: Some(queue),
        queue_wait_ms: Some(wait_ms),
        tokens_per_day: app.budgets.daily.tokens,
        tokens_per_month: app.budgets.monthly.tokens,
        cost_per_day_nano: cost(&app.budgets.daily),
        cost_per_month_nano: cost(&app.budgets.monthly),
    }
}

fn route(app: &ipc::App) -> RouteSpec {
    let (route, retry, hold) = (&app.route, app.retry, app.hold);
    let steps = |steps: &[ipc::RouteStep]| steps.iter().map(step).collect();
    RouteSpec {
        rule: route.rule.unwrap_or_default(),
        candidates: steps(&route.candidates),
        fallback: steps(&route.fallback),
        retry: RetryRule {
            max_attempts: Some(retry.max_attempts),
            attempts_per_provider: Some(retry.attempts_per_provider),
            backoff_ms: Some(retry.backoff_ms),
            deadline_ms: Some(retry.deadline_ms),
            on_timeout: Some(retry.after_timeout),
        },
        sticky_header: route.sticky.clone(),
        hedge: app.hedge,
        continuation: app.continuation,
        hold,
    }
}

fn step(step: &ipc::RouteStep) -> Step {
    Step {
        provider: step.provider.clone(),
        model: step.model.clone(),
        weight: step.weight,
        when: Condition {
            model: step.when.models.first().cloned(),
            dialect: step.when.dialects.first().copied(),
            needs_tools: step.when.tools,
            needs_vision: step.when.vision,
            min_context: step.when.min_context,
            max_context: step.when.max_context,
        },
    }
}
