//! Observes lines and documents of `/api/chat` and `/api/generate`.

use super::usage::Counts;
use crate::dialect::lenient::{Count, Filled, Loose, Text};
use crate::dialect::tap::{Members, Observed, Seen, in_band_of, read};
use crate::model::{Failure, FailureKind};
use serde::Deserialize;
use std::sync::LazyLock;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Line {
    message: Loose<Message>,
    response: Filled,
    thinking: Filled,
    done: Loose<bool>,
    done_reason: Text,
    error: Filled,
    prompt_eval_count: Count,
    eval_count: Count,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    content: Filled,
    thinking: Filled,
    tool_calls: Filled,
    images: Filled,
}

static ERROR: LazyLock<Members<1>> = LazyLock::new(|| Members::new(["\"error\""]));

pub(crate) fn event(seen: &mut Seen, data: &[u8]) -> Observed {
    if seen.content && !is_done(data) && !ERROR.any_in(data) {
        return Observed::Content;
    }
    document(seen, data)
}

pub(crate) fn document(seen: &mut Seen, data: &[u8]) -> Observed {
    let line: Line = match read(seen, data) {
        Ok(line) => line,
        Err(observed) => return observed,
    };
    if line.error.0 {
        let unnamed = || Failure::new(FailureKind::Upstream, "the provider reported an error");
        return Observed::Failure(in_band_of(data).unwrap_or_else(unnamed));
    }
    let message = line.message.0.unwrap_or_default();
    let text = message.content.0 || message.thinking.0 || message.tool_calls.0 || message.images.0;
    let content = text || line.response.0 || line.thinking.0;
    if line.done.0 != Some(true) {
        return if content { Observed::Content } else { Observed::Prelude };
    }
    let counts = Counts { prompt_eval_count: line.prompt_eval_count, eval_count: line.eval_count };
    seen.usage.merge(counts.canonical());
    seen.stop_reason = line.done_reason.0.or(Some("stop".to_owned()));
    seen.content |= content;
    Observed::End
}

fn is_done(data: &[u8]) -> bool {
    memchr::memmem::find_iter(data, b"\"done\"").any(|at| {
        let rest = data[at + 6..].trim_ascii_start();
        rest.strip_prefix(b":").is_some_and(|v| !v.trim_ascii_start().starts_with(b"false"))
    })
}
