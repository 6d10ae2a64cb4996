//! What an app may still do, as headers that clients of each dialect read; and what a call is estimated to use up.

use super::traits::input_tokens;
use crate::router::limits::{Level, PER_MINUTE, PER_SECOND, TOKENS, Use};
use crate::router::routing::Candidate;
use http::{HeaderMap, HeaderName, HeaderValue};
use protocol::dialect::Dialect;
use protocol::dialect::scan::Scan;
use protocol::dialect::time::rfc3339;
use protocol::ipc::configure::price_at;
use protocol::model::Usage;
use std::time::Duration;

/// Output that is reserved for a call that does not say how much it wants at most.
const USUAL_OUTPUT: u64 = 256;

/// What a call with this body may use up at this candidate.
pub(crate) fn estimate(body: &[u8], candidate: Option<&Candidate>, now_ms: u64) -> Use {
    let usage = Usage {
        input_fresh: Some(input_tokens(body)),
        output: Some(most_output(body).unwrap_or(USUAL_OUTPUT)),
        ..Usage::default()
    };
    used(&usage, candidate, now_ms)
}

/// The same of a call with so many input tokens that does not say how much it wants.
pub(crate) fn supposed(input_tokens: u64, candidate: Option<&Candidate>, now_ms: u64) -> Use {
    let usage = Usage { input_fresh: Some(input_tokens), output: Some(USUAL_OUTPUT), ..Usage::default() };
    used(&usage, candidate, now_ms)
}

/// Tokens and cost of a usage at a candidate.
pub(crate) fn used(usage: &Usage, candidate: Option<&Candidate>, now_ms: u64) -> Use {
    let tokens = usage.input_total().unwrap_or(0).saturating_add(usage.output.unwrap_or(0));
    let entry = candidate.and_then(|c| c.entry.as_ref());
    let price = entry.and_then(|entry| price_at(&entry.prices, now_ms));
    let cost = price.and_then(|p| Some((u64::try_from(p.cost_nano(usage)?).ok()?, p.currency.clone())));
    Use { tokens, cost }
}

/// The bound a request sets to its own output.
fn most_output(body: &[u8]) -> Option<u64> {
    let mut found = None;
    let mut scan = Scan::new(body);
    // A body that cannot be read has been refused before.
    let _read = scan.object(|scan, key| {
        let span = scan.value()?;
        if matches!(&*key, "max_tokens" | "max_completion_tokens" | "max_output_tokens") {
            found = std::str::from_utf8(scan.slice(&span)).ok().and_then(|n| n.parse().ok()).or(found);
        }
        Ok(())
    });
    found
}

/// Puts how full the limits are on a reply.
pub(crate) fn show(levels: &[(&'static str, Level)], dialect: Dialect, now_ms: u64, headers: &mut HeaderMap) {
    let of = |name: &str| levels.iter().find(|(limit, _)| *limit == name).map(|(_, level)| level);
    let requests = of(PER_MINUTE).or(of(PER_SECOND));
    for (what, level) in [("requests", requests), ("tokens", of(TOKENS))] {
        let Some(level) = level else { continue };
        let reset = reset(dialect, level.resets_in, now_ms);
        let values =
            [("limit", level.capacity.to_string()), ("remaining", level.left.to_string()), ("reset", reset)];
        for (part, value) in values {
            let name = match dialect {
                Dialect::Anthropic => format!("anthropic-ratelimit-{what}-{part}"),
                _ => format!("x-ratelimit-{part}-{what}"),
            };
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                headers.insert(name, value);
            }
        }
    }
}

/// Anthropic's clients read an instant, all others a span such as `6m0s` or `120ms`.
fn reset(dialect: Dialect, resets_in: Duration, now_ms: u64) -> String {
    let ms = u64::try_from(resets_in.as_millis()).unwrap_or(u64::MAX);
    match dialect {
        Dialect::Anthropic => rfc3339((now_ms.saturating_add(ms)).div_ceil(1000)),
        _ if ms < 1000 => format!("{ms}ms"),
        _ if ms < 60_000 => format!("{}s", ms.div_ceil(1000)),
        _ => format!("{}m{}s", ms / 60_000, ms % 60_000 / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(left: u64, ms: u64) -> Level {
        Level { capacity: 60, left, resets_in: Duration::from_millis(ms) }
    }

    #[test]
    fn levels_as_each_dialect_says_them() {
        let levels = [(PER_SECOND, level(9, 10)), (PER_MINUTE, level(7, 53_000)), (TOKENS, level(0, 61_000))];
        let mut headers = HeaderMap::new();
        show(&levels, Dialect::OpenAiChat, 0, &mut headers);
        assert_eq!(headers["x-ratelimit-limit-requests"], "60");
        assert_eq!(headers["x-ratelimit-remaining-requests"], "7");
        assert_eq!(headers["x-ratelimit-reset-requests"], "53s");
        assert_eq!(headers["x-ratelimit-reset-tokens"], "1m1s");
        let mut headers = HeaderMap::new();
        show(&levels, Dialect::Anthropic, 0, &mut headers);
        assert_eq!(headers["anthropic-ratelimit-tokens-remaining"], "0");
        assert_eq!(headers["anthropic-ratelimit-tokens-reset"], "1970-01-01T00:01:01Z");
        let mut headers = HeaderMap::new();
        show(&[], Dialect::OpenAiChat, 0, &mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn an_estimate_is_the_input_and_the_most_output() {
        let tokens = |body: &str| estimate(body.as_bytes(), None, 0).tokens;
        assert_eq!(tokens(r#"{"max_tokens":100}"#), 5 + 100);
        assert_eq!(tokens(r#"{"max_completion_tokens":9}"#), 7 + 9);
        assert_eq!(tokens("{}"), 1 + USUAL_OUTPUT);
    }
}
