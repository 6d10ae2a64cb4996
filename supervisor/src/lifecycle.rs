//! Signals and sockets of the service manager in, notifications out. Decides nothing: what a stop means is the fleet's business.

use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use protocol::transport::inherit::adopt_activated;
use sd_notify::NotifyState;
use std::io;
use std::net::TcpListener;
use std::time::Duration;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// What the operator wants, by signal (signal(7); `man llm-link` lists them).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGTERM or SIGINT, the first time: finish what runs, then stop.
    Stop,
    /// SIGQUIT: end what runs, in order.
    Fast,
    /// SIGTERM or SIGINT, the second time: kill what runs.
    Cut,
    /// SIGHUP: read the configuration again.
    Reload,
    /// SIGUSR2: become the executable that now stands where this one was started from.
    Upgrade,
}

/// The signals this process listens to.
pub(crate) struct Signals {
    term: Stream,
    int: Stream,
    quit: Stream,
    hup: Stream,
    usr2: Stream,
    stopping: bool,
}

impl Signals {
    /// From now on these signals no longer end the process by themselves.
    pub(crate) fn new() -> io::Result<Self> {
        let signals = Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hup: signal(SignalKind::hangup())?,
            usr2: signal(SignalKind::user_defined2())?,
            stopping: false,
        };
        Self::release();
        Ok(signals)
    }

    /// Keeps signals waiting: between two programs of this process nobody would take them, and they would end it.
    pub(crate) fn hold() {
        // It fails only for a bad argument, which a constant is not.
        let _ = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&Self::ours()), None);
    }

    /// Lets them come, those that waited first.
    pub(crate) fn release() {
        let _ = sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&Self::ours()), None);
    }

    fn ours() -> SigSet {
        use nix::sys::signal::Signal as S;
        SigSet::from_iter([S::SIGTERM, S::SIGINT, S::SIGQUIT, S::SIGHUP, S::SIGUSR2])
    }

    /// The next one. Cancel safe.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.term.recv() => self.stop(),
            _ = self.int.recv() => self.stop(),
            _ = self.quit.recv() => Signal::Fast,
            _ = self.hup.recv() => Signal::Reload,
            _ = self.usr2.recv() => Signal::Upgrade,
        }
    }

    fn stop(&mut self) -> Signal {
        if std::mem::replace(&mut self.stopping, true) { Signal::Cut } else { Signal::Stop }
    }
}

/// A file that may not grow any further (RLIMIT_FSIZE) is a write that fails and not the end of the process. To be
/// called before the first thread is started: threads inherit it.
pub(crate) fn endure_file_limits() {
    use nix::sys::signal::Signal as S;
    // It fails only for a bad argument, which a constant is not.
    let _ = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&SigSet::from_iter([S::SIGXFSZ])), None);
}

/// The listening sockets that the service manager passed on (sd_listen_fds(3)); none when it passed none. To be called
/// before anything else opens a descriptor.
///
/// # Errors
/// What was passed on are not listening TCP sockets.
pub(crate) fn activated() -> io::Result<Vec<TcpListener>> {
    sd_notify::listen_fds()?.map(|number| Ok(adopt_activated(number)?)).collect()
}

/// Tells systemd how we are (sd_notify(3)); does nothing when not started by it.
pub(crate) fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!("systemd was not notified: {error}");
    }
}

/// Ticks as often as systemd's watchdog wants to be fed (a third of `WatchdogSec`); never without one.
pub(crate) struct Watchdog {
    ticks: Option<Interval>,
}

impl Watchdog {
    pub(crate) fn new() -> Self {
        let ticks = sd_notify::watchdog_enabled().map(|period| {
            let mut ticks = interval((period / 3).max(Duration::from_millis(10)));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
        Self { ticks }
    }

    /// Waits for the next feeding and does it. Cancel safe.
    pub(crate) async fn feed(&mut self) {
        match &mut self.ticks {
            Some(ticks) => {
                ticks.tick().await;
                notify(&[NotifyState::Watchdog]);
            }
            None => std::future::pending().await,
        }
    }
}
