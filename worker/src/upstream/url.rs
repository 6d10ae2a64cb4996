//! Where a call goes below a provider's base URL. Pure.

use super::UpstreamError;
use http::Uri;
use protocol::dialect::{Dialect, Operation, embed};
use protocol::ipc::call::CallHead;
use protocol::ipc::configure::Endpoint;
use protocol::model::{Failure, FailureKind};
use std::fmt::Write as _;

/// A base URL that can be connected to.
///
/// # Errors
/// [`UpstreamError::BaseUrl`] unless it is absolute, `http` or `https`, and has a host and no user part.
pub fn base(url: &str) -> Result<Uri, UpstreamError> {
    let refuse = |reason| UpstreamError::BaseUrl { url: without_user(url), reason };
    let uri: Uri = url.parse().map_err(|_| refuse("it is not a URL like https://api.example.com/v1"))?;
    match uri.scheme_str() {
        Some("http" | "https") => {}
        Some(_) => return Err(refuse("its scheme is neither http nor https")),
        None => return Err(refuse("it does not begin with http:// or https://")),
    }
    let authority = uri.authority().ok_or_else(|| refuse("it has no host"))?;
    if authority.as_str().contains('@') {
        return Err(refuse("a key belongs into the provider's key, not into its URL"));
    }
    Ok(uri)
}

/// Where an attempt goes at an endpoint: the endpoint's dialect decides the path, the call the rest.
///
/// # Errors
/// [`FailureKind::Unsupported`] when the endpoint's dialect has no such operation, or when a raw path would
/// have to be translated; [`FailureKind::NotFound`] when a raw path leaves the provider's root.
pub fn for_call(endpoint: &Endpoint, call: &CallHead) -> Result<Uri, Failure> {
    let path = match call.operation {
        Operation::Raw => raw_path(endpoint, call)?,
        Operation::Chat => chat_path(endpoint.dialect, call),
        Operation::Complete | Operation::Embed | Operation::CountTokens => other_path(endpoint.dialect, call)
            .ok_or_else(|| {
                let what = operation_name(call.operation);
                Failure::new(FailureKind::Unsupported, format!("{} has no {what}", endpoint.dialect))
            })?,
    };
    join(&endpoint.base_url, &path)
        .ok_or_else(|| Failure::new(FailureKind::NotFound, format!("{path} is not a path of this provider")))
}

/// Where an endpoint lists its models; the cheapest question that needs a valid key.
pub fn models(endpoint: &Endpoint) -> Option<Uri> {
    let path = match endpoint.dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Anthropic | Dialect::Gemini => "models",
        Dialect::Ollama => "api/tags",
    };
    join(&endpoint.base_url, path)
}

fn chat_path(dialect: Dialect, call: &CallHead) -> String {
    match dialect {
        Dialect::OpenAiChat => "chat/completions".to_owned(),
        Dialect::OpenAiResponses => "responses".to_owned(),
        Dialect::Anthropic => "messages".to_owned(),
        Dialect::Ollama => "api/chat".to_owned(),
        Dialect::Gemini if call.stream => gemini(&call.model, "streamGenerateContent?alt=sse"),
        Dialect::Gemini => gemini(&call.model, "generateContent"),
    }
}

fn other_path(dialect: Dialect, call: &CallHead) -> Option<String> {
    let fixed = match (dialect, call.operation) {
        (Dialect::OpenAiChat | Dialect::OpenAiResponses, Operation::Complete) => "completions",
        (Dialect::OpenAiChat | Dialect::OpenAiResponses, Operation::Embed) => "embeddings",
        (Dialect::OpenAiResponses, Operation::CountTokens) => "responses/input_tokens",
        (Dialect::Anthropic, Operation::Complete) => "complete",
        (Dialect::Anthropic, Operation::CountTokens) => "messages/count_tokens",
        (Dialect::Ollama, Operation::Complete) => "api/generate",
        (Dialect::Ollama, Operation::Embed) if call.path.contains(embed::OLD) => "api/embeddings",
        (Dialect::Ollama, Operation::Embed) => "api/embed",
        (Dialect::Gemini, Operation::CountTokens) => return Some(gemini(&call.model, "countTokens")),
        (Dialect::Gemini, Operation::Embed) => {
            let batch = call.path.contains(embed::BATCH);
            let verb = if batch { "batchEmbedContents" } else { "embedContent" };
            return Some(gemini(&call.model, verb));
        }
        _ => return None,
    };
    Some(fixed.to_owned())
}

/// `models/M:verb`; an id that names its own collection (`tunedModels/x`) keeps it.
fn gemini(model: &str, verb: &str) -> String {
    let (collection, id) = model.rsplit_once('/').unwrap_or(("models", model));
    format!("{}/{}:{verb}", encode(collection, "/"), encode(id, ""))
}

/// The client's own path, which must stay below the root it was written for.
fn raw_path(endpoint: &Endpoint, call: &CallHead) -> Result<String, Failure> {
    let openai = |dialect| matches!(dialect, Dialect::OpenAiChat | Dialect::OpenAiResponses);
    if endpoint.dialect != call.dialect && !(openai(endpoint.dialect) && openai(call.dialect)) {
        let message = format!("{} cannot be asked for {} in {}", endpoint.dialect, call.path, call.dialect);
        return Err(Failure::new(FailureKind::Unsupported, message));
    }
    let path = call.path.trim_start_matches('/');
    let (segments, _) = path.split_once('?').unwrap_or((path, ""));
    let leaves = |segment: &str| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == ".." || plain == "."
    };
    if segments.split(['/', '\\']).any(leaves) || segments.to_ascii_lowercase().contains("%2f..") {
        let message = format!("{path} is not a path of this provider");
        return Err(Failure::new(FailureKind::NotFound, message));
    }
    Ok(path.to_owned())
}

/// Base and path; a query in the base (`?api-version=...`) is kept behind the path's own.
fn join(base: &str, path: &str) -> Option<Uri> {
    let (root, base_query) = base.split_once('?').unwrap_or((base, ""));
    let (path, path_query) = path.split_once('?').unwrap_or((path, ""));
    let mut url = String::with_capacity(base.len() + path.len() + path_query.len() + 2);
    let root = root.trim_end_matches('/');
    // Bases of servers that speak Ollama are given with and without `/api`.
    let root = if path.starts_with("api/") { root.strip_suffix("/api").unwrap_or(root) } else { root };
    let _ = write!(url, "{root}/{path}");
    let mut separator = '?';
    for query in [path_query, base_query].into_iter().filter(|q| !q.is_empty()) {
        let _ = write!(url, "{separator}{query}");
        separator = '&';
    }
    url.parse().ok()
}

/// Percent-encodes all but unreserved bytes (RFC 3986, 2.3) and those in `keep`.
fn encode(text: &str, keep: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain =
            byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keep.as_bytes().contains(&byte);
        if plain {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn operation_name(operation: Operation) -> &'static str {
    match operation {
        Operation::Chat => "conversations",
        Operation::Complete => "plain completions",
        Operation::Embed => "embeddings",
        Operation::CountTokens => "token counting",
        Operation::Raw => "such path",
    }
}

fn without_user(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 <= at => format!("{}…{}", &url[..scheme + 3], &url[at..]),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
#[path = "url/tests.rs"]
mod tests;
