//! No space: changes are refused with the right blame and what is there stays readable; room brings it back
//! without a restart. On a real small file system where one can be mounted, and under RLIMIT_FSIZE anywhere.
//! On a disk whose syncs fail, nothing that was acknowledged is lost and nothing that was refused is seen.

use super::fixture::{NOW, app, call, stamp};
use crate::store::ballast::{BALLAST_BYTES, BallastState};
use crate::store::edit::Expect;
use crate::store::error::Blame;
use crate::store::{ConfigStore, StateDir, StoreError, UsageStore};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::json;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitStatus};

const DIR: &str = "LLM_LINK_FULL_DIR";

/// Runs one of the ignored tests below in a shell that has prepared something.
fn in_shell(shell: &[&str], prepare: &str, test: &str, dir: &Path) -> ExitStatus {
    let script = format!("{prepare}; exec \"$0\" --exact store::tests::full::{test} --ignored --nocapture");
    let (program, args) = shell.split_first().unwrap();
    Command::new(program)
        .args(args)
        .args(["sh", "-ec", &script])
        .arg(std::env::current_exe().unwrap())
        .env(DIR, dir)
        .status()
        .unwrap()
}

fn given_dir() -> Option<StateDir> {
    let path = std::env::var(DIR).ok()?;
    Some(StateDir::prepare(Path::new(&path)).unwrap())
}

/// A value that takes that many bytes.
async fn grow(store: &ConfigStore, n: usize, bytes: usize) -> Result<i64, StoreError> {
    let done = store
        .change(stamp(), move |edit| {
            edit.set_setting(&format!("s{n}"), Expect::Any, &json!("x".repeat(bytes)))
        })
        .await?;
    Ok(done.effect.epoch)
}

async fn grow_until_refused(store: &ConfigStore, bytes: usize) -> (usize, StoreError) {
    for n in 0..10_000 {
        if let Err(error) = grow(store, n, bytes).await {
            return (n, error);
        }
    }
    panic!("it never got full");
}

#[test]
fn a_full_file_system() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().to_str().unwrap();
    let mount = format!("mount -t tmpfs -o size=4m none '{dir}'");
    let probe = Command::new("unshare").args(["--mount", "sh", "-ec", &mount]).output();
    if !probe.is_ok_and(|o| o.status.success()) {
        println!("not run: this system gives no mount namespace");
        return;
    }
    let status = in_shell(&["unshare", "--mount"], &mount, "on_a_small_file_system", temp.path());
    assert!(status.success(), "{status}");
}

/// Writes until the file system has no byte left.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    for size in [65_536, 4096, 1] {
        while file.write_all(&vec![7; size]).is_ok() {}
    }
}

#[tokio::test]
#[ignore = "started by the test above"]
async fn on_a_small_file_system() {
    let Some(dir) = given_dir() else { return };
    let (store, opened) = ConfigStore::open(&dir, NOW).await.unwrap();
    assert_eq!(opened.ballast, BallastState::Held);
    let (usage, _opened) = UsageStore::open(&dir, NOW).await.unwrap();
    store.change(stamp(), |edit| edit.create_app(&app("web"))).await.unwrap();
    fill(&dir.join("filler"));

    let error = usage.add_calls((0..5000).map(call).collect()).await.err().unwrap();
    assert!(error.is_disk_full() && error.blame() == Blame::Machine, "{error}");
    assert_eq!(std::fs::metadata(dir.join("ballast")).unwrap().len(), BALLAST_BYTES, "not for usage rows");

    let epoch = grow(&store, 0, 200_000).await.unwrap();
    assert!(!dir.join("ballast").exists(), "the ballast made room for the operator");
    let (refused_at, error) = grow_until_refused(&store, 200_000).await;
    assert!(error.is_disk_full() && error.blame() == Blame::Machine, "{error}");
    let seen = store.read(|view| Ok((view.epoch()?, view.apps()?.len()))).await.unwrap();
    assert_eq!(seen.1, 1, "reads go on");
    assert!(seen.0 >= epoch + i64::try_from(refused_at).unwrap() - 1);
    assert_eq!(store.maintain().await.unwrap(), BallastState::Spent, "no room for it yet");

    std::fs::remove_file(dir.join("filler")).unwrap();
    assert_eq!(grow(&store, 9999, 10).await.unwrap(), seen.0 + 1, "no restart, no epoch lost");
    usage.add_calls((0..100).map(call).collect()).await.unwrap();
    assert_eq!(store.maintain().await.unwrap(), BallastState::Held);
    store.check().await.unwrap();
    usage.check().await.unwrap();

    store.close().await;
    fill(&dir.join("filler"));
    let (store, opened) = ConfigStore::open(&dir, NOW).await.unwrap();
    assert_eq!(opened.ballast, BallastState::Spent, "a start on a full disk costs the ballast");
    assert_eq!(store.read(|view| Ok(view.apps()?.len())).await.unwrap(), 1);
}

#[test]
fn a_file_that_may_not_grow() {
    let temp = tempfile::tempdir().unwrap();
    // Ignored, the signal stays ignored after exec, and a write beyond the limit is an error instead.
    let status =
        in_shell(&["env"], "trap '' XFSZ; ulimit -S -f 4096", "under_a_file_size_limit", temp.path());
    assert!(status.success(), "{status}");
}

#[tokio::test]
#[ignore = "started by the test above"]
async fn under_a_file_size_limit() {
    let Some(dir) = given_dir() else { return };
    let (store, _opened) = ConfigStore::open(&dir, NOW).await.unwrap();
    store.change(stamp(), |edit| edit.create_app(&app("web"))).await.unwrap();
    let (_n, error) = grow_until_refused(&store, 200_000).await;
    assert!(matches!(error, StoreError::Io(_) | StoreError::DiskFull(_)), "{error}");
    assert_eq!(error.blame(), Blame::Machine);
    let (epoch, apps) = store.read(|view| Ok((view.epoch()?, view.apps()?.len()))).await.unwrap();
    assert_eq!(apps, 1, "reads go on");

    let (_soft, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    setrlimit(Resource::RLIMIT_FSIZE, hard, hard).unwrap();
    assert_eq!(grow(&store, 9999, 200_000).await.unwrap(), epoch + 1, "no restart, no epoch lost");
    store.check().await.unwrap();
}

const FAULTS: &str = "inject=fsync,fdatasync:error=EIO:when=14+3";

#[tokio::test]
async fn a_disk_that_fails_to_sync() {
    let temp = tempfile::tempdir().unwrap();
    let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", FAULTS];
    if !Command::new(strace[0]).args(&strace[1..]).arg("true").output().is_ok_and(|o| o.status.success()) {
        println!("not run: this system gives no strace");
        return;
    }
    let dir = temp.path().to_owned();
    let status = tokio::task::spawn_blocking(move || in_shell(&strace, ":", "under_failing_syncs", &dir));
    let status = status.await.unwrap();
    assert!(status.success(), "{status}");
    let acknowledged: i64 =
        std::fs::read_to_string(temp.path().join("acknowledged")).unwrap().parse().unwrap();
    let (store, _opened) = ConfigStore::open(&StateDir::prepare(temp.path()).unwrap(), NOW).await.unwrap();
    store.check().await.unwrap();
    let epoch = store.read(|view| view.epoch()).await.unwrap();
    assert!(epoch == acknowledged || epoch == acknowledged + 1, "epoch {epoch}, acknowledged {acknowledged}");
}

#[tokio::test]
#[ignore = "started by the test above"]
async fn under_failing_syncs() {
    let Some(dir) = given_dir() else { return };
    let (store, _opened) = ConfigStore::open(&dir, NOW).await.unwrap();
    let (mut acknowledged, mut failed) = (0, 0);
    for n in 0..60 {
        match grow(&store, n, 100).await {
            Ok(epoch) => acknowledged = epoch,
            Err(error) => {
                assert!(matches!(error, StoreError::Io(_)), "{error}");
                failed += 1;
            }
        }
        let seen = store.read(|view| view.epoch()).await.unwrap();
        assert_eq!(seen, acknowledged, "what failed is not seen");
    }
    println!("{failed} of 60 changes met a failing sync");
    assert!(failed > 5 && failed < 55);
    std::fs::write(dir.join("acknowledged"), acknowledged.to_string()).unwrap();
}
