//! Does what a plan says: the only part of the demo provider with a clock, memory and a process to end.

use super::{Framing, Plan, Probing, Stamp, Step, models, plan};
use crate::body::Source;
use crate::relay::{self, Broken, Failed, Relay, Splitter};
use crate::sandbox::probe;
use bytes::{Bytes, BytesMut};
use protocol::dialect::{Dialect, ErrorAnswer, Operation};
use protocol::ipc::call::{CallHead, ReplyHead};
use protocol::model::{Failure, FailureKind};
use std::io::Write;
use std::time::{Duration, Instant, SystemTime};

/// Bytes written to standard error at once.
const LINE: usize = 1024;

/// Answers a call that was given to the demo provider.
pub(crate) async fn answer(head: &CallHead, body: Source, relay: &mut Relay) -> Result<(), Broken> {
    let created = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let plan = match (head.dialect, head.operation) {
        (Dialect::OpenAiChat, Operation::Chat) => {
            let body = body.whole(head.body_len).await?;
            plan(&head.model, &body, Stamp { created, id: head.call_id.clone() })
        }
        (Dialect::OpenAiChat, Operation::Raw) if head.path.trim_matches('/') == "models" => {
            let head = Step::Head { status: 200, framing: Framing::Json };
            Plan { steps: vec![head, Step::Chunk(models(created))] }
        }
        (Dialect::OpenAiChat, _) => return Err(unsupported("has conversations and models only")),
        _ => return Err(unsupported("speaks the openai-chat dialect only")),
    };
    let mut acting = Acting { relay, head, created, sent: Sent::Nothing };
    for step in plan.steps {
        acting.act(step).await?;
    }
    acting.finish().await
}

fn unsupported(what: &str) -> Broken {
    Failure::new(FailureKind::Unsupported, format!("the demo provider {what}")).into()
}

/// What of the answer is on its way.
enum Sent {
    Nothing,
    Document(BytesMut),
    Events(Splitter),
}

struct Acting<'a> {
    relay: &'a mut Relay,
    head: &'a CallHead,
    created: u64,
    sent: Sent,
}

impl Acting<'_> {
    async fn act(&mut self, step: Step) -> Result<(), Broken> {
        match step {
            Step::Head { status, framing } => self.begin(status, framing),
            Step::Chunk(bytes) => self.send(&bytes).await?,
            Step::Wait(ms) => self.relay.within(tokio::time::sleep(Duration::from_millis(ms))).await?,
            Step::Cut => {
                return Err(Failure::new(FailureKind::Interrupted, "the demo answer broke off").into());
            }
            Step::Hang => self.relay.within(std::future::pending()).await?,
            Step::Fail { status, headers, body } => return Err(self.refusal(status, headers, body)),
            Step::Flood(bytes) => flood(bytes).await,
            Step::Leak(bytes) => leak(bytes),
            Step::Spin(ms) => spin(Duration::from_millis(ms)),
            Step::Abort => std::process::abort(),
            Step::Exit(code) => end(code),
            Step::Probe(probing) => self.probe(&probing).await?,
        }
        Ok(())
    }

    fn begin(&mut self, status: u16, framing: Framing) {
        let (kind, framed) = match framing {
            Framing::Json => ("application/json", relay::Framing::Document),
            Framing::EventStream => ("text/event-stream", relay::Framing::Sse),
        };
        let headers = vec![("content-type".to_owned(), kind.to_owned())];
        let stream = framing == Framing::EventStream;
        self.relay.head(ReplyHead { status, headers, stream, losses: Vec::new() }, framed);
        self.sent = match framing {
            Framing::Json => Sent::Document(BytesMut::new()),
            Framing::EventStream => Sent::Events(Splitter::new(relay::Framing::Sse)),
        };
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        match &mut self.sent {
            Sent::Nothing => {}
            Sent::Document(document) => document.extend_from_slice(bytes),
            Sent::Events(splitter) => self.relay.feed(splitter, bytes).await?,
        }
        Ok(())
    }

    async fn finish(self) -> Result<(), Broken> {
        match self.sent {
            Sent::Nothing => {
                Err(Failure::new(FailureKind::Interrupted, "the demo answer has no head").into())
            }
            Sent::Document(document) => self.relay.whole(document.freeze()).await,
            Sent::Events(splitter) => self.relay.complete(splitter).await,
        }
    }

    async fn probe(&mut self, probing: &Probing) -> Result<(), Broken> {
        let verdict = probe(probing.probe, &probing.argument);
        for chunk in probing.chunks(&verdict) {
            self.send(&chunk).await?;
        }
        Ok(())
    }

    fn refusal(&self, status: u16, headers: Vec<(String, String)>, body: Bytes) -> Broken {
        let answer = ErrorAnswer { status, headers: &headers, body: &body, now_unix_s: self.created };
        let failure = self.head.dialect.decode_failure(&answer);
        let body = if self.relay.dialect() == self.head.dialect { body } else { Bytes::new() };
        Broken::Failed(Box::new(Failed { failure, headers, body }))
    }
}

/// Lines to standard error, others having their turn in between. A reader that is gone ends it.
async fn flood(bytes: u64) {
    let mut line = vec![b'x'; LINE];
    line[LINE - 1] = b'\n';
    for n in 0..bytes / LINE as u64 {
        if std::io::stderr().write_all(&line).is_err() {
            return;
        }
        if n % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
}

/// Every page is written to, or the memory would only be promised.
fn leak(bytes: u64) {
    let kept = vec![1_u8; usize::try_from(bytes).unwrap_or(usize::MAX)];
    std::mem::forget(kept);
}

fn spin(time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test asks to see what becomes of a worker that ends by itself"
)]
fn end(code: u8) -> ! {
    std::process::exit(i32::from(code))
}

#[cfg(test)]
mod tests;
