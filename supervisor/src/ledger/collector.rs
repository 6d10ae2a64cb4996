//! Takes the calls that routers leave on their spools and commits them: at least every quarter of a second, all
//! spools there are, whoever wrote them. What was committed and not yet released is found again after a kill, and
//! committed again without effect: a call counts once by its id.

use super::key_use::KeyUses;
use super::recorder::{Ledger, Unrecorded};
use super::spool::{Entry, Found, Settled, Spool};
use super::spools::Spools;
use crate::store::UnixMs;
use crate::store::calls::{CallId, CallRow, Cost};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// A complete spool stays for so long: until what was on it is in a memory, and that in a file.
const REST: Duration = Duration::from_secs(2);
/// Calls committed at once.
const BATCH: usize = 500;
/// At the end, for what the last router left.
const LAST: Duration = Duration::from_secs(3);

/// Calls that will never be recorded, by why. Clones share the counters.
#[derive(Clone)]
pub(crate) struct Losses {
    counters: Arc<Counters>,
    /// Told a sentence when there are more.
    tell: Arc<dyn Fn(String) + Send + Sync>,
}

#[derive(Debug, Default)]
struct Counters {
    /// The router could not write them.
    unwritten: AtomicU64,
    /// Cut off in the middle.
    torn: AtomicU64,
    /// Too many waited.
    given_up: AtomicU64,
}

/// See the module.
pub(crate) struct Collector {
    spools: Spools,
    ledger: Ledger,
    losses: Losses,
    key_uses: KeyUses,
    open: BTreeMap<PathBuf, Spool>,
}

impl Losses {
    pub(crate) fn new(tell: impl Fn(String) + Send + Sync + 'static) -> Losses {
        Losses { counters: Arc::default(), tell: Arc::new(tell) }
    }

    /// Unwritten, torn, given up.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (read(&self.counters.unwritten), read(&self.counters.torn), read(&self.counters.given_up))
    }

    fn add(&self, unwritten: u64, torn: u64, given_up: u64) {
        if unwritten + torn + given_up == 0 {
            return;
        }
        let sentence = format!(
            "calls are missing from the record: {unwritten} could not be written by the router, {torn} were cut off, \
             {given_up} waited too long"
        );
        tracing::error!("{sentence}");
        (self.tell)(sentence);
        self.counters.unwritten.fetch_add(unwritten, Ordering::Relaxed);
        self.counters.torn.fetch_add(torn, Ordering::Relaxed);
        self.counters.given_up.fetch_add(given_up, Ordering::Relaxed);
    }
}

impl Collector {
    pub(crate) fn new(spools: Spools, ledger: Ledger, losses: Losses, key_uses: KeyUses) -> Self {
        spools.sweep();
        Self { spools, ledger, losses, key_uses, open: BTreeMap::new() }
    }

    /// Collects until told to stop, then what the routers, which have ended by then, have left.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        loop {
            // Cut off, a round begins again where it was: what it committed counts once.
            let round = tokio::select! {
                round = self.round(Lingers::Yes) => round,
                () = stop.cancelled() => break,
            };
            if round.is_err() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => break,
            }
        }
        // What is left then is left for the next start.
        let _ = tokio::time::timeout(LAST, self.round(Lingers::No)).await;
    }

    /// Everything that is there now.
    async fn round(&mut self, lingers: Lingers) -> Result<(), Unrecorded> {
        let paths = self.spools.list();
        let newest = paths.last().cloned();
        for path in paths {
            let spool = match self.open.remove(&path) {
                Some(spool) => spool,
                None => match Spool::open(&path) {
                    Ok(spool) => spool,
                    Err(error) => {
                        unreadable(&path, &error);
                        continue;
                    }
                },
            };
            let stays = lingers == Lingers::Yes && newest.as_ref() == Some(&path);
            match self.drain(spool, if stays { Duration::MAX } else { lingers.span() }).await? {
                Drained::More(spool) => drop(self.open.insert(path, spool)),
                Drained::Ended => {}
                Drained::Failed(error) => unreadable(&path, &error),
            }
        }
        Ok(())
    }

    /// Takes all of one spool, which stays for a while when it is complete. The file may be read again from where it
    /// was when this is cut off.
    async fn drain(&mut self, mut spool: Spool, stays: Duration) -> Result<Drained, Unrecorded> {
        let complete = spool.is_complete();
        loop {
            let read = spawn_blocking(move || (spool.read(BATCH), spool)).await;
            let Ok((found, back)) = read else {
                return Ok(Drained::Failed(io::Error::other("it was cut off")));
            };
            spool = back;
            let mut found = match found {
                Ok(found) => found,
                Err(error) => return Ok(Drained::Failed(error)),
            };
            let entries = std::mem::take(&mut found.entries);
            let more = found.has_more();
            self.commit(entries, &found).await?;
            spool.taken(&found);
            if !more {
                break;
            }
        }
        if !complete || !spool.has_rested(stays) {
            return Ok(Drained::More(spool));
        }
        Ok(match spool.remove() {
            Ok(torn) => {
                self.losses.add(0, torn, 0);
                Drained::Ended
            }
            Err(error) => Drained::Failed(error),
        })
    }

    async fn commit(&self, entries: Vec<Entry>, found: &Found) -> Result<(), Unrecorded> {
        let (mut unwritten, mut torn) = (0, found.torn);
        let mut rows = Vec::with_capacity(entries.len());
        for entry in entries {
            match entry {
                Entry::Lost { calls } => unwritten += calls,
                Entry::Call(settled) => {
                    self.key_uses.see(&settled);
                    match row(*settled) {
                        Some(row) => rows.push(row),
                        None => torn += 1,
                    }
                }
            }
        }
        if !rows.is_empty() {
            self.ledger.commit(rows).await?;
        }
        self.losses.add(unwritten, torn, found.given_up);
        Ok(())
    }
}

/// Whether spools stay for a while when their router is gone: the next one counts what its predecessor had counted
/// (see `tail`), and is told before the last one may go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lingers {
    Yes,
    No,
}

impl Lingers {
    fn span(self) -> Duration {
        match self {
            Lingers::Yes => REST,
            Lingers::No => Duration::ZERO,
        }
    }
}

/// What is left of a spool after everything on it was taken.
enum Drained {
    /// Its router lives, or has not been gone for long.
    More(Spool),
    Ended,
    Failed(io::Error),
}

fn unreadable(path: &std::path::Path, error: &io::Error) {
    tracing::warn!("calls on {} wait: {error}", path.display());
}

/// The call as it is stored; none when its id is none.
fn row(settled: Settled) -> Option<CallRow> {
    let Settled { call, trace } = settled;
    let cost = call.cost_nano.zip(call.currency).map(|(nano, currency)| Cost { nano, currency });
    Some(CallRow {
        id: CallId(uuid::Uuid::parse_str(&call.id).ok()?),
        at: UnixMs(call.at),
        app: call.app,
        provider: call.provider,
        model: call.model,
        upstream_model: call.upstream_model,
        dialect: call.dialect,
        operation: call.operation,
        status: call.status,
        failure: call.failure,
        attempts: call.attempts,
        stream: call.stream,
        request_bytes: call.request_bytes,
        usage: call.usage,
        usage_source: call.usage_source,
        cost,
        timings: call.timings,
        trace: trace.map(|trace| Box::<str>::from(trace).into_string()),
    })
}
