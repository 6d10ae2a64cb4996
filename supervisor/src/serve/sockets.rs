//! The listening sockets. They outlive every router, so no connection is refused while one is replaced; those of a
//! service manager (`sd_listen_fds(3)`) outlive this process too.

use crate::settings::Listener;
use anyhow::Context;
use nix::sys::socket::{Backlog, listen};
use protocol::control::ListenerStatus;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

/// Connections that may wait while a router is being replaced (bounded by `net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// See the module.
#[derive(Default)]
pub(super) struct Sockets {
    opened: Vec<Opened>,
    /// Came with the process; used for the listeners of their addresses.
    activated: Vec<Arc<TcpListener>>,
}

/// A socket and how it was asked for.
#[derive(Clone)]
struct Opened {
    asked: SocketAddr,
    address: SocketAddr,
    open: bool,
    socket: Arc<TcpListener>,
}

impl Sockets {
    /// None open yet; those that came with the process are at hand.
    pub(super) fn new(activated: Vec<TcpListener>) -> Self {
        Self { opened: Vec::new(), activated: activated.into_iter().map(Arc::new).collect() }
    }

    /// Those that the former program of this process had open, each with the address it was asked for.
    pub(super) fn resumed(sockets: Vec<(SocketAddr, TcpListener)>) -> std::io::Result<Self> {
        let resume = |(asked, socket): (SocketAddr, TcpListener)| {
            let address = socket.local_addr()?;
            Ok(Opened { asked, address, open: false, socket: Arc::new(socket) })
        };
        let opened = sockets.into_iter().map(resume).collect::<std::io::Result<_>>()?;
        Ok(Self { opened, activated: Vec::new() })
    }

    /// The sockets with the addresses they were asked for.
    pub(super) fn asked(&self) -> Vec<(SocketAddr, Arc<TcpListener>)> {
        self.opened.iter().map(|s| (s.asked, Arc::clone(&s.socket))).collect()
    }

    /// Opens what is asked for and not open yet, and closes what is asked for no more.
    ///
    /// # Errors
    /// A socket cannot be opened; nothing has changed then.
    pub(super) fn open(&mut self, listeners: &[Listener]) -> anyhow::Result<()> {
        let mut former = self.opened.clone();
        let mut opened = Vec::new();
        for listener in listeners {
            let known = former.iter().position(|s| s.asked == listener.address);
            let socket = match known {
                // Taken out: two listeners of any free port are two sockets.
                Some(at) => former.swap_remove(at).socket,
                None => self.find_or_bind(listener.address)?,
            };
            let address = socket.local_addr()?;
            opened.push(Opened { asked: listener.address, address, open: listener.open, socket });
        }
        self.opened = opened;
        Ok(())
    }

    fn find_or_bind(&self, address: SocketAddr) -> anyhow::Result<Arc<TcpListener>> {
        let given = self.activated.iter().find(|s| s.local_addr().is_ok_and(|given| given == address));
        match given {
            Some(given) => Ok(Arc::clone(given)),
            None => bind(address).map(Arc::new),
        }
    }

    /// The sockets, in the order of the configuration.
    pub(super) fn all(&self) -> Vec<Arc<TcpListener>> {
        self.opened.iter().map(|s| Arc::clone(&s.socket)).collect()
    }

    /// The real addresses, and whether they serve without a key.
    pub(super) fn addresses(&self) -> Vec<(SocketAddr, bool)> {
        self.opened.iter().map(|s| (s.address, s.open)).collect()
    }

    pub(super) fn status(&self) -> Vec<ListenerStatus> {
        let status = |s: &Opened| ListenerStatus { address: s.address.to_string(), open: s.open };
        self.opened.iter().map(status).collect()
    }

    /// Addresses of sockets that came with the process and that no listener asks for.
    pub(super) fn unused(&self) -> Vec<SocketAddr> {
        let used = |given: &Arc<TcpListener>| self.opened.iter().any(|s| Arc::ptr_eq(&s.socket, given));
        self.activated.iter().filter(|given| !used(given)).filter_map(|s| s.local_addr().ok()).collect()
    }
}

/// The standard library sets `SO_REUSEADDR`; its backlog is a matter of its version, so ours is set again.
fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let socket = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    socket.set_nonblocking(true)?;
    let backlog = Backlog::new(BACKLOG).unwrap_or(Backlog::MAXCONN);
    listen(&socket, backlog).with_context(|| format!("cannot listen on {address}"))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any() -> Listener {
        Listener { address: "127.0.0.1:0".parse().unwrap(), open: true, app: None, admin: true }
    }

    #[test]
    fn what_is_open_stays_open_and_the_rest_is_closed() {
        let mut sockets = Sockets::default();
        sockets.open(&[any(), any()]).unwrap();
        let before = sockets.all();
        sockets.open(&[any(), any()]).unwrap();
        let after = sockets.all();
        assert!(before.iter().all(|old| after.iter().any(|new| Arc::ptr_eq(old, new))));
        assert!(!Arc::ptr_eq(&after[0], &after[1]));
        sockets.open(&[any()]).unwrap();
        assert_eq!(sockets.all().len(), 1);
    }

    #[test]
    fn a_socket_that_came_with_the_process_is_used_for_its_address() {
        let (given, spare) = (bind(any().address).unwrap(), bind(any().address).unwrap());
        let (address, unused) = (given.local_addr().unwrap(), spare.local_addr().unwrap());
        let mut sockets = Sockets::new(vec![given, spare]);
        // Opening it a second time would fail: the address is in use.
        sockets.open(&[Listener { address, open: false, app: None, admin: true }]).unwrap();
        assert_eq!(sockets.addresses(), [(address, false)]);
        assert_eq!(sockets.unused(), [unused]);
    }

    #[test]
    fn an_address_that_cannot_be_had_changes_nothing() {
        let taken = bind(any().address).unwrap();
        let mut sockets = Sockets::default();
        sockets.open(&[any()]).unwrap();
        let before = sockets.addresses();
        let address = taken.local_addr().unwrap();
        let error =
            sockets.open(&[any(), Listener { address, open: true, app: None, admin: true }]).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot listen on {address}"));
        assert_eq!(sockets.addresses(), before);
    }
}
