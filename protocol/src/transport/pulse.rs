//! How a process is doing, read from `/proc` (proc(5)) and getrusage(2) when asked. It costs the same however much the
//! process has open: this is read once a second while others wait for the processor.

use crate::ipc::control::Pulse;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::stat::stat;
use nix::sys::time::TimeVal;
use nix::unistd::SysconfVar;
use std::fs::{read_dir, read_to_string};

/// Where a process sees what it has open.
const OPEN: &str = "/proc/self/fd";

/// The part of a pulse that every process can tell of itself; the caller adds what it counts.
pub fn read(seq: u64) -> Pulse {
    let rss_bytes = rss_bytes(&read_to_string("/proc/self/statm").unwrap_or_default());
    Pulse { seq, rss_bytes, open_files: open_files(), cpu_us: cpu_us(), ..Pulse::default() }
}

/// The same of another process of this user, as far as it can be seen from outside; open files cannot.
pub fn of(pid: u32) -> Pulse {
    let read = |name: &str| read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    let stat = read("stat");
    // After the name, which may hold anything: user and system time are the 12th and 13th fields (proc(5)).
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = rest.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    let per_second = sysconf(SysconfVar::CLK_TCK).unwrap_or(100);
    let cpu_us = ticks * 1_000_000 / per_second.max(1);
    Pulse { rss_bytes: rss_bytes(&read("statm")), cpu_us, ..Pulse::default() }
}

fn sysconf(variable: SysconfVar) -> Option<u64> {
    nix::unistd::sysconf(variable).ok().flatten().and_then(|n| u64::try_from(n).ok())
}

/// Resident bytes by the text of `statm`; 0 when `/proc` was out of reach.
fn rss_bytes(statm: &str) -> u64 {
    let pages = statm.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    pages * sysconf(SysconfVar::PAGE_SIZE).unwrap_or(4096)
}

/// The directory's size is the number of its entries since Linux 6.2 (Documentation/filesystems/proc.rst, 3.8); before
/// that it is 0, and they are counted one by one.
fn open_files() -> u32 {
    match stat(OPEN).map(|seen| seen.st_size) {
        Ok(size @ 1..) => u32::try_from(size).unwrap_or(u32::MAX),
        _ => counted(),
    }
}

fn counted() -> u32 {
    // The directory being read is one of them.
    read_dir(OPEN).map_or(0, |dir| u32::try_from(dir.count().saturating_sub(1)).unwrap_or(u32::MAX))
}

fn cpu_us() -> u64 {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return 0 };
    let us = |t: TimeVal| u64::try_from(t.tv_sec() * 1_000_000 + t.tv_usec()).unwrap_or(0);
    us(usage.user_time()) + us(usage.system_time())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn this_process_has_memory_files_and_a_past() {
        let pulse = read(7);
        assert_eq!(pulse.seq, 7);
        assert!(pulse.rss_bytes > 1 << 20 && pulse.open_files >= 3, "{pulse:?}");
        let outside = of(std::process::id());
        assert!(outside.rss_bytes > 1 << 20 && outside.cpu_us <= pulse.cpu_us + 1_000_000, "{outside:?}");
    }

    #[test]
    fn what_is_open_is_counted_either_way() {
        let (before, one_by_one) = (open_files(), counted());
        assert_eq!(before, one_by_one);
        let many: Vec<File> = (0..100).map(|_| File::open("/dev/null").unwrap()).collect();
        assert_eq!((open_files(), counted()), (before + 100, before + 100));
        drop(many);
    }
}
