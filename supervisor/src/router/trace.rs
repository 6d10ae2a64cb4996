//! The decision trace of one call: who might have served it, who was left out and why, what was tried with
//! which result, and how it ended. Kept for people; nothing is decided by it.

use super::front::{estimated_input, used};
use super::limits::{Admission, Places, Use};
use super::notices::now_ms;
use super::portion::Portion;
use super::routing::{Candidate, LeftOut, Plan, Route};
use super::shared::Shared;
use protocol::dialect::{Dialect, Operation};
use protocol::ipc::call::{ReplyHead, Trailer};
use protocol::ipc::configure::{AppKey, Rule};
use protocol::model::{FailureKind, Loss, Usage, UsageSource};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// See the module. Durations count from the call's beginning.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub(crate) call: Uuid,
    pub(crate) began: SystemTime,
    pub(crate) app: Arc<str>,
    /// Absent = the door was open.
    pub(crate) key: Option<Arc<AppKey>>,
    pub(crate) dialect: Dialect,
    pub(crate) operation: Operation,
    /// As the client asked for it.
    pub(crate) model: String,
    pub(crate) stream: bool,
    pub(crate) request_bytes: u64,
    /// The candidates, in order.
    pub(crate) route: Option<Route>,
    /// Which candidates come first.
    pub(crate) rule: Option<Rule>,
    /// Places of its app that do not take such a call.
    pub(crate) left_out: Vec<LeftOut>,
    pub(crate) excluded: Vec<Exclusion>,
    pub(crate) attempts: Vec<Attempt>,
    /// When the client was sent the first byte of the answer that stood.
    pub(crate) committed: Option<Duration>,
    /// What the client was answered, if it was.
    pub(crate) status: Option<u16>,
    /// What could not be said to the provider of the answer that stood, and what of that answer not to the client.
    pub(crate) losses: Vec<Loss>,
    pub(crate) end: End,
    pub(crate) total: Duration,
    /// What the worker reported about the attempt that stood, or broke off.
    pub(crate) trailer: Option<Trailer>,
    /// Of an answer of which nobody reported what it took.
    pub(crate) estimate: Option<Usage>,
    /// What else is worth knowing: moved after a sunset, hedged, continued, ...
    pub(crate) notes: Vec<String>,
    /// The answer broke off once, and another provider was asked to go on.
    pub(crate) first_half: Option<FirstHalf>,
}

/// The first half of an answer that two providers gave. The trailer of the trace counts both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FirstHalf {
    /// Index in the route.
    pub(crate) candidate: usize,
    /// As far as it was reported.
    pub(crate) usage: Usage,
}

impl Trace {
    /// What was consumed, and who says so.
    pub(crate) fn usage(&self) -> (Usage, Option<UsageSource>) {
        let reported = self.trailer.as_ref().filter(|t| !t.usage.is_empty());
        match (reported, self.estimate) {
            (Some(trailer), _) => (trailer.usage, trailer.usage_source),
            (None, Some(estimate)) => (estimate, Some(UsageSource::Estimated)),
            (None, None) => (Usage::default(), None),
        }
    }

    fn talks(&self) -> bool {
        matches!(self.operation, Operation::Chat | Operation::Complete)
    }

    /// A chat that began to answer and of which nobody says what it took is estimated; of what is no chat it stays
    /// unknown.
    fn weigh(&mut self, portion: &Portion, input_tokens: u64) {
        let answered = self.committed.is_some() && self.status.is_some_and(|status| status < 400);
        if self.talks() && answered && self.first_half.is_none() && self.usage().1.is_none() {
            let (input_fresh, output) = (Some(input_tokens), Some(portion.tokens()));
            self.estimate = Some(Usage { input_fresh, output, ..Usage::default() });
        }
    }

    /// What was consumed, and at which candidates.
    pub(crate) fn shares(&self) -> Vec<(Option<&Candidate>, Usage)> {
        let (usage, _) = self.usage();
        let candidate = |at: usize| self.route.as_ref().and_then(|route| route.get(at));
        let last = self.attempts.last().and_then(|a| candidate(a.candidate));
        match self.first_half {
            None => vec![(last, usage)],
            Some(first) => {
                let rest = (last, usage.minus(first.usage));
                vec![(candidate(first.candidate), first.usage), rest]
            }
        }
    }
}

/// A candidate that was not fit when the call came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exclusion {
    /// Index in the route.
    pub(crate) candidate: usize,
    pub(crate) reason: String,
}

/// One try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// Index in the route.
    pub(crate) candidate: usize,
    pub(crate) began: Duration,
    /// The part of it that was waiting for a place at the provider.
    pub(crate) queued: Duration,
    /// Until its first content, or its failure.
    pub(crate) took: Duration,
    pub(crate) result: AttemptResult,
    /// Of one that was let go for another one: what it took, estimated. It is not among the call's own usage.
    pub(crate) aside: Option<Usage>,
}

/// A try in the making.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    /// Index in the route.
    pub(crate) candidate: usize,
    pub(crate) at: Duration,
    pub(crate) queued: Duration,
}

/// How a try went, up to the commit point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AttemptResult {
    Answered,
    Failed(FailureKind, String),
}

/// How a call ended for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Served,
    /// An error answer instead of one.
    Failed(FailureKind),
    /// The answer broke off after it had begun.
    Interrupted(FailureKind),
    /// The client went away.
    Cancelled,
}

/// A call's trace in the making. Whatever happens to the call, exactly one trace comes of it: dropped
/// without an end, the client went away.
pub(crate) struct Record {
    shared: Arc<Shared>,
    began: Instant,
    /// Taken when it is over.
    trace: Option<Box<Trace>>,
    /// What it holds of its app's limits.
    admission: Option<Box<Admission>>,
    /// And if there are none.
    places: Places,
    /// What the client has got of the answer.
    portion: Portion,
    /// Tries that workers have: one, or two where a call is hedged.
    open: [Option<Begun>; 2],
}

/// What is known of a call when it begins.
pub(crate) struct Beginning {
    pub(crate) call: Uuid,
    pub(crate) app: Arc<str>,
    pub(crate) key: Option<Arc<AppKey>>,
    pub(crate) dialect: Dialect,
    pub(crate) operation: Operation,
    pub(crate) model: String,
    pub(crate) stream: bool,
    pub(crate) request_bytes: u64,
}

impl Record {
    /// A call began.
    pub(crate) fn begin(shared: Arc<Shared>, b: Beginning) -> Self {
        shared.began();
        let trace = Trace {
            call: b.call,
            began: SystemTime::now(),
            app: b.app,
            key: b.key,
            dialect: b.dialect,
            operation: b.operation,
            model: b.model,
            stream: b.stream,
            request_bytes: b.request_bytes,
            route: None,
            rule: None,
            left_out: Vec::new(),
            notes: Vec::new(),
            first_half: None,
            excluded: Vec::new(),
            attempts: Vec::new(),
            committed: None,
            status: None,
            losses: Vec::new(),
            end: End::Cancelled,
            total: Duration::ZERO,
            trailer: None,
            estimate: None,
        };
        Self {
            shared,
            began: Instant::now(),
            trace: Some(Box::new(trace)),
            admission: None,
            places: Places::default(),
            portion: Portion::default(),
            open: [None; 2],
        }
    }

    /// Time since the call began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// The process is ending, and what runs with it.
    pub(crate) fn is_cut(&self) -> bool {
        self.shared.is_cut()
    }

    /// Adds to the trace while the call runs.
    pub(crate) fn note(&mut self, add: impl FnOnce(&mut Trace)) {
        if let Some(trace) = &mut self.trace {
            add(trace);
        }
    }

    /// The call was admitted: it holds its share of the limits until it is over.
    pub(crate) fn admitted(&mut self, admission: Admission) {
        self.admission = Some(Box::new(admission));
        self.shared.notices.changed();
    }

    /// Nothing bounds the call: it is there as long as it runs.
    pub(crate) fn present(&mut self, places: Places) {
        self.places = places;
    }

    /// A part of the answer goes to the client.
    pub(crate) fn delivered(&mut self) -> &mut Portion {
        &mut self.portion
    }

    /// Where the call may go, and where not.
    pub(crate) fn planned(&mut self, plan: &Plan) {
        self.note(|t| {
            t.rule = Some(plan.rule);
            t.left_out.clone_from(&plan.left_out);
            t.notes.extend_from_slice(&plan.moved);
        });
    }

    /// A worker has the call.
    pub(crate) fn trying(&mut self, begun: Begun) {
        if let Some(free) = self.open.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(begun);
        }
    }

    /// Notes one try and how it went.
    pub(crate) fn tried(&mut self, begun: Begun, result: AttemptResult) {
        let over = |slot: &&mut Option<Begun>| slot.is_some_and(|other| other.candidate == begun.candidate);
        self.open.iter_mut().filter(over).for_each(|slot| *slot = None);
        let Begun { candidate, at: began, queued } = begun;
        let took = self.elapsed().saturating_sub(began);
        self.note(|t| t.attempts.push(Attempt { candidate, began, queued, took, result, aside: None }));
    }

    /// Notes a try that lost against another one, of which so much had come: about how many tokens it took.
    pub(crate) fn let_go(&mut self, begun: Begun, portion: &Portion) -> u64 {
        let why = "another candidate was faster".to_owned();
        self.tried(begun, AttemptResult::Failed(FailureKind::Cancelled, why));
        let mut tokens = 0;
        self.note(|t| {
            let usage = Usage {
                input_fresh: Some(estimated_input(t.request_bytes)),
                output: t.talks().then(|| portion.tokens()),
                ..Usage::default()
            };
            tokens = usage.input_total().unwrap_or(0).saturating_add(usage.output.unwrap_or(0));
            if let Some(loser) = t.attempts.last_mut() {
                loser.aside = Some(usage);
            }
        });
        tokens
    }

    /// The answer is the client's from here on.
    pub(crate) fn commit(&mut self, head: &ReplyHead) {
        let now = self.elapsed();
        self.note(|t| {
            t.committed = Some(now);
            t.status = Some(head.status);
            t.losses.clone_from(&head.losses);
        });
    }

    /// These were lost too: of a second half's request, or of an answer that is a stream.
    pub(crate) fn lost(&mut self, losses: Vec<Loss>) {
        if losses.is_empty() {
            return;
        }
        self.note(|t| {
            let new = |loss: &Loss| !t.losses.contains(loss);
            let mut losses: Vec<Loss> = losses.into_iter().filter(new).collect();
            t.losses.append(&mut losses);
        });
    }

    /// The client gets an error answer of this status.
    pub(crate) fn refuse(mut self, kind: FailureKind, status: u16) {
        self.note(|t| t.status = Some(status));
        self.close(End::Failed(kind), None);
    }

    /// The call is over.
    pub(crate) fn finish(mut self, end: End, trailer: Option<Trailer>) {
        self.close(end, trailer);
    }

    fn close(&mut self, end: End, trailer: Option<Trailer>) {
        for begun in self.open.into_iter().flatten() {
            let why = "the call ended before it answered".to_owned();
            self.tried(begun, AttemptResult::Failed(FailureKind::Cancelled, why));
        }
        let Some(mut trace) = self.trace.take() else { return };
        self.places = Places::default();
        trace.end = end;
        trace.trailer = trailer.or(trace.trailer.take());
        trace.total = self.began.elapsed();
        let input_tokens = estimated_input(trace.request_bytes);
        trace.weigh(&self.portion, input_tokens);
        tracing::debug!(
            call = %trace.call,
            app = %trace.app,
            dialect = %trace.dialect,
            operation = ?trace.operation,
            began_ms = trace.began.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64),
            request_bytes = trace.request_bytes,
            model = %trace.model,
            stream = trace.stream,
            attempts = trace.attempts.len(),
            total_us = trace.total.as_micros() as u64,
            end = ?trace.end,
            trace = ?Decisions(&trace),
            "call is over"
        );
        let Some(admission) = self.admission.take() else { return self.shared.ended(*trace, None) };
        let used = used_up(&trace, input_tokens);
        self.shared.ended(*trace, Some(admission.counted(&used)));
        admission.settle(&used);
        self.shared.notices.changed();
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.close(End::Cancelled, None);
    }
}

/// What counts against the limits of the app. A call that began to answer and says nothing of its usage counts
/// for its input at least; who was let go on the way counts too.
fn used_up(trace: &Trace, input_tokens: u64) -> Use {
    let now_ms = now_ms();
    let candidate = |at: usize| trace.route.as_ref().and_then(|route| route.get(at));
    let aside = trace.attempts.iter().filter_map(|a| Some(used(&a.aside?, candidate(a.candidate), now_ms)));
    both(aside.chain([stood(trace, input_tokens, now_ms)]))
}

/// Of the answer itself.
fn stood(trace: &Trace, input_tokens: u64, now_ms: u64) -> Use {
    let usage = match (trace.usage(), trace.committed) {
        ((usage, Some(_)), _) => usage,
        ((_, None), Some(_)) => Usage { input_fresh: Some(input_tokens), ..Usage::default() },
        ((_, None), None) => return Use::default(),
    };
    match trace.first_half {
        Some(_) => both(trace.shares().into_iter().map(|(c, usage)| used(&usage, c, now_ms))),
        None => used(&usage, trace.shares().first().and_then(|(c, _)| *c), now_ms),
    }
}

/// All uses as one. What was paid in another currency than the last is left out: a budget has one.
fn both(uses: impl Iterator<Item = Use>) -> Use {
    uses.fold(Use::default(), |sum, next| Use {
        tokens: sum.tokens.saturating_add(next.tokens),
        cost: match (sum.cost, next.cost) {
            (Some((a, one)), Some((b, other))) if one == other => Some((a.saturating_add(b), one)),
            (Some(_), Some(last)) => Some(last),
            (known, None) | (None, known) => known,
        },
    })
}

/// The decisions of a trace in a line a person can read.
struct Decisions<'a>(&'a Trace);

impl std::fmt::Debug for Decisions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = |at: usize| {
            let candidate = self.0.route.as_ref().and_then(|r| r.get(at));
            candidate.map_or_else(|| "?".to_owned(), |c| format!("{}/{}", c.provider, c.model))
        };
        let candidates = self.0.route.iter().flat_map(|r| r.iter());
        write!(f, "candidates:")?;
        for c in candidates {
            write!(f, " {}/{}", c.provider, c.model)?;
        }
        for e in &self.0.excluded {
            write!(f, "; without {}: {}", name(e.candidate), e.reason)?;
        }
        for a in &self.0.attempts {
            let (at, took) = (a.began.as_micros(), a.took.as_micros());
            match &a.result {
                AttemptResult::Answered => {
                    write!(f, "; {} at {at} us answered in {took} us", name(a.candidate))?
                }
                AttemptResult::Failed(kind, why) => {
                    write!(f, "; {} at {at} us failed in {took} us: {kind:?}: {why}", name(a.candidate))?;
                }
            }
        }
        Ok(())
    }
}
