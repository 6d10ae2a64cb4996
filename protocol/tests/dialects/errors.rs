//! Every kind of failure in every dialect: status, type and code, envelope, and the time to wait. The table is the
//! contract with clients, which act on these words.

use protocol::dialect::{Dialect, ErrorAnswer, failure::retry_after_seconds};
use protocol::model::{Failure, FailureKind};
use serde_json::{Value, json};

const WAIT_MS: u64 = 6100;

/// What clients read: the status, OpenAI's type and code, Anthropic's status and type, Google's status.
struct Row(u16, &'static str, &'static str, u16, &'static str, &'static str);

const KINDS: [FailureKind; 26] = [
    FailureKind::InvalidRequest,
    FailureKind::Unsupported,
    FailureKind::ContextLength,
    FailureKind::TooLarge,
    FailureKind::Unauthenticated,
    FailureKind::Forbidden,
    FailureKind::NotFound,
    FailureKind::ModelNotFound,
    FailureKind::MethodNotAllowed,
    FailureKind::UnsupportedMediaType,
    FailureKind::RequestTimeout,
    FailureKind::RateLimited,
    FailureKind::QuotaExhausted,
    FailureKind::UpstreamAuth,
    FailureKind::Upstream,
    FailureKind::Overloaded,
    FailureKind::Unreachable,
    FailureKind::Timeout,
    FailureKind::Interrupted,
    FailureKind::BadAnswer,
    FailureKind::ContentFiltered,
    FailureKind::WorkerLost,
    FailureKind::Refused,
    FailureKind::Unavailable,
    FailureKind::Cancelled,
    FailureKind::Internal,
];

fn row(kind: FailureKind) -> Row {
    use FailureKind as K;
    let (bad, server) = ("invalid_request_error", "server_error");
    match kind {
        K::InvalidRequest => Row(400, bad, "invalid_value", 400, bad, "INVALID_ARGUMENT"),
        K::Unsupported => Row(400, bad, "unsupported_parameter", 400, bad, "INVALID_ARGUMENT"),
        K::ContextLength => Row(400, bad, "context_length_exceeded", 400, bad, "INVALID_ARGUMENT"),
        K::ContentFiltered => Row(400, bad, "content_filter", 400, bad, "INVALID_ARGUMENT"),
        K::Unauthenticated => {
            Row(401, bad, "invalid_api_key", 401, "authentication_error", "UNAUTHENTICATED")
        }
        K::Forbidden => {
            Row(403, "permission_error", "permission_denied", 403, "permission_error", "PERMISSION_DENIED")
        }
        K::NotFound => Row(404, bad, "not_found", 404, "not_found_error", "NOT_FOUND"),
        K::ModelNotFound => Row(404, bad, "model_not_found", 404, "not_found_error", "NOT_FOUND"),
        K::MethodNotAllowed => Row(405, bad, "method_not_allowed", 405, bad, "INVALID_ARGUMENT"),
        K::RequestTimeout => Row(408, bad, "request_timeout", 408, bad, "DEADLINE_EXCEEDED"),
        K::TooLarge => Row(413, bad, "request_too_large", 413, "request_too_large", "INVALID_ARGUMENT"),
        K::UnsupportedMediaType => Row(415, bad, "unsupported_media_type", 415, bad, "INVALID_ARGUMENT"),
        K::RateLimited => {
            Row(429, "rate_limit_error", "rate_limit_exceeded", 429, "rate_limit_error", "RESOURCE_EXHAUSTED")
        }
        K::QuotaExhausted => {
            let quota = "insufficient_quota";
            Row(429, quota, quota, 429, "billing_error", "RESOURCE_EXHAUSTED")
        }
        K::Cancelled => Row(499, bad, "cancelled", 499, bad, "CANCELLED"),
        K::Internal => Row(500, server, "internal_error", 500, "api_error", "INTERNAL"),
        K::UpstreamAuth => Row(502, server, "upstream_auth", 502, "api_error", "INTERNAL"),
        K::Upstream => Row(502, server, "upstream_error", 502, "api_error", "INTERNAL"),
        K::Unreachable => Row(502, server, "upstream_unreachable", 502, "api_error", "UNAVAILABLE"),
        K::Interrupted => Row(502, server, "upstream_interrupted", 502, "api_error", "INTERNAL"),
        K::BadAnswer => Row(502, server, "upstream_bad_answer", 502, "api_error", "INTERNAL"),
        K::WorkerLost => Row(502, server, "worker_lost", 502, "api_error", "INTERNAL"),
        K::Overloaded => Row(503, server, "overloaded", 529, "overloaded_error", "UNAVAILABLE"),
        K::Refused | K::Unavailable => {
            Row(503, server, "service_unavailable", 503, "overloaded_error", "UNAVAILABLE")
        }
        K::Timeout => Row(504, server, "timeout", 504, "timeout_error", "DEADLINE_EXCEEDED"),
    }
}

fn failure(kind: FailureKind) -> Failure {
    Failure::new(kind, "no luck").with_param("model").with_retry_after_ms(WAIT_MS)
}

/// Status and body of the whole answer.
fn wanted(dialect: Dialect, kind: FailureKind) -> (u16, Value) {
    let Row(status, word, code, anthropic_status, anthropic_type, google) = row(kind);
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            let error = json!({"message": "no luck", "type": word, "param": "model", "code": code});
            (status, json!({ "error": error }))
        }
        Dialect::Anthropic => {
            let error = json!({"type": anthropic_type, "message": "no luck"});
            (anthropic_status, json!({"type": "error", "error": error}))
        }
        Dialect::Ollama => (status, json!({"error": "no luck"})),
        Dialect::Gemini => {
            let retry = json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"});
            let error = json!({"code": status, "message": "no luck", "status": google, "details": [retry]});
            (status, json!({ "error": error }))
        }
    }
}

#[test]
fn every_kind_has_its_status_and_words_in_every_dialect() {
    for kind in KINDS {
        assert_eq!(retry_after_seconds(&failure(kind)), Some(7), "{kind:?}");
        for dialect in Dialect::ALL {
            let reply = dialect.encode_failure(&failure(kind));
            let body: Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!((reply.status, body), wanted(dialect, kind), "{dialect} {kind:?}");
            assert_eq!(reply.content_type, "application/json");
        }
    }
}

/// The same inside a stream that has begun, as each dialect's clients expect it there.
#[test]
fn every_kind_ends_a_stream_in_every_dialect() {
    let lines = |text: &str| -> Vec<(String, Value)> {
        let events = text.split("\n\n").filter(|event| !event.trim().is_empty());
        let parse = |event: &str| {
            let name = event.lines().find_map(|line| line.strip_prefix("event: ")).unwrap_or_default();
            let data = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or(event);
            (name.to_owned(), serde_json::from_str(data).unwrap())
        };
        events.map(parse).collect()
    };
    for kind in KINDS {
        for dialect in Dialect::ALL {
            let text = String::from_utf8(dialect.encode_stream_failure(&failure(kind))).unwrap();
            let events = lines(&text);
            let (_, whole) = wanted(dialect, kind);
            match dialect {
                Dialect::OpenAiChat | Dialect::Gemini | Dialect::Ollama => {
                    assert_eq!(events, [(String::new(), whole)], "{dialect} {kind:?}");
                }
                Dialect::Anthropic => assert_eq!(events, [("error".to_owned(), whole)], "{kind:?}"),
                Dialect::OpenAiResponses => {
                    let [(first, error), (second, failed)] = events.as_slice() else { panic!("{text}") };
                    assert_eq!((first.as_str(), second.as_str()), ("error", "response.failed"));
                    assert_eq!(error["code"], whole["error"]["code"], "{kind:?}");
                    assert_eq!(error["message"], "no luck");
                    assert_eq!(failed["response"]["status"], "failed");
                    assert_eq!(failed["response"]["error"]["message"], "no luck");
                }
            }
        }
    }
}

/// What an upstream says stays: its status where it says what the kind says, its text, its wait; never our key.
#[test]
fn an_upstreams_error_reaches_every_client() {
    let body = br#"{"error":{"message":"slow down, sk-abcdefghijklmnop","type":"x","code":"vendor_code"}}"#;
    let headers = [("retry-after".to_owned(), "12".to_owned())];
    let answer = ErrorAnswer { status: 429, headers: &headers, body, now_unix_s: 0 };
    for upstream in Dialect::ALL {
        let failure = upstream.decode_failure(&answer);
        assert_eq!((failure.kind, retry_after_seconds(&failure)), (FailureKind::RateLimited, Some(12)));
        for client in Dialect::ALL {
            let reply = client.encode_failure(&failure);
            let text = String::from_utf8(reply.body).unwrap();
            assert_eq!(reply.status, 429, "{client}");
            assert!(text.contains("slow down") && !text.contains("sk-abc"), "{client}: {text}");
        }
    }
}
