//! How this process is doing, read from `/proc/self` (proc(5)) and getrusage(2) when asked.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use protocol::ipc::control::Pulse;

/// The part of a pulse that every process has; the caller adds what it counts itself.
pub(super) fn read(seq: u64) -> Pulse {
    Pulse { seq, rss_bytes: rss_bytes(), open_files: open_files(), cpu_us: cpu_us(), ..Pulse::default() }
}

/// Resident bytes; 0 when `/proc` is out of reach.
fn rss_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten().unwrap_or(4096);
    pages * page as u64
}

fn open_files() -> u32 {
    // The directory being read is one of them.
    std::fs::read_dir("/proc/self/fd").map_or(0, |dir| dir.count().saturating_sub(1) as u32)
}

fn cpu_us() -> u64 {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return 0 };
    let us = |t: TimeVal| (t.tv_sec() * 1_000_000 + t.tv_usec()) as u64;
    us(usage.user_time()) + us(usage.system_time())
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_process_has_memory_files_and_a_past() {
        let pulse = super::read(7);
        assert_eq!(pulse.seq, 7);
        assert!(pulse.rss_bytes > 1 << 20 && pulse.open_files >= 3, "{pulse:?}");
    }
}
