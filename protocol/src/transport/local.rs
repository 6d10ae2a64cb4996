//! Named local sockets: names, permissions and peer credentials through `interprocess`, then plain tokio
//! streams (its portable stream cannot write vectored and its shutdown does nothing).

use interprocess::local_socket::tokio::{Listener, Stream as AnyStream};
use interprocess::local_socket::traits::tokio::Stream as _;
use interprocess::local_socket::{GenericFilePath, ListenerOptions, ToFsName};
use interprocess::os::unix::local_socket::ListenerOptionsExt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use tokio::net::UnixStream;

/// Why a local socket cannot be used. The path is in the message, the cause in `source`.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    #[error("cannot listen on {path}")]
    Bind { path: PathBuf, source: io::Error },
    #[error("cannot connect to {path}")]
    Connect { path: PathBuf, source: io::Error },
    #[error("the peer's user cannot be read")]
    Peer(#[source] io::Error),
    #[error("the peer runs as uid {peer}, not as uid {own}")]
    Stranger { peer: u32, own: u32 },
}

/// Listens on `path` with mode 0600, replacing a stale socket. Must be called inside a tokio runtime.
/// The file stays until the caller removes it.
pub fn bind(path: &Path) -> Result<OwnedFd, LocalError> {
    let failed = |source| LocalError::Bind { path: path.to_owned(), source };
    let name = path.to_fs_name::<GenericFilePath>().map_err(failed)?;
    let listener = ListenerOptions::new()
        .name(name)
        .mode(0o600)
        .try_overwrite(true)
        .reclaim_name(false)
        .create_tokio()
        .map_err(failed)?;
    let Listener::UdSocket(inner) = listener;
    OwnedFd::try_from(inner).map_err(|e| failed(io::Error::other(e)))
}

/// Connects to `path` and checks that the peer runs as our own user.
pub async fn connect(path: &Path) -> Result<UnixStream, LocalError> {
    let failed = |source| LocalError::Connect { path: path.to_owned(), source };
    let name = path.to_fs_name::<GenericFilePath>().map_err(failed)?;
    let AnyStream::UdSocket(inner) = AnyStream::connect(name).await.map_err(failed)?;
    let stream = UnixStream::from(inner);
    check_peer(&stream)?;
    Ok(stream)
}

/// An error unless the peer runs as our own user.
pub(super) fn check_peer(stream: &UnixStream) -> Result<(), LocalError> {
    let own = nix::unistd::geteuid().as_raw();
    match stream.peer_cred().map_err(LocalError::Peer)?.uid() {
        peer if peer == own => Ok(()),
        peer => Err(LocalError::Stranger { peer, own }),
    }
}
