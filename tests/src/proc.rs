//! What the kernel says about processes: `/proc` readers (proc(5)), for one pid or a whole tree.
//!
//! Owns no process and sends no signal. A process that ends while it is read is simply not there.

use anyhow::{Context, Result};
use std::collections::HashMap;
use std::fs;
use std::time::Duration;

/// Clock ticks per second of `/proc/PID/stat`: 100 on every Linux architecture we run on.
const TICKS: u64 = 100;

/// A line of `/proc/PID/stat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    pub pid: i32,
    pub parent: i32,
    /// The executable's short name, 15 bytes at most.
    pub name: String,
    /// `R`, `S`, `D`, `Z` (zombie), `T` (stopped), ...
    pub state: char,
    pub threads: u32,
    /// Since boot, in ticks: tells a process from a later one with the same pid.
    pub started: u64,
    /// User and system time so far, children not included; 10 ms steps.
    pub cpu: Duration,
}

impl Stat {
    fn parse(line: &str) -> Option<Self> {
        let (head, tail) = line.rsplit_once(") ")?;
        let (pid, name) = head.split_once(" (")?;
        let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
        let number = |i: usize| fields.get(i)?.parse::<u64>().ok();
        Some(Self {
            pid: pid.parse().ok()?,
            parent: fields.get(1)?.parse().ok()?,
            name: name.to_owned(),
            state: fields.first()?.chars().next()?,
            threads: u32::try_from(number(17)?).ok()?,
            started: number(19)?,
            cpu: Duration::from_millis((number(11)? + number(12)?) * 1000 / TICKS),
        })
    }
}

/// One process, if it is there.
pub fn stat(pid: i32) -> Option<Stat> {
    Stat::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The process runs (a zombie does not).
pub fn is_alive(pid: i32) -> bool {
    stat(pid).is_some_and(|s| s.state != 'Z')
}

/// Every process of this machine.
pub fn all() -> Vec<Stat> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok()).filter_map(stat).collect()
}

/// Direct children, in order of their start.
pub fn children(pid: i32) -> Vec<Stat> {
    let mut found: Vec<Stat> = all().into_iter().filter(|s| s.parent == pid).collect();
    found.sort_by_key(|s| (s.started, s.pid));
    found
}

/// The process and everything below it.
pub fn tree(pid: i32) -> Vec<Stat> {
    let mut by_parent: HashMap<i32, Vec<Stat>> = HashMap::new();
    let mut found = Vec::new();
    for s in all() {
        if s.pid == pid {
            found.push(s);
        } else {
            by_parent.entry(s.parent).or_default().push(s);
        }
    }
    let mut next = 0;
    while let Some(parent) = found.get(next).map(|s| s.pid) {
        found.extend(by_parent.remove(&parent).unwrap_or_default());
        next += 1;
    }
    found
}

/// User and system time of a tree so far. Time of children that have ended is not in it.
pub fn tree_cpu(pid: i32) -> Duration {
    tree(pid).iter().map(|s| s.cpu).sum()
}

/// The arguments, the program's name first. Empty for a zombie or a kernel thread.
pub fn arguments(pid: i32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.split_terminator('\0').map(str::to_owned).collect()
}

/// The environment as the process was started with it, `NAME=value` separated by NUL.
pub fn environment(pid: i32) -> Result<Vec<u8>> {
    fs::read(format!("/proc/{pid}/environ")).with_context(|| format!("environment of {pid}"))
}

/// Open descriptors.
pub fn open_files(pid: i32) -> Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd")).with_context(|| format!("descriptors of {pid}"))?.count())
}

/// What each open descriptor points at (`socket:[123]`, a path, ...).
pub fn open_targets(pid: i32) -> Vec<String> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let links = entries.flatten().filter_map(|e| fs::read_link(e.path()).ok());
    links.map(|p| p.to_string_lossy().into_owned()).collect()
}

/// Resident bytes.
pub fn rss(pid: i32) -> Result<u64> {
    field(&format!("/proc/{pid}/status"), "VmRSS:")
}

/// Proportional share of resident bytes: pages shared by n processes count 1/n.
pub fn pss(pid: i32) -> Result<u64> {
    field(&format!("/proc/{pid}/smaps_rollup"), "Pss:")
}

/// Proportional share of resident bytes of a tree.
pub fn tree_pss(pid: i32) -> u64 {
    tree(pid).iter().filter_map(|s| pss(s.pid).ok()).sum()
}

fn field(path: &str, name: &str) -> Result<u64> {
    let text = fs::read_to_string(path).with_context(|| path.to_owned())?;
    let line =
        text.lines().find_map(|l| l.strip_prefix(name)).with_context(|| format!("{name} in {path}"))?;
    let kib: u64 =
        line.trim().trim_end_matches(" kB").parse().with_context(|| format!("{name} in {path}"))?;
    Ok(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_is_read() -> Result<()> {
        let line = "42 (a) b (c) S 7 42 42 0 -1 4194304 1 2 3 4 150 50 6 7 20 0 3 0 9876 1 2";
        let s = Stat::parse(line).context("a line of stat")?;
        assert_eq!((s.pid, s.parent, s.state, s.threads, s.started), (42, 7, 'S', 3, 9876));
        assert_eq!(s.name, "a) b (c");
        assert_eq!(s.cpu, Duration::from_secs(2));
        Ok(())
    }

    #[test]
    fn this_process_is_there() -> Result<()> {
        let me = i32::try_from(std::process::id())?;
        assert!(is_alive(me));
        assert!(open_files(me)? > 2);
        assert!(rss(me)? >= pss(me)?);
        assert!(tree(me).iter().any(|s| s.pid == me));
        Ok(())
    }
}
