//! Where a request's body repeats the model that its path names: the API refuses two that differ.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::ops::Range;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow, default)]
    requests: Vec<Named<'a>>,
    #[serde(borrow, alias = "generate_content_request")]
    generate_content_request: Option<Named<'a>>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
}

/// The byte ranges of those names, quotes included, in ascending order; none in a body that cannot be read.
pub fn spans(body: &[u8]) -> Vec<Range<usize>> {
    let Ok(text) = std::str::from_utf8(body) else { return Vec::new() };
    let Ok(body) = serde_json::from_str::<Body<'_>>(text) else { return Vec::new() };
    let nested = body.requests.iter().chain(&body.generate_content_request).filter_map(|named| named.model);
    let names = body.model.into_iter().chain(nested).filter(|raw| raw.get().starts_with('"'));
    let mut spans: Vec<Range<usize>> = names
        .map(|raw| {
            let start = raw.get().as_ptr() as usize - text.as_ptr() as usize;
            start..start + raw.get().len()
        })
        .collect();
    spans.sort_by_key(|span| span.start);
    spans
}

/// The name as a body says it.
pub fn said(model: &str) -> String {
    let name = if model.contains('/') { model.to_owned() } else { format!("models/{model}") };
    serde_json::Value::from(name).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_where_it_stands() {
        let batch = r#"{"requests": [{"content": {"model": "no"}, "model": "models/a/b"}, {"model":"x"}]}"#;
        let found: Vec<&str> = spans(batch.as_bytes()).into_iter().map(|span| &batch[span]).collect();
        assert_eq!(found, [r#""models/a/b""#, r#""x""#]);
        let count = r#"{"generateContentRequest":{"model":"models/a"},"model":null}"#;
        let found: Vec<&str> = spans(count.as_bytes()).into_iter().map(|span| &count[span]).collect();
        assert_eq!(found, [r#""models/a""#]);
        assert!(spans(b"{").is_empty() && spans(b"[]").is_empty());
        assert_eq!((said("m"), said("tunedModels/m")), (r#""models/m""#.into(), r#""tunedModels/m""#.into()));
    }
}
