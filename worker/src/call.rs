//! The life of one call in a worker: what kind of answer it gets, and who gives it. One attempt only; the one
//! retry loop is the router's.

use crate::body::{Patch, PatchedBody};
use crate::demo;
use crate::relay::{Broken, Failed, Framing, Relay};
use crate::serve::{Account, Desk, Provider};
use crate::upstream::{AnswerBody, headers, url};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use protocol::dialect::{Dialect, ErrorAnswer};
use protocol::ipc::call::{CallHead, ReplyHead};
use protocol::model::{Failure, FailureKind};
use protocol::transport::link::{Call, RequestBody};
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
    let outcome = match &desk.provider {
        Provider::Demo => demo::answer(head, body, &mut relay).await,
        Provider::Http(account) => pass(head, body, &mut relay, account).await,
    };
    match outcome {
        Ok(()) => relay.end(),
        Err(broken) => relay.fail(broken),
    }
}

/// Same dialect on both sides: the bytes pass, only the named ranges change.
async fn pass(
    head: &CallHead,
    body: RequestBody,
    relay: &mut Relay,
    account: &Account,
) -> Result<(), Broken> {
    let Some(endpoint) = account.endpoint(head.dialect) else { return Err(unsupported(head).into()) };
    let mut request = http::Request::builder()
        .method(head.method.as_str())
        .uri(url::for_call(endpoint, head)?)
        .body(PatchedBody::new(body, head.body_len, patches(head)))
        .map_err(|e| Failure::new(FailureKind::InvalidRequest, format!("the request cannot be sent: {e}")))?;
    let mut fields = headers::to_upstream(&head.headers, &account.upstream.headers, head.dialect);
    account.credential.apply(head.dialect, &mut fields);
    *request.headers_mut() = fields;
    let response = relay.within(account.client.send(request)).await??;
    let (parts, body) = response.into_parts();
    relay.connected(parts.extensions.get());
    let headers = headers::to_client(&parts.headers);
    if !parts.status.is_success() {
        let status = parts.status.as_u16();
        return Err(refusal(head.dialect, status, headers, body).await);
    }
    let framing = framing(&parts.headers);
    relay.head(&ReplyHead {
        status: parts.status.as_u16(),
        headers,
        stream: framing != Framing::Document,
        losses: Vec::new(),
    });
    relay.body(body, framing).await
}

fn patches(head: &CallHead) -> Vec<Patch> {
    let model = head.model_span.map(|(start, end)| Patch {
        start,
        end,
        with: serde_json::Value::from(head.model.as_str()).to_string().into(),
    });
    let usage = head.usage_edit.as_ref().map(|(start, end, text)| Patch {
        start: *start,
        end: *end,
        with: Bytes::copy_from_slice(text.as_bytes()),
    });
    let mut patches: Vec<Patch> = model.into_iter().chain(usage).collect();
    patches.sort_by_key(|p| p.start);
    patches
}

fn framing(headers: &http::HeaderMap) -> Framing {
    let kind = headers.get(http::header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    match kind.split(';').next().unwrap_or_default().trim() {
        "text/event-stream" => Framing::Sse,
        "application/x-ndjson" | "application/jsonl" => Framing::Ndjson,
        _ => Framing::Document,
    }
}

/// The upstream said no: its own words travel on, with what they mean.
async fn refusal(dialect: Dialect, status: u16, headers: Vec<(String, String)>, body: AnswerBody) -> Broken {
    let read = tokio::time::timeout(ERROR_WAIT, Limited::new(body, ERROR_BODY).collect()).await;
    let body = read.ok().and_then(Result::ok).map(|b| b.to_bytes()).unwrap_or_default();
    let now_unix_s = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let answer = ErrorAnswer { status, headers: &headers, body: &body, now_unix_s };
    let failure = dialect.decode_failure(&answer);
    Broken::Failed(Box::new(Failed { failure, headers, body }))
}

/// What this build cannot do yet for this pair of dialects, said plainly.
fn unsupported(head: &CallHead) -> Failure {
    let message = format!("this provider does not offer the {} dialect", head.dialect);
    Failure::new(FailureKind::Unsupported, message)
}
