//! Model lists, in the form of each dialect whose clients ask for one over HTTP.

use super::pages::json_reply;
use super::reply::Reply;
use super::respond::{self, whole};
use crate::router::routing::{PublicModel, Table, pattern};
use bytes::Bytes;
use http::HeaderMap;
use protocol::dialect::Dialect;
use protocol::dialect::time::rfc3339;
use protocol::ipc::configure::{App, ModelFacts};
use protocol::model::{Failure, FailureKind};
use serde_json::{Value, json};

/// The most models on a page of Anthropic's list, and what a page holds when nobody says.
const PAGE: usize = 1000;

/// What makes a list: the names, and since when they are there (seconds since 1970).
#[derive(Clone, Copy)]
pub(crate) struct Shelf<'a> {
    pub(crate) table: &'a Table,
    pub(crate) started: u64,
    /// Whose list it is: an app is shown what it may ask for.
    pub(crate) app: &'a App,
}

impl<'a> Shelf<'a> {
    /// The models that the app may ask for.
    pub(crate) fn models(self) -> impl Iterator<Item = &'a PublicModel> {
        self.table.public_models().iter().filter(move |model| self.may_ask(&model.id))
    }

    pub(crate) fn may_ask(self, name: &str) -> bool {
        pattern::any(&self.app.models, name)
    }
}

/// The dialect of a client that asks where several dialects have the same path.
pub(crate) fn voice(headers: &HeaderMap) -> Dialect {
    if headers.contains_key("anthropic-version") {
        Dialect::Anthropic
    } else if headers.contains_key("x-goog-api-key") || headers.contains_key("x-goog-api-client") {
        Dialect::Gemini
    } else {
        Dialect::OpenAiChat
    }
}

/// Every model. `prepared` is OpenAI's form of the list of an app that may ask for all.
pub(crate) fn list(dialect: Dialect, shelf: Shelf<'_>, prepared: &Bytes, query: &str) -> Reply {
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses if shelf.app.models.is_empty() => {
            whole(200, "application/json", prepared.clone())
        }
        Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            whole(200, "application/json", openai_list(shelf.table, shelf.models(), shelf.started))
        }
        Dialect::Ollama => super::ollama::tags(shelf),
        Dialect::Anthropic => json_reply(200, &anthropic_page(shelf, query)),
        Dialect::Gemini => {
            let models: Vec<Value> =
                shelf.models().map(|m| gemini(&m.id, shelf.table.facts(&m.id))).collect();
            json_reply(200, &json!({ "models": models }))
        }
    }
}

/// The body of the model list in OpenAI's shape.
pub(crate) fn model_list(table: &Table, started: u64) -> Bytes {
    openai_list(table, table.public_models().iter(), started)
}

/// With the provider that serves first, as llm-link 0.7 had it.
fn openai_list<'a>(table: &Table, models: impl Iterator<Item = &'a PublicModel>, started: u64) -> Bytes {
    let models = models.map(|m| openai(&m.id, &m.owner, started));
    let provider = table.first().map(|(provider, _)| provider);
    json!({"object": "list", "data": models.collect::<Vec<_>>(), "provider": provider}).to_string().into()
}

/// One model by its public name.
pub(crate) fn one(dialect: Dialect, shelf: Shelf<'_>, name: &str) -> Reply {
    let owner = match owner(shelf, name) {
        Ok(owner) => owner,
        Err(failure) => return respond::failure(dialect, &failure),
    };
    let value = match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Ollama => {
            openai(name, &owner, shelf.started)
        }
        Dialect::Anthropic => anthropic(name, shelf.started),
        Dialect::Gemini => gemini(name, shelf.table.facts(name)),
    };
    json_reply(200, &value)
}

/// The provider of a listed model.
fn owner(shelf: Shelf<'_>, name: &str) -> Result<String, Box<Failure>> {
    let table = shelf.table;
    if !shelf.may_ask(name) {
        let message = format!("the app `{}` may not ask for the model `{name}`", shelf.app.name);
        return Err(Box::new(Failure::new(FailureKind::ModelNotFound, message).with_param("model")));
    }
    if let Some(known) = table.public_models().iter().find(|m| m.id == name) {
        return Ok(known.owner.to_string());
    }
    let failure = match table.resolve(name) {
        Err(failure) => *failure,
        // Callable, but listed nowhere: nothing is known of it.
        Ok(_) => Failure::new(FailureKind::ModelNotFound, format!("the model `{name}` is not listed")),
    };
    Err(Box::new(failure.with_param("model")))
}

fn openai(id: &str, owner: &str, created: u64) -> Value {
    json!({"id": id, "object": "model", "created": created, "owned_by": owner})
}

fn anthropic(id: &str, created: u64) -> Value {
    json!({"type": "model", "id": id, "display_name": id, "created_at": rfc3339(created)})
}

/// A page of the list: `limit`, and `after_id` or `before_id`.
fn anthropic_page(shelf: Shelf<'_>, query: &str) -> Value {
    let models: Vec<&PublicModel> = shelf.models().collect();
    let asked = |key: &str| parameter(query, key);
    let limit = asked("limit").and_then(|n| n.parse().ok()).unwrap_or(PAGE).clamp(1, PAGE);
    let place = |id: Option<String>| id.and_then(|id| models.iter().position(|m| m.id == id));
    let (from, to) = match (place(asked("after_id")), place(asked("before_id"))) {
        (Some(after), _) => (after + 1, (after + 1 + limit).min(models.len())),
        (None, Some(before)) => (before.saturating_sub(limit), before),
        (None, None) => (0, limit.min(models.len())),
    };
    let more = if asked("before_id").is_some() { from > 0 } else { to < models.len() };
    let page: Vec<Value> = models[from..to].iter().map(|m| anthropic(&m.id, shelf.started)).collect();
    let id = |model: Option<&Value>| model.map_or(Value::Null, |m| m["id"].clone());
    let provider = shelf.table.first().map(|(provider, _)| provider);
    json!({
        "data": page, "has_more": more, "first_id": id(page.first()), "last_id": id(page.last()),
        "provider": provider,
    })
}

fn gemini(id: &str, facts: Option<ModelFacts>) -> Value {
    let facts = facts.unwrap_or_default();
    let methods = ["generateContent", "streamGenerateContent", "countTokens", "embedContent"];
    let mut model = json!({
        "name": format!("models/{id}"),
        "baseModelId": id,
        "version": "1",
        "displayName": id,
        "description": id,
        "supportedGenerationMethods": methods,
    });
    if let Some(context) = facts.context {
        model["inputTokenLimit"] = context.into();
    }
    if let Some(most) = facts.max_output {
        model["outputTokenLimit"] = most.into();
    }
    model
}

/// A parameter of a query, if it is there and not empty. Ids of models need no decoding beyond the slash's.
pub(crate) fn parameter(query: &str, key: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let found = pairs.into_iter().find(|(name, _)| *name == key).map(|(_, value)| value)?;
    (!found.is_empty()).then(|| super::routes::decoded(found))
}

#[cfg(test)]
#[path = "models/tests.rs"]
mod tests;
