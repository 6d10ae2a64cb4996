//! The processes of a measurement: the upstream, nginx as a plain reverse proxy, and llm-link.

use crate::cores::{Cores, Side};
use crate::load;
use crate::options::{Kind, Options};
use crate::wire::Reader;
use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tests::proc;

/// The provider that every measurement calls.
pub(crate) const PROVIDER: &str = "p0";

/// How long a gateway may take to answer its first call.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process of ours that ends with this value.
struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        let Ok(pid) = i32::try_from(self.0.id()) else { return };
        // An end in order first: the supervisor takes its children with it.
        let _gone = kill(Pid::from_raw(pid), Signal::SIGTERM);
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

/// The scripted upstream, a process on the load's core.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    _process: Owned,
}

impl Upstream {
    pub(crate) fn start(cores: Cores) -> Result<Self> {
        cores.enter(Side::Load)?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg("mock")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("the upstream")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("its output")?).read_line(&mut line)?;
        let port: u16 = line.trim().parse().context("the upstream's port")?;
        Ok(Self { address: loopback(port), _process: Owned(child) })
    }
}

/// Something that answers calls, and how to look at it.
pub(crate) struct Gateway {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    /// From exec to the first answer with status 200.
    pub(crate) cold_start: Duration,
    process: Option<Owned>,
    dir: TempDir,
}

impl Gateway {
    /// Starts it on its core and waits for its first answer.
    pub(crate) fn start(kind: Kind, upstream: SocketAddr, cores: Cores, options: &Options) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let (command, address) = match kind {
            Kind::Direct => (None, upstream),
            Kind::Nginx => {
                let address = loopback(free_port()?);
                (Some(nginx(dir.path(), address, upstream)?), address)
            }
            Kind::LlmLink => {
                let address = loopback(free_port()?);
                (Some(llm_link(dir.path(), address, upstream, options)?), address)
            }
        };
        cores.enter(Side::Gateway)?;
        let begin = Instant::now();
        let process = command.map(|mut c| c.spawn().with_context(|| format!("start of {}", kind.name())));
        let process = process.transpose()?.map(Owned);
        cores.enter(Side::Load)?;
        let answered = wait_for_answer(address, begin + PATIENCE);
        let cold_start = begin.elapsed();
        if let Err(e) = answered {
            let log = fs::read_to_string(dir.path().join("log")).unwrap_or_default();
            bail!("{} does not answer: {e:#}\n{log}", kind.name());
        }
        Ok(Self { kind, address, cold_start, process, dir })
    }

    fn pid(&self) -> Option<i32> {
        i32::try_from(self.process.as_ref()?.0.id()).ok()
    }

    /// The end of its log and what its processes are at.
    pub(crate) fn last_words(&self) -> String {
        let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(20)..].join("\n");
        format!("{tail}\n{}", self.processes().join("\n"))
    }

    /// User and system time of all its processes.
    pub(crate) fn cpu(&self) -> Duration {
        self.pid().map(proc::tree_cpu).unwrap_or_default()
    }

    /// Proportional resident bytes of all its processes.
    pub(crate) fn memory(&self) -> u64 {
        self.pid().map(proc::tree_pss).unwrap_or_default()
    }

    /// One line per process: name, CPU so far, proportional resident memory.
    pub(crate) fn processes(&self) -> Vec<String> {
        let tree = self.pid().map(proc::tree).unwrap_or_default();
        let line = |s: proc::Stat| {
            let memory = proc::pss(s.pid).unwrap_or_default() as f64 / 1_048_576.0;
            let arguments = proc::arguments(s.pid);
            let words = arguments.iter().skip(1).take(2).cloned().collect::<Vec<_>>().join(" ");
            format!(
                "{} {words}: {:.2} s CPU, {memory:.1} MiB, {} threads",
                s.name,
                s.cpu.as_secs_f64(),
                s.threads
            )
        };
        tree.into_iter().map(line).collect()
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn wait_for_answer(to: SocketAddr, deadline: Instant) -> Result<()> {
    loop {
        match first_answer(to) {
            Ok(200) => return Ok(()),
            other if Instant::now() > deadline => bail!("{other:?}"),
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn first_answer(to: SocketAddr) -> Result<u16> {
    let mut socket = TcpStream::connect(to)?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    socket.write_all(&load::request(to, &format!("{PROVIDER}/u")))?;
    let (mut reader, mut buf, mut body) = (Reader::new(), vec![0; 64 * 1024], Vec::new());
    loop {
        let n = socket.read(&mut buf)?;
        ensure!(n > 0, "closed");
        if reader.feed(&buf[..n], &mut body)? {
            return Ok(reader.status);
        }
    }
}

fn nginx(dir: &Path, address: SocketAddr, upstream: SocketAddr) -> Result<Command> {
    let config = format!(
        "user root; worker_processes 1; daemon off; pid {d}/pid; error_log {d}/log warn;
events {{ worker_connections 16384; }}
http {{
  access_log off; tcp_nodelay on; keepalive_requests 1000000000; keepalive_timeout 300s;
  client_body_temp_path {d}/body; proxy_temp_path {d}/proxy; fastcgi_temp_path {d}/f;
  uwsgi_temp_path {d}/u; scgi_temp_path {d}/s;
  upstream provider {{ server {upstream}; keepalive 2048; keepalive_requests 1000000000; }}
  server {{
    listen {address} backlog=4096;
    location / {{
      proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection \"\";
      proxy_buffering off; proxy_read_timeout 600s;
    }}
  }}
}}
",
        d = dir.display()
    );
    let path = dir.join("nginx.conf");
    fs::write(&path, config)?;
    let mut command = Command::new("nginx");
    command.arg("-e").arg(dir.join("log")).arg("-c").arg(path).arg("-p").arg(dir);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command)
}

fn llm_link(dir: &Path, address: SocketAddr, upstream: SocketAddr, options: &Options) -> Result<Command> {
    let key = dir.join("key");
    fs::write(&key, "sk-bench\n")?;
    let mut config = format!("[server]\nlisten = \"{address}\"\n");
    for line in &options.config {
        writeln!(config, "{line}")?;
    }
    for i in 0..options.providers.max(1) {
        write!(
            config,
            "[[providers]]\nname = \"p{i}\"\ndialect = \"openai-chat\"\nbase_url = \"http://{upstream}/v1\"\n\
             key = {{ file = \"{}\" }}\nmodels = [\"u\"]\nproxy = \"direct\"\nmax_concurrent = 8192\n\
             pool_idle = 2048\nfiles = 16384\n",
            key.display()
        )?;
    }
    let path = dir.join("llm-link.toml");
    fs::write(&path, config)?;
    let mut command = Command::new(options.binary.as_ref().context("the llm-link executable")?);
    command.arg("serve").arg("--config").arg(path);
    command.arg("--state-dir").arg(dir.join("state"));
    command.envs(options.environment.iter().map(|(k, v)| (k, v)));
    let log = File::create(dir.join("log"))?;
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    Ok(command)
}

/// Builds the executable in release mode, beside this benchmark's own.
pub(crate) fn build() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace")?;
    let built = Command::new(cargo)
        .args(["build", "--release", "-p", "supervisor"])
        .current_dir(root)
        .status()
        .context("cargo build")?;
    ensure!(built.success(), "cargo build --release -p supervisor failed");
    let me = std::env::current_exe()?;
    let target = me.ancestors().nth(3).context("the target directory")?;
    Ok(target.join("release/llm-link"))
}
