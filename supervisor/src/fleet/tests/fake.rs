//! A child that speaks the control protocol and misbehaves on request. What it does stands in its name,
//! dash separated: a worker `a-exit1` ends with code 1 at once.
//!
//! Asked a question, a worker says its generation and ceases to spin, and a router asks it back.
//!
//! The fake router answers every connection with the routing it was told last, as JSON, and closes; the fake
//! worker answers every data connection with its generation.

use protocol::ipc::control::{FromChild, Moved, Pulse, Role, SandboxLevel, SandboxReport, ToChild};
use protocol::ipc::question::Reply;
use protocol::ipc::{PROTOCOL_MAX, PROTOCOL_MIN};
use protocol::transport::control::{ControlReceiver, ControlSender, child_end};
use protocol::transport::inherit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;

/// Environment of a fake child.
pub(super) const ROLE: &str = "FAKE_ROLE";
pub(super) const NAME: &str = "FAKE_NAME";
pub(super) const GENERATION: &str = "FAKE_GENERATION";
/// The test that is the child's program.
pub(super) const PROGRAM: &str = "fleet::tests::fake::program";

#[test]
#[ignore = "the program of the children of other tests"]
fn program() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let name = std::env::var(NAME).unwrap();
    let generation = std::env::var(GENERATION).unwrap().parse().unwrap();
    let role = if role == "router" { Role::Router } else { Role::Worker };
    let control = inherit::adopt_control().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (sender, receiver) = child_end(control).unwrap();
        let routing = Arc::default();
        Fake { role, name, generation, sender, receiver, routing }.live().await;
    });
}

struct Fake {
    role: Role,
    name: String,
    generation: u64,
    sender: ControlSender<FromChild>,
    receiver: ControlReceiver<ToChild>,
    routing: Arc<Mutex<Vec<u8>>>,
}

impl Fake {
    fn does(&self, what: &str) -> bool {
        self.name.split('-').any(|part| part == what)
    }

    async fn live(mut self) {
        if self.does("exit1") {
            eprintln!("about to end");
            end(1);
        }
        if self.does("exit78") {
            end(78);
        }
        self.hello().await;
        let mut tasks = JoinSet::new();
        self.serve(&mut tasks);
        let mut epoch = 0;
        let mut ready = false;
        while let Some(received) = self.receiver.receive().await.unwrap() {
            match received.message {
                ToChild::Configure { epoch: next } => {
                    epoch = next;
                    if ready && self.does("late") {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                    *self.routing.lock().unwrap() = received.body.to_vec();
                    if ready {
                        self.tell(FromChild::Acked { epoch }).await;
                    } else if self.role == Role::Router {
                        ready = self.ready(epoch).await;
                    } else {
                        self.report().await;
                        if !self.does("key") {
                            ready = self.ready(epoch).await;
                        }
                    }
                }
                ToChild::Secret => {
                    eprintln!("my key is {}", String::from_utf8_lossy(&received.body));
                    ready = self.ready(epoch).await;
                }
                ToChild::Ping { seq } => self.pong(seq, epoch).await,
                ToChild::Drain { within_ms } => self.drain(within_ms).await,
                ToChild::Ask { seq } => self.asked(seq, &received.body).await,
                // What a router's own question came to is its answer to the question it was asked.
                ToChild::Answer { seq } => self.answer(seq, &String::from_utf8_lossy(&received.body)).await,
                ToChild::Recall => self.remember(&String::from_utf8_lossy(&received.body)).await,
                ToChild::Resume => {}
                ToChild::Shutdown if self.does("stubborn") => {}
                ToChild::Shutdown => return,
            }
        }
    }

    async fn hello(&mut self) {
        let protocol_max = if self.does("future") { PROTOCOL_MAX + 7 } else { PROTOCOL_MAX };
        let protocol_min = if self.does("future") { protocol_max } else { PROTOCOL_MIN };
        let (role, generation, build) = (self.role, self.generation, "fake".to_owned());
        self.tell(FromChild::Hello { role, protocol_min, protocol_max, build, generation }).await;
    }

    async fn report(&mut self) {
        let level = if self.does("weak") { SandboxLevel::Partial } else { SandboxLevel::Full };
        let yes = true;
        self.tell(FromChild::Sandboxed(SandboxReport {
            level,
            no_new_privs: yes,
            not_dumpable: yes,
            rlimits: yes,
            landlock_files: yes,
            landlock_net: yes,
            landlock_scope: yes,
            seccomp: !self.does("weak"),
            missing: if self.does("weak") { vec!["seccomp: not here".into()] } else { Vec::new() },
        }))
        .await;
    }

    async fn ready(&mut self, epoch: u64) -> bool {
        if self.does("hang") {
            return false;
        }
        if self.does("spin") {
            std::thread::Builder::new().spawn(spin).unwrap();
        }
        if self.does("busy") {
            std::thread::Builder::new().spawn(be_busy).unwrap();
        }
        self.tell(FromChild::Ready { epoch }).await;
        self.remember("ready").await;
        if self.does("flood") {
            std::thread::Builder::new().spawn(flood).unwrap();
        }
        if self.does("abort") {
            eprintln!("memory allocation of 123 bytes failed");
            std::process::abort();
        }
        true
    }

    async fn pong(&mut self, seq: u64, epoch: u64) {
        if !self.does("mute") {
            let pong = FromChild::Pong(Pulse { seq, epoch, in_flight: 3, ..Pulse::default() });
            let moved = serde_json::to_vec(&Moved::default()).unwrap();
            self.sender.send(&pong, if self.role == Role::Worker { &moved } else { &[] }).await.unwrap();
        }
    }

    /// A worker answers with its generation; a router passes the question back, as if an operator had asked it.
    async fn asked(&mut self, seq: u64, body: &[u8]) {
        match self.role {
            Role::Worker if self.does("mute") => end(1),
            Role::Worker => {
                SPINS.store(false, Ordering::Relaxed);
                self.answer(seq, &format!("generation {}", self.generation)).await;
            }
            Role::Router => self.sender.send(&FromChild::Ask { seq }, body).await.unwrap(),
        }
    }

    async fn answer(&mut self, seq: u64, text: &str) {
        let reply = serde_json::to_vec(&Reply::Unable(text.to_owned())).unwrap();
        self.sender.send(&FromChild::Answer { seq }, &reply).await.unwrap();
    }

    /// A router's memory: whose it is, and what that router was told. What others hold is no memory.
    async fn remember(&mut self, told: &str) {
        if self.does("remembers") && !told.contains("\"routers\":") {
            let memory = format!("{}({told})", self.generation);
            self.sender.send(&FromChild::Memory, memory.as_bytes()).await.unwrap();
        }
    }

    async fn drain(&mut self, within_ms: u64) {
        self.remember("leaves").await;
        if self.does("slow") {
            tokio::time::sleep(Duration::from_millis(within_ms)).await;
        }
        self.tell(FromChild::Drained).await;
    }

    async fn tell(&mut self, message: FromChild) {
        self.sender.send(&message, &[]).await.unwrap();
    }

    fn serve(&self, tasks: &mut JoinSet<()>) {
        let (routing, generation) = (Arc::clone(&self.routing), self.generation);
        if self.role == Role::Worker {
            let listener = UnixListener::from_std(inherit::adopt_unix_listener(0).unwrap()).unwrap();
            tasks.spawn(async move {
                loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    let _ = stream.write_all(generation.to_string().as_bytes()).await;
                }
            });
            return;
        }
        let listener = TcpListener::from_std(inherit::adopt_tcp_listener(0).unwrap()).unwrap();
        tasks.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let body = routing.lock().unwrap().clone();
                let _ = stream.write_all(&body).await;
            }
        });
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the end of a child's program, deep in a test harness")]
fn end(code: i32) -> ! {
    std::process::exit(code)
}

/// Until the child is asked something.
static SPINS: AtomicBool = AtomicBool::new(true);

/// Takes some hundredths of a processor.
fn be_busy() {
    loop {
        let begin = std::time::Instant::now();
        while begin.elapsed() < Duration::from_millis(5) {}
        std::thread::sleep(Duration::from_millis(45));
    }
}

fn spin() {
    while SPINS.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
}

/// 100 MB to standard error, as fast as it is taken.
fn flood() {
    use std::io::Write;
    let line = [b"noise ".repeat(20), b"\n".to_vec()].concat();
    let block = line.repeat(1000);
    let mut stderr = std::io::stderr().lock();
    for _ in 0..100_000_000 / block.len() {
        if stderr.write_all(&block).is_err() {
            return;
        }
    }
}
