//! One HTTP request: which row of the table, who asks, what with, and the response.

use super::call::{Asked, Call, is_json};
use super::identify::{Caller, Door};
use super::models::{self, Shelf};
use super::old::{self, Here};
use super::ollama;
use super::pages;
use super::reply::Reply;
use super::respond;
use super::routes::{Entry, Found, OldPage, OllamaPage, Page, Voice, find};
use super::start::{Excess, excess, start};
use crate::router::notices::now_ms;
use crate::router::shard::Shard;
use crate::router::snapshot::Snapshot;
use crate::router::web::body::{self, BodyError, Bounds};
use crate::router::web::hosts;
use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, EXPECT, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body::Body;
use protocol::dialect::{Dialect, Operation};
use protocol::ipc::configure::{App, RouterLimits};
use protocol::model::{Failure, FailureKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// A path nobody knows is answered in the dialect most clients read.
const LINGUA_FRANCA: Dialect = Dialect::OpenAiChat;
/// Where Gemini's clients may put their key.
const KEY_PARAMETER: &str = "key";
/// Raw paths that Anthropic's API has too.
const SHARED_RAW: &str = "files";

/// A failure on the way to a dispatch, in the dialect of its path.
struct Rejected {
    dialect: Dialect,
    failure: Box<Failure>,
    /// Besides those of the failure.
    extra: Extra,
}

/// What a rejection needs besides its failure.
enum Extra {
    Nothing,
    /// The methods that would do.
    Allow(&'static str),
}

/// Serves one request that came in at a listener.
pub(crate) async fn serve<B>(shard: &Arc<Shard>, listener: u32, request: Request<B>) -> Reply
where
    B: Body<Data = Bytes> + Unpin,
{
    let snapshot = shard.shared.snapshot();
    let (parts, mut body) = request.into_parts();
    let mut reply = match respond_to(shard, &snapshot, listener, parts, &mut body).await {
        Ok(reply) => reply,
        Err((rejected, waits)) => {
            let mut reply = respond::failure(rejected.dialect, &rejected.failure);
            match rejected.extra {
                Extra::Nothing => {}
                Extra::Allow(methods) => {
                    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
                }
            }
            if !body.is_end_stream() {
                reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                // A client that waits to be asked for its body need not send it at all.
                if waits == Waits::No {
                    body::discard(&mut body).await;
                }
            }
            respond::identify(&mut reply, Uuid::now_v7());
            reply
        }
    };
    if shard.shared.is_draining() {
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    reply
}

/// Whether the client sends its body only when told to (`expect: 100-continue`).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waits {
    Yes,
    No,
}

async fn respond_to<B>(
    shard: &Arc<Shard>,
    snapshot: &Snapshot,
    listener: u32,
    parts: Parts,
    body: &mut B,
) -> Result<Reply, (Rejected, Waits)>
where
    B: Body<Data = Bytes> + Unpin,
{
    let waits = if parts.headers.contains_key(EXPECT) { Waits::Yes } else { Waits::No };
    let found = voiced(find(&parts.method, parts.uri.path()), &parts.headers);
    let dialect = found.dialect();
    let reject = |failure, extra| (Rejected { dialect, failure, extra }, waits);
    check_head(&parts, snapshot.limits.header_bytes).map_err(|(failure, extra)| reject(failure, extra))?;
    let door = snapshot.door(listener);
    let identify = || {
        let in_query = models::parameter(parts.uri.query().unwrap_or_default(), KEY_PARAMETER);
        let entrance = (door, snapshot.host(listener));
        let callers = &snapshot.callers;
        let identified = match callers.identify(&parts.headers, in_query.as_deref(), entrance, now_ms()) {
            Ok(caller) if door == Door::Local && caller.key.is_none() => {
                hosts::check(&parts.uri, &parts.headers)
                    .map(|()| caller)
                    .map_err(|foreign| Box::new(Failure::new(FailureKind::Forbidden, foreign.to_string())))
            }
            identified => identified,
        };
        identified.map_err(|failure| reject(failure, Extra::Nothing))
    };
    match found {
        Found::Page(Page::Home) => Ok(pages::home()),
        Found::Page(Page::Health) => Ok(pages::health()),
        Found::Page(Page::Ready) => Ok(pages::ready(shard)),
        Found::Old(page) => {
            let caller = match identify() {
                Ok(caller) => Some(caller),
                Err(_) if page == OldPage::Health || page == OldPage::Debug => None,
                Err(rejected) => return Err(rejected),
            };
            let body = match parts.method {
                Method::POST => read(&snapshot.limits, body).await.map_err(|f| reject(f, Extra::Nothing))?,
                _ => Bytes::new(),
            };
            let shelf = caller.as_ref().map(|c| shelf_of(shard, snapshot, &c.policy));
            let here = Here { started: shard.started, guarded: door == Door::Nobody };
            Ok(old::page(page, here, shelf, &body))
        }
        Found::Models(_) => {
            let query = parts.uri.query().unwrap_or_default();
            identify()
                .map(|c| models::list(dialect, shelf_of(shard, snapshot, &c.policy), &snapshot.models, query))
        }
        Found::Model(_, name) => {
            identify().map(|c| models::one(dialect, shelf_of(shard, snapshot, &c.policy), &name))
        }
        Found::Ollama(OllamaPage::Show) => {
            let caller = identify()?;
            let body = read(&snapshot.limits, body).await.map_err(|f| reject(f, Extra::Nothing))?;
            Ok(ollama::show(shelf_of(shard, snapshot, &caller.policy), &body))
        }
        Found::Ollama(page) => identify().map(|c| ollama::page(page, shelf_of(shard, snapshot, &c.policy))),
        Found::Call(entry) => {
            let excess = excess(shard);
            if let Some(Excess { failure, recorded: false }) = excess {
                // Its connection can be used again.
                let _ = read(&snapshot.limits, body).await;
                shard.shared.pressure.refused();
                return Err(reject(failure, Extra::Nothing));
            }
            let caller = identify()?;
            let call = prepare(snapshot, caller, entry, parts, body).await;
            let call =
                call.map_err(|failure| (Rejected { dialect, failure, extra: Extra::Nothing }, waits))?;
            Ok(start(shard, snapshot, call, excess.map(|e| e.failure)).await)
        }
        Found::OtherMethod(_, allow) => {
            let message =
                format!("{} is not a method of {}; it has: {allow}", parts.method, parts.uri.path());
            Err(reject(Box::new(Failure::new(FailureKind::MethodNotAllowed, message)), Extra::Allow(allow)))
        }
        Found::Nothing(_) => {
            let path: String = parts.uri.path().chars().take(200).collect();
            let wanted = match dialect {
                Dialect::OpenAiChat | Dialect::OpenAiResponses => {
                    "; an OpenAI client wants .../v1 as its base URL"
                }
                Dialect::Anthropic | Dialect::Gemini | Dialect::Ollama => {
                    "; clients of this dialect want a base URL without a path"
                }
            };
            let message = format!("there is no {path} here{wanted}");
            Err(reject(Box::new(Failure::new(FailureKind::NotFound, message)), Extra::Nothing))
        }
    }
}

/// What this app is shown.
fn shelf_of<'a>(shard: &Shard, snapshot: &'a Snapshot, app: &'a App) -> Shelf<'a> {
    Shelf { table: &snapshot.table, started: shard.started, app }
}

/// Settles the dialect where only a client's headers say it.
fn voiced(found: Found, headers: &HeaderMap) -> Found {
    match found {
        Found::Models(Voice::ByHeaders) => Found::Models(Voice::Fixed(models::voice(headers))),
        Found::Model(Voice::ByHeaders, name) => Found::Model(Voice::Fixed(models::voice(headers)), name),
        Found::Call(entry) if entry.operation == Operation::Raw && entry.path.starts_with(SHARED_RAW) => {
            let dialect = match models::voice(headers) {
                Dialect::Anthropic => Dialect::Anthropic,
                _ => entry.dialect,
            };
            Found::Call(Entry { dialect, ..entry })
        }
        found => found,
    }
}

impl Found {
    fn dialect(&self) -> Dialect {
        match self {
            Found::Call(entry) => entry.dialect,
            Found::Models(Voice::Fixed(dialect))
            | Found::Model(Voice::Fixed(dialect), _)
            | Found::OtherMethod(dialect, _)
            | Found::Nothing(Some(dialect)) => *dialect,
            Found::Ollama(_) => Dialect::Ollama,
            Found::Page(_)
            | Found::Old(_)
            | Found::Nothing(None)
            | Found::Models(Voice::ByHeaders)
            | Found::Model(Voice::ByHeaders, _) => LINGUA_FRANCA,
        }
    }
}

/// Bounds of the request's head. The server under us stops reading at twice the limit.
fn check_head(parts: &Parts, limit: u64) -> Result<(), (Box<Failure>, Extra)> {
    let line = parts.uri.path_and_query().map_or(0, |p| p.as_str().len());
    let headers: usize = parts.headers.iter().map(|(n, v)| n.as_str().len() + v.len() + 4).sum();
    if (line + headers) as u64 <= limit {
        return Ok(());
    }
    let message = format!("the request's headers are larger than the limit of {limit} bytes");
    // Of this kind, but with a status of its own, which some envelopes repeat.
    let status = Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.as_u16());
    let failure = Failure { status, ..Failure::new(FailureKind::TooLarge, message) };
    Err((Box::new(failure), Extra::Nothing))
}

/// Reads and checks what is to be dispatched.
async fn prepare<B>(
    snapshot: &Snapshot,
    caller: Caller,
    entry: Entry,
    parts: Parts,
    body: &mut B,
) -> Result<Call, Box<Failure>>
where
    B: Body<Data = Bytes> + Unpin,
{
    check_type(&entry, &parts.headers)?;
    let limits = &snapshot.limits;
    let body = read(limits, body).await?;
    let mut asked = Asked::read(&entry, &parts.headers, &body)?;
    if entry.dialect == Dialect::Ollama {
        asked.model = ollama::plain(&snapshot.table, &asked.model).to_owned();
    }
    let path = match (entry.operation, parts.uri.query()) {
        (Operation::Raw, Some(query)) => format!("{}?{query}", entry.path),
        _ => entry.path,
    };
    Ok(Call {
        id: Uuid::now_v7(),
        dialect: entry.dialect,
        operation: entry.operation,
        path,
        method: parts.method,
        rules: Call::rules(&caller.policy.retry, &parts.headers, &body),
        deadline: Call::deadline(&caller.policy.retry, &parts.headers, Instant::now()),
        caller,
        headers: parts.headers,
        body,
        asked,
        continues: None,
    })
}

async fn read<B>(limits: &RouterLimits, body: &mut B) -> Result<Bytes, Box<Failure>>
where
    B: Body<Data = Bytes> + Unpin,
{
    let per_read = Duration::from_millis(limits.read_timeout_ms);
    body::read(body, Bounds { bytes: limits.body_bytes, per_read }).await.map_err(|error| {
        let kind = match error {
            BodyError::TooLarge(_) => FailureKind::TooLarge,
            BodyError::BrokenOff => FailureKind::InvalidRequest,
            BodyError::Silent(_) => FailureKind::RequestTimeout,
        };
        Box::new(Failure::new(kind, error.to_string()))
    })
}

/// JSON by its name, or unnamed. Anything else is refused from browsers: a web page can send forms and plain text
/// to an open listener without the browser asking us first, but not JSON, and never without saying where the page
/// is from. Ollama reads any type, and its users' commands name a wrong one; raw paths have forms.
fn check_type(entry: &Entry, headers: &HeaderMap) -> Result<(), Box<Failure>> {
    let of_a_page = headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site");
    let lenient = entry.dialect == Dialect::Ollama || entry.operation == Operation::Raw;
    if is_json(headers) || lenient && !of_a_page {
        return Ok(());
    }
    let value = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    let message =
        format!("a body of type `{essence}` is not read here; send `content-type: application/json`");
    Err(Box::new(Failure::new(FailureKind::UnsupportedMediaType, message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(dialect: Dialect, pairs: &[(http::HeaderName, &str)]) -> bool {
        let entry = Entry { dialect, operation: Operation::Chat, named: None, path: String::new() };
        let headers = pairs.iter().map(|(n, v)| (n.clone(), HeaderValue::from_str(v).unwrap())).collect();
        check_type(&entry, &headers).is_ok()
    }

    #[test]
    fn json_under_its_names_and_nothing_else() {
        assert!(accepts(Dialect::OpenAiChat, &[]));
        for json in
            ["application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json", "text/json"]
        {
            assert!(accepts(Dialect::OpenAiChat, &[(CONTENT_TYPE, json)]), "{json}");
        }
        for other in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=json",
            "",
            "+json",
        ] {
            assert!(!accepts(Dialect::OpenAiChat, &[(CONTENT_TYPE, other)]), "{other}");
        }
    }

    #[test]
    fn ollama_reads_any_type_but_not_from_a_web_page() {
        let form = (CONTENT_TYPE, "application/x-www-form-urlencoded");
        assert!(accepts(Dialect::Ollama, std::slice::from_ref(&form)));
        assert!(!accepts(Dialect::Ollama, &[form, (ORIGIN, "https://example.com")]));
    }
}
