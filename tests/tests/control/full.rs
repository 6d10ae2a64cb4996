//! F21: no room on the disk of the state directory, and files that cannot be written. Calls go on; changes are
//! refused with the reason; what was there is there; room brings everything back without a restart.

use super::callers::Callers;
use super::create;
use anyhow::{Context, Result, bail, ensure};
use http::Method;
use protocol::control::record::CallFilter;
use protocol::control::{ControlReply, ControlRequest as R};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tests::config::Config;
use tests::control::Control;
use tests::operator::Operator;
use tests::stack::{Place, Stack, say};
use tests::upstream::Upstream;
use tests::{proc, wait};

const PATIENCE: Duration = Duration::from_secs(60);
/// Room for everything that belongs there at first, and for not much more.
const MOUNT: &str = "mkdir -p \"$0\" && mount -t tmpfs -o size=8m,mode=0700 none \"$0\" && exec \"$@\"";

/// A stack, its operator, and callers that call as long as it lives.
struct Scene {
    stack: Stack,
    upstream: Upstream,
    control: Control,
    ada: Operator,
    callers: Callers,
}

impl Scene {
    async fn begin(place: Place) -> Result<Scene> {
        let upstream = Upstream::start().await?;
        let stack = Stack::launch(place, Config::new(), &[]).await?;
        let ready = async || (stack.client().get("/ready").await.ok()?.status == 200).then_some(());
        wait::until("readiness", PATIENCE, ready).await?;
        let control = Control::of(&inside(&stack)?);
        control.change(create("a", &upstream.url(), "sk-1")).await?;
        let ada = Operator::first(&stack).await?;
        let callers = Callers::start(&stack.client(), 3, Duration::from_millis(20));
        Ok(Scene { stack, upstream, control, ada, callers })
    }

    /// An edit of some size; the answer's status and body.
    async fn edit(&self, n: usize) -> Result<(u16, Value)> {
        let patterns: Vec<Value> =
            (0..60).map(|k| json!(format!("model-{n}-{k}-{}", "x".repeat(60)))).collect();
        let spec =
            json!({"spec": {"name": format!("app{}", n % 50), "note": "n".repeat(500), "models": patterns}});
        let path = format!("/apps/app{}", n % 50);
        let changed = self.ada.send(Method::PUT, &path, Some(&spec), &[]).await?;
        let reply = if changed.status == 404 { self.ada.post("/apps", &spec).await? } else { changed };
        Ok((reply.status, reply.json()))
    }

    /// Edits until one is refused: its status and what it says.
    async fn edit_until_refused(&self) -> Result<(u16, Value)> {
        for n in 0..3000 {
            let (status, body) = self.edit(n).await?;
            if !matches!(status, 200..=202) {
                say(&format!("{n} edits were possible"));
                return Ok((status, body));
            }
        }
        bail!("it never got full")
    }

    /// What holds while nothing can be written.
    async fn goes_on(&self, refused: &(u16, Value), allowed: &[u16]) -> Result<()> {
        let (status, body) = refused;
        ensure!(allowed.contains(status), "{status} {body}");
        let detail = body["detail"].as_str().unwrap_or_default();
        ensure!(body["status"] == *status && !detail.is_empty(), "{body}");
        say(&format!("refused with {status}: {detail}"));
        let before = self.upstream.request_count();
        let more = async || (self.upstream.request_count() > before + 20).then_some(());
        wait::until("calls that go on", PATIENCE, more).await?;
        ensure!(self.ada.get("/status").await?.status == 200, "the status is not answered");
        ensure!(self.ada.get("/providers").await?.json()["items"][0]["spec"]["name"] == "a");
        Ok(())
    }

    /// Everything is as before, without a restart.
    async fn recovers(self, epoch: u64) -> Result<()> {
        let edited = wait::until("an edit", PATIENCE, async || {
            // One that says something new: what changes nothing makes no epoch.
            let (status, _) = self.edit(5000).await.ok()?;
            matches!(status, 200..=202).then_some(())
        });
        edited.await?;
        let after = self.control.epoch().await?;
        ensure!(after > epoch, "epoch {after} after {epoch}");
        let calls = self.callers.end().await?;
        // Calls that came in between may be missing, and then that is said; those from now on are recorded.
        let marked = self.stack.client().chat("a/last").await?;
        ensure!(marked.status == 200);
        let filter = CallFilter { model: Some("a/last".to_owned()), ..CallFilter::default() };
        let recorded = async || {
            let ask = R::Calls { filter: filter.clone(), page: Default::default() };
            match self.control.ask(ask).await.ok()? {
                ControlReply::Calls(calls) if !calls.is_empty() => Some(()),
                _other => None,
            }
        };
        wait::until("a call on record", PATIENCE, recorded).await?;
        say(&format!("{calls} calls, none of them failed"));
        Ok(())
    }
}

/// Its state directory as it sees it itself.
fn inside(stack: &Stack) -> Result<PathBuf> {
    let root = PathBuf::from(format!("/proc/{}/root", stack.pid()));
    Ok(root.join(stack.place().state().strip_prefix("/")?))
}

/// Writes until the file system has no byte left.
fn fill(path: &Path) -> Result<()> {
    let mut file = File::create(path)?;
    for size in [65_536, 4096, 1] {
        while file.write_all(&vec![7; size]).is_ok() {}
    }
    Ok(())
}

/// A start below a file system of its own; none where the machine gives none.
fn small_disk(place: Place) -> Result<Option<Place>> {
    let state = place.state().to_string_lossy().into_owned();
    let starter = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", MOUNT, &state];
    let probe = Command::new(starter[0]).args(&starter[1..]).arg("true").stderr(Stdio::null()).status();
    Ok(probe.is_ok_and(|status| status.success()).then(|| place.started_by(&starter)))
}

/// Lets the files of these processes grow no further than that.
fn limit_files(processes: &[i32], most: &str) -> Result<()> {
    for pid in processes {
        let limit = ["--pid", &pid.to_string(), &format!("--fsize={most}:")];
        let status = Command::new("prlimit").args(limit).status().context("prlimit")?;
        ensure!(status.success(), "prlimit: {status}");
    }
    Ok(())
}

#[tokio::test]
async fn f21_a_full_disk_costs_changes_and_no_call() -> Result<()> {
    let Some(place) = small_disk(Place::new()?)? else {
        say("F21: no file system of its own can be mounted here; files that may not grow stand in for it");
        return without_growth().await;
    };
    let scene = Scene::begin(place).await?;
    let filler = inside(&scene.stack)?.join("filler");
    fill(&filler)?;
    let refused = scene.edit_until_refused().await?;
    let epoch = scene.control.epoch().await?;
    scene.goes_on(&refused, &[507]).await?;
    // Again and again, as impatient people do.
    let mut taken = 0;
    for n in 0..20 {
        match scene.edit(4000 + n).await? {
            (507, _) => {}
            // What room there was left in the log.
            (200..=202, _) => taken += 1,
            (status, body) => bail!("{status} {body}"),
        }
    }
    ensure!(taken < 20, "nothing was refused");
    ensure!(scene.control.epoch().await? == epoch + taken, "what was refused is in force");
    std::fs::remove_file(&filler)?;
    scene.recovers(epoch).await
}

#[tokio::test]
async fn f21_files_that_cannot_be_written_cost_changes_and_no_call() -> Result<()> {
    without_growth().await
}

async fn without_growth() -> Result<()> {
    let scene = Scene::begin(Place::new()?).await?;
    let router = scene.stack.router().await?;
    let processes = [scene.stack.pid(), router];
    limit_files(&processes, "4096")?;
    let refused = scene.edit_until_refused().await?;
    let epoch = scene.control.epoch().await?;
    scene.goes_on(&refused, &[503, 507]).await?;
    ensure!(proc::stat(router).is_some_and(|stat| stat.state != 'Z'), "the router has ended");
    limit_files(&processes, "unlimited")?;
    scene.recovers(epoch).await
}
