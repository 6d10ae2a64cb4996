//! What happens to provider A, and proof that it did.

use crate::neighbours::Neighbours;
use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use protocol::control::ControlRequest;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;
use tests::client::{Client, ask};
use tests::config::Provider;
use tests::control;
use tests::proc;
use tests::scene::{Cast, Scene};
use tests::script::{Script, Step};
use tests::stack::{count, send};
use tests::wait;
use tokio::task::JoinSet;

/// How long A may take to be as it was.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at the worker of A, and while there is none.
const LOOK: Duration = Duration::from_millis(50);
const RARE_LOOK: Duration = Duration::from_millis(250);

/// Of a loop: processor time.
const ENOUGH: Duration = Duration::from_millis(50);

/// Said of a log that is too much.
const DROPPED: &str = "bytes of output dropped";

/// What happens to A.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mischief {
    Nothing,
    CrashLoop,
    Leak,
    Spin,
    Hang,
    NeverAnswers,
    Errors,
    LargeAnswers,
    Noise,
}

/// What was seen of it.
struct Note {
    was_real: bool,
    text: String,
}

impl Mischief {
    pub(crate) const ALL: [Self; 9] = [
        Self::Nothing,
        Self::CrashLoop,
        Self::Leak,
        Self::Spin,
        Self::Hang,
        Self::NeverAnswers,
        Self::Errors,
        Self::LargeAnswers,
        Self::Noise,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::CrashLoop => "crash loop",
            Self::Leak => "leaks to its limit",
            Self::Spin => "spins a core",
            Self::Hang => "hangs (SIGSTOP)",
            Self::NeverAnswers => "takes calls, never answers",
            Self::Errors => "answers with errors",
            Self::LargeAnswers => "answers with megabytes",
            Self::Noise => "floods its log",
        }
    }

    /// A is the demo provider where its knobs are needed.
    pub(crate) async fn scene(self, neighbours: &Neighbours) -> Result<Scene> {
        let cast = neighbours.host(async { Cast::new()?.provider("b").await?.provider("c").await }).await?;
        let cast = match self {
            Self::Leak | Self::Spin | Self::Noise => {
                let demo = Provider::demo("a").set("memory_limit", "256MiB");
                cast.configure(|c, _| Ok(c.provider(demo)))?
            }
            Self::Nothing
            | Self::CrashLoop
            | Self::Hang
            | Self::NeverAnswers
            | Self::Errors
            | Self::LargeAnswers => {
                cast.provider_with("a", |p| p.set("max_concurrent", 4000).set("files", 8000)).await?
            }
        };
        cast.start().await
    }

    /// Callers of A, and what they ask for.
    fn callers(self) -> (usize, &'static str) {
        match self {
            Self::Nothing => (0, "a/m1"),
            Self::CrashLoop | Self::Hang | Self::Errors => (1, "a/m1"),
            Self::Leak => (1, "a/demo-leak=32"),
            // Shorter than what ends a worker that does not answer its supervisor.
            Self::Spin => (2, "a/demo-spin=2000"),
            Self::NeverAnswers => (count(300, 2000), "a/m1"),
            Self::LargeAnswers => (4, "a/m1"),
            Self::Noise => (1, "a/demo-flood=20"),
        }
    }
}

/// Trouble at A, until it is ended.
pub(crate) struct Trouble {
    mischief: Mischief,
    callers: JoinSet<()>,
    /// Workers of A that were seen.
    workers: Mutex<BTreeSet<i32>>,
    cpu: Duration,
    lines: usize,
}

impl Trouble {
    pub(crate) async fn begin(scene: &Scene, mischief: Mischief) -> Result<Self> {
        let first = scene.worker("a").await?;
        match mischief {
            Mischief::Errors => scene.upstream("a")?.on("m1", Script::error(500, "no")),
            Mischief::NeverAnswers => scene.upstream("a")?.on("m1", Script::just([Step::Hang])),
            Mischief::LargeAnswers => {
                scene.upstream("a")?.on("m1", Script::answer(&"word ".repeat(40_000)));
            }
            Mischief::Hang => send(first, Signal::SIGSTOP)?,
            Mischief::Nothing | Mischief::CrashLoop | Mischief::Leak | Mischief::Spin | Mischief::Noise => {}
        }
        let cpu = proc::stat(first).map(|s| s.cpu).unwrap_or_default();
        let lines = scene.log().len();
        let (count, model) = mischief.callers();
        let mut callers = JoinSet::new();
        for n in 0..count {
            callers.spawn(call_for_ever(scene.client(), model, n));
        }
        if mischief == Mischief::NeverAnswers {
            let upstream = scene.upstream("a")?;
            let all = || upstream.busy() == count as i64;
            wait::holds("all calls to be taken", PATIENCE, all).await?;
            // So many calls at once are work for everybody; what follows is not.
            at_rest(scene).await?;
        }
        if mischief == Mischief::Noise {
            let told = || scene.log()[lines..].iter().any(|l| l.contains(DROPPED));
            wait::holds("the flood", PATIENCE, told).await?;
        }
        if mischief == Mischief::Spin {
            let spends = || proc::stat(first).is_some_and(|s| s.cpu > cpu + ENOUGH);
            wait::holds("the loop", PATIENCE, spends).await?;
        }
        let workers = Mutex::new(BTreeSet::from([first]));
        Ok(Self { mischief, callers, workers, cpu, lines })
    }

    /// Sees to it that it goes on; never ends. It walks through all processes of the machine, which takes a millisecond
    /// that somebody else might notice, only when a worker of A has gone, and rarely when none comes.
    pub(crate) async fn goes_on(&self, scene: &Scene) -> Result<()> {
        let mut known: Vec<i32> = Vec::new();
        loop {
            let gone = known.is_empty() || !known.iter().all(|pid| proc::is_alive(*pid));
            if gone {
                known = scene.workers("a").iter().map(|worker| worker.pid).collect();
                self.workers.lock().map_err(|_| anyhow::anyhow!("a lock"))?.extend(&known);
            }
            if self.mischief == Mischief::CrashLoop {
                for pid in &known {
                    // It may have ended by itself meanwhile.
                    let _gone = send(*pid, Signal::SIGKILL);
                }
            }
            tokio::time::sleep(if known.is_empty() { RARE_LOOK } else { LOOK }).await;
        }
    }

    /// Waits until it is what it is called.
    pub(crate) async fn is_real(&self, scene: &Scene) -> Result<()> {
        let mut last = String::new();
        let real = wait::until("the trouble", PATIENCE, async || {
            let note = self.note(scene).ok()?;
            last = note.text;
            note.was_real.then_some(())
        });
        real.await.with_context(|| format!("{}: nothing happened: {last}", self.mischief.name()))
    }

    /// Ends it: A is as it was.
    pub(crate) async fn end(mut self, scene: &Scene) -> Result<()> {
        self.callers.shutdown().await;
        if self.mischief == Mischief::Hang {
            for worker in scene.workers("a") {
                // It may have been replaced by now.
                let _gone = send(worker.pid, Signal::SIGCONT);
            }
        }
        if let Ok(upstream) = scene.upstream("a") {
            upstream.on("m1", Script::answer("fine"));
            wait::holds("the end of the calls of A", PATIENCE, || upstream.busy() == 0).await?;
        }
        if matches!(self.mischief, Mischief::CrashLoop | Mischief::Leak) {
            // Whatever was counted against it is forgotten.
            let asked = ControlRequest::Restart { provider: "a".to_owned() };
            control::ask(scene, asked).await?;
        }
        scene.provider_is("a", "ready", PATIENCE).await?;
        at_rest(scene).await
    }

    fn note(&self, scene: &Scene) -> Result<Note> {
        let workers = self.workers.lock().map_err(|_| anyhow::anyhow!("a lock"))?.clone();
        let spent: Duration = workers.iter().filter_map(|pid| Some(proc::stat(*pid)?.cpu)).sum();
        let spent = spent.saturating_sub(self.cpu);
        let status = scene.provider_status("a")?;
        let exit = status["last_exit"]["cause"].as_str().unwrap_or_default().to_owned();
        let text = format!(
            "{} workers, {spent:?} of CPU, last exit {exit:?}, now {}",
            workers.len(),
            status["state"]
        );
        let was_real = match self.mischief {
            Mischief::Nothing => workers.len() == 1,
            Mischief::CrashLoop => workers.len() > 1,
            Mischief::Leak => exit.contains("memory"),
            // Beside much other work on the machine it may get no more than a little of a core.
            Mischief::Spin => spent > ENOUGH,
            Mischief::Hang => workers.iter().any(|pid| proc::stat(*pid).is_none_or(|s| s.state == 'T')),
            Mischief::NeverAnswers => scene.upstream("a")?.busy() > 0,
            Mischief::Errors | Mischief::LargeAnswers => scene.upstream("a")?.request_count() > 0,
            Mischief::Noise => scene.log()[self.lines..].iter().any(|l| l.contains(DROPPED)),
        };
        Ok(Note { was_real, text })
    }
}

/// What all processes of LLM Link spend is next to nothing again.
async fn at_rest(scene: &Scene) -> Result<()> {
    let spent = || -> Duration { scene.processes().iter().map(|process| process.cpu).sum() };
    wait::until("LLM Link to be at rest", PATIENCE, async || {
        let before = spent();
        tokio::time::sleep(Duration::from_millis(200)).await;
        (spent().saturating_sub(before) <= Duration::from_millis(10)).then_some(())
    })
    .await
}

/// Each call asks something else: a request that ends two workers would be turned away from then on.
async fn call_for_ever(client: Client, model: &str, number: usize) {
    let mut n = 0_u64;
    loop {
        n += 1;
        let mut body = ask(model);
        body["messages"] = json!([{"role": "user", "content": format!("{number} asks for the {n}th time")}]);
        // What becomes of it is not looked at; who is turned away at once comes back a little later.
        let lost = client.post("/v1/chat/completions", body.to_string()).await.context("a call of A");
        if lost.is_ok_and(|reply| reply.status != 200) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
