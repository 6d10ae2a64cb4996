//! Reads any error body: the five dialects' envelopes, the shapes of compatible servers (`{"error":"text"}`,
//! `{"detail":[..]}`, `{"message":..}`, `base_resp`), HTML pages of proxies, plain text, nothing.

use super::ErrorAnswer;
use super::classify::{Evidence, classify};
use super::retry_after;
use crate::dialect::codec::bad_answer;
use crate::model::{Blame, Failure, FailureKind, Retry};
use serde_json::Value;

/// Longest message handed on, in characters.
const MESSAGE_LIMIT: usize = 2000;
/// Bodies beyond this are not errors a person wrote; only their beginning is read as text.
const BODY_LIMIT: usize = 1024 * 1024;

/// The failure of an HTTP error answer.
pub(super) fn answer(answer: &ErrorAnswer<'_>) -> Failure {
    let body = &answer.body[..answer.body.len().min(BODY_LIMIT)];
    let found = match serde_json::from_slice::<Value>(body) {
        Ok(value) => Found::in_json(&value),
        Err(_) => Found { message: text_message(body), ..Found::default() },
    };
    found.failure(answer.status, true)
}

/// The failure that a body or event of a 200 answer carries in itself, if it does: an `error` member that is not
/// null, Anthropic's `type: error`, a `base_resp` with a status other than 0.
pub fn in_band(value: &Value) -> Option<Failure> {
    let object = value.as_object()?;
    let error = object.get("error").is_some_and(truthy);
    let typed = object.get("type").and_then(Value::as_str) == Some("error");
    let base = object.get("base_resp").and_then(|b| b.get("status_code")).and_then(Value::as_i64);
    let typed = typed || object.get("object").and_then(Value::as_str) == Some("error");
    let wrapped = value.pointer("/Response/Error").is_some_and(truthy);
    if !(error || typed || wrapped || base.is_some_and(|code| code != 0)) {
        return None;
    }
    Some(Found::in_json(value).failure(200, false))
}

/// What a 200 says that lacks all that an answer has: an error of a vendor's own form, if it has a message.
pub(crate) fn instead(body: &[u8], missing: &str) -> Failure {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let found = value.as_object().map(|_| Found::in_json(&value)).filter(|found| found.message.is_some());
    in_band(&value)
        .or_else(|| found.map(|found| found.failure(200, false)))
        .unwrap_or_else(|| bad_answer(format!("it has no `{missing}`")))
}

fn truthy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::Array(_) => true,
    }
}

/// What a body says of its error.
#[derive(Default)]
struct Found {
    message: Option<String>,
    /// As sent, the most specific first.
    words: Vec<String>,
    param: Option<String>,
    status: Option<u16>,
    retry_after_ms: Option<u64>,
}

impl Found {
    fn in_json(value: &Value) -> Self {
        let mut found = Self::default();
        match value {
            Value::Array(items) => return items.first().map(Self::in_json).unwrap_or_default(),
            Value::String(text) => found.message = Some(text.clone()),
            Value::Object(_) => found.read_object(value),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        found
    }

    fn read_object(&mut self, value: &Value) {
        match value.get("error") {
            Some(Value::String(text)) => self.message = Some(text.clone()),
            Some(error @ Value::Object(_)) => self.read_error(error),
            _ => {}
        }
        if let Some(base) = value.get("base_resp") {
            self.word(base.get("status_code"));
            self.message(base.get("status_msg"));
        }
        for nested in [value.pointer("/Response/Error"), value.get("response").and_then(|r| r.get("error"))] {
            if let Some(error @ Value::Object(_)) = nested {
                self.read_error(error);
            }
        }
        self.read_detail(value.get("detail"));
        self.read_error(value);
    }

    /// The members of an error object, or of a body that is one.
    fn read_error(&mut self, error: &Value) {
        for name in
            ["message", "msg", "Message", "error_message", "error_msg", "errorMessage", "error_description"]
        {
            self.message(error.get(name));
        }
        for name in ["code", "Code", "error_code", "errorCode", "type", "status", "status_code"] {
            self.word(error.get(name));
        }
        if self.param.is_none() {
            self.param = error.get("param").and_then(Value::as_str).map(str::to_owned);
        }
        for detail in error.get("details").and_then(Value::as_array).into_iter().flatten() {
            self.word(detail.get("reason"));
            let delay = detail.get("retryDelay").and_then(Value::as_str);
            self.retry_after_ms = self.retry_after_ms.or_else(|| delay.and_then(retry_after::duration_ms));
        }
        // A router of others' APIs hides the real message here.
        if let Some(raw) = error.pointer("/metadata/raw").and_then(Value::as_str) {
            self.message = Some(raw.to_owned());
        }
    }

    /// FastAPI's `detail`: a text, an object, or a list of `{loc, msg}`.
    fn read_detail(&mut self, detail: Option<&Value>) {
        match detail {
            Some(text @ Value::String(_)) => self.message(Some(text)),
            Some(object @ Value::Object(_)) => self.read_error(object),
            Some(Value::Array(items)) => {
                let Some(first) = items.first() else { return };
                self.message(first.get("msg"));
                let path = first.get("loc").and_then(Value::as_array).into_iter().flatten();
                let path: Vec<String> = path.filter(|p| p.as_str() != Some("body")).map(plain).collect();
                if self.param.is_none() && !path.is_empty() {
                    self.param = Some(path.join("."));
                }
            }
            _ => {}
        }
    }

    fn message(&mut self, value: Option<&Value>) {
        if let (None, Some(Value::String(text))) = (&self.message, value)
            && !text.trim().is_empty()
        {
            self.message = Some(text.clone());
        }
    }

    fn word(&mut self, value: Option<&Value>) {
        let word = match value {
            Some(Value::String(word)) if !word.is_empty() && word != "error" => word.clone(),
            Some(Value::Number(number)) => {
                self.status =
                    self.status.or(number.as_u64().filter(|n| (400..600).contains(n)).map(|n| n as u16));
                number.to_string()
            }
            _ => return,
        };
        if !self.words.contains(&word) {
            self.words.push(word);
        }
    }

    fn failure(self, status: u16, answered: bool) -> Failure {
        let seen = if (200..400).contains(&status) { self.status.unwrap_or(status) } else { status };
        let message = self.message.as_deref().map(clean).unwrap_or_default();
        let lower: Vec<String> = self.words.iter().map(|w| w.to_ascii_lowercase()).collect();
        let spoken = message.to_ascii_lowercase();
        let kind = classify(&Evidence { status: seen, words: &lower, message: &spoken });
        let message = match message.is_empty() {
            true => format!("the provider answered with status {seen} and no message"),
            false => message,
        };
        let mut failure = Failure::new(kind, message);
        failure.status = (answered || (400..600).contains(&seen)).then_some(seen);
        failure.code = self.words.into_iter().find(|w| w.parse::<u16>().ok() != Some(seen));
        failure.param = self.param;
        failure.retry_after_ms = self.retry_after_ms.or_else(|| retry_after::from_message(kind, &spoken));
        if kind == FailureKind::ModelNotFound {
            // Not here does not mean not at the next candidate; and the catalogue was ours.
            (failure.retry, failure.blame) = (Retry::Elsewhere, Blame::Client);
        }
        failure
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A message from a body that is not JSON: the title of an HTML page, or the beginning of a text.
fn text_message(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&body[..body.len().min(64 * 1024)]);
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|start| {
        let start = start + "<title>".len();
        lower[start..].find("</title>").map(|len| text[start..start + len].trim().to_owned())
    });
    let html = lower.trim_start().starts_with("<!doctype") || lower.contains("<html");
    title.filter(|t| !t.is_empty()).or_else(|| {
        let text = text.trim();
        (!html && !text.is_empty()).then(|| text.chars().take(300).collect())
    })
}

/// Bounds a message and blanks what looks like a key: vendors repeat the key they refuse.
fn clean(message: &str) -> String {
    let bounded: String = message.chars().take(MESSAGE_LIMIT).collect();
    let mut out = String::with_capacity(bounded.len());
    for piece in
        bounded.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*' | '.')))
    {
        let word = piece
            .trim_end_matches(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*' | '.')));
        match is_key(word) {
            true => {
                out.push_str("[redacted]");
                out.push_str(&piece[word.len()..]);
            }
            false => out.push_str(piece),
        }
    }
    out
}

fn is_key(word: &str) -> bool {
    const PREFIXES: [&str; 7] = ["sk-", "sk_", "gsk_", "xai-", "AIza", "pplx-", "nvapi-"];
    (word.len() >= 12 && PREFIXES.iter().any(|p| word.starts_with(p))) || word.contains("****")
}
