//! Carries a plan out: reads the request, takes the steps one after the other, and waits between them.
//!
//! Owns: the clock and the effects of one call. Never: what is said; how bytes reach the router (that is
//! [`crate::relay`]).

use super::knobs::{Attempt, Knobs};
use super::plan::{self, Body, Stamp, Step, Steps};
use super::request::StreamUsage;
use super::{mischief, wire};
use crate::body::Source;
use crate::relay::{Broken, Framing, Relay, Splitter};
use crate::sandbox;
use bytes::{Bytes, BytesMut};
use protocol::dialect::{Dialect, Operation};
use protocol::ipc::call::CallHead;
use protocol::model::{Failure, FailureKind};
use std::time::SystemTime;

/// Larger requests are refused.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// Answers one call.
pub(crate) async fn answer(head: &CallHead, body: Source, relay: &mut Relay) -> Result<(), Broken> {
    match (head.operation, head.dialect) {
        (Operation::Chat, Dialect::OpenAiChat) => chat(head, body, relay).await,
        (Operation::Raw, Dialect::OpenAiChat) if head.path.split('?').next() == Some("models") => {
            relay.head(&plan::head(wire::DOCUMENT_TYPE, Body::Document));
            relay.whole(wire::models(now_unix_s())).await
        }
        _ => Err(unsupported(head).into()),
    }
}

async fn chat(head: &CallHead, body: Source, relay: &mut Relay) -> Result<(), Broken> {
    let knobs = Knobs::parse(&head.model)?;
    let body = read(head, body, relay).await?;
    let found = match &knobs.probe {
        Some(attempt) => Some(probe(attempt.clone()).await?),
        None => None,
    };
    let usage = if head.usage_edit.is_some() { StreamUsage::Asked } else { StreamUsage::Unasked };
    let stamp = Stamp { created: now_unix_s(), id: head.call_id.clone(), usage, found };
    let steps = plan::plan(&knobs, &body, &stamp)?;
    // The answer may take long; a large request need not wait for it.
    drop(body);
    perform(steps, relay).await
}

async fn read(head: &CallHead, mut body: Source, relay: &mut Relay) -> Result<Bytes, Broken> {
    if head.body_len > MAX_BODY as u64 {
        return Err(too_large().into());
    }
    let mut all = BytesMut::new();
    while let Some(chunk) = relay.within(body.next()).await? {
        let chunk = chunk?;
        if all.len() + chunk.len() > MAX_BODY {
            return Err(too_large().into());
        }
        all.extend_from_slice(&chunk);
    }
    Ok(all.freeze())
}

async fn perform(steps: Steps, relay: &mut Relay) -> Result<(), Broken> {
    let mut splitter = Splitter::new(Framing::Sse);
    for step in steps {
        match step {
            Step::Flood(mib) => relay.within(mischief::flood(mib)).await?,
            Step::Leak(mib) => relay.within(mischief::leak(mib)).await??,
            Step::Spin(time) => mischief::spin(time),
            Step::Wait(time) => relay.within(tokio::time::sleep(time)).await?,
            Step::Head(head) => relay.head(&head),
            Step::Piece(bytes) | Step::Frame(bytes) => relay.feed(&mut splitter, &bytes).await?,
            Step::Document(bytes) => relay.whole(bytes).await?,
            Step::Complete => return relay.complete(splitter).await,
            Step::Refuse(failed) => return Err(Broken::Failed(failed)),
            Step::Cut(failure) => return Err(failure.into()),
            Step::Hang => relay.within(std::future::pending::<()>()).await?,
            Step::Abort => mischief::abort(),
            Step::Exit(code) => mischief::exit(code),
        }
    }
    Ok(())
}

/// Probes block: they run beside the calls.
async fn probe(attempt: Attempt) -> Result<String, Failure> {
    let tried = tokio::task::spawn_blocking(move || sandbox::probe(attempt.probe, &attempt.argument));
    match tried.await {
        Ok(verdict) => Ok(verdict.to_string()),
        Err(error) => Err(Failure::new(FailureKind::Internal, format!("the probe did not end: {error}"))),
    }
}

fn unsupported(head: &CallHead) -> Failure {
    let message = match head.dialect {
        Dialect::OpenAiChat => "the demo provider answers chat completions and lists its models".to_owned(),
        other => format!("the demo provider does not offer the {other} dialect"),
    };
    Failure::new(FailureKind::Unsupported, message)
}

fn too_large() -> Failure {
    let message = format!("the demo provider reads requests of up to {} MiB", MAX_BODY / 1024 / 1024);
    Failure::new(FailureKind::TooLarge, message)
}

fn now_unix_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests;
