//! Exit codes. Scripts rely on them: a number never changes its meaning. docs/command-line.md lists them.

use protocol::control::RefusalKind;
use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, and in force everywhere.
    Done,
    /// It failed, or what was tested does not work.
    Failed,
    /// The arguments make no sense.
    Usage,
    /// No instance answers, or it cannot answer now.
    Unavailable,
    NotFound,
    /// It exists already, is in use, is read-only, or somebody else was faster.
    Conflict,
    /// A value is wrong; the fields are named.
    Invalid,
    /// Not logged in, not allowed, or too many tries.
    Forbidden,
    /// Stored, but not in force everywhere yet.
    Pending,
    /// `diff` found differences.
    Different,
    /// The configuration file has mistakes; also sysexits.h `EX_CONFIG`.
    Configuration,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Unavailable => 3,
            Exit::NotFound => 4,
            Exit::Conflict => 5,
            Exit::Invalid => 6,
            Exit::Forbidden => 7,
            Exit::Pending => 8,
            Exit::Different => 9,
            Exit::Configuration => 78,
        }
    }
}

impl From<RefusalKind> for Exit {
    fn from(kind: RefusalKind) -> Exit {
        match kind {
            RefusalKind::Invalid => Exit::Invalid,
            RefusalKind::Unauthenticated | RefusalKind::Forbidden | RefusalKind::Throttled => Exit::Forbidden,
            RefusalKind::NotFound => Exit::NotFound,
            RefusalKind::Conflict | RefusalKind::ReadOnly | RefusalKind::Stale => Exit::Conflict,
            RefusalKind::StorageFull | RefusalKind::Unavailable => Exit::Unavailable,
            RefusalKind::Internal => Exit::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
