//! The conversation with the supervisor, over a socketpair.

use super::rig::{empty, soon};
use crate::router::child::{Args, converse_for_test};
use protocol::ipc::control::{FromChild, Role, ToChild};
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
        let mut config = empty();
        config.epoch = epoch;
        self.say(ToChild::Configure { epoch }, &serde_json::to_vec(&config).unwrap()).await;
    }

    async fn health(&self) -> String {
        let mut client = TcpStream::connect(self.address).await.unwrap();
        client.write_all(b"GET /health HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").await.unwrap();
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
