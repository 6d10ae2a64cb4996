//! What is not a call: liveness, readiness, and the page at `/`.

use super::reply::Reply;
use super::respond::whole;
use crate::router::routing::Standing;
use crate::router::shard::Shard;
use bytes::Bytes;
use http::header::RETRY_AFTER;
use serde_json::{Value, json};

const JSON: &str = "application/json";
/// What clients of Ollama's dialect look for to see that somebody is there.
const GREETING: &str = "Ollama is running";

/// A greeting for programs; browsers get the console.
pub(crate) fn home() -> Reply {
    whole(200, "text/plain; charset=utf-8", Bytes::from_static(GREETING.as_bytes()))
}

/// The process is up and answers.
pub(crate) fn health() -> Reply {
    json_reply(200, &json!({"status": "ok", "service": "llm-link", "version": env!("CARGO_PKG_VERSION")}))
}

/// At least one provider can take a call; if not, why none can.
pub(crate) fn ready(shard: &Shard) -> Reply {
    let snapshot = shard.shared.snapshot();
    let providers = snapshot.table.providers();
    let standings: Vec<(&str, Standing)> =
        providers.iter().map(|p| (p.name.as_str(), shard.reach(&snapshot.table, &p.name))).collect();
    let fit = standings.iter().filter(|(_, s)| s.is_fit()).count();
    if fit > 0 && !shard.shared.is_draining() {
        return json_reply(200, &json!({"status": "ready", "providers": fit}));
    }
    let mut reasons: Vec<Value> = standings
        .iter()
        .filter_map(|(name, s)| Some(json!({"provider": name, "reason": s.reason()?})))
        .collect();
    if shard.shared.is_draining() {
        reasons.insert(0, json!({"reason": "this process is draining"}));
    } else if standings.is_empty() {
        reasons.push(json!({"reason": "no provider is configured"}));
    }
    let mut reply = json_reply(503, &json!({"status": "not ready", "reasons": reasons}));
    reply.headers_mut().insert(RETRY_AFTER, 1.into());
    reply
}

/// A JSON document.
pub(crate) fn json_reply(status: u16, value: &Value) -> Reply {
    whole(status, JSON, value.to_string().into())
}
