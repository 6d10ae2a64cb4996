//! The answer on its way back: bytes of the upstream to the router unchanged, watched by a tap that says when
//! they commit the call, whether they ended well and what they cost.
//!
//! Whole events only are sent on: a client can use nothing less, and an error event can then always follow. An
//! answer in another dialect than the client's goes through a translator instead of past the tap.
//! It never decides about retries; it says what happened.

use crate::translate::Translator;
use crate::upstream::{AnswerBody, Deadlines, Established, Limit, Shape};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use protocol::dialect::Operation;
use protocol::dialect::tap::{Observed, Tap};
use protocol::framing::{FrameError, NdjsonDecoder, SseDecoder};
use protocol::ipc::call::{CallHead, ReplyHead, Reset, ResetCode, Timings, Trailer};
use protocol::ipc::configure::Timeouts;
use protocol::model::{Failure, FailureKind, Loss, Retry, UsageSource};
use protocol::transport::link::{Commit, Gone, Reply};
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};
use tokio::time::Sleep;

/// A document up to this size is read for its usage; a larger one passes unread.
const READ_DOCUMENT: usize = 8 * 1024 * 1024;

/// After its terminator a stream may stay open this long, so that its connection can be used again.
const LINGER: Duration = Duration::from_millis(100);

/// How an attempt ends without success.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The router does not want it any more: nothing is left to say.
    Gone,
    Failed(Box<Failed>),
}

/// What is said about a failed attempt.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) failure: Failure,
    /// Of the upstream's error answer, for the client.
    pub(crate) headers: Vec<(String, String)>,
    /// The upstream's error, verbatim: a whole answer if the failure has a status, else an event of the stream.
    pub(crate) body: Bytes,
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Broken::Failed(Box::new(Failed { failure, headers: Vec::new(), body: Bytes::new() }))
    }
}

impl From<Gone> for Broken {
    fn from(_: Gone) -> Self {
        Broken::Gone
    }
}

impl From<FrameError> for Broken {
    fn from(error: FrameError) -> Self {
        Failure::new(FailureKind::BadAnswer, format!("the provider's stream cannot be read: {error}")).into()
    }
}

/// How the upstream frames its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Sse,
    Ndjson,
    Document,
}

/// One answer under way.
pub(crate) struct Relay {
    reply: Reply,
    operation: Operation,
    tap: Tap,
    translator: Option<Box<Translator>>,
    /// The head of a document that is being translated.
    held: Option<ReplyHead>,
    /// What the request lost although it stayed in its dialect.
    losses: Vec<Loss>,
    /// What a stream left out was told.
    told: bool,
    /// The client sees usage chunks.
    shows_usage: bool,
    /// The terminator of a stream that passes through has been read.
    terminated: bool,
    started: Instant,
    timings: Timings,
    deadlines: Deadlines,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Relay {
    pub(crate) fn new(reply: Reply, head: &CallHead, timeouts: &Timeouts) -> Self {
        let started = Instant::now();
        let shape = if head.stream { Shape::Stream } else { Shape::Document };
        let left = head.deadline_ms.map(Duration::from_millis);
        Self {
            reply,
            operation: head.operation,
            tap: Tap::new(head.dialect),
            translator: None,
            held: None,
            losses: Vec::new(),
            told: false,
            shows_usage: head.wants_usage || head.usage_edit.is_none(),
            terminated: false,
            started,
            timings: Timings::default(),
            deadlines: Deadlines::new(timeouts, shape, left, started),
            alarm: None,
        }
    }

    /// From here on the answer is one to be translated.
    pub(crate) fn translate(&mut self, back: Translator) {
        self.translator = Some(Box::new(back));
    }

    /// The answer passes, but its head tells of these.
    pub(crate) fn lost(&mut self, losses: Vec<Loss>) {
        self.losses = losses;
    }

    /// Waits for `what`, but no longer than the deadlines allow.
    pub(crate) async fn within<T>(&mut self, what: impl Future<Output = T>) -> Result<T, Failure> {
        let mut what = pin!(what);
        let Some((at, which)) = self.deadlines.next() else { return Ok(what.await) };
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at.into())));
        loop {
            // One that is set too early goes off in vain at most once; setting it anew for every chunk costs more.
            if alarm.is_elapsed() || alarm.deadline() > at.into() {
                alarm.as_mut().reset(at.into());
            }
            tokio::select! {
                biased;
                done = what.as_mut() => return Ok(done),
                () = alarm.as_mut() => if alarm.deadline() >= at.into() { return Err(overdue(which)) },
            }
        }
    }

    /// Which connection the attempt got.
    pub(crate) fn connected(&mut self, connection: Option<&Established>) {
        self.timings.connected_us =
            connection.map(|c| c.at.saturating_duration_since(self.started).as_micros() as u64);
    }

    /// The upstream's head is there.
    pub(crate) fn head(&mut self, head: &ReplyHead) {
        self.timings.first_byte_us = Some(self.elapsed_us());
        match &mut self.translator {
            Some(translator) => {
                let head = translator.head(head);
                if translator.is_whole() {
                    self.held = Some(head);
                } else {
                    self.reply.head(&head);
                }
            }
            None if self.losses.is_empty() => self.reply.head(head),
            None => {
                let losses = std::mem::take(&mut self.losses);
                self.reply.head(&ReplyHead { losses, ..head.clone() });
            }
        }
    }

    /// Sends on the whole body of a successful answer.
    pub(crate) async fn body(&mut self, body: AnswerBody, framing: Framing) -> Result<(), Broken> {
        let translated = self.translator.is_some();
        match (framing, self.operation) {
            _ if translated => self.translated(body).await,
            (framing, Operation::Raw) => self.unread(body, framing).await,
            (Framing::Sse | Framing::Ndjson, _) => self.events(body, framing).await,
            (Framing::Document, _) => self.document(body).await,
        }
    }

    async fn translated(&mut self, mut body: AnswerBody) -> Result<(), Broken> {
        while let Some(chunk) = self.chunk(&mut body).await? {
            self.push(&chunk).await?;
            if self.rests() && !self.goes_on(&mut body).await? {
                break;
            }
            if self.is_over() {
                let rest = async { while self.chunk(&mut body).await.is_ok_and(|chunk| chunk.is_some()) {} };
                let _ = tokio::time::timeout(LINGER, rest).await;
                break;
            }
        }
        self.finish().await
    }

    /// After a complete answer: does another one follow? A stream that just stays open does not.
    async fn goes_on(&mut self, body: &mut AnswerBody) -> Result<bool, Broken> {
        let until = tokio::time::Instant::now() + LINGER;
        while self.rests() {
            match tokio::time::timeout_at(until, self.chunk(body)).await {
                Ok(Ok(Some(chunk))) => self.push(&chunk).await?,
                Ok(Ok(None) | Err(_)) | Err(_) => return Ok(false),
            }
        }
        Ok(!self.is_over())
    }

    fn rests(&self) -> bool {
        self.translator.as_ref().is_some_and(|translator| translator.is_resting())
    }

    fn is_over(&self) -> bool {
        self.translator.as_ref().is_some_and(|translator| translator.is_over())
    }

    /// Sends on what these bytes of the upstream mean.
    async fn push(&mut self, chunk: &[u8]) -> Result<(), Broken> {
        let Some(translator) = &mut self.translator else { return Ok(()) };
        let mut out = Vec::new();
        let pushed = translator.push(chunk, &mut out);
        self.write(out).await?;
        Ok(pushed?)
    }

    /// The upstream has no more bytes.
    async fn finish(&mut self) -> Result<(), Broken> {
        let Some(translator) = &mut self.translator else { return Ok(()) };
        let mut out = Vec::new();
        let finished = translator.finish(&mut out);
        if let Some(mut head) = self.held.take().filter(|_| finished.is_ok()) {
            head.losses.extend(translator.unsaid());
            self.reply.head(&head);
        }
        self.write(out).await?;
        Ok(finished?)
    }

    async fn write(&mut self, out: Vec<u8>) -> Result<(), Gone> {
        if self.translator.as_ref().is_some_and(|translator| translator.content_seen()) {
            self.content();
        }
        if self.is_over() {
            self.omitted();
        }
        self.flush(out.into()).await
    }

    /// A stream's head is gone when it is known what its client has no word for: that is told beside its bytes, before
    /// the terminator, as nobody may listen after it.
    fn omitted(&mut self) {
        let Some(translator) = &mut self.translator else { return };
        let losses = translator.unsaid();
        if !losses.is_empty() && !std::mem::replace(&mut self.told, true) {
            self.reply.omitted(losses);
        }
    }

    async fn chunk(&mut self, body: &mut AnswerBody) -> Result<Option<Bytes>, Failure> {
        loop {
            let frame = match self.within(body.frame()).await? {
                None => return Ok(None),
                Some(Ok(frame)) => frame,
                Some(Err(failure)) => return Err(failure),
            };
            // Trailers say nothing that a client of these dialects reads.
            if let Ok(bytes) = frame.into_data()
                && !bytes.is_empty()
            {
                self.deadlines.bytes(Instant::now());
                return Ok(Some(bytes));
            }
        }
    }

    async fn events(&mut self, mut body: AnswerBody, framing: Framing) -> Result<(), Broken> {
        let mut splitter = Splitter::new(framing);
        while let Some(chunk) = self.chunk(&mut body).await? {
            self.feed(&mut splitter, &chunk).await?;
        }
        self.complete(splitter).await
    }

    /// Sends on the events that these bytes complete.
    pub(crate) async fn feed(&mut self, splitter: &mut Splitter, chunk: &[u8]) -> Result<(), Broken> {
        if self.translator.is_some() {
            return self.push(chunk).await;
        }
        splitter.push(chunk);
        let mut out = Gathered::default();
        while let Some((observed, raw)) = splitter.next(&mut self.tap)? {
            self.take(&mut out, observed, raw)?;
        }
        Ok(self.flush(out.into_bytes()).await?)
    }

    /// The stream has no more bytes: did it end well?
    pub(crate) async fn complete(&mut self, mut splitter: Splitter) -> Result<(), Broken> {
        if self.translator.is_some() {
            return self.finish().await;
        }
        let mut out = Gathered::default();
        while let Some((observed, raw)) = splitter.finish(&mut self.tap) {
            self.take(&mut out, observed, raw)?;
        }
        let verdict = self.tap.end();
        if let (Ok(()), Some(closing)) = (&verdict, self.tap.closing()) {
            out.push(Bytes::copy_from_slice(closing));
        }
        self.flush(out.into_bytes()).await?;
        Ok(verdict?)
    }

    /// One event's fate: sent on, hidden, or the end of it all.
    fn take(&mut self, out: &mut Gathered, observed: Observed, raw: Bytes) -> Result<(), Broken> {
        match observed {
            Observed::Failure(failure) => {
                // What the upstream itself calls an error is shown as it is; garbage is not.
                let body = match failure.kind {
                    FailureKind::BadAnswer | FailureKind::Interrupted => Bytes::new(),
                    _ => raw,
                };
                return Err(Broken::Failed(Box::new(Failed { failure, headers: Vec::new(), body })));
            }
            Observed::UsageOnly if !self.shows_usage => return Ok(()),
            Observed::Content => self.content(),
            Observed::End => self.terminated = true,
            Observed::Prelude | Observed::UsageOnly => {}
        }
        out.push(raw);
        Ok(())
    }

    fn content(&mut self) {
        if self.timings.first_content_us.is_none() {
            self.timings.first_content_us = Some(self.elapsed_us());
        }
        self.deadlines.content(Instant::now());
    }

    /// The terminator of a stream has been read, and is among what is sent on.
    fn is_terminated(&self) -> bool {
        match &self.translator {
            Some(translator) => translator.is_over(),
            None => self.terminated,
        }
    }

    fn content_seen(&self) -> bool {
        match &self.translator {
            Some(translator) => translator.content_seen(),
            None => self.tap.content_seen(),
        }
    }

    async fn flush(&mut self, out: Bytes) -> Result<(), Gone> {
        if out.is_empty() {
            return Ok(());
        }
        let commit = match self.content_seen() {
            true if self.is_terminated() => Commit::Terminated,
            true => Commit::Committed,
            false => Commit::Held,
        };
        self.deadlines.paused();
        let sent = self.reply.data(out, commit).await;
        self.deadlines.bytes(Instant::now());
        sent
    }

    /// A document passes as it comes; the router holds it until its end.
    async fn document(&mut self, mut body: AnswerBody) -> Result<(), Broken> {
        let mut kept = Vec::new();
        let mut size = 0;
        while let Some(chunk) = self.chunk(&mut body).await? {
            size += chunk.len();
            if size <= READ_DOCUMENT {
                kept.push(chunk.clone());
            }
            self.reply.data(chunk, Commit::Held).await?;
        }
        self.timings.first_content_us = self.timings.first_byte_us;
        if size > READ_DOCUMENT {
            return Ok(());
        }
        let whole = match <[Bytes; 1]>::try_from(kept) {
            Ok([only]) => only,
            Err(kept) => kept.concat().into(),
        };
        self.judge(&whole)
    }

    /// An error under a 200 that no other attempt could mend is the answer: its client gets it as it came.
    fn judge(&mut self, document: &[u8]) -> Result<(), Broken> {
        match self.tap.document(document) {
            Err(failure) if failure.retry != Retry::Never => Err(failure.into()),
            Err(_) | Ok(()) => Ok(()),
        }
    }

    /// Whatever it is: it passes as it comes, unread.
    async fn unread(&mut self, mut body: AnswerBody, framing: Framing) -> Result<(), Broken> {
        let commit = match framing {
            Framing::Sse | Framing::Ndjson => Commit::Committed,
            Framing::Document => Commit::Held,
        };
        while let Some(chunk) = self.chunk(&mut body).await? {
            self.content();
            self.deadlines.paused();
            self.reply.data(chunk, commit).await?;
            self.deadlines.bytes(Instant::now());
        }
        Ok(())
    }

    /// Sends on a whole document that is here already.
    pub(crate) async fn whole(&mut self, document: Bytes) -> Result<(), Broken> {
        if self.translator.is_some() {
            self.push(&document).await?;
            return self.finish().await;
        }
        self.timings.first_content_us = self.timings.first_byte_us;
        self.judge(&document)?;
        Ok(self.reply.data(document, Commit::Held).await?)
    }

    /// Success: the trailer says what it cost.
    pub(crate) fn end(mut self) {
        self.omitted();
        let trailer = self.trailer();
        self.reply.end(&trailer);
    }

    /// No success: the reset says why, and what was consumed all the same.
    pub(crate) fn fail(mut self, broken: Broken) {
        let Broken::Failed(failed) = broken else { return };
        let Failed { failure, headers, mut body } = *failed;
        // Words in another dialect stay behind; the router says what they mean in the client's.
        if self.translator.as_ref().is_some_and(|translator| translator.changes_dialect()) {
            body = Bytes::new();
        }
        self.omitted();
        let reset = Reset {
            code: ResetCode::Upstream,
            failure: Some(failure),
            headers,
            trailer: Some(self.trailer()),
        };
        self.reply.fail(&reset, body);
    }

    fn trailer(&mut self) -> Trailer {
        self.timings.total_us = self.elapsed_us();
        let (usage, stop_reason) = match &self.translator {
            Some(translator) => (translator.usage(), translator.stop_reason()),
            None => (self.tap.usage(), self.tap.stop_reason()),
        };
        let estimated = self.translator.as_ref().is_some_and(|translator| translator.is_estimated());
        let source = if estimated { UsageSource::Estimated } else { UsageSource::Reported };
        Trailer {
            usage,
            usage_source: (!usage.is_empty()).then_some(source),
            timings: self.timings,
            stop_reason: stop_reason.map(str::to_owned),
        }
    }

    fn elapsed_us(&self) -> u64 {
        self.started.elapsed().as_micros() as u64
    }
}

/// Events that are sent on together. One alone is not copied.
#[derive(Default)]
struct Gathered {
    only: Bytes,
    all: BytesMut,
}

impl Gathered {
    fn push(&mut self, event: Bytes) {
        if self.only.is_empty() && self.all.is_empty() {
            self.only = event;
            return;
        }
        if self.all.is_empty() {
            self.all.extend_from_slice(&self.only);
        }
        self.all.extend_from_slice(&event);
    }

    fn into_bytes(self) -> Bytes {
        if self.all.is_empty() { self.only } else { self.all.freeze() }
    }
}

/// Cuts a stream into its events and shows each to the tap.
pub(crate) enum Splitter {
    Sse(SseDecoder),
    Ndjson(NdjsonDecoder),
}

impl Splitter {
    pub(crate) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Ndjson => Self::Ndjson(NdjsonDecoder::new()),
            Framing::Sse | Framing::Document => Self::Sse(SseDecoder::new()),
        }
    }

    fn push(&mut self, chunk: &[u8]) {
        match self {
            Self::Sse(decoder) => decoder.push(chunk),
            Self::Ndjson(decoder) => decoder.push(chunk),
        }
    }

    fn next(&mut self, tap: &mut Tap) -> Result<Option<(Observed, Bytes)>, FrameError> {
        Ok(match self {
            Self::Sse(decoder) => decoder.next_event()?.map(|event| (tap.event(&event), event.raw)),
            Self::Ndjson(decoder) => decoder.next_line()?.map(|line| (tap.line(&line), line.raw)),
        })
    }

    fn finish(&mut self, tap: &mut Tap) -> Option<(Observed, Bytes)> {
        match self {
            Self::Sse(decoder) => decoder.finish().map(|event| (tap.event(&event), event.raw)),
            Self::Ndjson(decoder) => decoder.finish().map(|line| (tap.line(&line), line.raw)),
        }
    }
}

fn overdue(which: Limit) -> Failure {
    let message = match which {
        Limit::FirstToken => "the provider did not begin to answer in time",
        Limit::Idle => "the provider stopped in the middle of its answer",
        Limit::Total => "the call took longer than this provider may",
        Limit::Call => "the call's own deadline passed",
    };
    let kind = match which {
        Limit::Idle => FailureKind::Interrupted,
        Limit::FirstToken | Limit::Total | Limit::Call => FailureKind::Timeout,
    };
    Failure::new(kind, message)
}
