//! How an app's calls are routed: the rule over its candidates, then its fallback chain, and how often to retry.
//! An app without a route uses the providers by their own priority.

use super::check::Check;
use super::edit::{Edit, Expect, View};
use super::error::{Object, StoreError, dangling};
use super::words::{AppId, Json, ProviderId, UnixMs, words};
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

words! {
    /// How one of several candidates is chosen.
    Rule {
        Priority = "priority",
        RoundRobin = "round_robin",
        Weighted = "weighted",
        LeastConnections = "least_connections",
        Latency = "latency",
    }

    /// Which part of a route a step belongs to.
    Part {
        Candidate = "candidate",
        Fallback = "fallback",
    }
}

/// One place a call may go to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) provider_id: ProviderId,
    /// `None` = the model the client asked for.
    pub(crate) model: Option<String>,
    /// Share under the `weighted` rule, 1 or more.
    pub(crate) weight: u32,
}

/// When to try again; `None` = the program's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RetryRule {
    pub(crate) max_attempts: Option<u8>,
    pub(crate) attempts_per_provider: Option<u8>,
    pub(crate) backoff_ms: Option<u64>,
    pub(crate) deadline_ms: Option<u64>,
}

/// What an operator says about an app's route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RouteSpec {
    pub(crate) rule: Rule,
    pub(crate) candidates: Vec<Step>,
    pub(crate) fallback: Vec<Step>,
    pub(crate) retry: RetryRule,
}

/// A stored route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Route {
    pub(crate) app_id: AppId,
    #[serde(flatten)]
    pub(crate) spec: RouteSpec,
    /// The epoch that last changed it.
    pub(crate) version: i64,
    pub(crate) created_at: UnixMs,
    pub(crate) updated_at: UnixMs,
}

const SELECT: &str = "SELECT app_id, rule, retry, version, created_at, updated_at FROM app_routes";

impl RouteSpec {
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let mut check = Check::new(Object::Route);
        check.require((1..=64).contains(&self.candidates.len()), "candidates", "must be 1 to 64");
        check.require(self.fallback.len() <= 64, "fallback", "must be at most 64");
        for (field, steps) in [("candidates", &self.candidates), ("fallback", &self.fallback)] {
            for (n, step) in steps.iter().enumerate() {
                if let Some(model) = &step.model {
                    check.model_name(&format!("{field}[{n}].model"), model);
                }
                let weight = (1..=1_000_000).contains(&step.weight);
                check.require(weight, &format!("{field}[{n}].weight"), "must be 1 to 1000000");
            }
        }
        let attempts = self.retry.max_attempts.is_none_or(|n| (1..=10).contains(&n));
        check.require(attempts, "retry.max_attempts", "must be 1 to 10");
        check.finish()
    }
}

impl View<'_> {
    pub(crate) fn route(&self, app: AppId) -> Result<Option<Route>, StoreError> {
        let found = self.one(&format!("{SELECT} WHERE app_id = ?1"), [app], from_row)?;
        found.map(|route| self.with_steps(route)).transpose()
    }

    pub(crate) fn routes(&self) -> Result<Vec<Route>, StoreError> {
        let found = self.all(&format!("{SELECT} ORDER BY app_id"), [], from_row)?;
        found.into_iter().map(|route| self.with_steps(route)).collect()
    }

    fn with_steps(&self, mut route: Route) -> Result<Route, StoreError> {
        route.spec.candidates = self.steps(route.app_id, Part::Candidate)?;
        route.spec.fallback = self.steps(route.app_id, Part::Fallback)?;
        Ok(route)
    }

    fn steps(&self, app: AppId, part: Part) -> Result<Vec<Step>, StoreError> {
        let sql = "SELECT provider_id, model, weight FROM app_route_steps WHERE app_id = ?1 AND part = ?2
                   ORDER BY position";
        self.all(sql, (app, part), |row| {
            Ok(Step { provider_id: row.get(0)?, model: row.get(1)?, weight: row.get(2)? })
        })
    }
}

impl Edit<'_> {
    /// Sets an app's route. With `Expect::Version(0)` it must not have one yet.
    pub(crate) fn set_route(
        &mut self,
        app: AppId,
        expect: Expect,
        spec: &RouteSpec,
    ) -> Result<Route, StoreError> {
        spec.check()?;
        let name = self.app(app)?.spec.name;
        let before = self.route(app)?;
        expect.check(Object::Route, &name, before.as_ref().map_or(0, |b| b.version))?;
        if let Some(same) = before.as_ref().filter(|b| b.spec == *spec) {
            return Ok(same.clone());
        }
        self.execute(
            "INSERT INTO app_routes (app_id, rule, retry, version, created_at, updated_at) VALUES (?1, ?2, ?3, ?5, ?4, ?4)
             ON CONFLICT (app_id) DO UPDATE SET rule = ?2, retry = ?3, version = ?5, updated_at = ?4",
            params![app, spec.rule, Json(&spec.retry), self.now(), self.next_epoch()],
        )?;
        self.execute("DELETE FROM app_route_steps WHERE app_id = ?1", [app])?;
        self.write_steps(app, Part::Candidate, &spec.candidates)?;
        self.write_steps(app, Part::Fallback, &spec.fallback)?;
        let after = self.route(app)?.ok_or_else(|| StoreError::not_found(Object::Route, app))?;
        match &before {
            Some(before) => self.updated(Object::Route, app, &name, (before, &after))?,
            None => self.created(Object::Route, app, &name, &after)?,
        }
        Ok(after)
    }

    /// Back to the providers' own priority.
    pub(crate) fn remove_route(&mut self, app: AppId, expect: Expect) -> Result<(), StoreError> {
        let name = self.app(app)?.spec.name;
        let before = self.route(app)?.ok_or_else(|| StoreError::not_found(Object::Route, &name))?;
        expect.check(Object::Route, &name, before.version)?;
        self.execute("DELETE FROM app_routes WHERE app_id = ?1", [app])?;
        self.deleted(Object::Route, app, &name, &before)
    }

    fn write_steps(&self, app: AppId, part: Part, steps: &[Step]) -> Result<(), StoreError> {
        let sql = "INSERT INTO app_route_steps (app_id, part, position, provider_id, model, weight)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        for (position, step) in (0_i64..).zip(steps) {
            self.execute(sql, (app, part, position, step.provider_id, &step.model, step.weight))
                .map_err(dangling(Object::Provider, step.provider_id))?;
        }
        Ok(())
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Route> {
    Ok(Route {
        app_id: row.get(0)?,
        spec: RouteSpec {
            rule: row.get(1)?,
            candidates: Vec::new(),
            fallback: Vec::new(),
            retry: row.get::<_, Json<_>>(2)?.0,
        },
        version: row.get(3)?,
        created_at: row.get(4)?,
        updated_at: row.get(5)?,
    })
}
