//! Who runs where: load and upstream on one core, the whole gateway on the other.

use anyhow::{Context, Result};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// A side of the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Gateway,
    Load,
}

/// The two cores of this run; on a machine with one core both are the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    gateway: usize,
    load: usize,
}

impl Cores {
    /// The first two cores this process may use.
    pub(crate) fn find() -> Result<Self> {
        let allowed = sched_getaffinity(Pid::from_raw(0))?;
        let mut cores = (0..CpuSet::count()).filter(|c| allowed.is_set(*c).unwrap_or(false));
        let gateway = cores.next().context("no core")?;
        Ok(Self { gateway, load: cores.next().unwrap_or(gateway) })
    }

    /// Puts this thread, and every thread and process it starts from now on, on that side's core.
    pub(crate) fn enter(self, side: Side) -> Result<()> {
        let mut set = CpuSet::new();
        set.set(match side {
            Side::Gateway => self.gateway,
            Side::Load => self.load,
        })?;
        Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
    }
}
