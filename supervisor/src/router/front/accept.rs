//! Takes client connections off a listener: no more than there are places for, none while draining, without
//! spinning when descriptors run out.

use super::places::Places;
use crate::router::shared::Stage;
use std::io;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

/// Pauses after an error that does not concern one connection only.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Accepts until the router's stage can no longer change; `take` gets every connection.
pub(crate) async fn accept(
    listener: TcpListener,
    places: &Places,
    mut stages: watch::Receiver<Stage>,
    take: impl Fn(TcpStream),
) {
    let mut pause = FIRST_PAUSE;
    loop {
        let stage = *stages.borrow_and_update();
        if stage == Stage::Draining {
            if stages.changed().await.is_err() {
                return;
            }
            continue;
        }
        let accepted = tokio::select! {
            changed = stages.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
            accepted = next(&listener, places) => accepted,
        };
        match accepted {
            Ok(stream) => {
                pause = FIRST_PAUSE;
                take(stream);
            }
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, pause_ms = pause.as_millis() as u64, "cannot accept connections now");
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Cancel safe: a connection is either still in the listener's queue or returned.
async fn next(listener: &TcpListener, places: &Places) -> io::Result<TcpStream> {
    places.room().await;
    let (stream, _) = listener.accept().await?;
    // Small writes must not wait for the acknowledgement of earlier ones.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The client gave up before it was accepted, or its connection is unusable; the listener is fine.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(
        error.kind(),
        K::ConnectionAborted
            | K::ConnectionReset
            | K::ConnectionRefused
            | K::InvalidInput
            | K::NotConnected
            | K::Interrupted
    )
}
