//! Named local sockets: made, permitted and identified through `interprocess`, then handed out as plain
//! tokio or std sockets (its own portable stream cannot write vectored, and its shutdown is a silent
//! no-op). Owns the file of a socket it made; never speaks over one.

use interprocess::local_socket::{GenericFilePath, Listener, ListenerOptions, ToFsName};
use interprocess::os::unix::local_socket::ListenerOptionsExt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Longest path of a socket in bytes (`sun_path` of `unix(7)`, its final zero excluded).
pub const MAX_PATH: usize = 107;

/// A listening socket with a name. Dropping it removes the file.
#[derive(Debug)]
pub struct LocalListener {
    socket: std::os::unix::net::UnixListener,
    file: SocketFile,
}

/// Removes its file on drop.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Nothing to do about a directory that went away before us.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl LocalListener {
    /// Listens at `path` (at most [`MAX_PATH`] bytes), mode 0600 from the first moment on. A dead socket
    /// file of the same name is replaced.
    ///
    /// # Errors
    /// The system's error, naming the path.
    pub fn bind(path: &Path) -> io::Result<Self> {
        Self::bind_inner(path).map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))
    }

    fn bind_inner(path: &Path) -> io::Result<Self> {
        let name = path.to_fs_name::<GenericFilePath>()?;
        let listener = ListenerOptions::new()
            .name(name)
            .mode(0o600)
            .try_overwrite(true)
            .reclaim_name(false)
            .create_sync()?;
        let Listener::UdSocket(listener) = listener;
        let socket = std::os::unix::net::UnixListener::from(OwnedFd::from(listener));
        socket.set_nonblocking(true)?;
        Ok(Self { socket, file: SocketFile(path.to_owned()) })
    }

    /// The socket of this name that another program of this process made, taken over with its file.
    ///
    /// # Errors
    /// When the descriptor cannot be made nonblocking.
    pub fn adopt(descriptor: OwnedFd, path: &Path) -> io::Result<Self> {
        let socket = std::os::unix::net::UnixListener::from(descriptor);
        socket.set_nonblocking(true)?;
        Ok(Self { socket, file: SocketFile(path.to_owned()) })
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.file.0
    }

    /// A second descriptor of the same socket, to pass on to a child.
    ///
    /// # Errors
    /// When there is no free descriptor.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        self.socket.as_fd().try_clone_to_owned()
    }

    /// The next connection, waiting in the kernel or to come.
    ///
    /// # Errors
    /// When the socket cannot be registered with the runtime.
    pub fn acceptor(&self) -> io::Result<tokio::net::UnixListener> {
        tokio::net::UnixListener::from_std(self.socket.try_clone()?)
    }
}

/// Connects to the socket at `path`.
///
/// # Errors
/// The system's error: nothing there, refused, or not permitted.
pub async fn connect(path: &Path) -> io::Result<tokio::net::UnixStream> {
    use interprocess::local_socket::tokio::Stream;
    use interprocess::local_socket::traits::tokio::Stream as _;
    let Stream::UdSocket(stream) = Stream::connect(path.to_fs_name::<GenericFilePath>()?).await?;
    Ok(stream.into())
}

/// An error unless the other end of a *named* socket runs as our own user.
///
/// # Errors
/// `PermissionDenied` for a stranger, else what the system says.
pub fn check_peer(stream: &tokio::net::UnixStream) -> io::Result<()> {
    let own = nix::unistd::geteuid().as_raw();
    match peer_uid(stream)? {
        peer if peer == own => Ok(()),
        peer => {
            let text = format!("the peer runs as uid {peer}, not as uid {own}");
            Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
        }
    }
}

/// The effective user at the other end of a *named* socket (on a socketpair it would be its creator).
///
/// # Errors
/// When the system does not tell.
pub fn peer_uid(stream: &tokio::net::UnixStream) -> io::Result<u32> {
    Ok(stream.peer_cred()?.uid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn only_the_owner_may_connect_and_the_file_goes_with_the_listener() {
        let dir = std::env::temp_dir().join(format!("llm-link-local-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("a.sock");
        let listener = LocalListener::bind(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let acceptor = listener.acceptor().unwrap();
        let (client, served) = tokio::join!(connect(&path), acceptor.accept());
        assert_eq!(peer_uid(&served.unwrap().0).unwrap(), nix::unistd::geteuid().as_raw());
        drop(client.unwrap());
        drop(listener);
        assert!(!path.exists());
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_dead_socket_file_is_replaced() {
        let dir = std::env::temp_dir().join(format!("llm-link-dead-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("a.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "std leaves the file behind");
        LocalListener::bind(&path).unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_path_that_is_too_long_is_an_error_that_names_it() {
        let path = Path::new("/tmp").join("x".repeat(200));
        let error = LocalListener::bind(&path).unwrap_err();
        assert!(error.to_string().contains("/tmp/xxx"), "{error}");
    }
}
