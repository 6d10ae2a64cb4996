use super::*;
use crate::model::{Blame, Retry};
use serde_json::Value;

const KINDS: [FailureKind; 26] = {
    use FailureKind::*;
    [
        InvalidRequest,
        Unsupported,
        ContextLength,
        TooLarge,
        Unauthenticated,
        Forbidden,
        NotFound,
        ModelNotFound,
        MethodNotAllowed,
        UnsupportedMediaType,
        RequestTimeout,
        RateLimited,
        QuotaExhausted,
        UpstreamAuth,
        Upstream,
        Overloaded,
        Unreachable,
        Timeout,
        Interrupted,
        BadAnswer,
        ContentFiltered,
        WorkerLost,
        Refused,
        Unavailable,
        Cancelled,
        Internal,
    ]
};

fn decode(status: u16, body: &str) -> Failure {
    let answer = ErrorAnswer { status, headers: &[], body: body.as_bytes(), now_unix_s: 0 };
    Dialect::OpenAiChat.decode_failure(&answer)
}

fn retry_after(name: &str, value: &str) -> Option<u64> {
    let headers = [(name.to_owned(), value.to_owned())];
    let answer = ErrorAnswer { status: 429, headers: &headers, body: b"", now_unix_s: 784_111_770 };
    Dialect::Anthropic.decode_failure(&answer).retry_after_ms
}

#[test]
fn every_kind_has_an_error_status_and_its_dialects_envelope() {
    for dialect in Dialect::ALL {
        for kind in KINDS {
            let reply = dialect.encode_failure(&Failure::new(kind, "no luck"));
            assert!((400..600).contains(&reply.status), "{dialect} {kind:?}");
            let body: Value = serde_json::from_slice(&reply.body).unwrap();
            let message = match dialect {
                Dialect::Ollama => &body["error"],
                _ => &body["error"]["message"],
            };
            assert_eq!(message, "no luck");
            let stream =
                String::from_utf8(dialect.encode_stream_failure(&Failure::new(kind, "no luck"))).unwrap();
            assert!(stream.contains("no luck") && stream.ends_with('\n') && !stream.contains("[DONE]"));
        }
    }
}

#[test]
fn every_decoded_answer_survives_the_way_back() {
    for dialect in Dialect::ALL {
        for kind in [FailureKind::RateLimited, FailureKind::ContextLength, FailureKind::Overloaded] {
            let failure = Failure::new(kind, "prompt is too long").with_retry_after_ms(7000);
            let reply = dialect.encode_failure(&failure);
            let answer = ErrorAnswer { status: reply.status, headers: &[], body: &reply.body, now_unix_s: 0 };
            assert_eq!(dialect.decode_failure(&answer).kind, kind, "{dialect}");
        }
    }
}

#[test]
fn upstream_answers_are_understood() {
    use FailureKind as K;
    let cases = [
        (400, r#"{"error":{"message":"too much","code":"context_length_exceeded"}}"#, K::ContextLength),
        // What says nothing leaves it to the status.
        (429, r#"{"error":{"message":"slow down","type":"server_error"}}"#, K::RateLimited),
        (401, r#"{"error":{"message":"no","type":"api_error"}}"#, K::UpstreamAuth),
        (503, r#"{"error":{"message":"no","type":"api_error"}}"#, K::Overloaded),
        (500, r#"{"error":{"message":"no","type":"api_error"}}"#, K::Upstream),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 > 8"}}"#,
            K::ContextLength,
        ),
        (
            400,
            r#"{"error":{"message":"bad","type":"invalid_request_error","param":"n","code":"unsupported_value"}}"#,
            K::InvalidRequest,
        ),
        (
            400,
            r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#,
            K::UpstreamAuth,
        ),
        (
            401,
            r#"{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}"#,
            K::UpstreamAuth,
        ),
        (402, "", K::QuotaExhausted),
        (
            404,
            r#"{"error":{"message":"The model x does not exist","code":"model_not_found"}}"#,
            K::ModelNotFound,
        ),
        (
            422,
            r#"{"detail":[{"loc":["body","messages",0],"msg":"Field required","type":"missing"}]}"#,
            K::InvalidRequest,
        ),
        (
            429,
            r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota"}}"#,
            K::QuotaExhausted,
        ),
        (429, r#"{"error":{"code":"1302","message":"slow down"}}"#, K::RateLimited),
        (429, r#"{"error":{"code":"1113","message":"no money"}}"#, K::QuotaExhausted),
        (200, r#"{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}"#, K::QuotaExhausted),
        (500, "Internal Server Error", K::Upstream),
        (502, "<html><head><title>502 Bad Gateway</title></head></html>", K::Upstream),
        (503, r#"{"error":"loading"}"#, K::Overloaded),
        (504, "", K::Timeout),
        (
            529,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            K::Overloaded,
        ),
    ];
    for (status, body, kind) in cases {
        let failure = decode(status, body);
        assert_eq!(failure.kind, kind, "{status} {body}");
        assert_eq!(failure.status, Some(status));
        assert!(!failure.message.is_empty());
    }
}

#[test]
fn details_are_kept() {
    let failure = decode(422, r#"{"detail":[{"loc":["body","messages",0],"msg":"Field required"}]}"#);
    assert_eq!((failure.message.as_str(), failure.param.as_deref()), ("Field required", Some("messages.0")));
    let failure = decode(404, "nope");
    assert_eq!((failure.retry, failure.blame), (Retry::Elsewhere, Blame::Client));
    assert_eq!(decode(502, "<title>Bad Gateway</title>").message, "Bad Gateway");
    let gemini = r#"[{"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"33s"}]}}]"#;
    let failure = decode(429, gemini);
    assert_eq!((failure.retry_after_ms, failure.code.as_deref()), (Some(33_000), Some("RESOURCE_EXHAUSTED")));
    assert_eq!(
        decode(429, r#"{"error":{"message":"Please try again in 7.66s."}}"#).retry_after_ms,
        Some(7660)
    );
}

#[test]
fn keys_are_blanked() {
    let failure =
        decode(401, r#"{"error":{"message":"Incorrect API key provided: sk-abcdefghijklmn. See docs"}}"#);
    assert_eq!(failure.message, "Incorrect API key provided: [redacted] See docs");
}

#[test]
fn waits_are_read_in_every_spelling() {
    assert_eq!(retry_after("retry-after-ms", "1500"), Some(1500));
    assert_eq!(retry_after("retry-after", "7"), Some(7000));
    assert_eq!(retry_after("retry-after", "0.25"), Some(250));
    assert_eq!(retry_after("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), Some(7000));
    assert_eq!(retry_after("retry-after", "Sat, 05 Nov 1994 08:49:37 GMT"), Some(0));
    assert_eq!(retry_after("retry-after", "soon"), None);
    assert_eq!(retry_after("retry-after", "1e300"), Some(86_400_000));
}

#[test]
fn in_band_errors_are_found_and_only_they() {
    let at = |text: &str| in_band(&serde_json::from_str(text).unwrap());
    assert_eq!(at(r#"{"choices":[],"error":null}"#), None);
    assert_eq!(at(r#"{"base_resp":{"status_code":0,"status_msg":""}}"#), None);
    let failure = at(r#"{"error":{"code":429,"message":"slow"}}"#).unwrap();
    assert_eq!((failure.kind, failure.status), (FailureKind::RateLimited, Some(429)));
    let failure = at(r#"{"type":"error","code":"server_error","message":"oops"}"#).unwrap();
    assert_eq!((failure.kind, failure.status), (FailureKind::Upstream, None));
}

#[test]
fn our_key_at_the_provider_is_not_the_clients() {
    for status in [401, 403] {
        let failure = decode(status, "");
        assert_eq!(Dialect::OpenAiChat.encode_failure(&failure).status, 502);
    }
    let overloaded = decode(529, "");
    assert_eq!(Dialect::Anthropic.encode_failure(&overloaded).status, 529);
    assert_eq!(Dialect::Gemini.encode_failure(&overloaded).status, 503);
}
