//! epoll(7) over non-blocking TCP connections: one thread, many sockets.

use anyhow::Result;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

/// What a socket is watched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    Read,
    ReadWrite,
}

impl Interest {
    fn flags(self) -> EpollFlags {
        match self {
            Interest::Read => EpollFlags::EPOLLIN,
            Interest::ReadWrite => EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT,
        }
    }
}

/// An epoll instance; each socket is known by a number of the caller's choice.
pub(crate) struct Poller {
    epoll: Epoll,
    events: Vec<EpollEvent>,
}

impl Poller {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            events: vec![EpollEvent::empty(); 256],
        })
    }

    pub(crate) fn add(&self, socket: impl AsFd, token: usize) -> Result<()> {
        Ok(self.epoll.add(socket, EpollEvent::new(Interest::Read.flags(), token as u64))?)
    }

    pub(crate) fn change(&self, socket: impl AsFd, token: usize, interest: Interest) -> Result<()> {
        Ok(self.epoll.modify(socket, &mut EpollEvent::new(interest.flags(), token as u64))?)
    }

    /// Tokens that are ready, after at most `wait` (rounded up to a millisecond).
    pub(crate) fn wait(&mut self, wait: Duration, ready: &mut Vec<usize>) -> Result<()> {
        ready.clear();
        let ms = u16::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
        let n = match self.epoll.wait(&mut self.events, EpollTimeout::from(ms)) {
            Err(Errno::EINTR) => 0,
            other => other?,
        };
        for event in &self.events[..n] {
            ready.push(usize::try_from(event.data())?);
        }
        Ok(())
    }
}

/// What a read gave.
pub(crate) enum Got {
    Bytes(usize),
    Nothing,
    Closed,
}

/// One read of a non-blocking socket.
pub(crate) fn read(socket: &mut TcpStream, buf: &mut [u8]) -> Result<Got> {
    match socket.read(buf) {
        Ok(0) => Ok(Got::Closed),
        Ok(n) => Ok(Got::Bytes(n)),
        Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(Got::Nothing),
        Err(e) if e.kind() == ErrorKind::ConnectionReset => Ok(Got::Closed),
        Err(e) => Err(e.into()),
    }
}

/// Writes what the socket takes of `bytes` and says how much that was.
pub(crate) fn write(socket: &mut TcpStream, bytes: &[u8]) -> Result<usize> {
    match socket.write(bytes) {
        Ok(n) => Ok(n),
        Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(0),
        Err(e) => Err(e.into()),
    }
}

/// A connection that neither blocks nor waits to fill a packet.
pub(crate) fn connect(to: SocketAddr) -> Result<TcpStream> {
    let socket = TcpStream::connect(to)?;
    socket.set_nodelay(true)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
