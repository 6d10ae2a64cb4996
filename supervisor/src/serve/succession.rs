//! The last step of an upgrade: this program becomes the executable that stands where it was started from. By then
//! every child runs that executable already (see [`crate::control::Upgrade`]); here the conversations come to rest,
//! the image is written, and the process executes itself. If that fails, everything goes on.

use super::image::{Kept, MARK};
use crate::control::{Desk, Force};
use crate::fleet::{Fleet, become_program};
use crate::lifecycle::Signals;
use protocol::control::Refusal;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Whoever asked for it is to have its answer.
const FAREWELL: Duration = Duration::from_millis(200);
/// For what is being answered, and for what is just starting or ending.
const PATIENCE: Duration = Duration::from_secs(20);
const AGAIN: Duration = Duration::from_millis(50);

/// What the next program gets besides the fleet.
pub(super) struct Estate {
    pub(super) fleet: Fleet,
    pub(super) force: Force,
    pub(super) desk: Desk,
    pub(super) started_ms: u64,
}

impl Estate {
    /// Becomes `program`; returns only if that fails.
    pub(super) async fn pass_on(&self, program: &Path) {
        tokio::time::sleep(FAREWELL).await;
        self.desk.close(PATIENCE).await;
        let why = match self.listeners().await {
            Ok(listeners) => self.execute(program, &listeners).await,
            Err(refusal) => refusal.message,
        };
        tracing::error!("the upgrade came to nothing, this program goes on: {why}");
        self.desk.open();
    }

    async fn listeners(&self) -> Result<Vec<(SocketAddr, Arc<TcpListener>)>, Refusal> {
        self.force.sockets().await
    }

    async fn execute(&self, program: &Path, listeners: &[(SocketAddr, Arc<TcpListener>)]) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            // Dropped on the way out of this block, the sender lets the fleet go on.
            let why = match self.fleet.hand_over().await {
                Ok((fleet, _thaw)) => match Kept::new(fleet, listeners, self.started_ms) {
                    Ok(kept) => {
                        tracing::info!("becoming {}", program.display());
                        Signals::hold();
                        let error = become_program(program, MARK, kept.image.as_raw_fd());
                        Signals::release();
                        return format!("{}: {error}", program.display());
                    }
                    Err(error) => return format!("{error:#}"),
                },
                Err(why) => why,
            };
            if Instant::now() >= until {
                return why;
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}
