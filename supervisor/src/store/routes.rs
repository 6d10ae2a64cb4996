//! How an app's calls are routed, one document an app. An app without a route uses the providers by their own
//! priority.

use super::check::Check;
use super::edit::{Edit, Expect, View};
use super::error::{Object, StoreError};
use super::words::{AppId, Json, UnixMs};
use protocol::control::route::{RouteSpec, Step};
use rusqlite::{Row, params};
use serde::Serialize;

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

const SELECT: &str = "SELECT app_id, spec, version, created_at, updated_at FROM routes";

/// Every place a route leads to.
pub(crate) fn steps(spec: &RouteSpec) -> impl Iterator<Item = &Step> {
    spec.candidates.iter().chain(&spec.fallback)
}

/// Everything that is wrong with a route, as far as one can see from it alone.
fn check(spec: &RouteSpec) -> Result<(), StoreError> {
    let mut check = Check::new(Object::Route);
    check.require((1..=64).contains(&spec.candidates.len()), "candidates", "must be 1 to 64");
    check.require(spec.fallback.len() <= 64, "fallback", "must be at most 64");
    for (field, steps) in [("candidates", &spec.candidates), ("fallback", &spec.fallback)] {
        for (n, step) in steps.iter().enumerate() {
            check.name(&format!("{field}[{n}].provider"), &step.provider);
            if let Some(model) = &step.model {
                check.model_name(&format!("{field}[{n}].model"), model);
            }
            let weight = (1..=1_000_000).contains(&step.weight);
            check.require(weight, &format!("{field}[{n}].weight"), "must be 1 to 1000000");
        }
    }
    let attempts = spec.retry.max_attempts.is_none_or(|n| (1..=10).contains(&n));
    check.require(attempts, "retry.max_attempts", "must be 1 to 10");
    check.finish()
}

impl View<'_> {
    pub(crate) fn route(&self, app: AppId) -> Result<Option<Route>, StoreError> {
        self.one(&format!("{SELECT} WHERE app_id = ?1"), [app], from_row)
    }

    pub(crate) fn routes(&self) -> Result<Vec<Route>, StoreError> {
        self.all(&format!("{SELECT} ORDER BY app_id"), [], from_row)
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
        check(spec)?;
        let name = self.app(app)?.spec.name;
        let before = self.route(app)?;
        expect.check(Object::Route, &name, before.as_ref().map_or(0, |b| b.version))?;
        if let Some(same) = before.as_ref().filter(|b| b.spec == *spec) {
            return Ok(same.clone());
        }
        self.execute(
            "INSERT INTO routes (app_id, spec, version, created_at, updated_at) VALUES (?1, ?2, ?4, ?3, ?3)
             ON CONFLICT (app_id) DO UPDATE SET spec = ?2, version = ?4, updated_at = ?3",
            params![app, Json(spec), self.now(), self.next_epoch()],
        )?;
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
        self.execute("DELETE FROM routes WHERE app_id = ?1", [app])?;
        self.deleted(Object::Route, app, &name, &before)
    }

    /// A provider has another name now.
    pub(super) fn rename_in_routes(&mut self, old: &str, new: &str) -> Result<(), StoreError> {
        for route in self.routes()? {
            let mut spec = route.spec.clone();
            let steps = spec.candidates.iter_mut().chain(&mut spec.fallback);
            steps.filter(|step| step.provider == old).for_each(|step| new.clone_into(&mut step.provider));
            self.set_route(route.app_id, Expect::Any, &spec)?;
        }
        Ok(())
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Route> {
    Ok(Route {
        app_id: row.get(0)?,
        spec: row.get::<_, Json<_>>(1)?.0,
        version: row.get(2)?,
        created_at: row.get(3)?,
        updated_at: row.get(4)?,
    })
}
