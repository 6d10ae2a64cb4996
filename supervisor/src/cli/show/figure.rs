//! Numbers as people read them.

use super::sheet::Cell;
use std::collections::BTreeMap;

/// `950 µs`, `12 ms`, `3.4 s`.
pub(super) fn time(us: u64) -> String {
    match us {
        0..=999 => format!("{us} µs"),
        1_000..=9_999 => format!("{:.1} ms", us as f64 / 1e3),
        10_000..=999_999 => format!("{} ms", us / 1_000),
        _ => format!("{:.1} s", us as f64 / 1e6),
    }
}

/// `950`, `12.3k`, `4.5M`.
pub(super) fn count(n: u64) -> String {
    match n {
        0..=9_999 => n.to_string(),
        10_000..=999_999 => format!("{:.1}k", n as f64 / 1e3),
        1_000_000..=999_999_999 => format!("{:.1}M", n as f64 / 1e6),
        _ => format!("{:.1}G", n as f64 / 1e9),
    }
}

/// `12 B`, `3.4 KiB`, `5.6 MiB`.
pub(super) fn bytes(n: u64) -> String {
    for (unit, scale) in [("GiB", 1u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if n >= scale {
            return format!("{:.1} {unit}", n as f64 / scale as f64);
        }
    }
    format!("{n} B")
}

/// Billionths of a currency: `0.0123 USD`.
pub(super) fn money(nano: i64, currency: &str) -> String {
    let amount = nano as f64 / 1e9;
    let places = if amount.abs() >= 100.0 { 2 } else { 4 };
    format!("{amount:.places$} {currency}").trim_end().to_owned()
}

/// All currencies, a comma apart.
pub(super) fn costs(nano: &BTreeMap<String, i64>) -> Cell {
    let all: Vec<String> = nano.iter().map(|(currency, nano)| money(*nano, currency)).collect();
    Cell::from((!all.is_empty()).then(|| all.join(", ")))
}

/// A word of a closed set as it is serialised: `ready`, `openai-chat`.
pub(super) fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(_) => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures() {
        assert_eq!(
            [time(950), time(1_500), time(12_345), time(3_400_000)],
            ["950 µs", "1.5 ms", "12 ms", "3.4 s"]
        );
        assert_eq!([count(9_999), count(12_345), count(4_500_000)], ["9999", "12.3k", "4.5M"]);
        assert_eq!([bytes(12), bytes(3 << 19)], ["12 B", "1.5 MiB"]);
        assert_eq!([money(12_300_000, "USD"), money(-250_000_000_000, "CNY")], ["0.0123 USD", "-250.00 CNY"]);
        assert_eq!(word(&protocol::dialect::Dialect::OpenAiChat), "openai-chat");
    }
}
