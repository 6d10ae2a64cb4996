//! Calls: once each, in pages, summed up; and how fast the pages are when there are many.

use super::fixture::{NOW, call, usage};
use crate::store::calls::{CallFilter, CallId, Outcome};
use crate::store::page::Page;
use crate::store::rollups::{Rollup, RollupFilter, Span};
use crate::store::usage::{Added, Prune};
use crate::store::{UnixMs, UsageStore};
use proptest::prelude::*;
use protocol::dialect::Operation;
use protocol::model::{FailureKind, Usage};
use std::time::{Duration, Instant};

const DAY: i64 = 86_400_000;

async fn all_sums(store: &UsageStore, span: Span) -> Rollup {
    let filter = RollupFilter {
        span,
        since: UnixMs(NOW.0 - DAY),
        until: UnixMs(NOW.0 + 400 * DAY),
        provider: None,
        app: None,
        model: None,
    };
    let mut sums = Rollup::default();
    store.read(move |view| view.rollups(&filter)).await.unwrap().iter().for_each(|row| sums.merge(&row.sums));
    sums
}

#[tokio::test]
async fn a_call_comes_back_as_it_was() {
    let (_temp, store) = usage().await;
    let mut full = call(1);
    full.failure = Some(FailureKind::RateLimited);
    full.trace = Some(r#"{"attempts":[{"provider":"a","us":5}]}"#.to_owned());
    full.usage.reasoning = Some(7);
    let mut bare = call(2);
    (bare.provider, bare.upstream_model, bare.cost, bare.usage_source) = (None, None, None, None);
    bare.usage = Usage::default();
    bare.operation = Operation::CountTokens;
    store.add_calls([full.clone(), bare.clone()].into()).await.unwrap();
    let (one, two) = (full.id, bare.id);
    assert_eq!(store.read(move |view| view.call(one)).await.unwrap(), Some(full));
    assert_eq!(store.read(move |view| view.call(two)).await.unwrap(), Some(bare));
    assert_eq!(store.read(|view| view.call(CallId::first_at(NOW))).await.unwrap(), None);
}

#[tokio::test]
async fn every_kind_of_failure_has_its_word() {
    let (_temp, store) = usage().await;
    use FailureKind as K;
    let kinds = [
        K::InvalidRequest,
        K::Unsupported,
        K::ContextLength,
        K::TooLarge,
        K::Unauthenticated,
        K::Forbidden,
        K::NotFound,
        K::ModelNotFound,
        K::MethodNotAllowed,
        K::UnsupportedMediaType,
        K::RequestTimeout,
        K::RateLimited,
        K::QuotaExhausted,
        K::UpstreamAuth,
        K::Upstream,
        K::Overloaded,
        K::Unreachable,
        K::Timeout,
        K::Interrupted,
        K::BadAnswer,
        K::ContentFiltered,
        K::WorkerLost,
        K::Refused,
        K::Unavailable,
        K::Cancelled,
        K::Internal,
    ];
    let calls: Vec<_> = (0..)
        .zip(kinds)
        .map(|(n, kind)| {
            let mut failed = call(n);
            failed.failure = Some(kind);
            failed
        })
        .collect();
    store.add_calls(calls.into()).await.unwrap();
    for kind in kinds {
        let filter = CallFilter { outcome: Some(Outcome::FailedWith(kind)), ..CallFilter::default() };
        let found = store.read(move |view| view.calls(&filter, Page::first(9))).await.unwrap();
        assert_eq!(found.iter().map(|c| c.failure).collect::<Vec<_>>(), [Some(kind)]);
    }
}

#[tokio::test]
async fn a_call_sent_twice_counts_once() {
    let (_temp, store) = usage().await;
    let calls: Vec<_> = (0..100).map(call).collect();
    let first = store.add_calls(calls[..60].into()).await.unwrap();
    let second = store.add_calls(calls[40..].into()).await.unwrap();
    assert_eq!(first, Added { added: 60, repeated: 0 });
    assert_eq!(second, Added { added: 40, repeated: 20 });
    for span in Span::ALL {
        let sums = all_sums(&store, span).await;
        assert_eq!((sums.calls, sums.output, sums.cost_nano), (100, 2000, 500_000), "{span:?}");
    }
}

#[tokio::test]
async fn pages_filter_and_continue() {
    let (_temp, store) = usage().await;
    let calls: Vec<_> = (0..200)
        .map(|n| {
            let mut c = call(n);
            c.app = format!("app{}", n % 2);
            c.provider = (!n.is_multiple_of(5)).then(|| format!("p{}", n % 3));
            c.failure = (n % 10 == 3).then_some(FailureKind::Timeout);
            c
        })
        .collect();
    store.add_calls(calls.clone().into()).await.unwrap();
    let filters = [
        CallFilter::default(),
        CallFilter { app: Some("app1".to_owned()), ..CallFilter::default() },
        CallFilter {
            provider: Some("p2".to_owned()),
            outcome: Some(Outcome::Failed),
            ..CallFilter::default()
        },
        CallFilter {
            since: Some(NOW.plus_ms(50_000)),
            until: Some(NOW.plus_ms(70_000)),
            ..CallFilter::default()
        },
    ];
    for filter in filters {
        let wanted: Vec<_> = calls
            .iter()
            .rev()
            .filter(|c| filter.app.as_ref().is_none_or(|a| *a == c.app))
            .filter(|c| filter.provider.as_ref().is_none_or(|p| Some(p) == c.provider.as_ref()))
            .filter(|c| filter.outcome.is_none() || c.failure.is_some())
            .filter(|c| filter.since.is_none_or(|at| c.at >= at) && filter.until.is_none_or(|at| c.at < at))
            .map(|c| c.id)
            .collect();
        assert!(!wanted.is_empty());
        let (mut seen, mut page) = (Vec::new(), Page::first(7));
        loop {
            let asked = filter.clone();
            let rows = store.read(move |view| view.calls(&asked, page)).await.unwrap();
            let Some(last) = rows.last() else { break };
            page = Page::before(last.id, 7);
            seen.extend(rows.into_iter().map(|c| c.id));
        }
        assert_eq!(seen, wanted, "{filter:?}");
    }
}

#[tokio::test]
async fn old_rows_go_in_steps_and_sums_stay() {
    let (_temp, store) = usage().await;
    let calls: Vec<_> = (0..100)
        .map(|n| {
            let mut c = call(n);
            c.trace = Some("{}".to_owned());
            c
        })
        .collect();
    store.add_calls(calls.into()).await.unwrap();
    let edge = NOW.plus_ms(50_000);
    assert_eq!(store.prune(Prune::Traces, edge, 30).await.unwrap(), 30);
    assert_eq!(store.prune(Prune::Calls, edge, 30).await.unwrap(), 30);
    assert_eq!(store.prune(Prune::Calls, edge, 30).await.unwrap(), 20);
    let left = store.read(|view| view.calls(&CallFilter::default(), Page::first(100))).await.unwrap();
    assert_eq!((left.len(), left.last().unwrap().at), (50, edge));
    let id = left[0].id;
    assert!(store.read(move |view| view.trace(id)).await.unwrap().is_some());
    assert_eq!(all_sums(&store, Span::Day).await.calls, 100);
    assert_eq!(store.prune(Prune::Rollups(Span::Minute), NOW.plus_ms(60_000), 9).await.unwrap(), 1);
    assert_eq!(all_sums(&store, Span::Minute).await.calls, 40);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// However calls are batched and repeated, every span sums up each of them once.
    #[test]
    fn sums_agree_with_rows(batches in proptest::collection::vec(proptest::collection::vec(0..300_u64, 0..60), 1..8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_temp, store) = usage().await;
            let vary = |n: u64| {
                let mut c = call(n * 37);
                c.app = format!("app{}", n % 3);
                c.failure = (n.is_multiple_of(7)).then_some(FailureKind::Upstream);
                c.cost = if n.is_multiple_of(11) { None } else { c.cost };
                c.timings.total_us = n * 10_007;
                c
            };
            let mut wanted = Rollup::default();
            let mut seen = std::collections::BTreeSet::new();
            for batch in batches {
                let calls: Vec<_> = batch.iter().map(|n| vary(*n)).collect();
                for n in batch.iter().filter(|n| seen.insert(**n)) {
                    wanted.merge(&Rollup::of(&vary(*n)));
                }
                store.add_calls(calls.into()).await.unwrap();
            }
            for span in Span::ALL {
                assert_eq!(all_sums(&store, span).await, wanted, "{span:?}");
            }
        });
    }
}

/// `LLM_LINK_ROWS=1000000 cargo test -p supervisor -- --ignored --nocapture a_page_of_a_million`: longer than the
/// test runner lets a test take.
#[tokio::test]
#[ignore = "a benchmark: minutes, and gigabytes with 5 million rows"]
async fn a_page_of_a_million() {
    let rows: u64 = std::env::var("LLM_LINK_ROWS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let (_temp, store) = usage().await;
    let started = Instant::now();
    for batch in 0..rows / 500 {
        let calls: Vec<_> = (batch * 500..batch * 500 + 500).map(|n| spread(n, rows)).collect();
        store.add_calls(calls.into()).await.unwrap();
    }
    let took = started.elapsed();
    println!("{rows} rows in {took:?}: {:.0} rows/s", rows as f64 / took.as_secs_f64());
    let room = store.room().await.unwrap();
    println!("file: {} MB", room.file_bytes / 1_000_000);
    store.maintain().await.unwrap();
    let text = |s: &str| Some(s.to_owned());
    let filters = [
        ("all", CallFilter::default()),
        ("app", CallFilter { app: text("app7"), ..CallFilter::default() }),
        ("provider", CallFilter { provider: text("p3"), ..CallFilter::default() }),
        ("failed", CallFilter { outcome: Some(Outcome::Failed), ..CallFilter::default() }),
        (
            "kind",
            CallFilter { outcome: Some(Outcome::FailedWith(FailureKind::Timeout)), ..CallFilter::default() },
        ),
        (
            "provider+failed",
            CallFilter { provider: text("p3"), outcome: Some(Outcome::Failed), ..CallFilter::default() },
        ),
        (
            "app+provider+model",
            CallFilter {
                app: text("app7"),
                provider: text("p3"),
                model: text("rare"),
                ..CallFilter::default()
            },
        ),
        ("absent", CallFilter { app: text("app7"), provider: text("absent"), ..CallFilter::default() }),
    ];
    for (name, filter) in filters {
        let mut times = Vec::new();
        for n in 0..60 {
            let deep = CallId::first_at(NOW.plus_ms(i64::try_from(rows - rows * n / 61).unwrap() * 100));
            let page = if n == 0 { Page::first(50) } else { Page::before(deep, 50) };
            let asked = filter.clone();
            let started = Instant::now();
            store.read(move |view| view.calls(&asked, page)).await.unwrap();
            times.push(started.elapsed());
        }
        times.sort();
        println!("{name}: p50 {:?} p95 {:?} max {:?}", times[30], times[57], times[59]);
        assert!(times[57] < Duration::from_millis(200), "{name}");
    }
    let started = Instant::now();
    all_sums(&store, Span::Hour).await;
    println!("sums by the hour: {:?}", started.elapsed());
}

/// Ten a second, over 20 apps, 10 providers, 40 models; 2 % failed.
fn spread(n: u64, rows: u64) -> crate::store::calls::CallRow {
    let mix = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let mut c = call(0);
    c.at = NOW.plus_ms(i64::try_from(n).unwrap() * 100);
    c.id = CallId(uuid::Uuid::from_u128(
        (u128::from(c.at.0.unsigned_abs()) << 80) | (7 << 76) | u128::from(mix),
    ));
    c.app = format!("app{}", mix % 20);
    c.provider = Some(format!("p{}", mix / 20 % 10));
    c.model = if n.is_multiple_of((rows / 100).max(1)) {
        "rare".to_owned()
    } else {
        format!("model-number-{}", mix / 200 % 40)
    };
    c.upstream_model = Some(c.model.clone());
    let failed = (mix / 8000).is_multiple_of(50);
    let kind = if mix.is_multiple_of(100) { FailureKind::Timeout } else { FailureKind::Upstream };
    c.failure = failed.then_some(kind);
    c
}
