//! Clients inside the nested system, where only its own loopback is: this test binary again.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

/// Where to look for the word to stop, and where to leave the counts.
pub(crate) const STOP: &str = "LLM_LINK_TEST_STOP";
pub(crate) const COUNTS: &str = "LLM_LINK_TEST_COUNTS";
/// The test that is the program.
pub(crate) const PROGRAM: &str = "inside::load";
/// Clients at once.
pub(crate) const CLIENTS: u64 = 8;

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
