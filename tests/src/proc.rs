//! What the kernel says about processes: `/proc` readers (proc(5)), for one pid or a whole tree.
//!
//! Owns no process and sends no signal. A process that ends while it is read is simply not there.

use anyhow::{Context, Result, bail};
use std::collections::HashMap;
use std::fs;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::time::Duration;

/// Clock ticks per second of `/proc/PID/stat`: 100 on every Linux architecture we run on.
const TICKS: u64 = 100;

/// Largest piece of a process's memory read at once.
const PIECE: usize = 4 << 20;

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

/// How often `needle` stands in the readable memory of a process. Needs the right to trace it.
pub fn count_in_memory(pid: i32, needle: &[u8]) -> Result<usize> {
    if needle.is_empty() {
        bail!("an empty needle is everywhere");
    }
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).with_context(|| format!("maps of {pid}"))?;
    let mut memory =
        fs::File::open(format!("/proc/{pid}/mem")).with_context(|| format!("memory of {pid}"))?;
    let mut found = 0;
    for (start, end) in maps.lines().filter_map(readable_range) {
        found += count_in_range(&mut memory, start, end, needle)
            .with_context(|| format!("memory of {pid} at {start:x}"))?;
    }
    Ok(found)
}

/// The range of a line of `maps`, if the process may read it. `[vvar]` and `[vsyscall]` are not memory.
fn readable_range(line: &str) -> Option<(u64, u64)> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let readable = words.next()?.starts_with('r');
    let special = line.ends_with("[vvar]") || line.ends_with("[vsyscall]") || line.ends_with("[vvar_vclock]");
    let range = (u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?);
    (readable && !special).then_some(range)
}

fn count_in_range(memory: &mut fs::File, start: u64, end: u64, needle: &[u8]) -> std::io::Result<usize> {
    let mut found = 0;
    let mut at = start;
    let mut buf = vec![0u8; PIECE];
    while at < end {
        let want = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
        memory.seek(SeekFrom::Start(at))?;
        let got = match memory.read(&mut buf[..want]) {
            // A page that went away or cannot be read (a hole, device memory) holds nothing to find.
            Err(e) if e.kind() == ErrorKind::Other || e.raw_os_error() == Some(5) => 0,
            other => other?,
        };
        if got == 0 {
            at += 4096;
            continue;
        }
        let piece = &buf[..got];
        found += piece.windows(needle.len()).filter(|w| *w == needle).count();
        // Overlap, so that a needle across two pieces is seen, once.
        let overlap = if got == want && at + (got as u64) < end { needle.len() - 1 } else { 0 };
        at += (got - overlap.min(got - 1)) as u64;
    }
    Ok(found)
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

    #[test]
    fn a_secret_in_memory_is_found_and_an_absent_one_is_not() -> Result<()> {
        let me = i32::try_from(std::process::id())?;
        let mark: Vec<u8> = (0..32u8).map(|i| i.wrapping_mul(37) ^ 0x5a).collect();
        assert!(count_in_memory(me, &mark)? > 0);
        // Built only as its complement, so that no copy of it exists anywhere.
        let mut child = std::process::Command::new("sleep").arg("30").spawn()?;
        let found = count_in_memory(i32::try_from(child.id())?, &mark);
        child.kill()?;
        child.wait()?;
        assert_eq!(found?, 0);
        Ok(())
    }
}
