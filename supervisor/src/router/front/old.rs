//! What programs that drove llm-link 0.7 ask of it: whether it is there, which provider serves, and how to change
//! that. The questions are answered as they were, the keys of the answers kept; "the provider" is the one that
//! serves first. A change needs a person's login now, so those answers say where it is made.

use super::models::Shelf;
use super::pages::json_reply;
use super::reply::Reply;
use super::respond;
use super::routes::OldPage;
use crate::router::routing::Table;
use protocol::dialect::Dialect;
use protocol::dialect::time::rfc3339;
use protocol::model::{Failure, FailureKind};
use protocol::preset::{self, KeyNeed, Preset};
use serde::Deserialize;
use serde_json::{Value, json};

/// Whether a program may change the provider of the running service by these pages. It may not; one that asks then
/// starts the service anew with other arguments, as it did before.
const CHANGES_HERE: bool = false;

/// This process and its listener.
#[derive(Clone, Copy)]
pub(crate) struct Here {
    /// Seconds since 1970.
    pub(crate) started: u64,
    /// Clients need a key.
    pub(crate) guarded: bool,
}

/// A body of the questions that have one.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    provider: String,
    api_key: String,
    model: Option<String>,
    base_url: Option<String>,
}

/// Answers one of them. Without a caller: to somebody who has no key, and is told no more than that we are here.
pub(crate) fn page(page: OldPage, here: Here, shelf: Option<Shelf<'_>>, body: &[u8]) -> Reply {
    match page {
        OldPage::Debug => json_reply(200, &json!({ "debug": "ok", "timestamp": rfc3339(here.started) })),
        OldPage::Health => json_reply(200, &health(here, shelf)),
        OldPage::Pid => {
            let message = "Use this PID to restart the service";
            json_reply(200, &json!({ "pid": service_pid(), "message": message }))
        }
        OldPage::Change => json_reply(403, &not_here()),
        OldPage::Info => shelf.map_or_else(nobody, |shelf| json_reply(200, &info(here, shelf))),
        OldPage::Current => shelf.map_or_else(nobody, |shelf| json_reply(200, &current(shelf))),
        OldPage::Update => told(body, |said, preset| update(here, said, preset)),
        OldPage::Validate => told(body, validate),
        OldPage::ValidateKey => told(body, |said, preset| {
            let mut answer = validate(said, preset);
            answer["provider"] = said.provider.clone().into();
            answer["supports_hot_reload"] = CHANGES_HERE.into();
            answer
        }),
    }
}

/// The whole service's: its supervisor.
fn service_pid() -> u32 {
    std::os::unix::process::parent_id()
}

/// Differs after every restart, also after one within a second.
fn instance(here: Here) -> u64 {
    here.started.saturating_mul(100_000) + u64::from(std::process::id() % 100_000)
}

fn health(here: Here, shelf: Option<Shelf<'_>>) -> Value {
    let mut health = json!({ "status": "ok", "instance_id": instance(here) });
    if let Some(shelf) = shelf {
        let (provider, model) = serving(shelf.table);
        health["pid"] = service_pid().into();
        health["provider"] = provider.into();
        health["model"] = model.into();
    }
    health
}

fn current(shelf: Shelf<'_>) -> Value {
    let (provider, model) = serving(shelf.table);
    let row = shelf.table.provider(&provider).and_then(|known| preset::find(&known.preset));
    json!({
        "provider": provider,
        "model": model,
        "has_api_key": row.is_none_or(|row| row.key != KeyNeed::None),
        "has_base_url": row.is_some_and(|row| row.endpoints.iter().all(|at| at.base_url.is_none())),
        "supports_hot_reload": CHANGES_HERE,
    })
}

fn info(here: Here, shelf: Shelf<'_>) -> Value {
    let (provider, model) = serving(shelf.table);
    let models = |row: &Preset| -> Vec<Value> { row.models.iter().map(model_entry).collect() };
    let mut known: Vec<&Preset> = preset::all().iter().filter(|row| !row.endpoints.is_empty()).collect();
    known.sort_by(|a, b| a.id.cmp(&b.id));
    let supported: Vec<Value> =
        known.iter().map(|row| json!({ "name": row.id, "models": models(row) })).collect();
    let endpoint = |path: &str| json!({ "path": path, "enabled": true, "auth_required": here.guarded });
    json!({
        "service": "llm-link",
        "version": env!("CARGO_PKG_VERSION"),
        "current_provider": provider,
        "current_model": model,
        "supported_providers": supported,
        "api_endpoints": {
            "openai": endpoint("/v1"), "ollama": endpoint(""), "anthropic": endpoint("/anthropic"),
        },
    })
}

fn model_entry(model: &preset::PresetModel) -> Value {
    let entry = model.entry();
    json!({
        "id": entry.id,
        "name": entry.id,
        "description": "",
        "supports_tools": entry.facts.tools.unwrap_or(false),
        "context_length": entry.facts.context.unwrap_or_default(),
    })
}

/// The provider that serves first and its model; empty where there is none.
pub(crate) fn serving(table: &Table) -> (String, String) {
    table.first().map(|(provider, model)| (provider.to_owned(), model.to_owned())).unwrap_or_default()
}

fn update(here: Here, said: &Said, preset: &Preset) -> Value {
    let model = said.model.clone().or_else(|| preset.default_model.clone()).unwrap_or_default();
    let mut variables = serde_json::Map::new();
    if let Some(name) = preset.canonical_env() {
        variables.insert(name.to_owned(), said.api_key.clone().into());
        if let (Some(url), Some(stem)) = (&said.base_url, name.strip_suffix("_API_KEY")) {
            variables.insert(format!("{stem}_BASE_URL"), url.clone().into());
        }
    }
    json!({
        "status": "success",
        "message": format!("Config prepared for provider: {}", said.provider),
        "restart_required": true,
        "current_instance_id": instance(here),
        "env_vars": variables,
        "cli_args": { "provider": said.provider, "model": model },
    })
}

/// What can be seen without asking the provider, and nothing more is claimed.
fn validate(said: &Said, preset: &Preset) -> Value {
    let usable = !said.api_key.trim().is_empty() && said.api_key.bytes().all(|b| b.is_ascii_graphic());
    if preset.key == KeyNeed::Required && !usable {
        return json!({ "status": "invalid", "message": "this is no key: it is empty or cannot stand in a header" });
    }
    let models: Vec<Value> = preset.models.iter().map(model_entry).collect();
    let message = "the key has a usable form; whether the provider takes it shows \
                   `llm-link providers test NAME` once the provider is configured";
    json!({ "status": "valid", "message": message, "models": models })
}

fn not_here() -> Value {
    json!({
        "status": "error",
        "message": "this change needs a login now: POST /api/v1/auth/login, then /api/v1/providers \
                    (or `llm-link providers` on the machine itself)",
        "restart_required": false,
    })
}

fn told(body: &[u8], answer: impl FnOnce(&Said, &Preset) -> Value) -> Reply {
    let Ok(said) = serde_json::from_slice::<Said>(body) else {
        return json_reply(400, &json!({ "status": "error", "message": "the body must be a JSON object" }));
    };
    match preset::find(&said.provider) {
        Some(preset) => json_reply(200, &answer(&said, preset)),
        None => {
            let message = format!("there is no provider `{}`", said.provider.escape_debug());
            json_reply(400, &json!({ "status": "error", "message": message }))
        }
    }
}

fn nobody() -> Reply {
    let failure = Failure::new(FailureKind::Unauthenticated, "this needs a key");
    respond::failure(Dialect::OpenAiChat, &failure)
}
