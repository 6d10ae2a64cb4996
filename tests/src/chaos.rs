//! A bad network: a proxy over TCP or a Unix socket that harms what goes through it.

use anyhow::Result;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// One kind of harm, done to both directions of every connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toxic {
    /// Every piece comes so much later.
    Latency(Duration),
    /// Bytes per second.
    Bandwidth(u32),
    /// Nothing passes; the connection ends after this time.
    Timeout(Duration),
    /// The connection is reset after this time (over a Unix socket: closed).
    ResetPeer(Duration),
    /// Pieces of at most so many bytes, with a pause after each.
    Slicer { size: usize, pause: Duration },
    /// The connection ends after so many bytes in one direction.
    LimitData(usize),
    /// An end of file is passed on only after this time.
    SlowClose(Duration),
    /// Every so many bytes one byte is inverted.
    Corrupt(usize),
}

/// A running proxy; dropping it cuts every connection.
pub struct Chaos {
    place: Place,
    toxic: watch::Sender<Option<Toxic>>,
    _tasks: JoinSet<()>,
}

enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Chaos {
    /// In front of a TCP server; harmless until told otherwise.
    pub async fn tcp(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let place = Place::Tcp(listener.local_addr()?);
        let (toxic, seen) = watch::channel(None);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut pairs = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                pairs.spawn(join_tcp(near, target, seen.clone()));
            }
        });
        Ok(Self { place, toxic, _tasks: tasks })
    }

    /// In front of a Unix socket, at a new path.
    pub async fn unix(at: &Path, target: PathBuf) -> Result<Self> {
        let listener = UnixListener::bind(at)?;
        let (toxic, seen) = watch::channel(None);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut pairs = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let (target, seen) = (target.clone(), seen.clone());
                pairs.spawn(async move {
                    if let Ok(far) = UnixStream::connect(target).await {
                        let _fate = between(near, far, seen).await;
                    }
                });
            }
        });
        Ok(Self { place: Place::Unix(at.to_owned()), toxic, _tasks: tasks })
    }

    /// Where to connect to; none for a Unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.place {
            Place::Tcp(address) => Some(*address),
            Place::Unix(_) => None,
        }
    }

    /// The base URL of an upstream behind this proxy.
    pub fn url(&self) -> String {
        match &self.place {
            Place::Tcp(address) => format!("http://{address}/v1"),
            Place::Unix(path) => format!("unix:{}", path.display()),
        }
    }

    /// From now on, open connections included.
    pub fn set(&self, toxic: Option<Toxic>) {
        self.toxic.send_replace(toxic);
    }
}

/// What becomes of a connection when a direction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Close,
    Reset,
}

async fn join_tcp(near: TcpStream, target: SocketAddr, toxic: watch::Receiver<Option<Toxic>>) {
    let Ok(far) = TcpStream::connect(target).await else { return };
    let _nodelay = (near.set_nodelay(true), far.set_nodelay(true));
    let (mut near, mut far) = (near, far);
    let fate = between(&mut near, &mut far, toxic).await;
    if fate == Fate::Reset {
        let _linger = (near.set_zero_linger(), far.set_zero_linger());
    }
}

async fn between(
    near: impl AsyncRead + AsyncWrite + Unpin,
    far: impl AsyncRead + AsyncWrite + Unpin,
    toxic: watch::Receiver<Option<Toxic>>,
) -> Fate {
    let (near_in, near_out) = tokio::io::split(near);
    let (far_in, far_out) = tokio::io::split(far);
    let mut clock = toxic.clone();
    tokio::select! {
        both = async { tokio::join!(pump(near_in, far_out, toxic.clone()), pump(far_in, near_out, toxic)) } => {
            if both == (Fate::Close, Fate::Close) { Fate::Close } else { Fate::Reset }
        }
        fate = doom(&mut clock) => fate,
    }
}

/// Ends when the toxic says that connections end.
async fn doom(toxic: &mut watch::Receiver<Option<Toxic>>) -> Fate {
    loop {
        let now = *toxic.borrow_and_update();
        let (after, fate) = match now {
            Some(Toxic::Timeout(after)) => (after, Fate::Close),
            Some(Toxic::ResetPeer(after)) => (after, Fate::Reset),
            _ => (Duration::from_secs(3600), Fate::Close),
        };
        tokio::select! {
            () = tokio::time::sleep(after) => return fate,
            changed = toxic.changed() => if changed.is_err() { return Fate::Close },
        }
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut toxic: watch::Receiver<Option<Toxic>>,
) -> Fate {
    let mut buf = vec![0u8; 16 * 1024];
    let mut passed = 0usize;
    loop {
        let n = match from.read(&mut buf).await {
            Ok(0) => break,
            Ok(n) => n,
            Err(_) => return Fate::Reset,
        };
        let now = *toxic.borrow_and_update();
        let Some(piece) = harm(&mut buf[..n], now, passed).await else {
            let _closed = to.shutdown().await;
            return Fate::Close;
        };
        let (size, pause) = match now {
            Some(Toxic::Slicer { size, pause }) => (size.max(1), pause),
            _ => (piece.len().max(1), Duration::ZERO),
        };
        for slice in piece.chunks(size) {
            if to.write_all(slice).await.is_err() || to.flush().await.is_err() {
                return Fate::Reset;
            }
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
        passed += n;
    }
    let last = *toxic.borrow();
    if let Some(Toxic::SlowClose(after)) = last {
        tokio::time::sleep(after).await;
    }
    let _closed = to.shutdown().await;
    Fate::Close
}

/// The piece as it goes on, after the time it takes; `None` = the connection ends here.
async fn harm(piece: &mut [u8], toxic: Option<Toxic>, passed: usize) -> Option<&[u8]> {
    match toxic {
        Some(Toxic::Latency(delay)) => tokio::time::sleep(delay).await,
        Some(Toxic::Bandwidth(rate)) => {
            tokio::time::sleep(Duration::from_secs_f64(piece.len() as f64 / f64::from(rate.max(1)))).await;
        }
        Some(Toxic::Timeout(_)) => std::future::pending::<()>().await,
        Some(Toxic::LimitData(limit)) if passed + piece.len() > limit => return None,
        Some(Toxic::Corrupt(every)) => {
            let every = every.max(1);
            let first = (every - passed % every) % every;
            piece.iter_mut().skip(first).step_by(every).for_each(|b| *b = !*b);
        }
        Some(Toxic::ResetPeer(_) | Toxic::Slicer { .. } | Toxic::LimitData(_) | Toxic::SlowClose(_))
        | None => {}
    }
    Some(piece)
}

#[cfg(test)]
mod tests;
