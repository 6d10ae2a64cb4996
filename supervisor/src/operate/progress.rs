//! What is going on, on standard error of a terminal, while an answer takes its time. Gone when it is over.

use crate::cli::out;
use protocol::control::ControlRequest;
use std::io::Write;

/// See the module.
pub(super) struct Progress {
    shown: bool,
}

impl Progress {
    /// The line for what takes long; nothing for the rest.
    pub(super) fn of(request: &ControlRequest) -> Progress {
        use ControlRequest as R;
        let what = match request {
            R::TestProvider { provider, .. } => format!("testing {provider}"),
            R::DiscoverModels { provider } => format!("asking {provider} for its models"),
            R::Apply { dry_run: false, .. } => "applying".to_owned(),
            R::Upgrade => "starting the new version beside the old one".to_owned(),
            R::RotateMasterKey => "wrapping every secret anew".to_owned(),
            R::CreateProvider { .. } | R::UpdateProvider { .. } => "waiting for its process".to_owned(),
            _ => return Progress { shown: false },
        };
        let mut progress = Progress::none();
        progress.say(&what);
        progress
    }

    pub(super) fn none() -> Progress {
        Progress { shown: false }
    }

    /// Replaces the line.
    pub(super) fn say(&mut self, what: &str) {
        if out::terminals().1 {
            self.shown = true;
            self.write(&format!("\r\u{1b}[K{what} ..."));
        }
    }

    /// Takes the line away.
    pub(super) fn over(self) {
        if self.shown {
            self.write("\r\u{1b}[K");
        }
    }

    fn write(&self, text: &str) {
        let mut err = out::stderr();
        // Decoration only.
        drop(err.write_all(text.as_bytes()).and_then(|()| err.flush()));
    }
}
