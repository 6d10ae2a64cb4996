//! What only we can have written into a conversation: reasoning of another vendor's model, under an id of ours. A client
//! hands it back with its history; the API looks for the id among what it keeps itself, and refuses the request.
//!
//! Owns: how such an id looks, and where the items stand that have one. Never: reads a body that holds none.

use crate::dialect::fields::{Fields, Item};
use crate::dialect::text::Text;
use crate::model::{Loss, LossReason, Reasoning};
use memchr::memmem;
use std::ops::Range;

const HERE: crate::dialect::Dialect = crate::dialect::Dialect::OpenAiResponses;

/// How the ids of reasoning begin that we write: as the API's own, and unlike all of them.
pub(super) const OWN_REASONING: &str = "rs_llmlink";

/// What a request must lose before its maker's API can read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnItems {
    /// The bytes to leave out, in ascending order: items with the commas beside them.
    pub cuts: Vec<Range<usize>>,
    pub losses: Vec<Loss>,
}

/// The items of a request that are ours, references to them among them; none in a body that cannot be read.
pub fn own_items(body: &[u8]) -> OwnItems {
    // Text that only speaks of such an id costs a closer look, never a wrong answer.
    if memmem::find(body, OWN_REASONING.as_bytes()).is_none() {
        return OwnItems::default();
    }
    found(body).unwrap_or_default()
}

fn found(body: &[u8]) -> Option<OwnItems> {
    let text = Text::read(body).ok()?;
    let mut fields = Fields::body(&text).ok()?;
    let items: Vec<Item<'_>> = fields.raw("input")?.list().ok()?.collect();
    let own: Vec<bool> = items.iter().map(|item| is_own(item).unwrap_or_default()).collect();
    let first = own.iter().position(|own| *own)?;
    let spans: Vec<Range<usize>> = items.iter().map(|item| item.span()).collect();
    let loss = Loss { field: format!("input[{first}]"), reason: LossReason::Foreign };
    Some(OwnItems { cuts: cuts(&spans, &own), losses: vec![loss] })
}

fn is_own(item: &Item<'_>) -> Option<bool> {
    let id = item.object().ok()?.maybe_word("id").ok()??;
    Some(id.starts_with(OWN_REASONING))
}

/// An item goes with what stands before the next one; those at the end go with what stands behind the last that stays.
fn cuts(spans: &[Range<usize>], own: &[bool]) -> Vec<Range<usize>> {
    let kept = own.iter().rposition(|own| !own);
    let behind = kept.map_or(0, |last| last + 1);
    let inside = spans.windows(2).zip(own).take(behind).filter(|(_, own)| **own);
    let mut cuts: Vec<Range<usize>> = inside.map(|(pair, _)| pair[0].start..pair[1].start).collect();
    if let (Some(first), Some(last)) = (spans.get(behind), spans.last()) {
        let start = kept.map_or(first.start, |kept| spans[kept].end);
        cuts.push(start..last.end);
    }
    cuts
}

/// The same of reasoning that was read.
pub(super) fn is_ours(reasoning: &Reasoning) -> bool {
    let id = reasoning.extras.get(HERE, "id").map(|id| id.as_str());
    id.and_then(|id| id.strip_prefix('"')).is_some_and(|id| id.starts_with(OWN_REASONING))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body without its cuts.
    fn rest(body: &str) -> String {
        let mut out = String::new();
        let mut at = 0;
        for cut in own_items(body.as_bytes()).cuts {
            out.push_str(&body[at..cut.start]);
            at = cut.end;
        }
        out + &body[at..]
    }

    #[test]
    fn own_items_are_cut_out_wherever_they_stand() {
        let own = r#"{"type":"reasoning","summary":[],"id":"rs_llmlink_0190_0"}"#;
        let reference = r#"{"id": "rs_llmlink_0190_4"}"#;
        for (input, want) in [
            (format!("[ {own} , 1]"), "[ 1]"),
            (format!("[1,{own}\n,2 ]"), "[1,2 ]"),
            (format!("[1 , {own} ]"), "[1 ]"),
            (format!("[{own},{reference},1,{reference}, {own},2,{own}]"), "[1,2]"),
            (format!("[1,{own},{reference} ]"), "[1 ]"),
            (format!("[{own}, {own}]"), "[]"),
            (format!("[{own}]"), "[]"),
        ] {
            let body = |input: &str| format!(r#"{{"model":"m","input":{input},"stream":true}}"#);
            assert_eq!(rest(&body(&input)), body(want), "{input}");
        }
    }

    #[test]
    fn what_is_not_ours_stays() {
        for body in [
            r#"{"input":[{"type":"reasoning","summary":[],"id":"rs_0190ab"},{"id":7}]}"#,
            r#"{"input":[{"role":"user","content":"\"rs_llmlink_0190_0\""},{"x":"rs_llmlink_0190_0"}]}"#,
            r#"{"input":"rs_llmlink_0190_0"}"#,
            r#"{"id":"rs_llmlink_0190_0","input":[[{"id":"rs_llmlink_0190_0"}]]}"#,
            r#"{"input":[{"id":"rs_llmlink_0190_0"},]}"#,
        ] {
            assert_eq!(own_items(body.as_bytes()), OwnItems::default(), "{body}");
        }
    }
}
