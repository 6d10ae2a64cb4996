//! `[server]` and `[log]` as typed.

use super::keys::{log, server as keys};
use crate::settings::cursor::Cursor;
use crate::settings::place::Typed;

/// Absent keys are `None`.
#[derive(Clone, Default)]
pub(crate) struct RawServer {
    pub(crate) listen: Option<Vec<Typed<String>>>,
    pub(crate) open: Option<Typed<bool>>,
    pub(crate) admin: Option<Vec<Typed<String>>>,
    /// Addresses, each with the app of callers without a key there.
    pub(crate) apps: Option<Vec<(Typed<String>, Typed<String>)>>,
    pub(crate) state_dir: Option<Typed<String>>,
    pub(crate) runtime_dir: Option<Typed<String>>,
    pub(crate) body_limit: Option<Typed<String>>,
    pub(crate) hold_limit: Option<Typed<String>>,
    pub(crate) header_limit: Option<Typed<String>>,
    pub(crate) read_timeout: Option<Typed<String>>,
    pub(crate) connections: Option<Typed<i64>>,
    pub(crate) deadline: Option<Typed<String>>,
    pub(crate) drain_timeout: Option<Typed<String>>,
    pub(crate) max_attempts: Option<Typed<i64>>,
    pub(crate) attempts_per_provider: Option<Typed<i64>>,
    pub(crate) threads: Option<Typed<i64>>,
    pub(crate) runtime: Option<Typed<String>>,
    pub(crate) utc_offset: Option<Typed<String>>,
}

/// What is said about the program's own doings.
#[derive(Clone, Default)]
pub(crate) struct RawLog {
    pub(crate) level: Option<Typed<String>>,
    pub(crate) format: Option<Typed<String>>,
}

pub(super) fn read_log(table: &mut Cursor<'_, '_>) -> RawLog {
    RawLog { level: table.text(log::LEVEL), format: table.text(log::FORMAT) }
}

pub(super) fn read(table: &mut Cursor<'_, '_>) -> RawServer {
    RawServer {
        listen: table.texts(keys::LISTEN),
        open: table.flag(keys::OPEN),
        admin: table.texts(keys::ADMIN),
        apps: table.table(keys::APPS, "`apps` of [server]", |apps| apps.entries(keys::APPS)),
        state_dir: table.text(keys::STATE_DIR),
        runtime_dir: table.text(keys::RUNTIME_DIR),
        body_limit: table.text(keys::BODY_LIMIT),
        hold_limit: table.text(keys::HOLD_LIMIT),
        header_limit: table.text(keys::HEADER_LIMIT),
        read_timeout: table.text(keys::READ_TIMEOUT),
        connections: table.number(keys::CONNECTIONS),
        deadline: table.text(keys::DEADLINE),
        drain_timeout: table.text(keys::DRAIN_TIMEOUT),
        max_attempts: table.number(keys::MAX_ATTEMPTS),
        attempts_per_provider: table.number(keys::ATTEMPTS_PER_PROVIDER),
        threads: table.number(keys::THREADS),
        runtime: table.text(keys::RUNTIME),
        utc_offset: table.text(keys::UTC_OFFSET),
    }
}
