//! The real executable, running: a directory of its own, a free port, its log, its processes.
//!
//! Dropping a stack ends what it started, by pid, and fails the test if a process is left over.

use crate::client::Client;
use crate::config::Config;
use crate::proc::{self, Stat};
use crate::wait;
use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a start may take with a debug build on a busy machine.
const START: Duration = Duration::from_secs(30);
/// How long an end may take before it is forced.
const STOP: Duration = Duration::from_secs(5);
/// How long children may outlive the supervisor.
const ORPHANS: Duration = Duration::from_secs(2);
/// Log lines shown when a stack goes down.
const SHOWN: usize = 400;

/// The executable under test: `LLM_LINK_BIN`, else the one built beside the tests.
pub fn executable() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("LLM_LINK_BIN") {
        return Ok(path.into());
    }
    let me = std::env::current_exe()?;
    let profile = me.parent().and_then(Path::parent).context("the target directory")?;
    let path = profile.join("llm-link");
    ensure!(path.exists(), "{} is missing: cargo build -p supervisor", path.display());
    Ok(path)
}

/// Whether the long versions of the fault tests were asked for.
pub fn full_counts() -> bool {
    std::env::var_os("LLM_LINK_FULL").is_some_and(|v| v == "1")
}

/// Whether a row of the isolation table was asked for by the beginning of its name; all are if none was.
pub fn wants_row(name: &str) -> bool {
    let named = |wanted: String| wanted.split(',').any(|beginning| name.starts_with(beginning));
    std::env::var("LLM_LINK_ROWS").map_or(true, named)
}

/// How many pairs of windows a row of that table is to have, if that was said.
pub fn count_of_pairs() -> Option<usize> {
    std::env::var("LLM_LINK_PAIRS").ok()?.parse().ok()
}

/// Whether pages that tests write are to be written anew.
pub fn bless() -> bool {
    std::env::var_os("LLM_LINK_BLESS").is_some_and(|v| v == "1")
}

/// `short`, or `full` when the long versions were asked for.
pub fn count(short: usize, full: usize) -> usize {
    if full_counts() { full } else { short }
}

/// A limit as the full counts demand it; ten times as much for the short ones, which run as debug builds on
/// whatever machine there is.
pub fn limit(time: Duration) -> Duration {
    if full_counts() { time } else { time * 10 }
}

/// A line on the test's output, with figures that were measured.
pub fn say(line: &str) {
    let mut out = std::io::stderr();
    // A closed output is no reason to fail.
    let _written = writeln!(out, "{line}");
}

/// The place of a stack: files that a test prepares before the start and looks at after the end.
pub struct Place {
    dir: TempDir,
    /// A program and its arguments that starts the executable.
    starter: Vec<String>,
}

impl Place {
    pub fn new() -> Result<Self> {
        Ok(Self { dir: tempfile::Builder::new().prefix("llm-link-test-").tempdir()?, starter: Vec::new() })
    }

    /// Started by a program that prepares something and then becomes the executable: its path and arguments
    /// follow these.
    #[must_use]
    pub fn started_by(mut self, starter: &[&str]) -> Self {
        self.starter = starter.iter().map(|&word| word.to_owned()).collect();
        self
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    pub fn config(&self) -> PathBuf {
        self.path().join("llm-link.toml")
    }

    /// An executable of this place's own: a stack that starts here runs it, and it can be replaced.
    pub fn program(&self) -> PathBuf {
        self.path().join("llm-link")
    }

    /// Puts a copy of that file where [`Self::program`] is, in one step.
    pub fn install(&self, executable: &Path) -> Result<()> {
        let new = self.path().join("llm-link.new");
        fs::copy(executable, &new)?;
        Ok(fs::rename(new, self.program())?)
    }

    /// A key file (0600) with this content.
    pub fn key(&self, name: &str, key: &str) -> Result<PathBuf> {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path().join(format!("{name}.key"));
        fs::write(&path, format!("{key}\n"))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(path)
    }
}

/// Lines of the log, shared with the thread that reads them.
type Lines = Arc<Mutex<Vec<String>>>;

/// A running `llm-link serve`.
pub struct Stack {
    place: Place,
    child: Child,
    status: Option<ExitStatus>,
    address: SocketAddr,
    /// Configured at the start.
    providers: usize,
    log: Lines,
    /// Shown when it goes down.
    quiet: bool,
    /// Beside the base environment.
    environment: Vec<(String, String)>,
}

impl Stack {
    /// Starts with that configuration and waits until it is ready for calls.
    pub async fn start(place: Place, config: Config) -> Result<Self> {
        let stack = Self::launch(place, config, &[]).await?;
        stack.ready().await?;
        Ok(stack)
    }

    /// Starts and waits only for the address; `environment` is added to a clean one.
    pub async fn launch(place: Place, config: Config, environment: &[(&str, &str)]) -> Result<Self> {
        let providers = config.provider_count();
        fs::write(place.config(), config.server("listen", "127.0.0.1:0").text()?)?;
        Self::begin(place, providers, environment).await
    }

    /// Ends what runs, if it still does, and starts again at the same place; waits until calls are served.
    pub async fn restart(mut self) -> Result<Self> {
        let (place, providers) = (std::mem::replace(&mut self.place, Place::new()?), self.providers);
        self.quiet = true;
        drop(self);
        let stack = Self::begin(place, providers, &[]).await?;
        wait::until("readiness", START, async || {
            (stack.client().get("/ready").await.ok()?.status == 200).then_some(())
        })
        .await?;
        Ok(stack)
    }

    async fn begin(place: Place, providers: usize, environment: &[(&str, &str)]) -> Result<Self> {
        let environment: Vec<(String, String)> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (child, log) = begin(&place, &environment)?;
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut stack =
            Self { place, child, status: None, address, providers, log, quiet: false, environment };
        stack.find_address().await?;
        Ok(stack)
    }

    async fn find_address(&mut self) -> Result<()> {
        let found = wait::until("the line `listening on`", START, async || {
            self.status = self.child.try_wait().ok().flatten();
            self.status.map(Err).or_else(|| listening(&self.log()).map(Ok))
        });
        match found.await? {
            Ok(address) => self.address = address,
            Err(status) => bail!("llm-link ended at once with {status}"),
        }
        Ok(())
    }

    /// Kills the supervisor (everything of it ends with it) and starts it again in its place, at another address;
    /// how long the start took.
    pub async fn revive(&mut self) -> Result<Duration> {
        let before = self.processes();
        self.child.kill().context("the supervisor's end")?;
        self.child.wait()?;
        Self::all_gone(&before, ORPHANS).await?;
        let began = Instant::now();
        (self.child, self.log) = begin(&self.place, &self.environment)?;
        self.find_address().await?;
        Ok(began.elapsed())
    }

    /// Waits until `/ready` says so of every provider it was started with: one alone is ready before all
    /// are, and takes over for the others.
    pub async fn ready(&self) -> Result<()> {
        wait::until("readiness", START, async || {
            let reply = self.client().get("/ready").await.ok()?;
            (reply.status == 200 && reply.json()["providers"] == self.providers).then_some(())
        })
        .await
    }

    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The supervisor.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or_default()
    }

    /// Its routers, oldest first.
    pub fn routers(&self) -> Vec<Stat> {
        self.children(|words| words.get(1).is_some_and(|w| w == "router"))
    }

    /// The worker processes of a provider, oldest first.
    pub fn workers(&self, provider: &str) -> Vec<Stat> {
        self.children(|words| {
            words.get(1).is_some_and(|w| w == "worker") && words.get(2).is_some_and(|w| w == provider)
        })
    }

    fn children(&self, mut is: impl FnMut(&[String]) -> bool) -> Vec<Stat> {
        let alive = proc::children(self.pid()).into_iter().filter(|s| s.state != 'Z');
        alive.filter(|s| is(&proc::arguments(s.pid))).collect()
    }

    /// The newest worker process of a provider, waited for.
    pub async fn worker(&self, provider: &str) -> Result<i32> {
        wait::until("a worker", Duration::from_secs(10), async || {
            self.workers(provider).last().map(|s| s.pid)
        })
        .await
    }

    /// The newest router process, waited for.
    pub async fn router(&self) -> Result<i32> {
        wait::until("a router", Duration::from_secs(10), async || self.routers().last().map(|s| s.pid)).await
    }

    /// Every process of this stack.
    pub fn processes(&self) -> Vec<Stat> {
        proc::tree(self.pid())
    }

    /// Every line it has said so far, on both outputs.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a line that holds all these words; gives it.
    pub async fn logged(&self, words: &[&str], within: Duration) -> Result<String> {
        let what = format!("a log line with {words:?}");
        wait::until(&what, within, async || {
            self.log().into_iter().find(|l| words.iter().all(|w| l.contains(w)))
        })
        .await
    }

    /// Does not print its log when it goes down: for tests that flood it.
    pub fn hush(&mut self) {
        self.quiet = true;
    }

    /// Sends a signal to the supervisor.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        send(self.pid(), signal)
    }

    /// Replaces the configuration file; the running processes learn of it by SIGHUP or by watching.
    pub fn write_config(&self, config: Config) -> Result<()> {
        self.write_config_text(&config.server("listen", "127.0.0.1:0").text()?)
    }

    pub fn write_config_text(&self, text: &str) -> Result<()> {
        let new = self.place.path().join("llm-link.toml.new");
        fs::write(&new, text)?;
        Ok(fs::rename(new, self.place.config())?)
    }

    /// Runs another command of the executable against this stack.
    pub fn command(&self, arguments: &[&str]) -> Result<std::process::Output> {
        let mut command = Command::new(executable()?);
        command.env_clear().envs(base_environment(&self.place)).args(arguments);
        Ok(command.arg("--state-dir").arg(self.place.state()).stdin(Stdio::null()).output()?)
    }

    /// `llm-link status --json`.
    pub fn status(&self) -> Result<Value> {
        let output = self.command(&["status", "--json"])?;
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "status: {} {text} {errors}", output.status);
        serde_json::from_str(&text).with_context(|| format!("status printed {text:?}"))
    }

    /// That provider's part of the status.
    pub fn provider_status(&self, provider: &str) -> Result<Value> {
        let status = self.status()?;
        let all = status["providers"].as_array().cloned().unwrap_or_default();
        let mine = all.into_iter().find(|p| p["name"] == provider);
        mine.with_context(|| format!("no provider {provider} in {status}"))
    }

    /// Waits until the provider is in that state; gives its part of the status.
    pub async fn provider_is(&self, provider: &str, state: &str, within: Duration) -> Result<Value> {
        let what = format!("{provider} to be {state}");
        wait::until(&what, within, async || {
            let status = self.provider_status(provider).ok()?;
            status["state"].as_str().is_some_and(|s| s.eq_ignore_ascii_case(state)).then_some(status)
        })
        .await
    }

    /// Waits for the end of the supervisor.
    pub async fn ended(&mut self, within: Duration) -> Result<ExitStatus> {
        let child = &mut self.child;
        let status =
            wait::until("the supervisor's end", within, async || child.try_wait().ok().flatten()).await?;
        self.status = Some(status);
        Ok(status)
    }

    /// Waits until none of these processes is left, not even as a zombie; says how long it took.
    pub async fn all_gone(processes: &[Stat], within: Duration) -> Result<Duration> {
        let mut left = String::new();
        let gone = wait::holds("the end of every process", within, || {
            let alive: Vec<String> = still_there(processes).iter().map(|s| format!("{s:?}")).collect();
            left = alive.join(", ");
            alive.is_empty()
        });
        gone.await.with_context(|| format!("left over: {left}"))
    }

    fn shut_down(&mut self) -> Vec<Stat> {
        let before = self.processes();
        if self.status.is_none() {
            // Not a drain: this runs on the test's own thread, where its connections are still open.
            let _gone = self.signal(Signal::SIGQUIT);
            if !self.reaped(STOP) {
                let _gone = self.child.kill();
                let _status = self.child.wait();
            }
        }
        let deadline = Instant::now() + ORPHANS;
        while Instant::now() < deadline && !still_there(&before).is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        still_there(&before)
    }

    fn reaped(&mut self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let left = self.shut_down();
        for process in &left {
            let _gone = send(process.pid, Signal::SIGKILL);
        }
        if !self.quiet {
            let log = self.log();
            for line in &log[log.len().saturating_sub(SHOWN)..] {
                say(&format!("  | {line}"));
            }
        }
        assert!(left.is_empty() || std::thread::panicking(), "left over: {left:?}");
    }
}

/// Starts the executable; its output is collected from then on.
fn begin(place: &Place, environment: &[(String, String)]) -> Result<(Child, Lines)> {
    let own = place.program();
    let executable = if own.exists() { own } else { executable()? };
    let mut command = match place.starter.split_first() {
        None => Command::new(executable),
        Some((program, arguments)) => {
            let mut command = Command::new(program);
            command.args(arguments).arg(executable);
            command
        }
    };
    command.arg("serve").arg("--config").arg(place.config());
    command.arg("--state-dir").arg(place.state());
    command.env_clear().envs(base_environment(place)).envs(environment.iter().cloned());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("start of llm-link")?;
    let log = Lines::default();
    for output in [
        child.stdout.take().map(|o| Box::new(o) as Box<dyn Read + Send>),
        child.stderr.take().map(|o| Box::new(o) as Box<dyn Read + Send>),
    ] {
        collect(output.context("its output")?, log.clone())?;
    }
    Ok((child, log))
}

/// Sends a signal to one process.
pub fn send(pid: i32, signal: Signal) -> Result<()> {
    ensure!(pid > 1, "{pid} is no process of ours");
    kill(Pid::from_raw(pid), signal).with_context(|| format!("{signal} to {pid}"))
}

/// Those of the processes that exist still (a reused pid has another start time). A zombie counts, unless it
/// was orphaned: then the machine's init has to reap it, not we.
fn still_there(processes: &[Stat]) -> Vec<Stat> {
    let now = |before: &Stat| {
        let now = proc::stat(before.pid).filter(|now| now.started == before.started)?;
        (now.state != 'Z' || now.parent == before.parent).then_some(now)
    };
    processes.iter().filter_map(now).collect()
}

fn base_environment(place: &Place) -> Vec<(&'static str, OsString)> {
    let home = place.path().as_os_str().to_owned();
    vec![("PATH", "/usr/bin:/bin".into()), ("HOME", home), ("RUST_BACKTRACE", "1".into())]
}

fn listening(log: &[String]) -> Option<SocketAddr> {
    let rest = log.iter().find_map(|l| l.split_once("listening on http://"))?.1;
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':')).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

fn collect(output: Box<dyn Read + Send>, log: Lines) -> Result<()> {
    let read = move || {
        let mut reader = BufReader::new(output);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            log.lock().unwrap_or_else(PoisonError::into_inner).push(text);
            line.clear();
        }
    };
    // It ends with the pipe, that is with the last process that holds it.
    std::thread::Builder::new().name("log".to_owned()).spawn(read)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_any_log_format() {
        for line in [
            "listening on http://127.0.0.1:4711",
            "2026-01-01T00:00:00Z  INFO fleet: listening on http://127.0.0.1:4711 app=default",
            r#"{"message":"listening on http://127.0.0.1:4711"}"#,
        ] {
            assert_eq!(listening(&[line.to_owned()]), Some(SocketAddr::from(([127, 0, 0, 1], 4711))));
        }
        assert_eq!(listening(&["nothing".to_owned()]), None);
    }

    #[test]
    fn a_reused_pid_is_not_the_same_process() -> Result<()> {
        let mut me = proc::stat(i32::try_from(std::process::id())?).context("this process")?;
        assert_eq!(still_there(std::slice::from_ref(&me)).len(), 1);
        me.started += 1;
        assert!(still_there(&[me]).is_empty());
        Ok(())
    }
}
