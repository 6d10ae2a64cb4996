//! A running fleet of fake children, and eyes to see it.

use super::fake;
use crate::fleet::{
    Bound, FleetSpec, FleetStatus, Grounds, Identity, Invocation, Key, Outcome, Owner, ProviderSpec,
    RouterSpec, StopMode, Switch, Upward,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::control::ProviderStatus;
use protocol::dialect::Dialect;
use protocol::ipc::configure::{
    AuthScheme, Endpoint, HttpUpstream, Listener, Provider, Proxy, Rates, RouterConfig, RouterLimits,
    RouterRuntime, SandboxMode, Timeouts, Upstream, WorkerConfig, WorkerLimits, WorkerState,
};
use protocol::ipc::control::Role;
use std::collections::BTreeMap;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;

/// No key of anybody.
pub(super) const KEY: &str = "sk-canary-0123456789";
const DEADLINE: Duration = Duration::from_secs(30);
/// What a drain gives.
pub(super) const DRAIN: Duration = Duration::from_secs(20);

pub(super) struct Rig {
    pub(super) fleet: crate::fleet::Fleet,
    pub(super) dir: tempfile::TempDir,
    pub(super) address: SocketAddr,
    listener: Arc<TcpListener>,
    owner: JoinSet<Outcome>,
    /// What children do from their next start on, by name; their name if nothing is said.
    manners: Arc<Mutex<BTreeMap<String, String>>>,
    epoch: u64,
    /// What children passed on.
    pub(super) asked: tokio::sync::mpsc::Receiver<Upward>,
}

/// What a provider of that name is, in its first version.
pub(super) fn provider(name: &str) -> ProviderSpec {
    let needs_key = name.contains("key");
    let limits = WorkerLimits { memory: 0, files: 64, max_streams: 4, pool_idle: 1 };
    let timeouts = Timeouts { connect_ms: 1, first_token_ms: 1, idle_ms: 1, total_ms: 1, total_stream_ms: 1 };
    let http = HttpUpstream {
        endpoints: vec![Endpoint { dialect: Dialect::OpenAiChat, base_url: "https://api.invalid".into() }],
        auth: AuthScheme::Bearer,
        needs_key,
        headers: Vec::new(),
        proxy: Proxy::Direct,
        quirks: BTreeMap::new(),
        models: BTreeMap::new(),
    };
    ProviderSpec {
        name: name.to_owned(),
        preset: "fake".to_owned(),
        fingerprint: "1".to_owned(),
        config: WorkerConfig {
            provider: name.to_owned(),
            generation: 0,
            token: Vec::new(),
            upstream: Upstream::Http(http),
            limits,
            sandbox: if name.contains("required") { SandboxMode::Required } else { SandboxMode::BestEffort },
            timeouts,
        },
        key: needs_key.then(|| Key::new(KEY.as_bytes())),
        switch: Switch::On,
    }
}

fn entry(spec: &ProviderSpec) -> Provider {
    Provider {
        name: spec.name.clone(),
        preset: spec.preset.clone(),
        priority: 0,
        models: Vec::new(),
        fallback: Vec::new(),
        dialects: Vec::new(),
        lane: None,
        state: WorkerState::Stopped,
        reason: "not started".to_owned(),
        max_concurrent: 1,
        max_queue: 1,
        max_wait_ms: 0,
        rates: Rates::default(),
    }
}

fn told(address: SocketAddr) -> Listener {
    Listener { index: 0, address: address.to_string(), open: true, app: None, admin: true }
}

fn router_spec(socket: &Arc<TcpListener>) -> RouterSpec {
    let told = told(socket.local_addr().unwrap());
    let listeners = vec![Bound { socket: Arc::clone(socket), told }];
    RouterSpec { listeners, runtime: RouterRuntime::Multi, threads: 0 }
}

fn routing(address: SocketAddr, providers: &[ProviderSpec]) -> RouterConfig {
    RouterConfig {
        epoch: 0,
        listeners: vec![told(address)],
        apps: Vec::new(),
        providers: providers.iter().map(entry).collect(),
        aliases: Vec::new(),
        utc_offset_min: 0,
        runtime: RouterRuntime::Multi,
        threads: 0,
        limits: RouterLimits {
            body_bytes: 1,
            hold_bytes: 1,
            header_bytes: 1,
            read_timeout_ms: 1,
            connections: 1,
            drain_ms: 1,
        },
    }
}

/// One file for all routers: nobody reads it.
fn spool(dir: &std::path::Path) -> Box<dyn Fn(u64) -> std::io::Result<std::os::fd::OwnedFd> + Send> {
    let path = dir.join("spool");
    Box::new(move |_| Ok(std::fs::File::options().create(true).append(true).open(&path)?.into()))
}

impl Rig {
    /// Starts a fleet of these providers; returns when the router serves.
    pub(super) async fn start(names: &[&str]) -> Self {
        Self::start_with(names, "router").await
    }

    /// With a router of these manners; returns at once.
    pub(super) async fn start_unready(names: &[&str], router: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let manners = Arc::new(Mutex::new(BTreeMap::from([("router".to_owned(), router.to_owned())])));
        let providers: Vec<_> = names.iter().map(|name| provider(name)).collect();
        let spec = FleetSpec {
            epoch: 1,
            router: router_spec(&listener),
            routing: routing(address, &providers),
            providers,
            drain: DRAIN,
        };
        let invoke = { invocation(Arc::clone(&manners)) };
        let spool = spool(dir.path());
        let (upward, asked) = tokio::sync::mpsc::channel(8);
        let grounds = Grounds {
            runtime_dir: dir.path().to_owned(),
            invoke,
            spool,
            tell: Box::new(drop),
            upward,
            memory: Vec::new(),
            recollect: Box::new(|memory, _| memory.to_vec()),
        };
        let (made, fleet) = Owner::new(grounds, spec, None);
        let mut owner = JoinSet::new();
        owner.spawn(made.run());
        Self { fleet, dir, address, listener, owner, manners, epoch: 1, asked }
    }

    /// With a router of these manners; returns when it serves.
    pub(super) async fn start_with(names: &[&str], router: &str) -> Self {
        let mut rig = Self::start_unready(names, router).await;
        tokio::time::timeout(DEADLINE, rig.fleet.serving()).await.unwrap();
        rig
    }

    /// From its next start on, a child does this.
    pub(super) fn manner(&self, name: &str, manner: &str) {
        self.manners.lock().unwrap().insert(name.to_owned(), manner.to_owned());
    }

    /// The same with other sockets of the router.
    pub(super) async fn move_to(&mut self, socket: TcpListener, providers: Vec<ProviderSpec>) {
        socket.set_nonblocking(true).unwrap();
        self.address = socket.local_addr().unwrap();
        self.listener = Arc::new(socket);
        self.adopt(providers).await;
    }

    /// Another configuration.
    pub(super) async fn adopt(&mut self, providers: Vec<ProviderSpec>) {
        self.epoch += 1;
        let spec = FleetSpec {
            epoch: self.epoch,
            router: router_spec(&self.listener),
            routing: routing(self.address, &providers),
            providers,
            drain: DRAIN,
        };
        self.fleet.adopt(spec).await.unwrap();
    }

    /// The fleet is handed over to another owner, as it would be to another program. The former one never moves again.
    pub(super) async fn hand_over(mut self, providers: Vec<ProviderSpec>) -> Self {
        let (handover, thaw) = eventually("handed over", async || self.fleet.hand_over().await.ok()).await;
        let image = serde_json::to_vec(&handover.image).unwrap();
        // An exec ends none of these either.
        std::mem::forget((handover, thaw, std::mem::take(&mut self.owner)));
        self.epoch += 1;
        let spec = FleetSpec {
            epoch: self.epoch,
            router: router_spec(&self.listener),
            routing: routing(self.address, &providers),
            providers,
            drain: DRAIN,
        };
        let (upward, asked) = tokio::sync::mpsc::channel(8);
        let grounds = Grounds {
            runtime_dir: self.dir.path().to_owned(),
            invoke: invocation(Arc::clone(&self.manners)),
            spool: spool(self.dir.path()),
            tell: Box::new(drop),
            upward,
            memory: Vec::new(),
            recollect: Box::new(|memory, _| memory.to_vec()),
        };
        let image = Some(serde_json::from_slice(&image).unwrap());
        let (made, fleet) = Owner::new(grounds, spec, image);
        self.owner.spawn(made.run());
        Self { fleet, asked, ..self }
    }

    pub(super) async fn status(&self) -> FleetStatus {
        self.fleet.status().await.unwrap()
    }

    pub(super) async fn provider(&self, name: &str) -> ProviderStatus {
        self.status().await.providers.into_iter().find(|p| p.name == name).unwrap()
    }

    /// Waits until the provider is as wanted.
    pub(super) async fn until(&self, name: &str, fits: impl Fn(&ProviderStatus) -> bool) -> ProviderStatus {
        eventually(name, async || Some(self.provider(name).await).filter(&fits)).await
    }

    pub(super) async fn until_state(&self, name: &str, state: WorkerState) -> ProviderStatus {
        self.until(name, |p| p.state == state).await
    }

    /// What the router was told last, if it serves.
    pub(super) async fn routing(&self) -> Option<RouterConfig> {
        let mut stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let mut body = Vec::new();
        stream.read_to_end(&mut body).await.ok()?;
        serde_json::from_slice(&body).ok()
    }

    /// Waits until the router knows that of the provider.
    pub(super) async fn until_routed(&self, name: &str, fits: impl Fn(&Provider) -> bool) -> Provider {
        eventually(name, async || {
            let routing = self.routing().await?;
            routing.providers.into_iter().find(|p| p.name == name).filter(&fits)
        })
        .await
    }

    /// Sockets in the runtime directory, sorted.
    pub(super) fn sockets(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name.ends_with(".sock"));
        names.sort();
        names
    }

    /// Ends it and says how it ended.
    pub(super) async fn stop(mut self, mode: StopMode) -> Outcome {
        self.fleet.stop(mode).await;
        self.ended().await
    }

    pub(super) async fn ended(&mut self) -> Outcome {
        tokio::time::timeout(DEADLINE, self.owner.join_next()).await.unwrap().unwrap().unwrap()
    }
}

type Invoke = Box<dyn Fn(&Identity) -> Invocation + Send>;

fn invocation(manners: Arc<Mutex<BTreeMap<String, String>>>) -> Invoke {
    Box::new(move |identity| {
        let manner = manners.lock().unwrap().get(&identity.name).cloned();
        let role = match identity.role {
            Role::Router => "router",
            Role::Worker => "worker",
        };
        let environment = [
            (fake::ROLE, role.to_owned()),
            (fake::NAME, manner.unwrap_or_else(|| identity.name.clone())),
            (fake::GENERATION, identity.generation.to_string()),
        ];
        Invocation {
            program: PathBuf::from("/proc/self/exe"),
            arguments: ["--exact", fake::PROGRAM, "--nocapture", "--ignored"].map(Into::into).to_vec(),
            environment: environment.map(|(name, value)| (name.into(), value.into())).to_vec(),
        }
    })
}

pub(super) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not in {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(super) fn hit(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
}

/// The process exists, dead ones that nobody reaped included.
pub(super) fn exists(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}
