//! `/status`, `/config`, `/settings`, `/system`: the system as a whole.

use super::problem::Problem;
use super::route::{Does, Gives, Page, Route, schema};
use protocol::control::document::{Difference, Document, EffectiveValue};
use protocol::control::people::SetupLink;
use protocol::control::{ControlRequest, SystemStatus};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DiffBody {
    document: Box<Document>,
    /// Remove what is not in the document.
    #[serde(default)]
    prune: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ApplyBody {
    document: Box<Document>,
    /// Remove what is not in the document.
    #[serde(default)]
    prune: bool,
    /// The epoch the document was made for; absent = any.
    #[serde(default)]
    epoch: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SettingBody {
    value: Value,
}

/// What anybody may know.
#[derive(Serialize, JsonSchema)]
pub(super) struct About {
    pub(super) version: &'static str,
}

/// The JSON of an OpenAPI document.
#[derive(JsonSchema)]
struct OpenApi {
    #[expect(dead_code, reason = "only its schema is of use")]
    openapi: String,
}

const ROUTER: &str = "router";

fn set(name: String, value: Value, version: Option<i64>) -> Result<ControlRequest, Problem> {
    Ok(ControlRequest::SetSetting { name, value, version })
}

pub(super) const ROUTES: &[Route] = &[
    Route::get("/status", "getStatus", "Every process and how it is", Gives::One(schema::<SystemStatus>()))
        .asks(|_| Ok(ControlRequest::Status)),
    Route::post(
        "/router/restart",
        "restartRouter",
        "A new router process; no connection is refused",
        Gives::Done,
    )
    .asks(|_| Ok(ControlRequest::Restart { provider: ROUTER.to_owned() })),
    Route::get(
        "/config",
        "getConfig",
        "Every value in force and where it comes from",
        Gives::List(schema::<EffectiveValue>()),
    )
    .asks(|_| Ok(ControlRequest::Config)),
    Route::get(
        "/config/export",
        "exportConfig",
        "What is stored, as one document",
        Gives::One(schema::<Document>()),
    )
    .asks(|_| Ok(ControlRequest::Export)),
    Route::post(
        "/config/diff",
        "diffConfig",
        "What applying a document would change",
        Gives::List(schema::<Difference>()),
    )
    .body::<DiffBody>(r#"{"document": {}}"#)
    .asks(|i| {
        let DiffBody { document, prune } = i.body()?;
        Ok(ControlRequest::Apply { document, prune, dry_run: true, epoch: None })
    }),
    Route::post("/config/apply", "applyConfig", "Makes what is stored equal to a document", Gives::Changed)
        .body::<ApplyBody>(r#"{"document": {}}"#)
        .asks(|i| {
            let ApplyBody { document, prune, epoch } = i.body()?;
            Ok(ControlRequest::Apply { document, prune, dry_run: false, epoch })
        }),
    Route::post("/config/reload", "reloadConfig", "Reads the configuration file again", Gives::Done)
        .asks(|_| Ok(ControlRequest::Reload)),
    Route::put("/settings/{setting}", "setSetting", "Sets a value of its own", Gives::Changed)
        .body::<SettingBody>(r#"{"value": "debug"}"#)
        .versioned()
        .asks(|i| {
            let SettingBody { value } = i.body()?;
            set(i.part("setting"), value, i.version)
        }),
    Route::delete("/settings/{setting}", "unsetSetting", "Back to the program's default", Gives::Changed)
        .versioned()
        .asks(|i| set(i.part("setting"), Value::Null, i.version)),
    Route::post(
        "/system/rotate-master-key",
        "rotateMasterKey",
        "A new master key; every secret is wrapped anew",
        Gives::Changed,
    )
    .asks(|_| Ok(ControlRequest::RotateMasterKey)),
    Route::post(
        "/system/upgrade",
        "upgrade",
        "Replaces every process by the executable that is installed now",
        Gives::Done,
    )
    .asks(|_| Ok(ControlRequest::Upgrade)),
    Route::post("/system/shutdown", "shutdown", "Finishes what runs and stops", Gives::Done)
        .asks(|_| Ok(ControlRequest::Shutdown)),
    Route::post(
        "/system/setup-link",
        "makeSetupLink",
        "A new setup link, while there is no user",
        Gives::One(schema::<SetupLink>()),
    )
    .asks(|_| Ok(ControlRequest::SetupLink)),
    Route::get("/about", "about", "Which program this is", Gives::One(schema::<About>()))
        .does(Does::Page(Page::About)),
    Route::get("/openapi.json", "openapi", "This document", Gives::One(schema::<OpenApi>()))
        .does(Does::Page(Page::OpenApi)),
];
