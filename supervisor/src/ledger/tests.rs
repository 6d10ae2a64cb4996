//! The ledger against a real store.

use super::recorder::{Tally, Unrecorded, new};
use super::retention::{Retention, prune};
use crate::store::calls::{CallFilter, CallId, CallRow, CallTimings};
use crate::store::page::Page;
use crate::store::rollups::{RollupFilter, Span};
use crate::store::{StateDir, UnixMs, UsageStore};
use protocol::dialect::{Dialect, Operation};
use protocol::model::Usage;
use std::time::Duration;
use tokio::task::JoinSet;

mod collecting;

const NOW: UnixMs = UnixMs(1_767_225_600_000);

fn call(n: u64) -> CallRow {
    let at = NOW.plus_ms(i64::try_from(n).unwrap());
    CallRow {
        id: CallId(uuid::Uuid::from_u128(
            (u128::from(at.0.unsigned_abs()) << 80) | (7 << 76) | u128::from(n),
        )),
        at,
        app: "web".to_owned(),
        provider: Some("a".to_owned()),
        model: "m".to_owned(),
        upstream_model: Some("m".to_owned()),
        dialect: Dialect::OpenAiChat,
        operation: Operation::Chat,
        status: 200,
        failure: None,
        attempts: 1,
        stream: false,
        request_bytes: 321,
        usage: Usage { output: Some(1), ..Usage::default() },
        usage_source: None,
        cost: None,
        timings: CallTimings { total_us: 1000, ..CallTimings::default() },
        trace: None,
    }
}

async fn usage() -> (tempfile::TempDir, UsageStore) {
    let temp = tempfile::tempdir().unwrap();
    let dir = StateDir::prepare(&temp.path().join("state")).unwrap();
    let (store, _opened) = UsageStore::open(&dir, NOW).await.unwrap();
    (temp, store)
}

async fn rows(store: &UsageStore) -> usize {
    let filter = RollupFilter {
        span: Span::Day,
        since: UnixMs(0),
        until: UnixMs(i64::MAX),
        provider: None,
        app: None,
        model: None,
    };
    let sums = store.read(move |view| view.rollups(&filter)).await.unwrap();
    usize::try_from(sums.iter().map(|row| row.sums.calls).sum::<u64>()).unwrap()
}

#[tokio::test]
async fn what_was_recorded_is_written_when_the_ledger_ends() {
    let (_temp, store) = usage().await;
    let (ledger, recorder) = new(store.clone());
    let mut tasks = JoinSet::new();
    tasks.spawn(recorder.run());
    ledger.commit((0..1234).flat_map(|n| [call(n), call(n)]).collect()).await.unwrap();
    let counters = ledger.clone();
    drop(ledger);
    counters.commit(vec![call(1234)]).await.unwrap();
    assert_eq!(counters.tally(), Tally { recorded: 1235, repeated: 1234, dropped: 0, retried: 0 });
    drop(counters);
    tasks.join_next().await.unwrap().unwrap();
    assert_eq!(rows(&store).await, 1235);
}

#[tokio::test]
async fn a_store_that_is_held_by_another_is_tried_again() {
    let (temp, store) = usage().await;
    let (ledger, recorder) = new(store.clone());
    let mut tasks = JoinSet::new();
    tasks.spawn(recorder.quick().run());
    let outside = rusqlite::Connection::open(temp.path().join("state/usage.db")).unwrap();
    // A trigger that refuses is as good as a full disk: the batch fails whole.
    outside
        .execute_batch("CREATE TRIGGER refuse BEFORE INSERT ON calls BEGIN SELECT RAISE(ABORT, 'no'); END")
        .unwrap();
    let committing = ledger.clone();
    tasks.spawn(async move { committing.commit((0..10).map(call).collect()).await.unwrap() });
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while ledger.tally().retried < 2 {
        assert!(std::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(rows(&store).await, 0);
    outside.execute_batch("DROP TRIGGER refuse").unwrap();
    ledger.commit(Vec::new()).await.unwrap();
    assert_eq!((rows(&store).await, ledger.tally().dropped), (10, 0));
}

#[tokio::test]
async fn a_closed_store_loses_and_counts() {
    let (_temp, store) = usage().await;
    let (ledger, recorder) = new(store.clone());
    store.close().await;
    let mut tasks = JoinSet::new();
    tasks.spawn(recorder.run());
    assert_eq!(ledger.commit(vec![call(1), call(2)]).await, Err(Unrecorded::Closed));
    assert_eq!(ledger.tally().dropped, 2);
}

#[tokio::test]
async fn retention_keeps_what_it_says() {
    let (_temp, store) = usage().await;
    let day = 86_400_000;
    let calls: Vec<_> = (0..40)
        .map(|n| {
            let mut c = call(n * day);
            c.trace = Some("{}".to_owned());
            c
        })
        .collect();
    store.add_calls(calls.into()).await.unwrap();
    let now = NOW.plus_ms(40 * 86_400_000);
    let pruned = prune(&store, Retention { calls: 10, traces: 5, minutes: 2, hours: 20, days: 35 }, now)
        .await
        .unwrap();
    assert_eq!((pruned.traces, pruned.calls, pruned.rollups), (35, 30, 38 + 20 + 5));
    let left = store.read(|view| view.calls(&CallFilter::default(), Page::first(100))).await.unwrap();
    assert_eq!(left.len(), 10);
    assert_eq!(prune(&store, Retention::default(), now).await.unwrap().calls, 0);
}
