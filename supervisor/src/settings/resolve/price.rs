//! What models cost.

use crate::settings::cursor::Key;
use crate::settings::mistake::Findings;
use crate::settings::place::Typed;
use crate::settings::quantity;
use crate::settings::raw::RawPrice;
use crate::settings::raw::keys::price as keys;
use protocol::ipc::configure::Price;

/// Millionths of a unit.
const PLACES: u32 = 6;

/// The prices of one model, newest last.
pub(super) fn prices(raw: &[RawPrice], findings: &mut Findings) -> Vec<Price> {
    let mut prices: Vec<Price> = Vec::with_capacity(raw.len());
    for raw in raw {
        let price = price(raw, findings);
        if prices.iter().any(|other| other.since_ms == price.since_ms) {
            let what = "two prices of a model begin at the same time";
            findings.mistake(&raw.place, what, keys::SINCE.example);
        } else {
            prices.push(price);
        }
    }
    prices.sort_by_key(|price| price.since_ms);
    prices
}

fn price(raw: &RawPrice, findings: &mut Findings) -> Price {
    let currency = match &raw.currency {
        Some(typed) if quantity::is_currency(&typed.value) => typed.value.clone(),
        Some(typed) => {
            let what = format!(
                "`{}` is no currency: three capital letters such as USD or CNY are",
                typed.value.escape_debug()
            );
            findings.mistake(&typed.place, what, keys::CURRENCY.example);
            String::new()
        }
        None => {
            findings.mistake(&raw.place, "this price has no `currency`", keys::CURRENCY.example);
            String::new()
        }
    };
    Price {
        since_ms: raw.since.as_ref().map_or(0, |typed| typed.value),
        currency,
        input_fresh: amount(&raw.input, keys::INPUT, findings),
        cache_read: amount(&raw.cache_read, keys::CACHE_READ, findings),
        cache_write: amount(&raw.cache_write, keys::CACHE_WRITE, findings),
        output: amount(&raw.output, keys::OUTPUT, findings),
    }
}

fn amount(typed: &Option<Typed<String>>, key: Key, findings: &mut Findings) -> Option<u64> {
    let typed = typed.as_ref()?;
    let amount = quantity::decimal(&typed.value, PLACES);
    if amount.is_none() {
        let what = format!("`{}` of {} is no price", key.name, typed.value.escape_debug());
        findings.mistake(&typed.place, what, key.example);
    }
    amount
}
