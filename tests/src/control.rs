//! The control socket as the command line uses it: one question, one reply; and what is on record.

use crate::stack::Stack;
use anyhow::{Context, Result, bail};
use protocol::control::record::{CallFilter, CallSummary, EventFilter, EventView, Page};
use protocol::control::{Ask, Caller, Changed, ControlReply, ControlRequest, Refusal};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

/// Longer than any question may wait.
const PATIENCE: Duration = Duration::from_secs(40);

/// Asks the supervisor that keeps its things below that state directory.
#[derive(Clone, Debug)]
pub struct Control {
    path: PathBuf,
}

impl Control {
    pub fn of(state: &Path) -> Self {
        Self { path: state.join("run").join("ctl.sock") }
    }

    /// The reply, whatever it is.
    pub async fn ask(&self, request: ControlRequest) -> Result<ControlReply> {
        self.ask_once(request, None).await
    }

    /// The same with an idempotency key.
    pub async fn ask_once(&self, request: ControlRequest, key: Option<&str>) -> Result<ControlReply> {
        let caller = Caller::Local { uid: nix::unistd::getuid().as_raw() };
        let ask = Ask { caller, request, idempotency_key: key.map(str::to_owned) };
        let mut line = serde_json::to_vec(&ask)?;
        line.push(b'\n');
        let exchange = async {
            let mut stream = UnixStream::connect(&self.path).await.context("the control socket")?;
            stream.write_all(&line).await?;
            let mut reply = String::new();
            BufReader::new(stream).read_line(&mut reply).await?;
            serde_json::from_str(&reply).with_context(|| format!("the reply {reply:?}"))
        };
        tokio::time::timeout(PATIENCE, exchange).await.context("no reply")?
    }

    /// A change that is committed.
    pub async fn change(&self, request: ControlRequest) -> Result<Changed> {
        match self.ask(request).await? {
            ControlReply::Changed(changed) => Ok(*changed),
            other => bail!("not changed: {other:?}"),
        }
    }

    /// A question that is refused.
    pub async fn refused(&self, request: ControlRequest) -> Result<Refusal> {
        match self.ask(request).await? {
            ControlReply::Refused(refusal) => Ok(refusal),
            other => bail!("not refused: {other:?}"),
        }
    }

    /// The epoch in force.
    pub async fn epoch(&self) -> Result<u64> {
        match self.ask(ControlRequest::Status).await? {
            ControlReply::Status(status) => Ok(status.epoch),
            other => bail!("no status: {other:?}"),
        }
    }
}

/// Asks a running stack one question.
pub async fn ask(stack: &Stack, request: ControlRequest) -> Result<ControlReply> {
    Control::of(&stack.place().state()).ask(request).await
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
