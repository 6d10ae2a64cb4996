//! Pages of calls over a large database. A benchmark: it takes minutes and gigabytes, so it runs when asked for
//! (`--run-ignored only`).

use super::fixture::{NOW, dir};
use crate::store::UsageStore;
use crate::store::calls::{CallFilter, CallId, Outcome};
use crate::store::page::Page;
use protocol::model::FailureKind;
use std::time::{Duration, Instant};

const ROWS: u32 = 5_000_000;
/// What the console promises its users.
const LIMIT: Duration = Duration::from_millis(200);

/// Thirty days of calls: one every half second, 20 apps, 12 providers, 40 models; one in fifty failed.
const SEED: &str = "WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2)
    INSERT INTO calls (id, at, app, provider, model, upstream_model, dialect, operation, status, failure, attempts,
        stream, request_bytes, input_fresh, output, usage_source, queue_us, ipc_us, connect_us, first_byte_us,
        first_token_us, upstream_us, total_us)
    SELECT unhex(printf('%012x7%03x8%015x', ?3 - (5000000 - i) * 518, i % 4096, i)), ?3 - (5000000 - i) * 518,
        'app-' || (i * 7 % 20), 'provider-' || (i * 11 % 12), 'model-' || (i * 13 % 40), 'model-' || (i * 13 % 40),
        'openai-chat', 'chat', iif(i % 50 = 0, 502, 200),
        iif(i % 50 = 0, iif(i % 5000 = 0, 'Timeout', 'Upstream'), NULL), 1, i % 2, 900, 500, 200, 'reported',
        10, 120, 0, 200000, 250000, 900000, 1000000 FROM n";

/// One page, many times at different depths; gives the 95th percentile and the slowest.
async fn pages(store: &UsageStore, filter: CallFilter) -> (Duration, Duration, usize) {
    let mut times = Vec::new();
    let mut rows = 0;
    for n in 0..40_i64 {
        let filter = filter.clone();
        let page = Page::before(CallId::first_at(NOW.plus_ms(-n * 60_000_000)), 100);
        let began = Instant::now();
        rows += store.read(move |view| view.calls(&filter, page)).await.unwrap().len();
        times.push(began.elapsed());
    }
    times.sort_unstable();
    (times[times.len() * 95 / 100], times[times.len() - 1], rows)
}

#[tokio::test]
#[ignore = "a benchmark: minutes and gigabytes"]
async fn a_page_of_five_million_calls_is_there_at_once() {
    let (_temp, dir) = dir();
    let (store, _opened) = UsageStore::open(&dir, NOW).await.unwrap();
    let began = Instant::now();
    let mut seeding = rusqlite::Connection::open(dir.join("usage.db")).unwrap();
    for first in (0..ROWS).step_by(250_000) {
        let tx = seeding.transaction().unwrap();
        tx.execute(SEED, (first, first + 250_000, NOW.0)).unwrap();
        tx.commit().unwrap();
    }
    drop(seeding);
    store.maintain().await.unwrap();
    println!("{ROWS} rows in {:?}", began.elapsed());
    let named = |text: &str| Some(text.to_owned());
    let all = CallFilter::default;
    let filters = [
        ("all", all()),
        ("app", CallFilter { app: named("app-7"), ..all() }),
        ("provider", CallFilter { provider: named("provider-3"), ..all() }),
        ("model", CallFilter { model: named("model-13"), ..all() }),
        ("app and model", CallFilter { app: named("app-7"), model: named("model-1"), ..all() }),
        ("failed", CallFilter { outcome: Some(Outcome::Failed), ..all() }),
        ("app, failed", CallFilter { app: named("app-10"), outcome: Some(Outcome::Failed), ..all() }),
        ("a rare failure", CallFilter { outcome: Some(Outcome::FailedWith(FailureKind::Timeout)), ..all() }),
        ("served", CallFilter { outcome: Some(Outcome::Served), ..all() }),
        (
            "provider and model",
            CallFilter { provider: named("provider-3"), model: named("model-2"), ..all() },
        ),
        (
            "app without failures, failed",
            CallFilter { app: named("app-7"), outcome: Some(Outcome::Failed), ..all() },
        ),
        (
            "model without timeouts, timeout",
            CallFilter {
                model: named("model-1"),
                outcome: Some(Outcome::FailedWith(FailureKind::Timeout)),
                ..all()
            },
        ),
        ("app and provider", CallFilter { app: named("app-7"), provider: named("provider-11"), ..all() }),
    ];
    let mut slow = Vec::new();
    for (what, filter) in filters {
        let (p95, slowest, rows) = pages(&store, filter).await;
        println!("{what}: p95 {p95:?}, slowest {slowest:?}, {rows} rows");
        if p95 > LIMIT {
            slow.push(what);
        }
    }
    assert!(slow.is_empty(), "{slow:?}");
}
