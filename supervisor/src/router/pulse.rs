//! How this process is doing, read from `/proc/self` (proc(5)) and getrusage(2) when asked.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::unistd::SysconfVar;
use protocol::ipc::control::Pulse;

/// The part of a pulse that every process has; the caller adds what it counts itself.
pub(super) fn read(seq: u64) -> Pulse {
    Pulse { seq, rss_bytes: rss_bytes(), open_files: open_files(), cpu_us: cpu_us(), ..Pulse::default() }
}

/// The same of another process of this user, as far as it can be seen from outside; open files cannot.
pub(super) fn of(pid: u32) -> Pulse {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    let (statm, stat) = (read("statm"), read("stat"));
    let pages = statm.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    // After the name, which may hold anything: user and system time are the 12th and 13th fields (proc(5)).
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = rest.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    let per_second = sysconf(SysconfVar::CLK_TCK).unwrap_or(100);
    let page = sysconf(SysconfVar::PAGE_SIZE).unwrap_or(4096);
    Pulse { rss_bytes: pages * page, cpu_us: ticks * 1_000_000 / per_second.max(1), ..Pulse::default() }
}

fn sysconf(variable: SysconfVar) -> Option<u64> {
    nix::unistd::sysconf(variable).ok().flatten().and_then(|n| u64::try_from(n).ok())
}

/// Resident bytes; 0 when `/proc` is out of reach.
fn rss_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    let page = sysconf(SysconfVar::PAGE_SIZE).unwrap_or(4096);
    pages * page
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
        let outside = super::of(std::process::id());
        assert!(outside.rss_bytes > 1 << 20 && outside.cpu_us <= pulse.cpu_us + 1_000_000, "{outside:?}");
    }
}
