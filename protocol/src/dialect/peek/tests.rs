use super::*;

fn joined(chunks: &[Bytes]) -> String {
    chunks.iter().map(|c| std::str::from_utf8(c).unwrap()).collect()
}

#[test]
fn reads_model_stream_and_usage() {
    let body = br#" {"messages":[{"model":"no","stream":false}],"model" : "gpt\u002d4o", "stream":true,
        "stream_options":{"x":[1,2],"include_usage":true}} "#;
    let peek = peek(body).unwrap();
    let model = peek.model.clone().unwrap();
    assert_eq!(model.value, "gpt-4o");
    assert_eq!(&body[model.span], br#""gpt\u002d4o""#);
    assert_eq!(peek.stream, Some(true));
    assert!(peek.wants_usage());
    assert_eq!(peek.ask_usage(), None);
}

#[test]
fn an_escaped_key_is_the_same_key() {
    assert_eq!(peek(br#"{"mod\u0065l":"a"}"#).unwrap().model.unwrap().value, "a");
    assert_eq!(peek(br#"{"mod\u0065l":"a","model":"b"}"#), Err(PeekError::Duplicate { field: "model" }));
}

#[test]
fn garbage_is_refused_with_its_place() {
    let cases: [(&[u8], usize); 10] = [
        (b"", 0),
        (b"{", 1),
        (b"{\"a\"", 4),
        (b"{\"a\":1,}", 7),
        (b"{\"a\":01}", 6),
        (b"{\"a\":1.}", 7),
        (b"{\"a\":tru}", 5),
        (b"{\"a\":[1 2]}", 8),
        (b"{\"a\":\"x}", 5),
        (b"{} x", 3),
    ];
    for (body, at) in cases {
        match peek(body) {
            Err(PeekError::Syntax(error)) => assert_eq!(error.at, at, "{:?}", std::str::from_utf8(body)),
            other => panic!("{body:?} gave {other:?}"),
        }
    }
    assert_eq!(peek(b"[1]"), Err(PeekError::NotAnObject));
    assert_eq!(peek(b"{\"a\":\"\xff\"}"), Err(PeekError::Utf8 { at: 6 }));
}

#[test]
fn depth_is_bounded() {
    let deep = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
    assert!(peek(deep(128).as_bytes()).is_ok());
    assert!(matches!(peek(deep(129).as_bytes()), Err(PeekError::Syntax(_))));
    assert!(peek("[".repeat(1_000_000).as_bytes()).is_err());
}

#[test]
fn wrong_types_are_named() {
    for (body, field) in [
        (&br#"{"model":7}"#[..], "model"),
        (br#"{"stream":"yes"}"#, "stream"),
        (br#"{"stream_options":[]}"#, "stream_options"),
        (br#"{"stream":true,"stream":true}"#, "stream"),
    ] {
        assert_eq!(peek(body).unwrap_err().param(), Some(field));
    }
    assert_eq!(peek(br#"{"model":null,"stream":null}"#).unwrap().stream, None);
}

#[test]
fn patches_leave_every_other_byte_alone() {
    let body = Bytes::from_static(br#"{"n":1.10, "model":"a\"b","big":12345678901234567890123,"n":2}"#);
    let span = peek(&body).unwrap().model.unwrap().span;
    let chunks = patch(&body, span, "glm \"4\"");
    assert_eq!(joined(&chunks), r#"{"n":1.10, "model":"glm \"4\"","big":12345678901234567890123,"n":2}"#);
    assert_eq!(chunks[0].as_ptr(), body.as_ptr(), "the first chunk shares the body's memory");
}

#[test]
fn usage_is_asked_for_in_every_position() {
    for (body, want) in [
        ("{}", r#"{"stream_options":{"include_usage":true}}"#),
        (r#"{"a":1}"#, r#"{"stream_options":{"include_usage":true},"a":1}"#),
        (r#"{"stream_options":null}"#, r#"{"stream_options":{"include_usage":true}}"#),
        (r#"{"stream_options":{ }}"#, r#"{"stream_options":{"include_usage":true }}"#),
        (r#"{"stream_options":{"b":2}}"#, r#"{"stream_options":{"include_usage":true,"b":2}}"#),
        (r#"{"stream_options":{"include_usage": false}}"#, r#"{"stream_options":{"include_usage": true}}"#),
        (r#"{"stream_options":{"include_usage":null}}"#, r#"{"stream_options":{"include_usage":true}}"#),
    ] {
        let edit = peek(body.as_bytes()).unwrap().ask_usage().unwrap();
        let text = joined(&apply(&Bytes::from_static(body.as_bytes()), vec![edit]));
        assert_eq!(text, want);
        assert!(peek(text.as_bytes()).unwrap().wants_usage());
    }
}

#[test]
fn edits_that_make_no_sense_are_left_out() {
    let body = Bytes::from_static(b"0123456789");
    let edit = |span: Range<usize>| Edit { span, text: Bytes::from_static(b"x") };
    assert_eq!(joined(&apply(&body, vec![edit(4..6), edit(5..7), edit(9..12), edit(0..1)])), "x123x6789");
}
