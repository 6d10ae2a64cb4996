//! What clients of Ollama ask besides conversations: which models there are, what they can, what version this is.
//! Every member that strict clients insist on is there (an editor drops the whole list for one that is missing).

use super::models::Shelf;
use super::pages::json_reply;
use super::reply::Reply;
use super::respond;
use super::routes::OllamaPage;
use crate::router::routing::Table;
use protocol::dialect::Dialect;
use protocol::dialect::time::rfc3339;
use protocol::ipc::configure::ModelFacts;
use protocol::model::{Failure, FailureKind};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The version whose wire form this is: clients switch features on by it.
const VERSION: &str = "0.12.10";
/// The tag of a model that is asked for without one.
const LATEST: &str = ":latest";
/// What stands for `now` plus the time a model stays loaded: these do not unload.
const NEVER: u64 = 4_102_444_800;

/// A page that needs no body.
pub(crate) fn page(page: OllamaPage, shelf: Shelf<'_>) -> Reply {
    match page {
        OllamaPage::Tags => tags(shelf),
        OllamaPage::Running => running(shelf),
        OllamaPage::Version => json_reply(200, &json!({ "version": VERSION, "build": "llm-link" })),
        OllamaPage::Show | OllamaPage::Store => {
            let message = "models are configured here, not pulled, created or deleted";
            respond::failure(Dialect::Ollama, &Failure::new(FailureKind::Unsupported, message))
        }
    }
}

/// Every model.
pub(crate) fn tags(shelf: Shelf<'_>) -> Reply {
    let models: Vec<Value> = shelf
        .models()
        .map(|m| {
            let mut model = basic(&m.id);
            let facts = shelf.table.facts(&m.id).unwrap_or_default();
            model["modified_at"] = rfc3339(shelf.started).into();
            model["capabilities"] = json!(capabilities(&facts));
            model["tags"] = if facts.tools == Some(false) { json!([]) } else { json!(["tools"]) };
            model
        })
        .collect();
    json_reply(200, &json!({ "models": models }))
}

fn running(shelf: Shelf<'_>) -> Reply {
    let models: Vec<Value> = shelf
        .models()
        .map(|m| {
            let mut model = basic(&m.id);
            model["expires_at"] = rfc3339(NEVER).into();
            model["size_vram"] = 0.into();
            let facts = shelf.table.facts(&m.id).unwrap_or_default();
            model["context_length"] = facts.context.unwrap_or(0).into();
            model
        })
        .collect();
    json_reply(200, &json!({ "models": models }))
}

#[derive(Deserialize)]
struct Which {
    model: Option<String>,
    name: Option<String>,
}

/// One model, by the name in the body.
pub(crate) fn show(shelf: Shelf<'_>, body: &[u8]) -> Reply {
    let refused = |kind, message: String| respond::failure(Dialect::Ollama, &Failure::new(kind, message));
    let Ok(which) = serde_json::from_slice::<Which>(body) else {
        return refused(FailureKind::InvalidRequest, "the request body must be a JSON object".to_owned());
    };
    let asked = which.model.filter(|m| !m.is_empty()).or(which.name).unwrap_or_default();
    if asked.is_empty() {
        return refused(FailureKind::InvalidRequest, "model is required".to_owned());
    }
    let name = plain(shelf.table, &asked);
    match shelf.table.facts(name).filter(|_| shelf.may_ask(name)) {
        Some(facts) => json_reply(200, &shown(name, &facts, shelf.started)),
        None => refused(FailureKind::ModelNotFound, format!("model '{asked}' not found")),
    }
}

/// The name without the tag that a client of Ollama puts behind every name, unless it is known with it.
pub(crate) fn plain<'a>(table: &Table, name: &'a str) -> &'a str {
    match name.strip_suffix(LATEST) {
        Some(bare) if !table.public_models().iter().any(|m| m.id == name) => bare,
        Some(_) | None => name,
    }
}

fn shown(name: &str, facts: &ModelFacts, started: u64) -> Value {
    let family = family(name);
    let mut info = json!({ "general.architecture": family, "general.basename": name });
    let mut parameters = String::new();
    if let Some(context) = facts.context {
        info[format!("{family}.context_length")] = context.into();
        parameters = format!("num_ctx {context}");
    }
    json!({
        "license": "",
        "modelfile": format!("FROM {name}"),
        "parameters": parameters,
        "template": "{{ .Prompt }}",
        "details": details(name),
        "model_info": info,
        "capabilities": capabilities(facts),
        "modified_at": rfc3339(started),
    })
}

/// What is not known to be missing is offered for tools, which clients hide otherwise; not for pictures and
/// reasoning, which they then use unasked.
fn capabilities(facts: &ModelFacts) -> Vec<&'static str> {
    let known = [
        ("completion", true),
        ("tools", facts.tools != Some(false)),
        ("vision", facts.vision == Some(true)),
        ("thinking", facts.reasoning == Some(true)),
    ];
    known.into_iter().filter(|(_, can)| *can).map(|(what, _)| what).collect()
}

fn basic(name: &str) -> Value {
    let digest: String = Sha256::digest(name).iter().map(|byte| format!("{byte:02x}")).collect();
    json!({ "name": name, "model": name, "size": 0, "digest": digest, "details": details(name) })
}

fn details(name: &str) -> Value {
    let family = family(name);
    json!({
        "parent_model": "",
        "format": "remote",
        "family": family,
        "families": [family],
        "parameter_size": "",
        "quantization_level": "",
    })
}

/// The first word of a model's name; dots would take apart the keys of `model_info`.
fn family(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    let word = last.split(['-', ':', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let plain: String = word.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    if plain.is_empty() { "model".to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_can_is_said_in_the_words_of_clients() {
        let facts = ModelFacts {
            context: Some(200_000),
            vision: Some(true),
            reasoning: Some(true),
            ..ModelFacts::default()
        };
        let value = shown("p/glm-4.6", &facts, 0);
        assert_eq!(value["model_info"]["general.architecture"], "glm");
        assert_eq!(value["model_info"]["glm.context_length"], 200_000);
        assert_eq!(value["parameters"], "num_ctx 200000");
        assert_eq!(value["capabilities"], json!(["completion", "tools", "vision", "thinking"]));
        let unknown = shown("4.5", &ModelFacts { tools: Some(false), ..ModelFacts::default() }, 0);
        assert_eq!(unknown["model_info"], json!({"general.architecture": "45", "general.basename": "4.5"}));
        assert_eq!(unknown["capabilities"], json!(["completion"]));
    }

    #[test]
    fn every_name_has_a_family_that_can_be_a_key() {
        for (name, family) in [("qwen3:7b", "qwen3"), ("a/B_c", "b"), ("模型", "model"), ("", "model")] {
            assert_eq!(super::family(name), family);
        }
    }
}
