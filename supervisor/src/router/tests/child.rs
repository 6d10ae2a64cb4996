//! The conversation with the supervisor, over a socketpair.

use super::rig::{empty, provider, soon};
use super::worker::{Step, Worker, always};
use crate::router::child::{Args, converse_for_test};
use protocol::control::route::{DryRun, DryRunReport};
use protocol::ipc::configure::{Lane, Provider};
use protocol::ipc::control::{FromChild, Role, ToChild};
use protocol::ipc::question::{Question, Reply};
use protocol::transport::control::{ControlReceiver, ControlSender, supervisor_end};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

struct Supervisor {
    sender: ControlSender<ToChild>,
    receiver: ControlReceiver<FromChild>,
    address: SocketAddr,
    router: JoinSet<bool>,
}

impl Supervisor {
    /// A router that has said hello.
    async fn start() -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let mut router = JoinSet::new();
        router.spawn(async move {
            let args = Args { generation: 7, build: "test".into() };
            converse_for_test(&args, theirs, |_| listener.try_clone()).await
        });
        let (sender, receiver) = supervisor_end(ours).unwrap();
        let mut supervisor = Self { sender, receiver, address, router };
        let FromChild::Hello { role, generation, .. } = supervisor.hear().await else { panic!("no hello") };
        assert_eq!((role, generation), (Role::Router, 7));
        supervisor
    }

    async fn hear(&mut self) -> FromChild {
        soon(self.receiver.receive()).await.unwrap().expect("a message").message
    }

    async fn say(&mut self, message: ToChild, body: &[u8]) {
        self.sender.send(&message, body).await.unwrap();
    }

    async fn configure(&mut self, epoch: u64) {
        self.configure_lane(epoch, None).await;
    }

    /// With a provider `a`, if that has a lane.
    async fn configure_lane(&mut self, epoch: u64, lane: Option<&Lane>) {
        let mut config = empty();
        config.epoch = epoch;
        config.providers =
            lane.map(|lane| Provider { lane: Some(lane.clone()), ..provider("a") }).into_iter().collect();
        self.say(ToChild::Configure { epoch }, &serde_json::to_vec(&config).unwrap()).await;
    }

    /// The ping is answered before the configuration is acknowledged.
    async fn is_asked_for_long(&mut self, seq: u64) {
        self.say(ToChild::Ping { seq }, &[]).await;
        let told = self.hear().await;
        assert!(matches!(&told, FromChild::Pong(pulse) if pulse.seq == seq), "{told:?}");
    }

    /// Where a plain call would go.
    async fn dry_run(&mut self) -> DryRunReport {
        let call = DryRun {
            app: "default".into(),
            model: "m".into(),
            dialect: None,
            needs_tools: false,
            needs_vision: false,
            input_tokens: None,
            sticky: None,
        };
        let question = serde_json::to_vec(&Question::DryRun { call }).unwrap();
        self.say(ToChild::Ask { seq: 1 }, &question).await;
        let told = soon(self.receiver.receive()).await.unwrap().expect("an answer");
        assert_eq!(told.message, FromChild::Answer { seq: 1 });
        match serde_json::from_slice(&told.body).unwrap() {
            Reply::DryRun(report) => *report,
            other => panic!("no report: {other:?}"),
        }
    }

    async fn health(&self) -> String {
        self.get("/health").await
    }

    async fn answers_ready(&self) -> bool {
        self.get("/ready").await.starts_with("HTTP/1.1 200")
    }

    async fn get(&self, path: &str) -> String {
        let mut client = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon(client.read_to_string(&mut answer)).await.unwrap();
        answer
    }
}

#[tokio::test]
async fn from_hello_to_shutdown() {
    let mut supervisor = Supervisor::start().await;
    supervisor.configure(3).await;
    assert_eq!(supervisor.hear().await, FromChild::Ready { epoch: 3 });
    assert!(supervisor.health().await.starts_with("HTTP/1.1 200"));
    supervisor.say(ToChild::Ping { seq: 9 }, &[]).await;
    let FromChild::Pong(pulse) = supervisor.hear().await else { panic!("no pong") };
    assert_eq!((pulse.seq, pulse.epoch), (9, 3));
    assert!(pulse.rss_bytes > 0 && pulse.open_files > 3 && pulse.cpu_us > 0);
    supervisor.configure(4).await;
    assert_eq!(supervisor.hear().await, FromChild::Acked { epoch: 4 });
    supervisor.say(ToChild::Configure { epoch: 5 }, b"{}").await;
    let FromChild::Rejected { epoch: 5, reason } = supervisor.hear().await else { panic!("not rejected") };
    assert!(reason.contains("missing field"), "{reason}");
    assert!(supervisor.health().await.starts_with("HTTP/1.1 200"), "goes on as it was");
    supervisor.say(ToChild::Drain { within_ms: 5_000 }, &[]).await;
    assert_eq!(supervisor.hear().await, FromChild::Drained);
    supervisor.say(ToChild::Resume, &[]).await;
    assert!(supervisor.health().await.starts_with("HTTP/1.1 200"));
    supervisor.say(ToChild::Shutdown, &[]).await;
    assert!(soon(supervisor.router.join_next()).await.unwrap().unwrap());
}

#[tokio::test]
async fn the_end_of_the_supervisor_is_the_end() {
    let mut supervisor = Supervisor::start().await;
    supervisor.configure(1).await;
    assert_eq!(supervisor.hear().await, FromChild::Ready { epoch: 1 });
    let Supervisor { sender, receiver, mut router, .. } = supervisor;
    drop((sender, receiver));
    assert!(soon(router.join_next()).await.unwrap().unwrap());
}

#[tokio::test]
async fn a_first_configuration_that_is_none_is_fatal() {
    let mut supervisor = Supervisor::start().await;
    supervisor.say(ToChild::Configure { epoch: 1 }, b"nonsense").await;
    assert!(!soon(supervisor.router.join_next()).await.unwrap().unwrap());
}

#[tokio::test]
async fn a_replacement_is_acknowledged_when_calls_go_to_the_new_worker() {
    let dir = tempfile::tempdir().unwrap();
    let silent = || always(&[Step::Hang]);
    let old = Worker::start(dir.path(), "a", 1, silent());
    let mut supervisor = Supervisor::start().await;
    supervisor.configure_lane(1, Some(&old.lane)).await;
    assert_eq!(supervisor.hear().await, FromChild::Ready { epoch: 1 });
    soon(async { while !supervisor.answers_ready().await {} }).await;
    // Named, but not there yet: calls still go to the old one.
    let new = dir.path().join("a-2.sock").display().to_string();
    let named = Lane { generation: 2, socket: new, token: vec![2; 32] };
    supervisor.configure_lane(2, Some(&named)).await;
    supervisor.is_asked_for_long(9).await;
    let new = Worker::start(dir.path(), "a", 2, silent());
    assert_eq!(new.lane, named);
    assert_eq!(supervisor.hear().await, FromChild::Acked { epoch: 2 });
    // One that never comes holds up nothing for ever.
    let never = Lane { generation: 3, socket: format!("{}.none", named.socket), token: vec![3; 32] };
    supervisor.configure_lane(3, Some(&never)).await;
    supervisor.is_asked_for_long(10).await;
    assert_eq!(supervisor.hear().await, FromChild::Acked { epoch: 3 });
    // Nor one that is gone: a call waits for whoever comes.
    drop((old, new));
    supervisor.configure_lane(4, Some(&never)).await;
    assert_eq!(supervisor.hear().await, FromChild::Acked { epoch: 4 });
}

#[tokio::test]
async fn a_dry_run_knows_who_is_not_connected_yet() {
    let dir = tempfile::tempdir().unwrap();
    let lane =
        Lane { generation: 1, socket: dir.path().join("a-1.sock").display().to_string(), token: vec![1; 32] };
    let mut supervisor = Supervisor::start().await;
    supervisor.configure_lane(1, Some(&lane)).await;
    assert_eq!(supervisor.hear().await, FromChild::Ready { epoch: 1 });
    let report = supervisor.dry_run().await;
    assert!(report.excluded[0].reason.contains("not connected"), "{report:?}");
    let worker = Worker::start(dir.path(), "a", 1, always(&[Step::Hang]));
    assert_eq!(worker.lane, lane);
    soon(async { while !supervisor.dry_run().await.excluded.is_empty() {} }).await;
    assert_eq!(supervisor.dry_run().await.plan[0].provider, "a");
}
