//! What routing needs of a request, read from the raw bytes without parsing them into a tree, and patches that
//! change single values in place. Key order, numbers, white space and unknown fields stay as the client wrote them.

use super::scan::{Scan, ScanError};
use bytes::Bytes;
use std::borrow::Cow;
use std::ops::Range;

/// The request's fields that decide its way. Spans are byte ranges of the body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peek<'a> {
    pub model: Option<ModelField<'a>>,
    /// `stream`, if the client said it; `null` counts as unsaid.
    pub stream: Option<bool>,
    pub usage: StreamUsage,
    /// Right after the opening brace of the body.
    start: usize,
    /// The body is `{}`: an inserted member must not bring a comma.
    empty: bool,
}

/// The `model` member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelField<'a> {
    pub value: Cow<'a, str>,
    /// The value with its quotes.
    pub span: Range<usize>,
}

/// What the client said in `stream_options` (OpenAI) about usage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StreamUsage {
    /// No `stream_options`.
    #[default]
    Unsaid,
    /// `stream_options` is `null`, at this span.
    Null(Range<usize>),
    /// `stream_options` is an object without `include_usage`; a member may be inserted at `at`.
    Silent { at: usize, empty: bool },
    /// `include_usage` was said; the span of its value.
    Said { wanted: bool, span: Range<usize> },
}

/// Why a body cannot be routed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeekError {
    #[error("the request body is not valid JSON: {0}")]
    Syntax(#[from] ScanError),
    #[error("the request body is not valid UTF-8 at byte {at}")]
    Utf8 { at: usize },
    #[error("the request body must be a JSON object")]
    NotAnObject,
    #[error("the field `{field}` appears twice")]
    Duplicate { field: &'static str },
    #[error("the field `{field}` must be {expected}")]
    Type { field: &'static str, expected: &'static str },
}

impl PeekError {
    /// The request field at fault, if it is one field's.
    pub fn param(&self) -> Option<&'static str> {
        match self {
            Self::Duplicate { field } | Self::Type { field, .. } => Some(field),
            Self::Syntax(_) | Self::Utf8 { .. } | Self::NotAnObject => None,
        }
    }
}

/// Reads the routing fields and checks the syntax of the whole body.
pub fn peek(body: &[u8]) -> Result<Peek<'_>, PeekError> {
    if let Err(error) = std::str::from_utf8(body) {
        return Err(PeekError::Utf8 { at: error.valid_up_to() });
    }
    let mut scan = Scan::new(body);
    if !matches!(scan.peek(), Some(b'{') | None) {
        scan.value()?;
        scan.end()?;
        return Err(PeekError::NotAnObject);
    }
    let mut reader = Reader { start: scan.position() + 1, ..Reader::default() };
    scan.object(|scan, key| reader.member(scan, &key))?;
    scan.end()?;
    reader.done(scan)
}

/// A replacement of one byte range; an empty range inserts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub span: Range<usize>,
    pub text: Bytes,
}

impl Edit {
    /// Puts another model name in the place of the old one's span (quotes included).
    pub fn model(span: Range<usize>, model: &str) -> Self {
        Self { span, text: serde_json::Value::from(model).to_string().into() }
    }
}

impl Peek<'_> {
    /// What must change so that an OpenAI chat upstream reports usage in its stream; `None` if the client asked.
    pub fn ask_usage(&self) -> Option<Edit> {
        const MEMBER: &str = r#""include_usage":true"#;
        let (span, text) = match &self.usage {
            StreamUsage::Said { wanted: true, .. } => return None,
            StreamUsage::Said { wanted: false, span } => (span.clone(), "true".to_owned()),
            StreamUsage::Null(span) => (span.clone(), format!("{{{MEMBER}}}")),
            StreamUsage::Silent { at, empty } => (*at..*at, member(MEMBER, *empty)),
            StreamUsage::Unsaid => {
                (self.start..self.start, member(&format!(r#""stream_options":{{{MEMBER}}}"#), self.empty))
            }
        };
        Some(Edit { span, text: text.into() })
    }

    /// The client asked for usage inside the stream.
    pub fn wants_usage(&self) -> bool {
        matches!(self.usage, StreamUsage::Said { wanted: true, .. })
    }
}

fn member(text: &str, alone: bool) -> String {
    if alone { text.to_owned() } else { format!("{text},") }
}

/// The body with one model name replaced, as chunks that share the original's memory.
pub fn patch(body: &Bytes, span: Range<usize>, model: &str) -> Vec<Bytes> {
    apply(body, vec![Edit::model(span, model)])
}

/// The body with all edits made, as chunks. Edits that overlap an earlier one or reach beyond the body are left out.
pub fn apply(body: &Bytes, mut edits: Vec<Edit>) -> Vec<Bytes> {
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let mut chunks = Vec::with_capacity(edits.len() * 2 + 1);
    let mut at = 0;
    for edit in edits {
        if edit.span.start < at || edit.span.end > body.len() || edit.span.start > edit.span.end {
            continue;
        }
        chunks.push(body.slice(at..edit.span.start));
        chunks.push(edit.text);
        at = edit.span.end;
    }
    chunks.push(body.slice(at..));
    chunks.retain(|chunk| !chunk.is_empty());
    chunks
}

/// Spans of the members that matter, as they pass by.
#[derive(Default)]
struct Reader {
    start: usize,
    members: usize,
    model: Option<Range<usize>>,
    stream: Option<Range<usize>>,
    options: Option<Range<usize>>,
    duplicate: Option<&'static str>,
}

impl Reader {
    fn member(&mut self, scan: &mut Scan<'_>, key: &str) -> Result<(), ScanError> {
        let span = scan.value()?;
        self.members += 1;
        let (slot, field) = match key {
            "model" => (&mut self.model, "model"),
            "stream" => (&mut self.stream, "stream"),
            "stream_options" => (&mut self.options, "stream_options"),
            _ => return Ok(()),
        };
        if slot.replace(span).is_some() {
            self.duplicate = Some(field);
        }
        Ok(())
    }

    fn done(self, scan: Scan<'_>) -> Result<Peek<'_>, PeekError> {
        if let Some(field) = self.duplicate {
            return Err(PeekError::Duplicate { field });
        }
        let model = match self.model {
            Some(span) if scan.slice(&span) == b"null" => None,
            Some(span) if scan.slice(&span).starts_with(b"\"") => {
                Some(ModelField { value: scan.text_of(&span)?, span })
            }
            Some(_) => return Err(PeekError::Type { field: "model", expected: "a string" }),
            None => None,
        };
        let stream = match self.stream {
            Some(span) => boolean(scan.slice(&span), "stream")?,
            None => None,
        };
        let usage = match self.options {
            Some(span) => stream_usage(scan, span)?,
            None => StreamUsage::Unsaid,
        };
        Ok(Peek { model, stream, usage, start: self.start, empty: self.members == 0 })
    }
}

fn boolean(text: &[u8], field: &'static str) -> Result<Option<bool>, PeekError> {
    match text {
        b"true" => Ok(Some(true)),
        b"false" => Ok(Some(false)),
        b"null" => Ok(None),
        _ => Err(PeekError::Type { field, expected: "a boolean" }),
    }
}

fn stream_usage(scan: Scan<'_>, span: Range<usize>) -> Result<StreamUsage, PeekError> {
    let text = scan.slice(&span);
    if text == b"null" {
        return Ok(StreamUsage::Null(span));
    }
    if !text.starts_with(b"{") {
        return Err(PeekError::Type { field: "stream_options", expected: "an object" });
    }
    let mut members = 0;
    let mut said = None;
    let mut twice = false;
    Scan::new(text).object(|inner, key| {
        members += 1;
        let value = inner.value()?;
        if key == "include_usage" {
            twice |= said.replace(value).is_some();
        }
        Ok(())
    })?;
    if twice {
        return Err(PeekError::Duplicate { field: "stream_options.include_usage" });
    }
    let Some(value) = said else {
        return Ok(StreamUsage::Silent { at: span.start + 1, empty: members == 0 });
    };
    let wanted = boolean(&text[value.clone()], "stream_options.include_usage")?.unwrap_or(false);
    Ok(StreamUsage::Said { wanted, span: span.start + value.start..span.start + value.end })
}

#[cfg(test)]
mod tests;
