//! kill -9 at random points: a child (this test binary again) writes and says what was acknowledged; the parent
//! kills it and looks at what is left. 200 kills of each kind with `LLM_LINK_FULL=1`, 15 otherwise.

use super::fixture::{NOW, call, provider, stamp};
use crate::store::audit::AuditFilter;
use crate::store::copy::verify;
use crate::store::edit::Expect;
use crate::store::migrate::{Schema, migrate};
use crate::store::page::Page;
use crate::store::rollups::{Rollup, RollupFilter, Span};
use crate::store::schema::CONFIG;
use crate::store::{ConfigStore, SecretPlace, StateDir, UnixMs, UsageStore};
use crate::vault::Vault;
use crate::vault::secret::Secret;
use crate::vault::unlock::{MasterSource, Unlocked};
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const KIND: &str = "LLM_LINK_CRASH_KIND";
const DIR: &str = "LLM_LINK_CRASH_DIR";

fn kills() -> u64 {
    if std::env::var_os("LLM_LINK_FULL").is_some_and(|v| v == "1") { 200 } else { 15 }
}

/// Says that something is on the disk.
fn acknowledge(what: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ack {what}").unwrap();
    out.flush().unwrap();
}

/// The child. Not a test of its own: it runs until it is killed.
#[tokio::test]
#[ignore = "started by the tests below"]
async fn child() {
    let Ok(kind) = std::env::var(KIND) else { return };
    let dir = StateDir::prepare(Path::new(&std::env::var(DIR).unwrap())).unwrap();
    match kind.as_str() {
        "change" => child_changes(&dir).await,
        "migrate" => child_migrates(&dir),
        "rotate" => child_rotates(&dir).await,
        "usage" => child_adds_calls(&dir).await,
        "copy" => child_copies(&dir).await,
        other => panic!("no such kind: {other}"),
    }
}

fn start(kind: &str, dir: &Path) -> Child {
    // Not its path: the file may have been replaced since this process began.
    Command::new("/proc/self/exe")
        .args(["--exact", "store::tests::crash::child", "--ignored", "--nocapture"])
        .env(KIND, kind)
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// Starts a child, lets it acknowledge `n` things and then run for a moment, kills it. Returns what it
/// acknowledged, including what was still in the pipe.
fn run_and_kill(kind: &str, dir: &Path, n: usize, then: Duration) -> Vec<String> {
    let mut child = start(kind, dir);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    let ack = |line: String| line.find("ack ").map(|at| line[at + 4..].to_owned());
    while acknowledged.len() < n {
        let line = lines.next().unwrap_or_else(|| panic!("{kind}: the child ended by itself")).unwrap();
        acknowledged.extend(ack(line));
    }
    // The point of the kill is what is random here.
    std::thread::sleep(then);
    child.kill().unwrap();
    acknowledged.extend(lines.map_while(Result::ok).filter_map(ack));
    child.wait().unwrap();
    acknowledged
}

/// Delays that spread over the length of a short write.
fn moment(n: u64) -> Duration {
    Duration::from_micros(n.wrapping_mul(7919) % 9000)
}

/// The n-th of [`kills`] points from the beginning of something that takes `length` to a bit after its end.
fn point(n: u64, length: Duration) -> Duration {
    length.mul_f64(1.3 * (n as f64 + 0.5) / kills() as f64)
}

/// How long a child takes from its first acknowledgement to its second.
fn measure(kind: &str, dir: &Path) -> Duration {
    let mut child = start(kind, dir);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut times = lines.map_while(Result::ok).filter(|line| line.contains("ack ")).map(|_| Instant::now());
    let (first, second) = (times.next().unwrap(), times.next().unwrap());
    child.kill().unwrap();
    child.wait().unwrap();
    second - first
}

fn temp() -> (tempfile::TempDir, StateDir) {
    super::fixture::dir()
}

async fn child_changes(dir: &StateDir) {
    let (store, _opened) = ConfigStore::open(dir, NOW).await.unwrap();
    for n in 0_u64.. {
        let done = store
            .change(stamp(), move |edit| {
                edit.set_setting("one", Expect::Any, &json!([edit.epoch()?, n]))?;
                edit.set_setting("two", Expect::Any, &json!([edit.epoch()?, n]))
            })
            .await
            .unwrap();
        acknowledge(done.effect.epoch);
    }
}

#[tokio::test]
async fn a_killed_change_is_there_or_not_and_never_half() {
    let (_temp, dir) = temp();
    let mut last = 0;
    for n in 0..kills() {
        let path = dir.path().to_owned();
        let acknowledged =
            tokio::task::spawn_blocking(move || run_and_kill("change", &path, 3, moment(n))).await.unwrap();
        let known: i64 = acknowledged.last().unwrap().parse().unwrap();
        let (store, _opened) = ConfigStore::open(&dir, NOW).await.unwrap();
        store.check().await.unwrap();
        let (epoch, one, two, rows) = store
            .read(|view| {
                let rows = view.audit(&AuditFilter::default(), Page::first(500))?;
                Ok((view.epoch()?, view.setting("one")?, view.setting("two")?, rows))
            })
            .await
            .unwrap();
        assert!(epoch == known || epoch == known + 1, "epoch {epoch}, acknowledged {known}");
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!((&one.value, one.version), (&two.value, two.version));
        assert_eq!(one.value[0], epoch - 1, "the values are those of the epoch");
        assert!(epoch > last);
        for wanted in (last + 1..=epoch).rev().take(200) {
            assert_eq!(rows.iter().filter(|row| row.epoch == Some(wanted)).count(), 2, "audit of {wanted}");
        }
        last = epoch;
        store.close().await;
    }
}

fn older(n: usize) -> Schema {
    Schema { application_id: CONFIG.application_id, migrations: &CONFIG.migrations[..n] }
}

fn child_migrates(dir: &StateDir) {
    let path = dir.join("config.db");
    let mut conn = rusqlite::Connection::open(&path).unwrap();
    conn.pragma_update(None, "journal_mode", "WAL").unwrap();
    acknowledge("begin");
    migrate(&mut conn, &CONFIG, &path, NOW).unwrap();
    acknowledge("end");
    loop {
        std::thread::park();
    }
}

/// A database of the fourth schema with something in it.
fn make_old(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let _absent = std::fs::remove_file(name);
    }
    let mut conn = rusqlite::Connection::open(path).unwrap();
    conn.pragma_update(None, "journal_mode", "WAL").unwrap();
    migrate(&mut conn, &older(4), path, NOW).unwrap();
    conn.execute_batch(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
         INSERT INTO settings SELECT 's' || i, '\"' || hex(randomblob(200)) || '\"', 1, 0 FROM n",
    )
    .unwrap();
}

#[tokio::test]
async fn a_killed_migration_leaves_the_old_schema_or_the_new_one() {
    let (mut old, mut new) = (0, 0);
    let length = {
        let (_temp, dir) = temp();
        make_old(&dir.join("config.db"));
        tokio::task::spawn_blocking(move || measure("migrate", dir.path())).await.unwrap()
    };
    for n in 0..kills() {
        let (_temp, dir) = temp();
        let path = dir.join("config.db");
        make_old(&path);
        let (state, at) = (dir.path().to_owned(), point(n, length));
        let done = tokio::task::spawn_blocking(move || run_and_kill("migrate", &state, 1, at)).await.unwrap();
        let conn = rusqlite::Connection::open(&path).unwrap();
        let found: u32 = conn.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        let check: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        let rows: i64 = conn.query_row("SELECT count(*) FROM settings", [], |row| row.get(0)).unwrap();
        assert_eq!((check.as_str(), rows), ("ok", 2000));
        assert!(found == 11 || (found == 4 && done.len() == 1), "schema {found} after {done:?}");
        drop(conn);
        let copy = dir.join("config.db.before-v11");
        assert!(copy.exists() || found == 4, "the copy comes before the change");
        if copy.exists() {
            let held = verify(&copy).unwrap();
            assert_eq!((held.schema, held.rows["settings"]), (4, 2000));
        }
        if found == 4 {
            old += 1
        } else {
            new += 1
        }
        let (store, opened) = ConfigStore::open(&dir, NOW).await.unwrap();
        assert_eq!(opened.migrated.to, 11);
        store.change(stamp(), |edit| edit.create_provider(&provider("a"))).await.unwrap();
    }
    println!("killed migrations of {length:?}: {old} old, {new} new");
    assert!(old > 0, "some kills must hit before the commit");
}

fn places() -> Vec<SecretPlace> {
    (0..40).map(|n| SecretPlace::program(&format!("s{n}"))).collect()
}

async fn child_rotates(dir: &StateDir) {
    let (store, _opened) = ConfigStore::open(dir, NOW).await.unwrap();
    let (vault, _done) = Vault::unlock(&store, dir, MasterSource::StateDir, stamp()).await.ok().unwrap();
    for place in places() {
        let (put, secret) = (vault.clone(), Secret::new(place.field.clone().into_bytes()));
        store.change(stamp(), move |edit| put.put(edit, &place, &secret)).await.unwrap();
    }
    for n in 0.. {
        assert_eq!(vault.rotate(&store, stamp()).await.ok().unwrap(), 40);
        acknowledge(n);
    }
}

#[tokio::test]
async fn a_killed_rotation_loses_no_secret() {
    let (_temp, dir) = temp();
    let mut finished = 0;
    for n in 0..kills() {
        let path = dir.path().to_owned();
        tokio::task::spawn_blocking(move || run_and_kill("rotate", &path, 1, moment(n))).await.unwrap();
        let (store, _opened) = ConfigStore::open(&dir, NOW).await.unwrap();
        let (vault, done) = Vault::unlock(&store, &dir, MasterSource::StateDir, stamp()).await.ok().unwrap();
        finished += u32::from(done == Unlocked::Finished);
        for place in places() {
            let secret = vault.get(&store, place.clone()).await.ok().unwrap().unwrap();
            assert_eq!(secret.expose(), place.field.as_bytes());
        }
        assert!(!dir.join("master.key.next").exists());
        store.close().await;
    }
    println!("rotations that had to be finished at start: {finished}");
}

async fn child_adds_calls(dir: &StateDir) {
    let (store, _opened) = UsageStore::open(dir, NOW).await.unwrap();
    let first = store.read(|view| view.calls(&Default::default(), Page::first(1))).await.unwrap();
    let from = first.first().map_or(0, |c| (c.at.0 - NOW.0) / 1000 + 1).unsigned_abs();
    let (ledger, recorder) = crate::ledger::recorder::new(store);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(recorder.run());
    for batch in 0.. {
        let ids = from + batch * 20..from + batch * 20 + 20;
        ledger.commit(ids.clone().map(call).collect()).await.unwrap();
        acknowledge(ids.end);
    }
}

#[tokio::test]
async fn an_acknowledged_call_outlives_its_recorder() {
    let (_temp, dir) = temp();
    for n in 0..kills() {
        let path = dir.path().to_owned();
        let acknowledged =
            tokio::task::spawn_blocking(move || run_and_kill("usage", &path, 5, moment(n))).await.unwrap();
        let known: u64 = acknowledged.last().unwrap().parse().unwrap();
        let (store, opened) = UsageStore::open(&dir, NOW).await.unwrap();
        assert_eq!(opened.set_aside, None);
        store.check().await.unwrap();
        for id in known.saturating_sub(100)..known {
            let wanted = call(id);
            assert_eq!(store.read(move |view| view.call(wanted.id)).await.unwrap(), Some(call(id)));
        }
        let everything = |span| RollupFilter {
            span,
            since: NOW,
            until: UnixMs(i64::MAX),
            provider: None,
            app: None,
            model: None,
        };
        let newest = store.read(|view| view.calls(&Default::default(), Page::first(1))).await.unwrap();
        let rows = ((newest[0].at.0 - NOW.0) / 1000 + 1).unsigned_abs();
        for span in Span::ALL {
            let filter = everything(span);
            let mut sums = Rollup::default();
            let slots = store.read(move |view| view.rollups(&filter)).await.unwrap();
            slots.iter().for_each(|row| sums.merge(&row.sums));
            assert_eq!(sums.calls, rows, "{span:?}");
        }
        assert!(rows >= known);
        store.close().await;
    }
}

async fn child_copies(dir: &StateDir) {
    let (store, _opened) = ConfigStore::open(dir, NOW).await.unwrap();
    for n in 0.. {
        acknowledge(n);
        store.copy_to(dir.join("copy.db")).await.unwrap();
    }
}

#[tokio::test]
async fn a_killed_copy_is_whole_or_absent() {
    let (_temp, dir) = temp();
    make_old(&dir.join("config.db"));
    ConfigStore::open(&dir, NOW).await.unwrap().0.close().await;
    let copy = dir.join("copy.db");
    let path = dir.path().to_owned();
    let length = tokio::task::spawn_blocking(move || measure("copy", &path)).await.unwrap();
    std::fs::remove_file(&copy).unwrap();
    let (mut whole, mut absent, mut drafts) = (0, 0, 0);
    for n in 0..kills() {
        let (path, at) = (dir.path().to_owned(), point(n, length));
        tokio::task::spawn_blocking(move || run_and_kill("copy", &path, 1, at)).await.unwrap();
        drafts += u32::from(dir.join("copy.db.tmp").exists());
        if copy.exists() {
            whole += 1;
            assert_eq!(verify(&copy).unwrap().rows["settings"], 2000);
            std::fs::remove_file(&copy).unwrap();
        } else {
            absent += 1;
        }
    }
    println!("killed copies of {length:?}: {whole} whole, {absent} absent, {drafts} with a draft left");
    assert!(absent > 0, "some kills must hit before the rename");
}
