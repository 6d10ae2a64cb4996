//! Limits of the process: no core file, so many open files, so much address space.
//! Never raises a hard limit beyond what the process was given.

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, rlim_t, setrlimit};
use protocol::ipc::configure::WorkerLimits;

/// Applies the limits, soft and hard alike, so that they cannot be raised again.
/// `memory` of 0 leaves the address space as it is.
pub(super) fn apply(limits: &WorkerLimits) -> Result<(), String> {
    lower(Resource::RLIMIT_CORE, 0)?;
    lower(Resource::RLIMIT_NOFILE, limits.files)?;
    if limits.memory > 0 {
        lower(Resource::RLIMIT_AS, limits.memory)?;
    }
    Ok(())
}

/// Sets both limits to `wanted`, or to the present hard limit when that is lower.
fn lower(resource: Resource, wanted: rlim_t) -> Result<(), String> {
    let (_, hard) = getrlimit(resource).map_err(|e| format!("{resource:?}: {e}"))?;
    let value = if hard == RLIM_INFINITY { wanted } else { wanted.min(hard) };
    setrlimit(resource, value, value).map_err(|e| format!("{resource:?}: {e}"))
}
