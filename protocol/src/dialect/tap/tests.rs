use super::*;
use crate::framing::{NdjsonDecoder, SseDecoder};

fn watch(dialect: Dialect, text: &str) -> (Tap, Vec<Observed>) {
    let mut tap = Tap::new(dialect);
    let mut out = Vec::new();
    if dialect == Dialect::Ollama {
        let mut lines = NdjsonDecoder::new();
        lines.push(text.as_bytes());
        while let Some(line) = lines.next_line().unwrap() {
            out.push(tap.line(&line));
        }
        out.extend(lines.finish().map(|line| tap.line(&line)));
        return (tap, out);
    }
    let mut events = SseDecoder::new();
    events.push(text.as_bytes());
    while let Some(event) = events.next_event().unwrap() {
        out.push(tap.event(&event));
    }
    while let Some(event) = events.finish() {
        out.push(tap.event(&event));
    }
    (tap, out)
}

const CHAT: &str = concat!(
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}\n\n",
    ": ping\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}],\"usage\":null}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"say \\\"error\\\": now\"},\"finish_reason\":null}],\"usage\":null}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\n",
    "data: [DONE]\n\n"
);

#[test]
fn a_chat_stream() {
    use Observed::*;
    let (tap, seen) = watch(Dialect::OpenAiChat, CHAT);
    assert_eq!(seen, [Prelude, Prelude, Content, Content, Prelude, UsageOnly, End]);
    assert_eq!(tap.end(), Ok(()));
    assert_eq!(tap.stop_reason(), Some("stop"));
    let usage = Usage { input_fresh: Some(6), cache_read: Some(4), output: Some(5), ..Usage::default() };
    assert_eq!(tap.usage(), usage);
}

#[test]
fn every_cut_of_a_chat_stream_is_a_failure_until_it_has_finished() {
    let finished = CHAT.find("\"stop\"}]}\n").unwrap() + "\"stop\"}]}".len();
    for at in 0..CHAT.len() {
        let (tap, seen) = watch(Dialect::OpenAiChat, &CHAT[..at]);
        let failed = seen.iter().any(|o| matches!(o, Observed::Failure(_)));
        let clean = tap.end().is_ok() && !failed;
        assert!(!clean || at >= finished, "cut at {at} looks complete");
    }
    let (tap, _) = watch(Dialect::OpenAiChat, &CHAT[..finished]);
    assert_eq!(tap.closing(), Some(&b"data: [DONE]\n\n"[..]));
}

#[test]
fn errors_inside_a_chat_stream() {
    for text in [
        "data: {\"error\":{\"message\":\"busy\",\"code\":503}}\n\n",
        "event: error\ndata: {\"error\":{\"message\":\"busy\",\"type\":\"overloaded_error\"}}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"error\"}],\"error\":{\"code\":529,\"message\":\"busy\"}}\n\n",
    ] {
        let (_, seen) = watch(Dialect::OpenAiChat, text);
        let Some(Observed::Failure(failure)) = seen.last() else { panic!("{seen:?}") };
        assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Overloaded, "busy"));
    }
    let (_, seen) = watch(Dialect::OpenAiChat, "data: nonsense\n\n");
    assert!(matches!(&seen[0], Observed::Failure(f) if f.kind == FailureKind::BadAnswer));
}

#[test]
fn odd_chunks_do_no_harm() {
    let text = "data: {\"choices\":null,\"prompt_filter_results\":[]}\n\ndata: {\"choices\":[{\"finish_reason\":null,\"content_filter_results\":{}}]}\n\n\
        data: {\"choices\":[{\"delta\":null}],\"usage\":{\"prompt_tokens\":\"3\"}}\n\ndata: {\"choices\":[{\"delta\":{\"content\":[{\"type\":\"thinking\"}]}}]}\n\n";
    let (tap, seen) = watch(Dialect::OpenAiChat, text);
    assert_eq!(seen, [Observed::Prelude, Observed::Prelude, Observed::Prelude, Observed::Content]);
    assert_eq!(tap.usage().input_fresh, Some(3));
    assert!(tap.end().is_err());
    assert!(watch(Dialect::OpenAiChat, "data: [DONE]\n\n").0.end().is_err(), "an empty stream is no answer");
}

#[test]
fn an_anthropic_stream() {
    use Observed::*;
    let text = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}}\n\n\
        event: ping\ndata: {\"type\":\"ping\"}\n\n\
        event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n\
        event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n\
        event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"b\"}}\n\n\
        event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":9}}\n\n";
    let (tap, seen) = watch(Dialect::Anthropic, text);
    assert_eq!(seen, [Prelude, Prelude, Prelude, Content, Content, Prelude]);
    assert!(tap.closing().is_some());
    assert_eq!((tap.usage().input_fresh, tap.usage().output), (Some(7), Some(9)));
    let (tap, seen) = watch(
        Dialect::Anthropic,
        &format!("{text}event: message_stop\ndata: {{\"type\":\"message_stop\"}}\n\n"),
    );
    assert_eq!((seen.last(), tap.closing()), (Some(&End), None));
    let (_, seen) = watch(
        Dialect::Anthropic,
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n",
    );
    assert!(matches!(&seen[0], Failure(f) if f.kind == FailureKind::Overloaded));
}

#[test]
fn a_responses_stream() {
    use Observed::*;
    let text = "data: {\"type\":\"response.created\",\"response\":{\"status\":\"in_progress\",\"error\":null}}\n\n\
        data: {\"type\":\"response.output_item.added\",\"item\":{}}\n\n\
        data: {\"type\":\"response.output_text.delta\",\"delta\":\"x\"}\n\n\
        data: {\"type\":\"response.output_text.delta\",\"delta\":\"y\"}\n\n";
    let (tap, seen) = watch(Dialect::OpenAiResponses, text);
    assert_eq!(seen, [Prelude, Prelude, Content, Content]);
    assert!(tap.end().is_err());
    let end = "data: {\"type\":\"response.incomplete\",\"response\":{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"max_output_tokens\"},\"usage\":{\"input_tokens\":2,\"output_tokens\":3}}}\n\n";
    let (tap, seen) = watch(Dialect::OpenAiResponses, &format!("{text}{end}"));
    assert_eq!((seen.last(), tap.end()), (Some(&End), Ok(())));
    assert_eq!((tap.stop_reason(), tap.usage().output), (Some("max_output_tokens"), Some(3)));
    let failed = "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"slow\"}}}\n\n";
    let (_, seen) = watch(Dialect::OpenAiResponses, failed);
    assert!(
        matches!(&seen[0], Failure(f) if f.kind == FailureKind::RateLimited && f.message == "slow"),
        "{seen:?}"
    );
}

#[test]
fn ollama_and_gemini_streams() {
    use Observed::*;
    let text = "{\"message\":{\"content\":\"\"},\"done\":false}\n{\"message\":{\"content\":\"a\"},\"done\":false}\n{\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"length\",\"prompt_eval_count\":4,\"eval_count\":2}\n";
    let (tap, seen) = watch(Dialect::Ollama, text);
    assert_eq!(seen, [Prelude, Content, End]);
    assert_eq!((tap.end(), tap.stop_reason(), tap.usage().output), (Ok(()), Some("length"), Some(2)));
    let (_, seen) = watch(Dialect::Ollama, "{\"error\":\"model not found\"}\n");
    assert!(matches!(&seen[0], Failure(f) if f.kind == FailureKind::ModelNotFound));
    let text = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}],\"usageMetadata\":{\"promptTokenCount\":3}}\r\n\r\n\
        data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"candidatesTokenCount\":2,\"thoughtsTokenCount\":5}}\r\n\r\n";
    let (tap, seen) = watch(Dialect::Gemini, text);
    assert_eq!(seen, [Content, Content]);
    assert_eq!((tap.end(), tap.usage().output, tap.usage().input_fresh), (Ok(()), Some(7), Some(3)));
    assert!(watch(Dialect::Gemini, &text[..120]).0.end().is_err());
}

#[test]
fn documents() {
    let mut tap = Tap::new(Dialect::OpenAiChat);
    let body = br#"{"choices":[{"message":{"content":"x"},"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    assert_eq!(tap.document(body), Ok(()));
    assert_eq!((tap.stop_reason(), tap.usage().output), (Some("length"), Some(2)));
    let error =
        Tap::new(Dialect::OpenAiChat).document(br#"{"base_resp":{"status_code":1002,"status_msg":"slow"}}"#);
    assert_eq!(error.unwrap_err().kind, FailureKind::RateLimited);
    assert!(Tap::new(Dialect::Anthropic).document(b"<html>").is_err());
}

/// What passes through is parsed where it begins and where it ends; two hundred pieces between cost no parse more.
#[test]
fn pieces_are_looked_at_and_not_parsed() {
    let chat = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":null}]}\n\n";
    let anthropic = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}}\n\n";
    let responses = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"x\"}\n\n";
    let ollama = "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"x\"},\"done\":false}\n";
    let gemini = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]},\"index\":0}]}\r\n\r\n";
    for (dialect, piece) in [
        (Dialect::OpenAiChat, chat),
        (Dialect::OpenAiResponses, responses),
        (Dialect::Anthropic, anthropic),
        (Dialect::Ollama, ollama),
        (Dialect::Gemini, gemini),
    ] {
        let parsed = |count: usize| {
            let (tap, seen) = watch(dialect, &piece.repeat(count));
            assert!(seen.len() == count && tap.content_seen(), "{dialect}: {seen:?}");
            tap.parsed()
        };
        assert_eq!((parsed(1), parsed(200)), (1, 1), "{dialect}");
    }
}

/// Compatible servers send an error that is the whole event, in whatever dialect they were asked.
#[test]
fn an_error_that_is_the_whole_event_is_one() {
    let whole = r#"{"object":"error","message":"the engine died","type":"InternalServerError","code":500}"#;
    let bare = r#"{"error":"the engine died"}"#;
    let begun = [
        (
            Dialect::OpenAiChat,
            r#"{"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"hi"}}]}"#,
        ),
        (Dialect::OpenAiResponses, r#"{"type":"response.output_text.delta","delta":"hi"}"#),
        (
            Dialect::Anthropic,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#,
        ),
    ];
    for (dialect, first) in begun {
        for error in [whole, bare] {
            let stream = format!("data: {first}\n\ndata: {error}\n\n");
            for text in [format!("data: {error}\n\n"), stream.clone()] {
                let (tap, seen) = watch(dialect, &text);
                let Some(Observed::Failure(failure)) = seen.last() else { panic!("{dialect}: {seen:?}") };
                assert_eq!(
                    (failure.kind, failure.message.as_str()),
                    (FailureKind::Upstream, "the engine died")
                );
                assert!(tap.end().is_err(), "{dialect}");
            }
            assert!(Tap::new(dialect).document(error.as_bytes()).is_err(), "{dialect}: {error}");
        }
    }
}
