//! What the router must know survives the supervisor too: its newest memory stands in a file of the state
//! directory, replaced whole, a little behind the router. A file that cannot be read is no memory.

use protocol::ipc::notice::Memory;
use protocol::ipc::spool::Counted;
use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

const FILE: &str = "router-memory.json";
/// Calls that a memory is completed with.
const MOST: usize = 50_000;
/// The pause between two writes.
const PAUSE: Duration = Duration::from_secs(1);

/// What the last router knew; empty = nothing.
pub(super) fn read(state_dir: &Path) -> Vec<u8> {
    std::fs::read(state_dir.join(FILE)).unwrap_or_default()
}

/// A memory with the calls that were counted beside or after it. `alone`: no router runs.
pub(super) fn complete(memory: &[u8], counted: Vec<Counted>, alone: bool) -> Vec<u8> {
    // One that cannot be read is none; the router would say so again.
    let mut whole: Memory = serde_json::from_slice(memory).unwrap_or_default();
    let known: HashSet<(String, u64, u64)> = counted.iter().map(number).collect();
    whole.settled.retain(|call| !known.contains(&number(call)));
    whole.settled.extend(counted);
    // A bound for what is put together again and again while no router lives long enough to say a word.
    let surplus = whole.settled.len().saturating_sub(MOST);
    whole.settled.drain(..surplus);
    whole.alone = alone;
    if alone {
        whole.places.clear();
    }
    serde_json::to_vec(&whole).unwrap_or_default()
}

fn number(call: &Counted) -> (String, u64, u64) {
    (call.app.clone(), call.origin, call.ticket)
}

/// Writes every newest memory until nobody sends one any more; the last one always.
pub(super) async fn keep(state_dir: PathBuf, mut memory: watch::Receiver<Vec<u8>>) {
    while memory.changed().await.is_ok() {
        let newest = memory.borrow_and_update().clone();
        let dir = state_dir.clone();
        match spawn_blocking(move || write(&dir, &newest)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "what the router knows cannot be kept"),
            Err(_) => return,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn write(dir: &Path, memory: &[u8]) -> std::io::Result<()> {
    let new = dir.join(format!("{FILE}.new"));
    let mut file = std::fs::File::create(&new)?;
    file.write_all(memory)?;
    file.sync_data()?;
    std::fs::rename(new, dir.join(FILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_word_is_on_disk_when_the_sender_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(dir.path()).is_empty());
        let (sender, receiver) = watch::channel(Vec::new());
        let keeping = keep(dir.path().to_owned(), receiver);
        let sending = async {
            sender.send_replace(b"one".to_vec());
            tokio::task::yield_now().await;
            sender.send_replace(b"two".to_vec());
            drop(sender);
        };
        tokio::time::pause();
        tokio::join!(keeping, sending);
        assert_eq!(read(dir.path()), b"two");
    }
}
