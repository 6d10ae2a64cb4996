//! Searches the memory of another process for bytes that must not be there.

use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// Largest piece of memory read at once.
const PIECE: usize = 4 << 20;

/// How often `needle` stands in the readable memory of a process. Needs the right to trace it.
pub fn count(pid: i32, needle: &[u8]) -> Result<usize> {
    ensure!(!needle.is_empty(), "an empty needle is everywhere");
    let maps =
        std::fs::read_to_string(format!("/proc/{pid}/maps")).with_context(|| format!("maps of {pid}"))?;
    let mut memory = File::open(format!("/proc/{pid}/mem")).with_context(|| format!("memory of {pid}"))?;
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

fn count_in_range(memory: &mut File, start: u64, end: u64, needle: &[u8]) -> io::Result<usize> {
    let mut found = 0;
    let mut at = start;
    let mut buf = vec![0u8; PIECE];
    while at < end {
        let want = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
        memory.seek(SeekFrom::Start(at))?;
        let got = match memory.read(&mut buf[..want]) {
            // A page that went away or cannot be read (a hole, device memory) holds nothing to find.
            Err(e) if e.raw_os_error() == Some(nix::libc::EIO) => 0,
            other => other?,
        };
        if got == 0 {
            at += 4096;
            continue;
        }
        let piece = &buf[..got];
        found += memchr::memmem::find_iter(piece, needle).count();
        // Overlap, so that a needle across two pieces is seen, once.
        let overlap = if got == want && at + (got as u64) < end { needle.len() - 1 } else { 0 };
        at += (got - overlap.min(got - 1)) as u64;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_mark_is_found_where_it_is_and_nowhere_else() -> Result<()> {
        let mark: Vec<u8> = (0..32u8).map(|i| i.wrapping_mul(37) ^ 0x5a).collect();
        assert!(count(i32::try_from(std::process::id())?, &mark)? > 0);
        let mut other = Command::new("cat").stdin(Stdio::piped()).spawn()?;
        let found = count(i32::try_from(other.id())?, &mark);
        other.kill()?;
        other.wait()?;
        assert_eq!(found?, 0);
        Ok(())
    }

    #[test]
    fn special_mappings_are_left_out() {
        assert_eq!(readable_range("1000-2000 r--p 00000000 00:00 0 [vvar]"), None);
        assert_eq!(readable_range("1000-2000 ---p 00000000 00:00 0"), None);
        assert_eq!(readable_range("1000-2000 rw-p 00000000 00:00 0 [heap]"), Some((0x1000, 0x2000)));
    }
}
