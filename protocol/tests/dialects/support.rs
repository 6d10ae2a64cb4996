//! Law L8: the support table in `docs/translation.md` is what the encoders do. `UPDATE_DOCS=1` writes it anew.

use super::common::head;
use protocol::dialect::{Dialect, Quirks};
use protocol::model::LossReason;
use serde_json::{Value, json};
use std::path::PathBuf;

const BEGIN: &str = "<!-- support: written by protocol/tests/dialects/support.rs -->\n";
const END: &str = "<!-- /support -->";

/// What is asked for, and a request of some dialect that asks for it and nothing else.
fn asked() -> Vec<(&'static str, Dialect, Value)> {
    let tool = json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}});
    let chat = |members: Value| {
        let mut body = json!({"messages": [{"role": "user", "content": "x"}], "max_tokens": 9});
        let (body_map, members) = (body.as_object_mut().unwrap(), members.as_object().unwrap().clone());
        body_map.extend(members);
        (Dialect::OpenAiChat, body)
    };
    let parts = |parts: Value| chat(json!({"messages": [{"role": "user", "content": parts}]}));
    let called = json!([{"role": "user", "content": "x"},
        {"role": "assistant", "content": "y", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": "z"}]);
    let image = |url: &str| json!([{"type": "image_url", "image_url": {"url": url}}]);
    let pdf = json!([{"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}}]);
    let sound = json!([{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}]);
    let schema = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}});
    let thinking = json!({"max_tokens": 2000, "thinking": {"type": "enabled", "budget_tokens": 1024}, "messages": [{"role": "user", "content": "x"}]});
    let cached = json!({"max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]}]});
    let wrong = json!({"max_tokens": 9, "messages": [{"role": "user", "content": "x"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "z", "is_error": true}]}]});
    let signed = json!({"max_tokens": 9, "messages": [{"role": "user", "content": "x"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": "c2ln"}, {"type": "text", "text": "y"}]},
        {"role": "user", "content": "z"}]});
    let rows = [
        (
            "text, system prompt",
            chat(json!({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "x"}]})),
        ),
        ("image, bytes", parts(image("data:image/png;base64,AA=="))),
        ("image, address", parts(image("https://example.com/a.png"))),
        ("document (PDF)", parts(pdf)),
        ("sound", parts(sound)),
        (
            "file stored at a vendor",
            parts(json!([{"type": "text", "text": "x"}, {"type": "file", "file": {"file_id": "f"}}])),
        ),
        ("tools", chat(json!({"tools": [tool]}))),
        ("tool calls and results", chat(json!({"tools": [tool], "messages": called}))),
        ("failed tool result", (Dialect::Anthropic, wrong)),
        ("tool choice: required", chat(json!({"tools": [tool], "tool_choice": "required"}))),
        (
            "tool choice: one tool",
            chat(json!({"tools": [tool], "tool_choice": {"type": "function", "function": {"name": "f"}}})),
        ),
        ("tool choice: none", chat(json!({"tools": [tool], "tool_choice": "none"}))),
        ("one tool at a time", chat(json!({"tools": [tool], "parallel_tool_calls": false}))),
        ("JSON object", chat(json!({"response_format": {"type": "json_object"}}))),
        ("JSON schema", chat(json!({"response_format": schema}))),
        ("reasoning: effort", chat(json!({"reasoning_effort": "high"}))),
        ("reasoning: budget", (Dialect::Anthropic, thinking)),
        ("signed reasoning of another", (Dialect::Anthropic, signed)),
        ("prompt cache marker", (Dialect::Anthropic, cached)),
        ("temperature", chat(json!({"temperature": 0.5}))),
        ("top_p", chat(json!({"top_p": 0.5}))),
        ("top_k", chat(json!({"top_k": 5}))),
        ("stop words", chat(json!({"stop": ["END"]}))),
        ("seed", chat(json!({"seed": 1}))),
        ("penalties", chat(json!({"frequency_penalty": 0.5, "presence_penalty": 0.5}))),
        ("logit_bias", chat(json!({"logit_bias": {"1": 1}}))),
        ("logprobs", chat(json!({"logprobs": true}))),
        ("several choices (n)", chat(json!({"n": 2}))),
        ("user", chat(json!({"user": "u"}))),
        ("service tier", chat(json!({"service_tier": "flex"}))),
        ("metadata", chat(json!({"metadata": {"k": "v"}}))),
        ("no output limit", (Dialect::OpenAiChat, json!({"messages": [{"role": "user", "content": "x"}]}))),
        (
            "earlier response (id)",
            (
                Dialect::OpenAiResponses,
                json!({"input": "x", "max_output_tokens": 9, "previous_response_id": "r"}),
            ),
        ),
    ];
    rows.into_iter().map(|(what, (dialect, body))| (what, dialect, body)).collect()
}

/// What becomes of it at an upstream of another dialect.
fn fate(from: Dialect, body: &Value, to: Dialect) -> &'static str {
    let request = from.decode_request(body.to_string().as_bytes(), &head(false)).unwrap();
    let Ok(encoded) = to.encode_request(request.clone(), &Quirks::default()) else { return "refused" };
    let has = |reason| encoded.losses.iter().any(|loss| loss.reason == reason);
    match encoded.losses.as_slice() {
        _ if from == to => "own",
        [] => "yes",
        _ if has(LossReason::Unsupported) || has(LossReason::Foreign) || has(LossReason::Incapable) => "lost",
        _ if has(LossReason::Adjusted) => "nearest",
        _ => "invented",
    }
}

fn table() -> String {
    let mut out = format!("| asked for | {} |\n", Dialect::ALL.map(Dialect::name).join(" | "));
    out += &format!("| --- |{}\n", " --- |".repeat(Dialect::ALL.len()));
    for (what, from, body) in asked() {
        let cells = Dialect::ALL.map(|to| fate(from, &body, to));
        out += &format!("| {what} | {} |\n", cells.join(" | "));
    }
    out
}

#[test]
fn the_table_in_the_documentation_is_true() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/translation.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the table's beginning");
    let (said, after) = rest.split_once(END).expect("the table's end");
    let table = table();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(said, table, "run this test with UPDATE_DOCS=1");
}
