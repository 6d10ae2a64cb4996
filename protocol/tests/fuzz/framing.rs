//! Framing: no byte is lost, no split matters, no event outgrows its limit.

use protocol::framing::{FrameError, NdjsonDecoder, NdjsonLine, SseDecoder, SseEvent};

/// Small, so that the fuzzer finds it.
const LIMIT: usize = 256;

/// The first byte says where the rest is cut in two.
fn cut(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (at, text) = bytes.split_first()?;
    Some((text, usize::from(*at) * text.len() / 256))
}

pub(crate) fn sse(bytes: &[u8]) {
    let Some((text, at)) = cut(bytes) else { return };
    let events = |pieces: &[&[u8]]| sse_events(SseDecoder::new(), pieces).unwrap_or_default();
    let whole = events(&[text]);
    let bytewise: Vec<&[u8]> = text.chunks(1).collect();
    for cut in [events(&[&text[..at], &text[at..]]), events(&bytewise)] {
        assert_eq!(said(&cut), said(&whole), "cut at {at}");
        let kept: Vec<u8> = cut.iter().flat_map(|event| event.raw.to_vec()).collect();
        assert_eq!(kept, text, "every byte comes out");
    }
    let mut bounded = SseDecoder::with_limit(LIMIT);
    for byte in bytewise {
        bounded.push(byte);
        match bounded.next_event() {
            Ok(_) => assert!(bounded.pending() <= LIMIT, "holds back more than its limit"),
            Err(_) => break,
        }
    }
}

/// An event's name, its data, and whether its blank line came.
type Said<'a> = (Option<&'a [u8]>, &'a [u8], bool);

/// What a stream says. The line feed of a CR LF that ends a block after a lone CR may come with the next block.
fn said(events: &[SseEvent]) -> Vec<Said<'_>> {
    let with_data =
        events.iter().filter_map(|e| Some((e.event.as_deref(), e.data.as_deref()?, e.terminated)));
    with_data.collect()
}

fn sse_events(mut decoder: SseDecoder, pieces: &[&[u8]]) -> Result<Vec<SseEvent>, FrameError> {
    let mut out = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        while let Some(event) = decoder.next_event()? {
            out.push(event);
        }
    }
    while let Some(event) = decoder.finish() {
        out.push(event);
    }
    Ok(out)
}

pub(crate) fn ndjson(bytes: &[u8]) {
    let Some((text, at)) = cut(bytes) else { return };
    let lines = |pieces: &[&[u8]]| -> Result<Vec<NdjsonLine>, FrameError> {
        let mut decoder = NdjsonDecoder::new();
        let mut out = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            while let Some(line) = decoder.next_line()? {
                out.push(line);
            }
        }
        out.extend(decoder.finish());
        Ok(out)
    };
    let whole = lines(&[text]);
    assert_eq!(lines(&[&text[..at], &text[at..]]), whole, "cut at {at}");
    let whole = whole.unwrap_or_default();
    let kept: Vec<u8> = whole.iter().flat_map(|line| line.raw.to_vec()).collect();
    assert_eq!(kept, text, "every byte comes out");
    assert!(whole.iter().all(|line| line.json.as_ref().is_none_or(|json| !json.contains(&b'\n'))));
}
