//! A call that is over, as it is recorded: the trace in the words of the record. Pure; texts that clients chose or
//! providers wrote are cut, so that a record has a bound.

use super::routing::Candidate;
use super::trace::{Attempt, AttemptResult, End, Trace};
use protocol::control::record::{
    CallDetail, CallSummary, CallTimings, CallTrace, TraceAttempt, TraceExclusion,
};
use protocol::ipc::configure::price_at;
use protocol::model::{FailureKind, Usage, UsageSource};
use std::time::{Duration, UNIX_EPOCH};

/// Characters of a name, and of a sentence.
const NAME: usize = 256;
const SENTENCE: usize = 400;
/// Candidates, exclusions, losses and notes of one trace.
const MOST: usize = 24;
/// What nginx calls a client that went away before its answer.
const CLIENT_GONE: u16 = 499;

/// The record of a call.
pub(crate) fn detail(trace: &Trace) -> CallDetail {
    let last = trace.attempts.last().and_then(|a| candidate(trace, a.candidate));
    let at_ms = trace.began.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64);
    let sent = trace.attempts.iter().filter(|a| was_sent(a)).count();
    let (usage, usage_source) = trace.usage();
    let (cost_nano, currency) = cost_of(trace, at_ms).unzip();
    let call = CallSummary {
        id: trace.call.hyphenated().to_string(),
        at: at_ms as i64,
        app: trace.app.to_string(),
        provider: last.map(|c| c.provider.to_string()),
        model: cut(&trace.model, NAME),
        upstream_model: last.map(|c| cut(&c.model, NAME)),
        dialect: trace.dialect,
        operation: trace.operation,
        status: trace.status.unwrap_or(CLIENT_GONE),
        failure: failure(trace.end),
        attempts: u8::try_from(sent).unwrap_or(u8::MAX),
        stream: trace.stream,
        request_bytes: trace.request_bytes,
        usage,
        usage_source,
        cost_nano,
        currency,
        timings: timings(trace),
    };
    CallDetail { call, trace: Some(decisions(trace)) }
}

/// Of all who gave a part of the answer; unknown if one of them is, or if they charge in different currencies.
fn cost_of(trace: &Trace, at_ms: u64) -> Option<(i64, String)> {
    let mut sum: Option<(i64, String)> = None;
    for (candidate, usage) in trace.shares() {
        // A first half of which nothing was reported is estimated in the second one's share.
        if trace.first_half.is_some() && usage.is_empty() {
            continue;
        }
        let (cost, currency) = candidate.and_then(|c| cost(c, &usage, at_ms))?;
        sum = match sum {
            None => Some((cost, currency)),
            Some((before, same)) if same == currency => Some((before.saturating_add(cost), same)),
            Some(_) => return None,
        };
    }
    sum
}

/// Billionths of the currency, by the price of the day.
fn cost(candidate: &Candidate, usage: &Usage, at_ms: u64) -> Option<(i64, String)> {
    let price = price_at(&candidate.entry.as_ref()?.prices, at_ms)?;
    Some((price.cost_nano(usage)?, price.currency.clone()))
}

fn failure(end: End) -> Option<FailureKind> {
    match end {
        End::Served => None,
        End::Failed(kind) | End::Interrupted(kind) => Some(kind),
        End::Cancelled => Some(FailureKind::Cancelled),
    }
}

/// Where the time went. What nobody reported is absent: an attempt that was cut has no trailer.
fn timings(trace: &Trace) -> CallTimings {
    let worker = trace.trailer.as_ref().map(|t| t.timings);
    let last = trace.attempts.last();
    // The first byte of a second half is no first byte.
    let after = |us: Option<u64>| {
        us.filter(|_| trace.first_half.is_none()).zip(last).map(|(us, a)| micros(a.began + a.queued) + us)
    };
    let queued = trace.attempts.iter().map(|a| a.queued).sum::<Duration>();
    let ipc = worker.zip(last).map(|(w, a)| {
        let there = if trace.stream { w.first_content_us.unwrap_or(w.total_us) } else { w.total_us };
        micros(a.took.saturating_sub(a.queued)).saturating_sub(there)
    });
    CallTimings {
        queue_us: (!trace.attempts.is_empty()).then_some(micros(queued)),
        ipc_us: ipc,
        connect_us: worker.and_then(|w| w.connected_us),
        first_byte_us: after(worker.and_then(|w| w.first_byte_us)),
        first_token_us: trace.committed.filter(|_| trace.stream).map(micros),
        upstream_us: upstream(trace),
        total_us: micros(trace.total),
    }
}

/// The upstreams' share: what the worker of the last attempt reports, and the attempts at providers before it.
fn upstream(trace: &Trace) -> Option<u64> {
    let (last, before) = trace.attempts.split_last()?;
    let worker = trace.trailer.as_ref().map(|t| t.timings.total_us);
    let theirs = worker.or_else(|| is_upstreams(last).then(|| busy(last)))?;
    Some(before.iter().filter(|a| is_upstreams(a)).map(busy).sum::<u64>() + theirs)
}

fn busy(attempt: &Attempt) -> u64 {
    micros(attempt.took.saturating_sub(attempt.queued))
}

/// It was handed to a worker that took it.
fn was_sent(attempt: &Attempt) -> bool {
    !matches!(&attempt.result, AttemptResult::Failed(FailureKind::Refused | FailureKind::Unavailable, _))
}

/// The time of a failed attempt was the provider's, not one of our processes'.
fn is_upstreams(attempt: &Attempt) -> bool {
    use FailureKind as F;
    match &attempt.result {
        AttemptResult::Answered => false,
        AttemptResult::Failed(kind, _) => {
            !matches!(kind, F::WorkerLost | F::Refused | F::Unavailable | F::Internal | F::Cancelled)
        }
    }
}

fn decisions(trace: &Trace) -> CallTrace {
    let route = trace.route.iter().flat_map(|r| r.iter());
    let left_out = trace.left_out.iter().map(|l| TraceExclusion {
        candidate: place(&l.provider, &l.model),
        reason: cut(&l.reason, SENTENCE),
    });
    let excluded = trace.excluded.iter().map(|e| exclusion(trace, e));
    let losses = trace.losses.iter();
    CallTrace {
        key: trace.key.as_ref().map(|key| cut(&key.label, NAME)),
        rule: trace.rule.and_then(|rule| serde_json::to_value(rule).ok()?.as_str().map(str::to_owned)),
        candidates: route.take(MOST).map(|c| place(&c.provider, &c.model)).collect(),
        excluded: left_out.chain(excluded).take(MOST).collect(),
        attempts: trace.attempts.iter().map(|a| attempt(trace, a)).collect(),
        committed_us: trace.committed.map(micros),
        losses: losses.take(MOST).map(|loss| cut(&loss.field, NAME)).collect(),
        stop_reason: trace.trailer.as_ref().and_then(|t| t.stop_reason.as_deref()).map(|r| cut(r, NAME)),
        notes: trace.notes.iter().take(MOST).map(|note| cut(note, SENTENCE)).collect(),
    }
}

fn exclusion(trace: &Trace, excluded: &super::trace::Exclusion) -> TraceExclusion {
    TraceExclusion { candidate: named(trace, excluded.candidate), reason: cut(&excluded.reason, SENTENCE) }
}

fn attempt(trace: &Trace, attempt: &Attempt) -> TraceAttempt {
    let stood = attempt.result == AttemptResult::Answered;
    let worker = trace.trailer.as_ref().filter(|_| stood).map(|t| t.timings);
    let (failure, message) = match &attempt.result {
        AttemptResult::Answered => (None, None),
        AttemptResult::Failed(kind, message) => (Some(*kind), Some(cut(message, SENTENCE))),
    };
    TraceAttempt {
        candidate: named(trace, attempt.candidate),
        began_us: micros(attempt.began),
        took_us: micros(attempt.took),
        queue_us: Some(micros(attempt.queued)),
        connect_us: worker.and_then(|w| w.connected_us),
        first_byte_us: worker.and_then(|w| w.first_byte_us),
        first_token_us: worker.and_then(|w| w.first_content_us),
        failure,
        message,
        usage: attempt.aside,
        usage_source: attempt.aside.map(|_| UsageSource::Estimated),
    }
}

fn candidate(trace: &Trace, at: usize) -> Option<&Candidate> {
    trace.route.as_ref().and_then(|route| route.get(at))
}

fn named(trace: &Trace, at: usize) -> String {
    candidate(trace, at).map_or_else(|| "?".to_owned(), |c| place(&c.provider, &c.model))
}

fn place(provider: &str, model: &str) -> String {
    cut(&format!("{provider}/{model}"), NAME)
}

/// The first characters.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(super) mod tests;
