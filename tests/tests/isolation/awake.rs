//! Keeps the processors awake while somebody measures. Where the machine is a guest, a processor that sleeps may take a
//! millisecond to wake up: that is more than what is measured, and trouble that keeps it awake would look like gain.

use std::fs::File;
use std::io::Write;

/// The kernel's word for it (Documentation/power/pm_qos_interface): who holds this open says how many microseconds
/// a processor may take to wake up.
const LATENCY: &str = "/dev/cpu_dma_latency";

/// Until dropped; none for who may not say so.
pub(crate) fn awake() -> Option<File> {
    let mut held = File::options().write(true).open(LATENCY).ok()?;
    held.write_all(&0_i32.to_ne_bytes()).ok()?;
    Some(held)
}
