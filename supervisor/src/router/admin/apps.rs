//! `/apps`, `/dry-run`: the clients of LLM Link, their keys, and where their calls go.

use super::route::{Gives, Route, schema};
use protocol::control::ControlRequest;
use protocol::control::app::{AppKeySpec, AppSpec, AppView};
use protocol::control::route::{DryRun, DryRunReport, RouteSpec};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AppBody {
    spec: AppSpec,
    #[serde(default)]
    route: Option<RouteSpec>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AppSpecBody {
    spec: AppSpec,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RouteBody {
    route: RouteSpec,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RotateBody {
    /// Seconds that the old key still works.
    overlap_s: u64,
}

const SPEC: &str = r#"{"spec": {"name": "editor"}}"#;

pub(super) const ROUTES: &[Route] = &[
    Route::get("/apps", "listApps", "All apps", Gives::List(schema::<AppView>()))
        .asks(|_| Ok(ControlRequest::Apps)),
    Route::post("/apps", "createApp", "A new app", Gives::Created).body::<AppBody>(SPEC).asks(|i| {
        let AppBody { spec, route } = i.body()?;
        Ok(ControlRequest::CreateApp { spec, route })
    }),
    Route::get("/apps/{app}", "getApp", "One app with its limits' levels", Gives::One(schema::<AppView>()))
        .asks(|i| Ok(ControlRequest::App { app: i.part("app") })),
    Route::put("/apps/{app}", "updateApp", "Replaces what is said about an app", Gives::Changed)
        .body::<AppSpecBody>(SPEC)
        .versioned()
        .asks(|i| {
            let AppSpecBody { spec } = i.body()?;
            Ok(ControlRequest::UpdateApp { app: i.part("app"), spec, version: i.version })
        }),
    Route::delete(
        "/apps/{app}",
        "deleteApp",
        "Removes an app; its keys open nothing any more",
        Gives::Changed,
    )
    .versioned()
    .asks(|i| Ok(ControlRequest::DeleteApp { app: i.part("app"), version: i.version })),
    Route::put(
        "/apps/{app}/route",
        "setRoute",
        "How the app's calls find their way; `if-match` is the route's own version",
        Gives::Changed,
    )
    .body::<RouteBody>(r#"{"route": {"candidates": [{"provider": "deepseek"}]}}"#)
    .versioned()
    .asks(|i| {
        let RouteBody { route } = i.body()?;
        Ok(ControlRequest::SetRoute { app: i.part("app"), route: Some(route), version: i.version })
    }),
    Route::delete(
        "/apps/{app}/route",
        "unsetRoute",
        "Back to the providers by their own priority",
        Gives::Changed,
    )
    .versioned()
    .asks(|i| Ok(ControlRequest::SetRoute { app: i.part("app"), route: None, version: i.version })),
    Route::post(
        "/apps/{app}/keys",
        "createAppKey",
        "A new key; the answer is the only time it is shown",
        Gives::Created,
    )
    .body::<AppKeySpec>(r#"{"label": "laptop"}"#)
    .asks(|i| Ok(ControlRequest::CreateAppKey { app: i.part("app"), spec: i.body()? })),
    Route::post(
        "/apps/{app}/keys/{key}/rotate",
        "rotateAppKey",
        "A new key in place of one that goes on for a while",
        Gives::Created,
    )
    .body::<RotateBody>(r#"{"overlap_s": 3600}"#)
    .asks(|i| {
        let RotateBody { overlap_s } = i.body()?;
        Ok(ControlRequest::RotateAppKey { app: i.part("app"), key: i.number("key")?, overlap_s })
    }),
    Route::delete("/apps/{app}/keys/{key}", "revokeAppKey", "Ends a key at once", Gives::Changed)
        .asks(|i| Ok(ControlRequest::RevokeAppKey { app: i.part("app"), key: i.number("key")? })),
    Route::post(
        "/dry-run",
        "dryRun",
        "Where a call would go now, and why; no call is made",
        Gives::One(schema::<DryRunReport>()),
    )
    .body::<DryRun>(r#"{"app": "editor", "model": "fast"}"#)
    .asks(|i| Ok(ControlRequest::DryRun { call: i.body()? })),
];
