//! The usage database as the rest of the program sees it. It may lose its last rows in a power cut and may be
//! set aside when it is damaged: calls are served without it.

use super::calls::CallRow;
use super::copy::{Inventory, copy_to};
use super::edit::View;
use super::error::StoreError;
use super::migrate::Migrated;
use super::open::{Durability, Opening, quick_check};
use super::rollups::{Rollup, RollupKey, Span};
use super::schema::USAGE;
use super::state_dir::StateDir;
use super::thread::Database;
use super::words::UnixMs;
use rusqlite::{Connection, TransactionBehavior};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `usage.db`. Clones share it.
#[derive(Clone)]
pub(crate) struct UsageStore {
    database: Arc<Database>,
}

/// A consistent view of calls and their sums.
pub(crate) struct UsageView<'c> {
    pub(super) view: View<'c>,
}

/// What opening found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UsageOpened {
    pub(crate) migrated: Migrated,
    /// Where the damaged database that was there is now.
    pub(crate) set_aside: Option<PathBuf>,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Added {
    pub(crate) added: usize,
    /// Calls that were there already.
    pub(crate) repeated: usize,
}

/// Larger files are not checked at open: reading them would take longer than a start may.
const CHECK_UP_TO: u64 = 64 * 1024 * 1024;

impl UsageStore {
    /// Opens (and at first start makes) `usage.db`. A damaged one is renamed to `usage.db.damaged-AT` and a new
    /// one begun: figures of the past are not worth refusing calls.
    pub(crate) async fn open(dir: &StateDir, at: UnixMs) -> Result<(UsageStore, UsageOpened), StoreError> {
        let opening = Opening {
            path: dir.join("usage.db"),
            schema: &USAGE,
            durability: Durability::Checkpoints,
            check_up_to: CHECK_UP_TO,
            at,
        };
        let (database, opened) = Database::start("store-usage", move || open_or_set_aside(&opening)).await?;
        Ok((UsageStore { database: Arc::new(database) }, opened))
    }

    /// Reads from one consistent state.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&UsageView<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.database
            .run(move |conn| {
                let tx = conn.transaction()?;
                job(&UsageView::new(&tx))
            })
            .await
    }

    /// Adds calls and their sums, all or none. A call that is there already is counted as repeated and changes
    /// nothing, so a batch may be sent again when its answer was lost.
    pub(crate) async fn add_calls(&self, calls: Arc<[CallRow]>) -> Result<Added, StoreError> {
        self.database.run(move |conn| add_calls(conn, &calls)).await
    }

    /// One bounded step of removal: calls, traces or slots from before an instant. Returns rows removed; fewer
    /// than `limit` means there is nothing left to remove.
    pub(crate) async fn prune(&self, what: Prune, before: UnixMs, limit: u32) -> Result<usize, StoreError> {
        self.database
            .run(move |conn| {
                let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let view = UsageView::new(&tx);
                let removed = match what {
                    Prune::Calls => view.prune_calls(before, limit)?,
                    Prune::Traces => view.prune_traces(before, limit)?,
                    Prune::Rollups(span) => view.prune_rollups(span, before, limit)?,
                };
                tx.commit()?;
                Ok(removed)
            })
            .await
    }

    /// Bytes the file would shrink by if it were rewritten, and bytes it has.
    pub(crate) async fn room(&self) -> Result<Room, StoreError> {
        self.database
            .run(|conn| {
                let ask = |pragma: &str| conn.query_row(pragma, [], |row| row.get::<_, i64>(0));
                let page = ask("PRAGMA page_size")?;
                let (free, all) = (ask("PRAGMA freelist_count")?, ask("PRAGMA page_count")?);
                Ok(Room { free_bytes: free * page, file_bytes: all * page })
            })
            .await
    }

    /// A verified copy of the whole database at `target` (never a partial one under that name).
    pub(crate) async fn copy_to(&self, target: PathBuf) -> Result<Inventory, StoreError> {
        self.database.run(move |conn| copy_to(conn, &target)).await
    }

    /// Hourly care: refreshes the planner's figures and writes the log back.
    pub(crate) async fn maintain(&self) -> Result<(), StoreError> {
        self.database
            .run(|conn| Ok(conn.execute_batch("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)")?))
            .await
    }

    /// Looks for damage in the whole file.
    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        self.database.run(|conn| quick_check(conn)).await
    }

    /// Finishes what was asked and closes the file. Later calls answer `Closed`.
    pub(crate) async fn close(&self) {
        self.database.close().await;
    }
}

impl<'c> UsageView<'c> {
    fn new(conn: &'c Connection) -> UsageView<'c> {
        UsageView { view: View::new(conn) }
    }
}

/// What to remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prune {
    /// Calls with their traces.
    Calls,
    Traces,
    Rollups(Span),
}

/// Size of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) free_bytes: i64,
    pub(crate) file_bytes: i64,
}

fn add_calls(conn: &mut Connection, calls: &[CallRow]) -> Result<Added, StoreError> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let view = UsageView::new(&tx);
    let mut minutes: BTreeMap<RollupKey, Rollup> = BTreeMap::new();
    let mut done = Added::default();
    for call in calls {
        if !view.add_call(call)? {
            done.repeated += 1;
            continue;
        }
        done.added += 1;
        minutes.entry(RollupKey::of(call, Span::Minute)).or_default().merge(&Rollup::of(call));
    }
    view.add_rollups(&in_all_spans(minutes))?;
    tx.commit()?;
    Ok(done)
}

/// The same calls by minute, by hour and by day.
fn in_all_spans(minutes: BTreeMap<RollupKey, Rollup>) -> BTreeMap<RollupKey, Rollup> {
    let mut sums: BTreeMap<RollupKey, Rollup> = BTreeMap::new();
    for (minute, of_minute) in minutes {
        for span in Span::ALL {
            sums.entry(minute.within(span)).or_default().merge(&of_minute);
        }
    }
    sums
}

fn open_or_set_aside(opening: &Opening) -> Result<(Connection, UsageOpened), StoreError> {
    match opening.open() {
        Ok((conn, migrated)) => Ok((conn, UsageOpened { migrated, set_aside: None })),
        Err(StoreError::Damaged { .. }) => {
            let aside = set_aside(&opening.path, opening.at)?;
            let (conn, migrated) = opening.open()?;
            Ok((conn, UsageOpened { migrated, set_aside: Some(aside) }))
        }
        Err(error) => Err(error),
    }
}

/// Renames the file and its log. The index of the log is worthless without them.
fn set_aside(path: &Path, at: UnixMs) -> Result<PathBuf, StoreError> {
    let with = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let aside = with(&format!(".damaged-{}", at.0));
    for (from, to) in [
        (path.to_owned(), aside.clone()),
        (with("-wal"), with(&format!(".damaged-{}-wal", at.0))),
        (with("-shm"), with(&format!(".damaged-{}-shm", at.0))),
    ] {
        match std::fs::rename(&from, &to) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(StoreError::file("set aside", &from, e)),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(aside)
}
