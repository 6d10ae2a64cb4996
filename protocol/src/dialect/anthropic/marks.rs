//! What only we can have written into a conversation: the signature of thinking that another vendor's model did, and
//! sources without the vendor's secret index. A client hands both back with its history; the API refuses them.
//!
//! Owns: how they look and how they are found. Never: parses a body to find them.

use crate::model::{Extras, RawJson};
use memchr::memmem;
use serde::Deserialize;

/// The signature of thinking that another dialect's upstream wrote: clients need one, the API must not see it.
pub(in crate::dialect) const OWN_SIGNATURE: &str = "bGxtLWxpbms=";

/// The member of a source that is the vendor's own; empty where we wrote it.
pub(super) const INDEX: &str = "encrypted_index";

/// Whether a request may hold any: a look at its bytes. Text that only speaks of them costs a closer look, never a
/// wrong answer.
pub fn carries_own_marks(body: &[u8]) -> bool {
    let empty_behind = |at: usize| {
        let rest = body[at + INDEX.len()..].strip_prefix(b"\"").unwrap_or_default().trim_ascii_start();
        let value = rest.strip_prefix(b":").unwrap_or_default().trim_ascii_start();
        value.starts_with(b"\"\"")
    };
    memmem::find(body, OWN_SIGNATURE.as_bytes()).is_some()
        || memmem::find_iter(body, INDEX.as_bytes()).any(empty_behind)
}

/// Leaves out the sources of a text that we made up.
pub(super) fn without_own_sources(mut extras: Extras) -> Extras {
    #[derive(Deserialize)]
    struct Source {
        encrypted_index: Option<String>,
    }
    let made_up = |source: &RawJson| {
        source
            .read::<Source>()
            .and_then(|source| source.encrypted_index)
            .is_some_and(|index| index.is_empty())
    };
    let Some(all) = extras.get(super::HERE, "citations").and_then(RawJson::read::<Vec<RawJson>>) else {
        return extras;
    };
    if !all.iter().any(made_up) {
        return extras;
    }
    extras.take("citations");
    let kept: Vec<&str> = all.iter().filter(|source| !made_up(source)).map(RawJson::as_str).collect();
    let kept = (!kept.is_empty()).then(|| RawJson::parse(&format!("[{}]", kept.join(",")))).flatten();
    extras.with(super::HERE, "citations", kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_by_their_bytes() {
        for (body, want) in [
            (r#"{"signature":"bGxtLWxpbms="}"#, true),
            (r#"{"encrypted_index": ""}"#, true),
            ("{\"encrypted_index\"\n:\t\"\",\"x\":1}", true),
            (r#"{"encrypted_index":"Eo8B"}"#, false),
            (r#"{"encrypted_index":null,"text":"\"encrypted_index\" is \"\""}"#, false),
            (r#"{"signature":"ErUB"}"#, false),
            ("encrypted_index", false),
        ] {
            assert_eq!(carries_own_marks(body.as_bytes()), want, "{body}");
        }
    }
}
