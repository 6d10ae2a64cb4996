//! What an operator asks a running stack, over its control socket, in the words of the contract.

use crate::stack::Stack;
use anyhow::{Context, Result, bail};
use protocol::control::ask::Caller;
use protocol::control::record::{CallFilter, CallSummary, EventFilter, EventView, Page};
use protocol::control::{Ask, ControlReply, ControlRequest};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// Longer than any question may wait.
const PATIENCE: Duration = Duration::from_secs(45);

/// Asks one question.
pub async fn ask(stack: &Stack, request: ControlRequest) -> Result<ControlReply> {
    let path = stack.place().state().join("run/ctl.sock");
    let socket = UnixStream::connect(&path).await.with_context(|| path.display().to_string())?;
    let (read, mut write) = socket.into_split();
    let caller = Caller::Local { uid: nix::unistd::geteuid().as_raw() };
    let mut line = serde_json::to_vec(&Ask { caller, request, idempotency_key: None })?;
    line.push(b'\n');
    write.write_all(&line).await?;
    let mut answer = String::new();
    timeout(PATIENCE, BufReader::new(read).read_line(&mut answer)).await??;
    serde_json::from_str(&answer).with_context(|| format!("the reply {answer:?}"))
}

/// Every call on record that fits, newest first, page by page.
pub async fn calls(stack: &Stack, filter: &CallFilter) -> Result<Vec<CallSummary>> {
    let mut all: Vec<CallSummary> = Vec::new();
    loop {
        let page = Page { before: all.last().map(|call| call.id.clone()), limit: 500, ..Page::default() };
        match ask(stack, ControlRequest::Calls { filter: filter.clone(), page }).await? {
            ControlReply::Calls(calls) if calls.is_empty() => return Ok(all),
            ControlReply::Calls(calls) => all.extend(calls),
            other => bail!("calls: {other:?}"),
        }
    }
}

/// The events on record that fit, oldest first.
pub async fn events(stack: &Stack, filter: EventFilter) -> Result<Vec<EventView>> {
    let page = Page { after: Some("0".to_owned()), limit: 500, ..Page::default() };
    match ask(stack, ControlRequest::Events { filter, page }).await? {
        ControlReply::Events(events) => Ok(events),
        other => bail!("events: {other:?}"),
    }
}
