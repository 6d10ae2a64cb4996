//! Which ports of this machine somebody listens at, so that a local model server can be offered before anybody has
//! typed its address. Nothing is connected to: the kernel's own list is read (proc(5), `net/tcp`).

use super::Picture;
use std::collections::BTreeSet;

/// The state of a socket that listens, as the kernel writes it.
const LISTEN: &str = "0A";

/// Ports that others listen at on this machine, where the loopback address reaches them.
pub(super) fn listening(picture: &Picture) -> BTreeSet<u16> {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/self/net/{name}")).unwrap_or_default();
    let mut ports = ports(&read("tcp"));
    ports.extend(self::ports(&read("tcp6")));
    for listener in &picture.listeners {
        let port = listener.address.rsplit(':').next().and_then(|port| port.parse().ok());
        if let Some(port) = port {
            ports.remove(&port);
        }
    }
    ports
}

/// Whether an address is the loopback's, with one of these ports.
pub(super) fn is_at(url: &str, ports: &BTreeSet<u16>) -> bool {
    let port = url.strip_prefix("http://127.0.0.1:").and_then(|rest| rest.split('/').next());
    port.and_then(|port| port.parse().ok()).is_some_and(|port| ports.contains(&port))
}

/// The ports of a table whose sockets listen at the loopback address or at all.
fn ports(table: &str) -> BTreeSet<u16> {
    table.lines().skip(1).filter_map(port).collect()
}

fn port(line: &str) -> Option<u16> {
    let mut fields = line.split_whitespace().skip(1);
    let (address, port) = fields.next()?.split_once(':')?;
    let state = fields.nth(1)?;
    let any = address.bytes().all(|digit| digit == b'0');
    // Each group of four bytes is written in the machine's own order.
    let loopback = matches!(address, "0100007F" | "7F000001")
        || matches!(address, "00000000000000000000000001000000" | "00000000000000000000000000000001");
    (state == LISTEN && (any || loopback)).then(|| u16::from_str_radix(port, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n   \
        0: 0100007F:2CAA 00000000:0000 0A 00000000:00000000 00:00000000 00000000   990        0 1 1\n   \
        1: 00000000:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1\n   \
        2: 0100007F:04D2 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 3 1\n   \
        3: 0A00A8C0:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4 1\n\
        nonsense\n";

    #[test]
    fn only_what_listens_on_the_loopback_is_found() {
        let found = ports(TABLE);
        assert_eq!(found, BTreeSet::from([8000, 11434]));
        assert!(is_at("http://127.0.0.1:11434/v1", &found) && is_at("http://127.0.0.1:11434", &found));
        assert!(!is_at("http://127.0.0.1:1234/v1", &found) && !is_at("https://api.example/v1", &found));
    }

    #[test]
    fn both_families_are_read() {
        let table =
            "head\n 0: 00000000000000000000000001000000:2CAA 00000000000000000000000000000000:0000 0A 0 0\n";
        assert_eq!(ports(table), BTreeSet::from([11434]));
    }
}
