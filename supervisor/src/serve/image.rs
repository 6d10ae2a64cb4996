//! What this program leaves to the one it becomes: the listening sockets and the fleet, in words in an anonymous file,
//! with the descriptors beside it. It holds tokens of data connections, so it is never on a disk.

use super::sockets::Sockets;
use crate::fleet::{FleetHandover, FleetImage};
use anyhow::{Context, ensure};
use nix::sys::memfd::{MFdFlags, memfd_create};
use protocol::transport::inherit::{keep, resume};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

/// The environment variable that tells the next program the number of the image's descriptor.
pub(super) const MARK: &str = "LLM_LINK_RESUME";

/// The whole of it.
#[derive(Serialize, Deserialize)]
pub(super) struct Image {
    /// Whose image it is: the variable could have come from somebody else.
    pid: u32,
    /// When the first of these programs started, milliseconds since 1970.
    pub(super) started_ms: u64,
    listeners: Vec<(SocketAddr, RawFd)>,
    pub(super) fleet: FleetImage,
}

/// An image and all descriptors that go with it; dropped, they are closed.
pub(super) struct Kept {
    pub(super) image: OwnedFd,
    _listeners: Vec<OwnedFd>,
    _fleet: FleetHandover,
}

impl Image {
    /// The one that the former program of this process left, if `mark` says that there is one.
    ///
    /// # Errors
    /// It cannot be read, or is another process's.
    pub(super) fn find(mark: Option<&str>) -> anyhow::Result<Option<Self>> {
        let Some(number) = mark else { return Ok(None) };
        let number: RawFd = number.parse().with_context(|| format!("{MARK} is no number"))?;
        let mut file = File::from(resume(number)?);
        file.rewind()?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let image: Self =
            serde_json::from_slice(&text).context("what the former program left cannot be read")?;
        ensure!(image.pid == std::process::id(), "{MARK} is not for this process");
        Ok(Some(image))
    }

    /// The listening sockets it names.
    ///
    /// # Errors
    /// One of them is not there.
    pub(super) fn sockets(&self) -> anyhow::Result<Sockets> {
        let socket =
            |(asked, number): &(SocketAddr, RawFd)| Ok((*asked, TcpListener::from(resume(*number)?)));
        let sockets = self.listeners.iter().map(socket).collect::<anyhow::Result<_>>()?;
        Ok(Sockets::resumed(sockets)?)
    }
}

impl Kept {
    /// Writes the image.
    ///
    /// # Errors
    /// No memory or no descriptor is left.
    pub(super) fn new(
        mut fleet: FleetHandover,
        listeners: &[(SocketAddr, Arc<TcpListener>)],
        started_ms: u64,
    ) -> anyhow::Result<Self> {
        let kept = listeners.iter().map(|(asked, socket)| Ok((*asked, keep(socket)?)));
        let kept = kept.collect::<anyhow::Result<Vec<(SocketAddr, OwnedFd)>>>()?;
        let image = Image {
            pid: std::process::id(),
            started_ms,
            listeners: kept.iter().map(|(asked, fd)| (*asked, fd.as_raw_fd())).collect(),
            fleet: std::mem::take(&mut fleet.image),
        };
        let mut file = File::from(memfd_create("llm-link", MFdFlags::MFD_CLOEXEC)?);
        file.write_all(&serde_json::to_vec(&image)?)?;
        let listeners = kept.into_iter().map(|(_, fd)| fd).collect();
        Ok(Self { image: keep(&file)?, _listeners: listeners, _fleet: fleet })
    }
}
