//! The collector against real files and a real store.

use super::{call, rows, usage};
use crate::ledger::collector::{Collector, Losses};
use crate::ledger::key_use::KeyUses;
use crate::ledger::recorder::{Ledger, new};
use crate::ledger::spools::Spools;
use crate::store::UsageStore;
use crate::store::calls::CallFilter;
use crate::store::page::Page;
use protocol::control::record::{CallDetail, CallSummary, CallTrace};
use protocol::ipc::spool::{Entry, encode};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A collector at work over a directory of spools and a store.
struct Scene {
    spools: Spools,
    store: UsageStore,
    losses: Losses,
    ledger: Ledger,
    stop: CancellationToken,
    _tasks: JoinSet<()>,
    collectors: JoinSet<()>,
    _temp: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let (temp, store) = usage().await;
        let (ledger, recorder) = new(store.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(recorder.run());
        let spools = Spools::new(temp.path());
        let (losses, stop) = (Losses::new(drop), CancellationToken::new());
        Self { spools, store, losses, ledger, stop, _tasks: tasks, collectors: JoinSet::new(), _temp: temp }
    }

    fn collect(&mut self) {
        let collector =
            Collector::new(self.spools.clone(), self.ledger.clone(), self.losses.clone(), KeyUses::default());
        self.collectors.spawn(collector.run(self.stop.clone()));
    }

    /// Ends the collector, as a supervisor does that stops.
    async fn end(&mut self) {
        std::mem::take(&mut self.stop).cancel();
        while self.collectors.join_next().await.is_some() {}
    }

    async fn holds(&self, calls: usize) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while rows(&self.store).await != calls {
            assert!(Instant::now() < deadline, "{} rows", rows(&self.store).await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What is left is of these.
    async fn only(&self, generations: &[&str]) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let is =
            |path: &std::path::PathBuf, of: &str| path.to_string_lossy().ends_with(&format!("-{of}.calls"));
        loop {
            let list = self.spools.list();
            if list.len() == generations.len() && list.iter().zip(generations).all(|(path, of)| is(path, of))
            {
                return;
            }
            assert!(Instant::now() < deadline, "{list:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// There is a next router, and the spools of those before it are gone.
    async fn gone(&self) {
        let _next = self.spools.open(99).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.spools.list().len() > 1 {
            assert!(Instant::now() < deadline, "{:?}", self.spools.list());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn entry(n: u64) -> Vec<u8> {
    let row = call(n);
    let call = CallSummary {
        id: row.id.0.to_string(),
        at: row.at.0,
        app: row.app,
        provider: row.provider,
        model: row.model,
        upstream_model: row.upstream_model,
        dialect: row.dialect,
        operation: row.operation,
        status: row.status,
        failure: row.failure,
        attempts: row.attempts,
        stream: row.stream,
        request_bytes: row.request_bytes,
        usage: row.usage,
        usage_source: row.usage_source,
        cost_nano: Some(5),
        currency: Some("USD".to_owned()),
        timings: row.timings,
    };
    let mut bytes = Vec::new();
    let detail = CallDetail { call, trace: Some(CallTrace::default()) };
    encode(&Entry::Call(Box::new(detail.into())), &mut bytes);
    bytes
}

fn write(mut spool: &File, calls: std::ops::Range<u64>) {
    for n in calls {
        spool.write_all(&entry(n)).unwrap();
    }
}

#[tokio::test]
async fn calls_of_every_router_are_committed_and_the_spools_of_the_dead_removed() {
    let mut scene = Scene::new().await;
    let dead = scene.spools.open(1).unwrap();
    write(&dead, 0..700);
    drop(dead);
    let alive = scene.spools.open(2).unwrap();
    write(&alive, 700..710);
    scene.collect();
    scene.holds(710).await;
    write(&alive, 710..711);
    scene.holds(711).await;
    scene.only(&["g2"]).await;
    let page = scene.store.read(|view| view.calls(&CallFilter::default(), Page::first(1))).await.unwrap();
    assert_eq!(page[0].cost.as_ref().map(|c| (c.nano, c.currency.as_str())), Some((5, "USD")));
    write(&alive, 711..712);
    drop(alive);
    scene.gone().await;
    scene.holds(712).await;
    assert_eq!(scene.losses.counts(), (0, 0, 0));
}

#[tokio::test]
async fn what_was_committed_before_a_kill_counts_once() {
    let mut scene = Scene::new().await;
    let spool = scene.spools.open(1).unwrap();
    write(&spool, 0..10);
    // As if the supervisor before had been killed between the commit and the release.
    scene.ledger.commit((0..10).map(call).collect()).await.unwrap();
    scene.collect();
    write(&spool, 10..12);
    drop(spool);
    scene.gone().await;
    scene.holds(12).await;
    assert_eq!(scene.ledger.tally().repeated, 10);
}

#[tokio::test]
async fn what_was_taken_gives_its_blocks_back() {
    let mut scene = Scene::new().await;
    let spool = scene.spools.open(1).unwrap();
    write(&spool, 0..20_000);
    let before = spool.metadata().unwrap().blocks();
    scene.collect();
    scene.holds(20_000).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while spool.metadata().unwrap().blocks() * 2 > before {
        assert!(Instant::now() < deadline, "{} of {before} blocks", spool.metadata().unwrap().blocks());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // A supervisor that begins again finds the end of what was released.
    scene.end().await;
    write(&spool, 20_000..20_001);
    scene.collect();
    scene.holds(20_001).await;
    assert_eq!(scene.losses.counts(), (0, 0, 0));
}

#[tokio::test]
async fn losses_are_counted_by_their_reasons() {
    let mut scene = Scene::new().await;
    let mut spool = scene.spools.open(1).unwrap();
    let mut lost = Vec::new();
    encode(&Entry::Lost { calls: 3 }, &mut lost);
    spool.write_all(&lost).unwrap();
    spool.write_all(&entry(1)[..50]).unwrap();
    write(&spool, 2..3);
    spool.write_all(&entry(4)[..50]).unwrap();
    drop(spool);
    scene.collect();
    scene.gone().await;
    scene.holds(1).await;
    assert_eq!(scene.losses.counts(), (3, 2, 0));
}

#[tokio::test]
async fn beyond_the_bound_the_oldest_are_given_up() {
    let mut scene = Scene::new().await;
    let mut spool = scene.spools.open(1).unwrap();
    let one = entry(1);
    let filler: Vec<u8> = one.repeat(1000);
    let bound = crate::ledger::spool::MOST as usize;
    for _ in 0..=(bound / filler.len()) {
        spool.write_all(&filler).unwrap();
    }
    write(&spool, 7..8);
    drop(spool);
    scene.collect();
    scene.gone().await;
    scene.holds(2).await;
    let (unwritten, torn, given_up) = scene.losses.counts();
    assert!(unwritten == 0 && torn == 0 && (1..=1001).contains(&given_up), "{given_up}");
}
