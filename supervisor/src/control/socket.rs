//! The serving end of the control socket: one JSON request a line, one JSON reply a line. Mode 0600, and the
//! peer must run as our own user (or be root).

use super::{Desk, Via};
use protocol::control::{ControlReply, MAX_LINE, RefusalKind};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Peers at once; more wait in the socket's backlog.
const MAX_PEERS: usize = 32;
/// A peer that says nothing is let go.
const PATIENCE: Duration = Duration::from_secs(60);

/// Serves until told to stop; requests go to the desk.
pub(crate) async fn serve(listener: UnixListener, desk: Desk, stop: CancellationToken) {
    let peers = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept(), if peers.len() < MAX_PEERS => accepted,
            () = tokio::time::sleep(Duration::from_millis(20)), if peers.len() >= MAX_PEERS => continue,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) if is_own(&stream) => {
                let (desk, stop) = (desk.clone(), stop.clone());
                peers.spawn(async move {
                    tokio::select! {
                        _ = converse(stream, desk) => {}
                        () = stop.cancelled() => {}
                    }
                });
            }
            Ok(_) => tracing::warn!("control connection of another user refused"),
            Err(error) => {
                tracing::warn!("cannot accept a control connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    peers.close();
    peers.wait().await;
}

fn is_own(stream: &UnixStream) -> bool {
    let own = nix::unistd::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

async fn converse(stream: UnixStream, desk: Desk) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        let limit = MAX_LINE as u64;
        let n = match tokio::time::timeout(PATIENCE, (&mut read).take(limit).read_until(b'\n', &mut line))
            .await
        {
            Ok(n) => n?,
            Err(_) => return Ok(()),
        };
        if n == 0 {
            return Ok(());
        }
        let reply = match serde_json::from_slice(&line) {
            Ok(ask) => desk.answer(ask, Via::Socket).await,
            Err(error) => {
                ControlReply::refused(RefusalKind::Invalid, format!("the request cannot be read: {error}"))
            }
        };
        let mut text = serde_json::to_vec(&reply)?;
        text.push(b'\n');
        write.write_all(&text).await?;
    }
}
