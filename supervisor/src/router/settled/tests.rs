use super::*;
use crate::router::routing::{Candidate, LeftOut, Route};
use crate::router::trace::Exclusion;
use protocol::dialect::{Dialect, Operation};
use protocol::ipc::call::{Timings, Trailer};
use protocol::ipc::configure::{ModelEntry, Price, Rule};
use protocol::model::{Usage, UsageSource};
use std::sync::Arc;
use std::time::SystemTime;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn route() -> Route {
    let priced = Price { currency: "USD".into(), output: Some(1_000_000), ..Price::default() };
    let mut entry = ModelEntry::new("m", Default::default());
    entry.prices = vec![priced];
    let mut second = Candidate::bare("b", "m");
    second.entry = Some(Arc::new(entry));
    Arc::new([Candidate::bare("a", "m"), second])
}

/// A stream that the second of two candidates served, after 30 ms in a queue.
fn trace() -> Trace {
    let failed = AttemptResult::Failed(FailureKind::Overloaded, "busy".into());
    let timings = Timings {
        connected_us: Some(0),
        first_byte_us: Some(40_000),
        first_content_us: Some(45_000),
        total_us: 300_000,
    };
    let usage = Usage { output: Some(7), ..Usage::default() };
    Trace {
        call: uuid::Uuid::from_u128(7),
        began: SystemTime::UNIX_EPOCH + ms(1_700_000_000_000),
        key: None,
        app: "web".into(),
        dialect: Dialect::OpenAiChat,
        operation: Operation::Chat,
        model: "m".into(),
        stream: true,
        request_bytes: 99,
        route: Some(route()),
        rule: Some(Rule::RoundRobin),
        left_out: vec![LeftOut { provider: "c".into(), model: "m".into(), reason: "no tools".into() }],
        notes: vec!["moved".into()],
        first_half: None,
        excluded: vec![Exclusion { candidate: 1, reason: "its worker is starting".into() }],
        attempts: vec![
            Attempt { candidate: 0, began: ms(1), queued: ms(0), took: ms(20), result: failed, aside: None },
            Attempt {
                candidate: 1,
                began: ms(21),
                queued: ms(30),
                took: ms(80),
                result: AttemptResult::Answered,
                aside: None,
            },
        ],
        committed: Some(ms(101)),
        status: Some(200),
        losses: Vec::new(),
        end: End::Served,
        total: ms(400),
        estimate: None,
        trailer: Some(Trailer {
            usage,
            usage_source: Some(UsageSource::Reported),
            timings,
            stop_reason: None,
        }),
    }
}

/// The record of a call, for tests elsewhere.
pub(in crate::router) fn detail() -> CallDetail {
    super::detail(&trace())
}

#[test]
fn time_is_told_apart_by_whose_it_was() {
    let detail = detail();
    let timings = detail.call.timings;
    assert_eq!(timings.queue_us, Some(30_000));
    // 80 ms at the router, of which 30 in the queue and 45 in the worker.
    assert_eq!(timings.ipc_us, Some(5_000));
    assert_eq!((timings.connect_us, timings.first_byte_us), (Some(0), Some(91_000)));
    assert_eq!(timings.first_token_us, Some(101_000));
    assert_eq!((timings.upstream_us, timings.total_us), (Some(320_000), 400_000));
    assert_eq!((detail.call.provider.as_deref(), detail.call.attempts), (Some("b"), 2));
    let trace = detail.trace.unwrap();
    assert_eq!(trace.candidates, ["a/m", "b/m"]);
    assert_eq!((trace.excluded[0].candidate.as_str(), trace.excluded[1].candidate.as_str()), ("c/m", "b/m"));
    assert_eq!((trace.rule.as_deref(), trace.notes.len()), (Some("round_robin"), 1));
    assert_eq!((detail.call.cost_nano, detail.call.currency.as_deref()), (Some(7_000), Some("USD")));
    assert_eq!((trace.attempts[0].failure, trace.attempts[1].failure), (Some(FailureKind::Overloaded), None));
}

#[test]
fn what_nobody_reported_is_absent() {
    let cut = Trace { trailer: None, end: End::Cancelled, ..trace() };
    let call = super::detail(&cut).call;
    assert_eq!((call.status, call.failure), (200, Some(FailureKind::Cancelled)));
    assert_eq!((call.usage, call.usage_source), (Usage::default(), None));
    let timings = call.timings;
    assert_eq!((timings.ipc_us, timings.connect_us, timings.upstream_us), (None, None, None));
    let nobody = Trace { route: None, attempts: vec![], status: None, committed: None, ..cut };
    let call = super::detail(&nobody).call;
    assert_eq!((call.provider, call.upstream_model, call.attempts), (None, None, 0));
    assert_eq!((call.status, call.timings.queue_us, call.timings.first_token_us), (499, None, None));
}

#[test]
fn a_worker_of_ours_that_died_was_not_the_upstreams_time() {
    let mut lost = trace();
    lost.attempts[0].result = AttemptResult::Failed(FailureKind::WorkerLost, String::new());
    assert_eq!(super::detail(&lost).call.timings.upstream_us, Some(300_000));
}

#[test]
fn whatever_clients_and_providers_write_a_record_has_a_bound() {
    let mut wild = trace();
    wild.model = "模".repeat(1_000_000);
    wild.attempts = vec![
        Attempt {
            result: AttemptResult::Failed(FailureKind::Upstream, "\u{1}".repeat(100_000)),
            ..wild.attempts[0].clone()
        };
        3
    ];
    let detail = super::detail(&wild);
    assert_eq!(detail.call.model.chars().count(), NAME + 1);
    let mut bytes = Vec::new();
    let entry = protocol::ipc::spool::Entry::Call(Box::new(detail.into()));
    assert!(protocol::ipc::spool::encode(&entry, &mut bytes), "{}", bytes.len());
}

#[test]
fn both_halves_of_a_continued_answer_are_paid_at_their_own_price() {
    let mut trace = trace();
    let mut route = route().to_vec();
    let mut entry = ModelEntry::new("m", Default::default());
    entry.prices = vec![Price { currency: "USD".into(), output: Some(3_000_000), ..Price::default() }];
    route[0].entry = Some(Arc::new(entry));
    trace.route = Some(route.into());
    let usage = Usage { output: Some(2), ..Usage::default() };
    trace.first_half = Some(crate::router::trace::FirstHalf { candidate: 0, usage });
    let call = super::detail(&trace).call;
    // 2 tokens for 3 a million, the other 5 for 1.
    assert_eq!((call.cost_nano, call.currency.as_deref()), (Some(11_000), Some("USD")));
    assert_eq!((call.usage.output, call.attempts, call.timings.first_byte_us), (Some(7), 2, None));
    trace.first_half = Some(crate::router::trace::FirstHalf { candidate: 0, usage: Usage::default() });
    assert_eq!(super::detail(&trace).call.cost_nano, Some(7_000), "all of it is in the second share");
}
