//! A systemd of its own, and a hand inside it.

use crate::inside::{COUNTS, Counts, PROGRAM, STOP, WORK, Work};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tests::stack::{executable, say};

/// A booted system; it ends when this is dropped.
pub(crate) struct Nested {
    dir: TempDir,
    outer: i32,
    inner: String,
}

/// The clients of [`Nested::load`].
pub(crate) struct Load {
    program: Child,
    stop: PathBuf,
    counts: PathBuf,
}

/// The unit files of the product: name and text.
pub(crate) fn units() -> Result<Vec<(String, String)>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd");
    let names = ["llm-link.service", "llm-link.socket", "llm-link.sysusers.conf"];
    names.iter().map(|name| Ok(((*name).to_owned(), fs::read_to_string(dir.join(name))?))).collect()
}

pub(crate) fn has_program(name: &str) -> bool {
    ["/usr/bin", "/bin", "/usr/sbin", "/lib/systemd"].iter().any(|dir| Path::new(dir).join(name).exists())
}

fn impossible() -> Option<&'static str> {
    let cgroups = ["/sys/fs/cgroup/cgroup.controllers", "/sys/fs/cgroup/unified/cgroup.controllers"];
    if !nix::unistd::geteuid().is_root() {
        Some("it needs root")
    } else if !["systemd", "unshare", "nsenter", "ip", "curl"].iter().all(|name| has_program(name)) {
        Some("it needs systemd, unshare, nsenter, ip and curl")
    } else if !cgroups.iter().any(|file| Path::new(file).exists()) {
        Some("it needs a cgroup v2 hierarchy")
    } else {
        None
    }
}

impl Nested {
    /// Boots one; none where that is not possible, which is said aloud.
    pub(crate) fn boot() -> Result<Option<Self>> {
        if let Some(why) = impossible() {
            say(&format!("skipped, no nested systemd here: {why}"));
            return Ok(None);
        }
        let dir = tempfile::tempdir()?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("nested/boot.sh");
        let output = Command::new("bash").arg(script).arg(dir.path()).stderr(Stdio::piped()).output()?;
        let outer = String::from_utf8_lossy(&output.stdout).trim().parse();
        if !output.status.success() {
            let console = fs::read_to_string(dir.path().join("console.log")).unwrap_or_default();
            bail!("{}\n{console}", String::from_utf8_lossy(&output.stderr));
        }
        let inner = fs::read_to_string(dir.path().join("pid1"))?.trim().to_owned();
        Ok(Some(Self { dir, outer: outer.context("the pid of the outer process")?, inner }))
    }

    /// Puts executable, units, account and a configuration of one demo provider in their places.
    pub(crate) fn install(&self, provider: &str) -> Result<()> {
        let dir = self.dir.path();
        fs::copy(executable()?, dir.join("llm-link"))?;
        for (name, text) in units()? {
            fs::write(dir.join(name), text)?;
        }
        let config = format!("[[providers]]\nname = \"demo\"\npreset = \"demo\"\n{provider}\n");
        fs::write(dir.join("llm-link.toml"), config)?;
        let dir = dir.display();
        self.run(&format!(
            "cd {dir} && install -m755 llm-link /usr/local/bin/llm-link \
             && install -m644 llm-link.service llm-link.socket /etc/systemd/system/ \
             && install -Dm644 llm-link.sysusers.conf /usr/lib/sysusers.d/llm-link.conf \
             && systemd-sysusers llm-link.conf \
             && install -Dm644 llm-link.toml /etc/llm-link/llm-link.toml && systemctl daemon-reload"
        ))?;
        Ok(())
    }

    /// A copy of the executable that everybody inside may run, and where it is.
    pub(crate) fn executable(&self) -> Result<PathBuf> {
        let path = self.dir.path().join("llm-link");
        fs::copy(executable()?, &path)?;
        Ok(path)
    }

    /// Visible inside at the same path.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.inner, "-m", "-p", "-C", "-n", "-i", "-u", "--"]);
        command
    }

    /// What a shell command inside writes to stdout; its failure is an error with everything it wrote.
    pub(crate) fn run(&self, command: &str) -> Result<String> {
        let output = self.enter().args(["sh", "-c", command]).output()?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let said =
            || format!("{command}: {stdout}{}{}", String::from_utf8_lossy(&output.stderr), self.journal());
        ensure!(output.status.success(), said());
        Ok(stdout)
    }

    pub(crate) fn get(&self, path: &str) -> Result<String> {
        self.run(&format!("curl -sS --max-time 10 http://127.0.0.1:8080{path}"))
    }

    /// The service answers, if need be after its socket woke it.
    pub(crate) fn answers(&self) -> Result<()> {
        let health = self.get("/health")?;
        ensure!(health.contains(r#""status":"ok""#), "/health says {health}");
        Ok(())
    }

    pub(crate) fn property(&self, name: &str) -> Result<String> {
        Ok(self.run(&format!("systemctl show -p {name} --value llm-link.service"))?.trim().to_owned())
    }

    /// The supervisor's pid inside.
    pub(crate) fn main_pid(&self) -> Result<i32> {
        Ok(self.property("MainPID")?.parse()?)
    }

    /// Another supervisor than that one is up and has said so.
    pub(crate) fn is_up_after(&self, former: i32) -> bool {
        let active = self.property("ActiveState").is_ok_and(|state| state == "active");
        active && self.main_pid().is_ok_and(|now| now != 0 && now != former)
    }

    /// Those of the pids that still exist inside.
    pub(crate) fn left(&self, pids: &str) -> Result<String> {
        let pids: Vec<&str> = pids.split_whitespace().collect();
        self.run(&format!("for p in {}; do [ ! -e /proc/$p ] || echo $p; done", pids.join(" ")))
    }

    pub(crate) fn journal(&self) -> String {
        let output = self.enter().args(["journalctl", "--no-pager", "-n", "100", "-u", "llm-link"]).output();
        output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default()
    }

    /// Clients that call until they are told to stop.
    pub(crate) fn load(&self, work: Work) -> Result<Load> {
        let program = self.dir.path().join("clients");
        fs::copy(std::env::current_exe()?, &program)?;
        let (stop, counts) = (self.dir.path().join("stop"), self.dir.path().join("counts.json"));
        let mut command = self.enter();
        command.arg(&program).args(["--exact", PROGRAM, "--ignored"]);
        command.env(STOP, &stop).env(COUNTS, &counts).env(WORK, work.name()).stdout(Stdio::null());
        Ok(Load { program: command.spawn()?, stop, counts })
    }
}

impl Load {
    /// Calls answered so far.
    pub(crate) fn answered(&self) -> u64 {
        let text = fs::read_to_string(self.counts.with_extension("so-far")).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    }

    /// Stops them and says how it went.
    pub(crate) fn finish(mut self) -> Result<Counts> {
        fs::write(&self.stop, "")?;
        ensure!(self.program.wait()?.success(), "the clients failed");
        Ok(serde_json::from_slice(&fs::read(&self.counts)?)?)
    }
}

impl Drop for Nested {
    fn drop(&mut self) {
        // The pid is that of our own child's child, which lives as long as the system inside.
        let _ =
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.outer), nix::sys::signal::Signal::SIGKILL);
        let Ok(group) = fs::read_to_string(self.dir.path().join("cgroup")) else { return };
        let group = PathBuf::from(group.trim());
        for _ in 0..200 {
            if remove_groups(&group).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

/// Control groups are removed from the leaves up, once their last process is gone.
fn remove_groups(group: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_groups(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}
