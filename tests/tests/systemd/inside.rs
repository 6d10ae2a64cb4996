//! Clients inside the nested system, where only its own loopback is: this test binary again.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;
use tests::client::Client;
use tests::crowd::{Crowd, Outcome, count_ends};
use tests::stream::End;

/// Where to look for the word to stop, and where to leave the counts.
pub(crate) const STOP: &str = "LLM_LINK_TEST_STOP";
pub(crate) const COUNTS: &str = "LLM_LINK_TEST_COUNTS";
/// What the clients do.
pub(crate) const WORK: &str = "LLM_LINK_TEST_WORK";
/// The test that is the program.
pub(crate) const PROGRAM: &str = "inside::load";
/// Clients at once.
pub(crate) const CLIENTS: u64 = 8;

/// What clients may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Ask whether it is well, each time on a new connection.
    Health,
    /// Calls of every kind: on new connections, on kept ones, and streams.
    Calls,
}

impl Work {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Work::Health => "health",
            Work::Calls => "calls",
        }
    }
}

/// How it went.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize, serde::Serialize)]
pub(crate) struct Counts {
    pub(crate) answered: u64,
    pub(crate) refused: u64,
    /// Connected, and no answer.
    pub(crate) lost: u64,
}

#[test]
#[ignore = "the program of other tests' clients"]
fn load() {
    let (Ok(stop), Ok(file)) = (std::env::var(STOP), std::env::var(COUNTS)) else { return };
    if std::env::var(WORK).is_ok_and(|work| work == Work::Calls.name()) {
        let all = calls(Path::new(&stop), &Path::new(&file).with_extension("so-far")).unwrap();
        std::fs::write(file, serde_json::to_vec(&all).unwrap()).unwrap();
        return;
    }
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let stop = stop.clone();
            std::thread::Builder::new().spawn(move || client(Path::new(&stop))).unwrap()
        })
        .collect();
    let mut all = Counts::default();
    for client in clients {
        let one = client.join().unwrap();
        all.answered += one.answered;
        all.refused += one.refused;
        all.lost += one.lost;
    }
    std::fs::write(file, serde_json::to_vec(&all).unwrap()).unwrap();
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn calls(stop: &Path, so_far: &Path) -> std::io::Result<Counts> {
    let client = Client::new(([127, 0, 0, 1], 8080).into());
    let mut all = Counts::default();
    // In turns, so that the counts are known and the clients' notes stay small.
    while !stop.exists() {
        let mut crowd = Crowd::new();
        crowd.keep(&client, "demo", 4);
        crowd.call(&client, "demo", 4);
        crowd.read(&client, "demo-chunks=20-delay=10", 4);
        for _ in 0..50 {
            if stop.exists() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let (calls, stories) = crowd.finish().await;
        let answered = calls.iter().filter(|call| call.is_answered()).count();
        let refused = calls.iter().filter(|call| call.outcome == Outcome::NoConnection).count();
        let done = count_ends(&stories, |end| *end == End::Done);
        all.answered += (answered + done) as u64;
        all.refused += refused as u64;
        all.lost += (calls.len() - answered - refused + stories.len() - done) as u64;
        std::fs::write(so_far, all.answered.to_string())?;
    }
    Ok(all)
}

fn client(stop: &Path) -> Counts {
    let mut counts = Counts::default();
    while !stop.exists() {
        match call() {
            Ok(true) => counts.answered += 1,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => counts.refused += 1,
            Ok(false) | Err(_) => counts.lost += 1,
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    counts
}

fn call() -> std::io::Result<bool> {
    let mut stream = TcpStream::connect("127.0.0.1:8080")?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}
