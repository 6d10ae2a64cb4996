//! The life of one call in a worker: what kind of answer it gets, and who gives it. One attempt only; the one
//! retry loop is the router's.

use crate::body::{Patch, PatchedBody, Source};
use crate::continuation;
use crate::count;
use crate::demo;
use crate::plan::{Plan, Transport, refuses};
use crate::relay::{Broken, Failed, Framing, Relay};
use crate::serve::{Account, Desk, Provider};
use crate::translate::{self, Asked, Pair};
use crate::upstream::{AnswerBody, headers, url};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use protocol::dialect::anthropic::carries_own_marks;
use protocol::dialect::gemini::names;
use protocol::dialect::openai_responses::{OwnItems, own_items};
use protocol::dialect::{Dialect, ErrorAnswer, Operation};
use protocol::ipc::call::{CallHead, ReplyHead};
use protocol::ipc::configure::Endpoint;
use protocol::ipc::continues::Continues;
use protocol::model::{Failure, FailureKind, Loss};
use protocol::transport::link::{Call, RequestBody};
use std::ops::Range;
use std::time::{Duration, SystemTime};

/// An upstream's error answer is read up to this size and time; what it says beyond that is lost.
const ERROR_BODY: usize = 60 * 1024;
const ERROR_WAIT: Duration = Duration::from_secs(5);

/// Answers one call. Ends early, dropping the upstream request, when the router resets it.
pub(crate) async fn serve(call: Call, desk: &Desk) {
    let Call { head, body, reply } = call;
    let cancellation = reply.cancellation();
    let relay = Relay::new(reply, &head, &desk.timeouts());
    tokio::select! {
        biased;
        () = answer(&head, body, relay, desk) => {}
        () = cancellation.cancelled() => {}
    }
}

async fn answer(head: &CallHead, body: RequestBody, mut relay: Relay, desk: &Desk) {
    let body = Source::Client(body);
    let outcome = match Plan::of(head, &desk.provider.offer()) {
        Ok(plan) if Continues::is_said(head) => continued(plan, head, body, &mut relay, &desk.provider).await,
        Ok(plan) => follow(plan, head, body, &mut relay, &desk.provider).await,
        Err(failure) => Err(failure.into()),
    };
    match outcome {
        Ok(()) => relay.end(),
        Err(broken) => relay.fail(broken),
    }
}

async fn follow(
    plan: Plan<'_>,
    head: &CallHead,
    body: Source,
    relay: &mut Relay,
    provider: &Provider,
) -> Result<(), Broken> {
    match plan {
        Plan::PassThrough(endpoint)
            if head.dialect == Dialect::Gemini && head.operation == Operation::Embed =>
        {
            let body = body.whole(head.body_len).await?;
            let names = renamed(head, &body);
            ask(head, Source::Whole(Some(body)), relay, provider, endpoint, names).await
        }
        Plan::PassThrough(endpoint)
            if head.dialect == Dialect::Anthropic && head.operation == Operation::Chat =>
        {
            let body = body.whole(head.body_len).await?;
            if carries_own_marks(&body) {
                return without_marks(head, &body, relay, provider, endpoint).await;
            }
            let patches = patches(head, provider);
            ask(head, Source::Whole(Some(body)), relay, provider, endpoint, patches).await
        }
        Plan::PassThrough(endpoint)
            if head.dialect == Dialect::OpenAiResponses && head.operation == Operation::Chat =>
        {
            let body = body.whole(head.body_len).await?;
            let (patches, losses) = without_own_items(head, &body, provider);
            relay.lost(translate::told(head, losses, str::to_owned)?);
            ask(head, Source::Whole(Some(body)), relay, provider, endpoint, patches).await
        }
        Plan::PassThrough(endpoint) => {
            ask(head, body, relay, provider, endpoint, patches(head, provider)).await
        }
        Plan::Inspect(endpoint) => {
            let body = body.whole(head.body_len).await?;
            if refuses(&provider.offer().quirks.openai_chat, &body) {
                let upstream = if head.stream { Transport::Stream } else { Transport::Document };
                return translated(head, &body, relay, provider, endpoint, upstream).await;
            }
            let patches = patches(head, provider);
            ask(head, Source::Whole(Some(body)), relay, provider, endpoint, patches).await
        }
        Plan::Translate { endpoint, upstream } => {
            let body = body.whole(head.body_len).await?;
            translated(head, &body, relay, provider, endpoint, upstream).await
        }
        Plan::Embed(endpoint) => {
            let body = body.whole(head.body_len).await?;
            let asked = translate::embeddings(head, &body, endpoint.dialect)?;
            as_asked(asked, relay, provider, endpoint).await
        }
        Plan::Count(endpoint) => {
            let body = body.whole(head.body_len).await?;
            counted(head, body, relay, provider, endpoint).await
        }
    }
}

/// The request without what only we can have written into it; its answer passes as it comes.
async fn without_marks(
    head: &CallHead,
    body: &[u8],
    relay: &mut Relay,
    provider: &Provider,
    endpoint: &Endpoint,
) -> Result<(), Broken> {
    let (head, body, losses) = translate::without_marks(head, body, provider.quirks())?;
    relay.lost(losses);
    ask(&head, Source::Whole(Some(body.into())), relay, provider, endpoint, Vec::new()).await
}

/// The conversation in the endpoint's dialect, its answer in the client's.
async fn translated(
    head: &CallHead,
    body: &[u8],
    relay: &mut Relay,
    provider: &Provider,
    endpoint: &Endpoint,
    upstream: Transport,
) -> Result<(), Broken> {
    let facts = provider.facts(&head.model);
    let (quirks, target, now) = (provider.quirks(), endpoint.dialect, unix_now());
    let asked = translate::request(head, body, &Pair { target, upstream, quirks, facts: &facts, now })?;
    as_asked(asked, relay, provider, endpoint).await
}

/// The second half of an answer that began elsewhere: always read and written, whatever the endpoint speaks.
async fn continued(
    plan: Plan<'_>,
    head: &CallHead,
    body: Source,
    relay: &mut Relay,
    provider: &Provider,
) -> Result<(), Broken> {
    let mut head = head.clone();
    let endpoint = continuation::endpoint(plan.endpoint(), provider.offer().endpoints, provider.quirks());
    let (Some(continues), Some(endpoint)) = (Continues::take(&mut head), endpoint) else {
        return Err(Failure::new(FailureKind::Unsupported, "this answer cannot be continued").into());
    };
    let body = body.whole(head.body_len).await?;
    let facts = provider.facts(&head.model);
    let (quirks, target, now) = (provider.quirks(), endpoint.dialect, unix_now());
    let pair = Pair { target, upstream: Transport::Stream, quirks, facts: &facts, now };
    as_asked(continuation::request(&head, &body, continues, &pair)?, relay, provider, endpoint).await
}

async fn as_asked(
    asked: Asked,
    relay: &mut Relay,
    provider: &Provider,
    endpoint: &Endpoint,
) -> Result<(), Broken> {
    let Asked { head, body, back } = asked;
    relay.translate(back);
    ask(&head, Source::Whole(Some(body.into())), relay, provider, endpoint, Vec::new()).await
}

/// Counted where somebody knows how; else, and where the provider only pretends to, estimated.
async fn counted(
    head: &CallHead,
    body: Bytes,
    relay: &mut Relay,
    provider: &Provider,
    endpoint: Option<&Endpoint>,
) -> Result<(), Broken> {
    // What the provider would refuse for our own marks in it is estimated.
    let knows = endpoint.filter(|_| head.dialect != Dialect::Anthropic || !carries_own_marks(&body));
    if let Some(endpoint) = knows {
        let source = Source::Whole(Some(body.clone()));
        let patches = match head.dialect {
            Dialect::Gemini => renamed(head, &body),
            Dialect::OpenAiResponses => without_own_items(head, &body, provider).0,
            Dialect::OpenAiChat | Dialect::Anthropic | Dialect::Ollama => patches(head, provider),
        };
        let asked = ask(head, source, relay, provider, endpoint, patches).await;
        match &asked {
            Err(Broken::Failed(failed)) if count::is_unknown(&failed.failure) => {}
            Err(Broken::Failed(_) | Broken::Gone) | Ok(()) => return asked,
        }
    }
    let (headers, document) = count::estimate(head, &body)?;
    relay.head(&ReplyHead { status: 200, headers, stream: false, losses: Vec::new() });
    relay.whole(document).await
}

/// Puts the question, in the endpoint's dialect.
async fn ask(
    head: &CallHead,
    body: Source,
    relay: &mut Relay,
    provider: &Provider,
    endpoint: &Endpoint,
    patches: Vec<Patch>,
) -> Result<(), Broken> {
    match provider {
        Provider::Demo(_) => demo::answer(head, body, relay).await,
        Provider::Http(account) => {
            let body = PatchedBody::new(body, head.body_len, patches);
            send(head, body, relay, account, endpoint).await
        }
    }
}

async fn send(
    head: &CallHead,
    body: PatchedBody,
    relay: &mut Relay,
    account: &Account,
    endpoint: &Endpoint,
) -> Result<(), Broken> {
    let mut request = http::Request::builder()
        .method(head.method.as_str())
        .uri(url::for_call(endpoint, head)?)
        .body(body)
        .map_err(|e| Failure::new(FailureKind::InvalidRequest, format!("the request cannot be sent: {e}")))?;
    let mut fields = headers::to_upstream(&head.headers, &account.upstream.headers, endpoint.dialect);
    account.credential.apply(endpoint.dialect, &mut fields);
    *request.headers_mut() = fields;
    let response = relay.within(account.client.send(request)).await??;
    let (parts, mut body) = response.into_parts();
    relay.connected(parts.extensions.get());
    let headers = headers::to_client(&parts.headers);
    if !parts.status.is_success() {
        let status = parts.status.as_u16();
        let broken = refusal(endpoint.dialect, status, headers, body).await;
        if let Broken::Failed(failed) = &broken {
            account.heard(Some(&failed.failure));
        }
        return Err(broken);
    }
    account.heard(None);
    let framing = match framing(&parts.headers) {
        Framing::Document if head.stream && head.operation != Operation::Raw => {
            sniffed(endpoint.dialect, relay.within(body.peek()).await??)
        }
        framing => framing,
    };
    let reply = ReplyHead {
        status: parts.status.as_u16(),
        headers,
        stream: framing != Framing::Document,
        losses: Vec::new(),
    };
    relay.head(&reply);
    relay.body(body, framing).await
}

fn patches(head: &CallHead, provider: &Provider) -> Vec<Patch> {
    let model = head.model_span.map(|(start, end)| Patch {
        start,
        end,
        with: serde_json::Value::from(head.model.as_str()).to_string().into(),
    });
    let takes_usage = provider.quirks().openai_chat.stream_options != Some(false);
    let usage = head.usage_edit.as_ref().filter(|_| takes_usage).map(|(start, end, text)| Patch {
        start: *start,
        end: *end,
        with: Bytes::copy_from_slice(text.as_bytes()),
    });
    let mut patches: Vec<Patch> = model.into_iter().chain(usage).collect();
    patches.sort_by_key(|p| p.start);
    patches
}

/// The patches of a request of Responses, and what they leave out: reasoning that its maker's API would look for in
/// vain, because the id is ours.
fn without_own_items(head: &CallHead, body: &[u8], provider: &Provider) -> (Vec<Patch>, Vec<Loss>) {
    let mut patches = patches(head, provider);
    let OwnItems { cuts, losses } = own_items(body);
    let nothing =
        |cut: Range<usize>| Patch { start: cut.start as u64, end: cut.end as u64, with: Bytes::new() };
    patches.extend(cuts.into_iter().map(nothing));
    patches.sort_by_key(|p| p.start);
    (patches, losses)
}

/// The path of this dialect names the model; where the body repeats it, it must be the same one.
fn renamed(head: &CallHead, body: &[u8]) -> Vec<Patch> {
    let with = Bytes::from(names::said(&head.model));
    let spans = names::spans(body).into_iter();
    spans.map(|span| Patch { start: span.start as u64, end: span.end as u64, with: with.clone() }).collect()
}

fn framing(headers: &http::HeaderMap) -> Framing {
    let kind = headers.get(http::header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "text/event-stream" => Framing::Sse,
        "application/x-ndjson" | "application/jsonl" => Framing::Ndjson,
        _ => Framing::Document,
    }
}

/// Where a stream was asked for and the answer does not call itself one: servers and proxies exist that call a stream
/// something else, and others that answer with a document all the same. Its first bytes tell.
fn sniffed(dialect: Dialect, first: &[u8]) -> Framing {
    let text = first.strip_prefix("\u{feff}".as_bytes()).unwrap_or(first).trim_ascii_start();
    match dialect {
        Dialect::Ollama => match text {
            [b'{', b'\r' | b'\n', ..] | [] => Framing::Document,
            [b'{', ..] => Framing::Ndjson,
            _ => Framing::Document,
        },
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Anthropic | Dialect::Gemini => {
            let fields = [&b"data:"[..], b"event:", b"id:", b"retry:", b":"];
            // A first piece may be shorter than the name of a field, but no document begins like one.
            let begins = |field: &&[u8]| text.starts_with(field) || field.starts_with(text);
            if !text.is_empty() && fields.iter().any(begins) { Framing::Sse } else { Framing::Document }
        }
    }
}

/// The upstream said no: its own words travel on, with what they mean.
async fn refusal(dialect: Dialect, status: u16, headers: Vec<(String, String)>, body: AnswerBody) -> Broken {
    let read = tokio::time::timeout(ERROR_WAIT, Limited::new(body, ERROR_BODY).collect()).await;
    let body = read.ok().and_then(Result::ok).map(|b| b.to_bytes()).unwrap_or_default();
    let answer = ErrorAnswer { status, headers: &headers, body: &body, now_unix_s: unix_now() };
    let failure = dialect.decode_failure(&answer);
    Broken::Failed(Box::new(Failed { failure, headers, body }))
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_known_by_its_type_or_its_first_bytes() {
        let typed = |kind: &'static str| {
            let mut headers = http::HeaderMap::new();
            headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
            framing(&headers)
        };
        assert_eq!(typed("Text/Event-Stream; charset=utf-8"), Framing::Sse);
        assert_eq!(typed("application/x-ndjson"), Framing::Ndjson);
        assert_eq!(typed("application/json"), Framing::Document);
        for first in ["data: {}", "\u{feff}event: x", "\n\ndata", ": hi", ":", "d", "id: 7", "retry: 3"] {
            assert_eq!(sniffed(Dialect::OpenAiChat, first.as_bytes()), Framing::Sse, "{first:?}");
        }
        for first in ["", "  ", "{\"a\":1}", "[{", "<html>", "null", "\"data:\""] {
            assert_eq!(sniffed(Dialect::Gemini, first.as_bytes()), Framing::Document, "{first:?}");
        }
        assert_eq!(sniffed(Dialect::Ollama, b"{\"model\":"), Framing::Ndjson);
        assert_eq!(sniffed(Dialect::Ollama, b"{\n  \"model\""), Framing::Document);
    }
}
