use super::*;

fn decode(chunks: &[&[u8]]) -> Vec<SseEvent> {
    let mut decoder = SseDecoder::new();
    let mut out = Vec::new();
    for chunk in chunks {
        decoder.push(chunk);
        while let Some(event) = decoder.next_event().unwrap() {
            out.push(event);
        }
    }
    while let Some(event) = decoder.finish() {
        out.push(event);
    }
    assert_eq!(decoder.pending(), 0);
    out
}

fn data(events: &[SseEvent]) -> Vec<String> {
    events.iter().filter_map(|e| e.data.as_ref()).map(|d| String::from_utf8(d.to_vec()).unwrap()).collect()
}

#[test]
fn the_three_line_ends_mean_the_same() {
    for text in ["data: a\n\ndata: b\n\n", "data: a\r\n\r\ndata: b\r\n\r\n", "data: a\r\rdata: b\r\r"] {
        assert_eq!(data(&decode(&[text.as_bytes()])), ["a", "b"], "{text:?}");
    }
}

#[test]
fn any_split_gives_the_same_events_and_all_bytes() {
    let text =
        "\u{feff}event: x\r\ndata: {\"a\":\"你好\"}\r\n\r\n: ping\n\n\ndata:1\ndata: 2\nid: 7\n\ndata: end"
            .as_bytes();
    let whole = decode(&[text]);
    assert_eq!(data(&whole), ["{\"a\":\"你好\"}", "1\n2", "end"]);
    for i in 0..text.len() {
        for j in i..text.len() {
            let parts = decode(&[&text[..i], &text[i..j], &text[j..]]);
            assert_eq!(parts, whole, "split at {i} and {j}");
        }
    }
    let raw: Vec<u8> = whole.iter().flat_map(|e| e.raw.to_vec()).collect();
    assert_eq!(raw, text);
    let mut at = 0;
    for event in &whole {
        assert_eq!(event.range.start, at);
        at = event.range.end;
    }
    assert_eq!(at, text.len() as u64);
}

#[test]
fn a_lone_cr_does_not_hold_its_event_back() {
    let mut decoder = SseDecoder::new();
    decoder.push(b"data: a\rdata: b\r\r");
    assert_eq!(decoder.next_event().unwrap().unwrap().data.unwrap(), "a\nb");
    decoder.push(b"\ndata: c\r\r");
    let next = decoder.next_event().unwrap().unwrap();
    assert_eq!((&next.raw[..], next.data.as_deref()), (&b"\ndata: c\r\r"[..], Some(&b"c"[..])));
}

#[test]
fn the_bom_counts_only_at_the_start() {
    assert_eq!(data(&decode(&[b"\xEF\xBB\xBF", b"data: a\n\n\xEF\xBB\xBFdata: b\n\n"])), ["a"]);
}

#[test]
fn comments_and_blank_lines_are_blocks_without_data() {
    let events = decode(&[b": keep-alive\n\n\ndata\n\nretry: 3\n\n"]);
    let shape: Vec<_> = events.iter().map(|e| (e.raw.len(), e.data.as_deref().map(<[u8]>::len))).collect();
    assert_eq!(shape, [(14, None), (1, None), (6, Some(0)), (10, None)]);
}

#[test]
fn a_cut_event_says_so() {
    let events = decode(&[b"data: a\n\ndata: {\"b\":"]);
    assert_eq!(events.iter().map(|e| e.terminated).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn events_without_blank_lines_are_told_apart() {
    let text = b"data: {\"a\":\ndata: {}}\ndata: {\"b\":1}\ndata:[DONE]";
    let whole = decode(&[text]);
    assert_eq!(data(&whole), ["{\"a\":\n{}}", "{\"b\":1}", "[DONE]"]);
    for i in 0..text.len() {
        assert_eq!(decode(&[&text[..i], &text[i..]]), whole, "split at {i}");
    }
    assert_eq!(whole.iter().flat_map(|e| e.raw.to_vec()).collect::<Vec<_>>(), text);
}

#[test]
fn an_endless_event_is_refused() {
    let mut decoder = SseDecoder::with_limit(64);
    decoder.push(b"data: a\n\n");
    decoder.push(&[b'x'; 65]);
    assert!(decoder.next_event().unwrap().is_some());
    assert_eq!(decoder.next_event(), Err(FrameError::TooLarge { at: 9, limit: 64 }));
}

#[test]
fn one_byte_pushes_of_a_long_event_are_linear() {
    let mut decoder = SseDecoder::new();
    decoder.push(b"data: ");
    for _ in 0..2_000_000 {
        decoder.push(b"x");
        assert!(decoder.next_event().unwrap().is_none());
    }
    decoder.push(b"\n\n");
    assert_eq!(decoder.next_event().unwrap().unwrap().data.unwrap().len(), 2_000_000);
}

#[test]
fn what_is_written_is_read_back() {
    let mut out = Vec::new();
    write_event(&mut out, Some("message_stop"), b"{}");
    write_comment(&mut out, "ping");
    write_event(&mut out, None, b"[DONE]");
    let events = decode(&[&out]);
    assert_eq!(events[0].event.as_deref(), Some(&b"message_stop"[..]));
    assert_eq!(data(&events), ["{}", "[DONE]"]);
}
