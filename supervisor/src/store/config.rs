//! The configuration database as the rest of the program sees it: `read`, `change`, `note`. Each call is one
//! transaction on the database thread; a change is answered only after it is on the disk.

use super::ballast::{Ballast, BallastState};
use super::copy::{Inventory, copy_to};
use super::edit::{Edit, Effect, Note, Stamp, View};
use super::error::StoreError;
use super::migrate::Migrated;
use super::open::{Durability, Opening, quick_check};
use super::schema::CONFIG;
use super::state_dir::StateDir;
use super::thread::Database;
use super::words::UnixMs;
use rusqlite::{Connection, TransactionBehavior};
use std::path::PathBuf;
use std::sync::Arc;

/// `config.db`. Clones share it.
#[derive(Clone)]
pub(crate) struct ConfigStore {
    database: Arc<Database>,
    ballast: Ballast,
}

/// What opening found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigOpened {
    pub(crate) migrated: Migrated,
    pub(crate) ballast: BallastState,
}

/// A committed change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Changed<T> {
    pub(crate) value: T,
    pub(crate) effect: Effect,
}

/// Whether a full disk may cost the ballast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reserve {
    /// The observation can be lost.
    Keep,
    /// An operator needs it to get in and make room: logins, sessions.
    Spend,
}

impl ConfigStore {
    /// Opens (and at first start makes) `config.db` in the directory. A disk too full to open it costs the
    /// ballast.
    ///
    /// Errors: `Newer`, `Foreign`, `Damaged`, `ChangedMigration`, `Migration` leave the file as it was.
    pub(crate) async fn open(dir: &StateDir, at: UnixMs) -> Result<(ConfigStore, ConfigOpened), StoreError> {
        let opening = Opening {
            path: dir.join("config.db"),
            schema: &CONFIG,
            durability: Durability::EveryCommit,
            check_up_to: u64::MAX,
            at,
        };
        let ballast = Ballast::new(dir);
        let held = ballast.clone();
        let (database, opened) = Database::start("store-config", move || {
            let (conn, migrated) = match opening.open() {
                Err(StoreError::DiskFull(_) | StoreError::Io(_)) if held.state() == BallastState::Held => {
                    held.release()?;
                    opening.open()?
                }
                opened => opened?,
            };
            let ballast = held.hold()?;
            Ok((conn, ConfigOpened { migrated, ballast }))
        })
        .await?;
        Ok((ConfigStore { database: Arc::new(database), ballast }, opened))
    }

    /// Reads from one consistent state.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&View<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.database
            .run(move |conn| {
                let tx = conn.transaction()?;
                job(&View::new(&tx))
            })
            .await
    }

    /// Makes one change: all of it or nothing, the next epoch, an audit row for each thing changed. The job may
    /// run twice (after the ballast was given back to a full disk), so it must not have effects of its own.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        by: Stamp,
        job: impl Fn(&mut Edit<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Changed<T>, StoreError> {
        let attempt = move |conn: &mut Connection| {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut edit = Edit::begin(&tx, &by)?;
            let value = job(&mut edit)?;
            let effect = edit.finish()?;
            tx.commit()?;
            Ok(Changed { value, effect })
        };
        self.write(Reserve::Spend, attempt).await
    }

    /// Keeps what was observed. No epoch, no audit row unless the job adds one.
    pub(crate) async fn note<T: Send + 'static>(
        &self,
        reserve: Reserve,
        job: impl Fn(&mut Note<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let attempt = move |conn: &mut Connection| {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = job(&mut Note::new(&tx))?;
            tx.commit()?;
            Ok(value)
        };
        self.write(reserve, attempt).await
    }

    /// A verified copy of the whole database at `target` (never a partial one under that name).
    pub(crate) async fn copy_to(&self, target: PathBuf) -> Result<Inventory, StoreError> {
        self.database.run(move |conn| copy_to(conn, &target)).await
    }

    /// Hourly care: takes the ballast back if there is room, refreshes the planner's figures.
    pub(crate) async fn maintain(&self) -> Result<BallastState, StoreError> {
        let ballast = self.ballast.clone();
        self.database
            .run(move |conn| {
                conn.execute_batch("PRAGMA optimize")?;
                ballast.hold()
            })
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

    async fn write<T: Send + 'static>(
        &self,
        reserve: Reserve,
        attempt: impl Fn(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let ballast = self.ballast.clone();
        self.database
            .run(move |conn| match (attempt(conn), reserve) {
                (Err(error), Reserve::Spend) if error.is_disk_full() => {
                    ballast.release()?;
                    shrink_log(conn);
                    attempt(conn)
                }
                (done, _) => done,
            })
            .await
    }
}

/// Moves the log into the file, so that the next write begins at its start instead of needing more room.
fn shrink_log(conn: &Connection) {
    // It may fail for want of room too; the attempt that follows says so.
    let _busy = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
}
