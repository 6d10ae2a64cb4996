//! A child process as its owner waits for it: one that this program started, or one that this very process started
//! when it was another program. It never signals and never starts anything.

use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

/// A process of ours, by whom it was started.
pub(super) enum Process {
    Own(tokio::process::Child),
    /// By the program this process was before.
    Adopted(u32),
}

/// Between two looks at an adopted process that has closed its control socket.
const LOOK: Duration = Duration::from_millis(20);
/// Between two looks at one that has not: its death closes the socket, so this is for the improbable.
const RARE_LOOK: Duration = Duration::from_millis(500);

impl Process {
    /// Its end. Cancel-safe. `attentive`: it is expected at any moment.
    pub(super) async fn wait(&mut self, attentive: bool) -> io::Result<ExitStatus> {
        match self {
            Self::Own(process) => process.wait().await,
            Self::Adopted(pid) => {
                let pid = Pid::from_raw((*pid).cast_signed());
                loop {
                    if let Some(status) = reap(pid)? {
                        return Ok(status);
                    }
                    tokio::time::sleep(if attentive { LOOK } else { RARE_LOOK }).await;
                }
            }
        }
    }

    /// Its number while it is not reaped: nobody else can have it.
    pub(super) fn pid(&self) -> Option<Pid> {
        match self {
            Self::Own(process) => process.id().map(|pid| Pid::from_raw(pid.cast_signed())),
            Self::Adopted(pid) => Some(Pid::from_raw(pid.cast_signed())),
        }
    }
}

/// Reaps the process if it has ended.
fn reap(pid: Pid) -> io::Result<Option<ExitStatus>> {
    Ok(match waitpid(pid, Some(WaitPidFlag::WNOHANG))? {
        WaitStatus::Exited(_, code) => Some(ExitStatus::from_raw((code & 0xff) << 8)),
        WaitStatus::Signaled(_, signal, dumped) => {
            Some(ExitStatus::from_raw(signal as i32 | if dumped { 0x80 } else { 0 }))
        }
        _ => None,
    })
}
