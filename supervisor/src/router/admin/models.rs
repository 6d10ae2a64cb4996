//! `/models`, `/aliases`: what can be called, what it costs, and under which names.

use super::problem::Problem;
use super::route::{Gives, Route, schema};
use protocol::control::ControlRequest;
use protocol::control::model::{AliasSpec, AliasView, ModelSpec, ModelView, PriceSpec};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ModelsQuery {
    provider: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ModelBody {
    spec: ModelSpec,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PriceBody {
    spec: PriceSpec,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AliasBody {
    spec: AliasSpec,
}

/// Where path and body both name the thing they must agree: it is not renamed in passing.
fn same_name(in_path: &str, in_body: &str) -> Result<(), Problem> {
    if in_path == in_body {
        return Ok(());
    }
    Err(Problem::invalid("spec.name", format!("must be `{in_path}`, as in the path")))
}

pub(super) const ROUTES: &[Route] = &[
    Route::get(
        "/models",
        "listModels",
        "The models of all providers, or of one",
        Gives::List(schema::<ModelView>()),
    )
    .query::<ModelsQuery>()
    .asks(|i| {
        let ModelsQuery { provider } = i.query()?;
        Ok(ControlRequest::Models { provider })
    }),
    Route::put(
        "/providers/{provider}/models/{model}",
        "saveModel",
        "Makes a model or replaces what is said about it",
        Gives::Changed,
    )
    .body::<ModelBody>(r#"{"spec": {"name": "deepseek-chat"}}"#)
    .versioned()
    .asks(|i| {
        let ModelBody { spec } = i.body()?;
        same_name(&i.part("model"), &spec.name)?;
        Ok(ControlRequest::SaveModel { provider: i.part("provider"), spec, version: i.version })
    }),
    Route::delete("/providers/{provider}/models/{model}", "deleteModel", "Removes a model", Gives::Changed)
        .versioned()
        .asks(|i| {
            let (provider, model, version) = (i.part("provider"), i.part("model"), i.version);
            Ok(ControlRequest::DeleteModel { provider, model, version })
        }),
    Route::post(
        "/providers/{provider}/models/{model}/prices",
        "addPrice",
        "What a model costs from an instant on; calls before it keep the price they had",
        Gives::Created,
    )
    .body::<PriceBody>(
        r#"{"spec": {"since_ms": 0, "currency": "USD", "input_fresh": 270000, "output": 1100000}}"#,
    )
    .asks(|i| {
        let PriceBody { spec } = i.body()?;
        Ok(ControlRequest::AddPrice { provider: i.part("provider"), model: i.part("model"), spec })
    }),
    Route::delete("/prices/{price}", "deletePrice", "Removes a price", Gives::Changed)
        .asks(|i| Ok(ControlRequest::DeletePrice { price: i.number("price")? })),
    Route::get("/aliases", "listAliases", "The public names", Gives::List(schema::<AliasView>()))
        .asks(|_| Ok(ControlRequest::Aliases)),
    Route::put(
        "/aliases/{alias}",
        "saveAlias",
        "Makes a public name or replaces what stands behind it",
        Gives::Changed,
    )
    .body::<AliasBody>(
        r#"{"spec": {"name": "fast", "candidates": [{"provider": "deepseek", "model": "deepseek-chat"}]}}"#,
    )
    .versioned()
    .asks(|i| {
        let AliasBody { spec } = i.body()?;
        same_name(&i.part("alias"), &spec.name)?;
        Ok(ControlRequest::SaveAlias { spec, version: i.version })
    }),
    Route::delete("/aliases/{alias}", "deleteAlias", "Removes a public name", Gives::Changed)
        .versioned()
        .asks(|i| Ok(ControlRequest::DeleteAlias { alias: i.part("alias"), version: i.version })),
];
