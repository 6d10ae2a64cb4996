//! Observes Responses events and documents.

use super::usage::ResponsesUsage;
use crate::dialect::lenient::{Filled, Loose, Text};
use crate::dialect::tap::{Observed, Seen, in_band_of, read};
use crate::model::{Failure, FailureKind};
use serde::Deserialize;
use std::borrow::Cow;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    response: Loose<Body>,
    error: Filled,
    object: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    object: Text,
    status: Text,
    usage: Loose<ResponsesUsage>,
    error: Filled,
    incomplete_details: Loose<Incomplete>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Incomplete {
    reason: Text,
}

pub(crate) fn event(seen: &mut Seen, data: &[u8]) -> Observed {
    if data.starts_with(b"[DONE]") {
        return Observed::Prelude;
    }
    if seen.content && is_delta(data) {
        return Observed::Content;
    }
    let event: Event<'_> = match read(seen, data) {
        Ok(event) => event,
        Err(observed) => return observed,
    };
    if event.kind == "error" || event.error.0 || event.object.0.as_deref() == Some("error") {
        return failed(data);
    }
    match event.kind.as_ref() {
        "response.completed" | "response.incomplete" => {
            seen.content |= event.response.0.is_some();
            event.response.0.unwrap_or_default().keep(seen);
            Observed::End
        }
        "response.failed" | "response.cancelled" => {
            event.response.0.unwrap_or_default().keep(seen);
            failed(data)
        }
        "response.created" | "response.in_progress" | "response.queued" => Observed::Prelude,
        kind if kind.ends_with(".added") || kind == "keepalive" => Observed::Prelude,
        _ => Observed::Content,
    }
}

pub(crate) fn document(seen: &mut Seen, data: &[u8]) -> Observed {
    let body: Body = match read(seen, data) {
        Ok(body) => body,
        Err(observed) => return observed,
    };
    let failed_status = body.status.0.as_deref() == Some("failed");
    if body.error.0 || failed_status || body.object.0.as_deref() == Some("error") {
        return failed(data);
    }
    body.keep(seen);
    Observed::Content
}

impl Body {
    fn keep(self, seen: &mut Seen) {
        if let Some(usage) = self.usage.0 {
            seen.usage.merge(usage.canonical());
        }
        let reason = self.incomplete_details.0.and_then(|details| details.reason.0);
        seen.stop_reason = reason.or(self.status.0).or(seen.stop_reason.take());
    }
}

/// `"type"` comes first in real traffic; looking at the beginning keeps this independent of the text's length.
fn is_delta(data: &[u8]) -> bool {
    let head = &data[..data.len().min(96)];
    memchr::memmem::find(head, b".delta\"").is_some() && memchr::memmem::find(head, b"\"type\"").is_some()
}

fn failed(data: &[u8]) -> Observed {
    let failure = in_band_of(data).or_else(|| {
        let value: serde_json::Value = serde_json::from_slice(data).ok()?;
        crate::dialect::failure::in_band(value.get("response")?)
    });
    Observed::Failure(failure.unwrap_or_else(|| {
        Failure::new(FailureKind::Upstream, "the provider reported that the response failed")
    }))
}
