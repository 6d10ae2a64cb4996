//! The ways an upstream fails, made to order.
//!
//! `fail=500` and the other numbers are whole error answers, or an error event once `after` pieces have gone out.
//! `cut`: the connection breaks. `hang`: nothing more comes. `error-event`: an error under a 200. `no-done`: the
//! stream ends without a word that it is complete (after all its pieces, unless `after` says otherwise), a document
//! in its middle. `empty`: a 200 without an event. `garbage`: what is no JSON. `abort`, `exit78`: the worker itself
//! dies.
//!
//! Owns: the words and the error bodies. Never: when they are sent.

use crate::relay::Failed;
use bytes::Bytes;
use protocol::dialect::{Dialect, ErrorAnswer};
use protocol::model::{Failure, FailureKind};
use serde_json::json;

/// A way to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fail {
    Status(&'static Refusal),
    Cut,
    Hang,
    ErrorEvent,
    NoDone,
    Empty,
    Garbage,
    Abort,
    Exit,
}

/// An HTTP error as OpenAI words it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: u16,
    name: &'static str,
    kind: &'static str,
    code: &'static str,
    message: &'static str,
}

/// The exit code of a worker that cannot work with its configuration (`EX_CONFIG` of sysexits.h).
pub(crate) const EXIT_CONFIG: i32 = 78;

/// No JSON, and no event of any dialect.
pub(crate) const GARBAGE: &str = "<html><body>this is no answer of a model</body></html>";

const RETRY_AFTER_S: &str = "1";

static REFUSALS: [Refusal; 7] = [
    refusal(400, "400", "invalid_request_error", "invalid_value", "the demo provider was asked to refuse"),
    refusal(
        401,
        "401",
        "invalid_request_error",
        "invalid_api_key",
        "the demo provider was asked to doubt its key",
    ),
    refusal(
        404,
        "404",
        "invalid_request_error",
        "model_not_found",
        "the demo provider was asked to know no model",
    ),
    refusal(429, "429", "rate_limit_error", "rate_limit_exceeded", "the demo provider was asked to be busy"),
    refusal(500, "500", "server_error", "internal_error", "the demo provider was asked to fail"),
    refusal(503, "503", "server_error", "service_unavailable", "the demo provider was asked to be away"),
    refusal(529, "529", "server_error", "overloaded", "the demo provider was asked to be overloaded"),
];

const OTHERS: [(&str, Fail); 8] = [
    ("cut", Fail::Cut),
    ("hang", Fail::Hang),
    ("error-event", Fail::ErrorEvent),
    ("no-done", Fail::NoDone),
    ("empty", Fail::Empty),
    ("garbage", Fail::Garbage),
    ("abort", Fail::Abort),
    ("exit78", Fail::Exit),
];

impl Fail {
    /// The value of the `fail` knob.
    pub(crate) fn from_name(name: &str) -> Option<Fail> {
        let status = REFUSALS.iter().find(|refusal| refusal.name == name).map(Fail::Status);
        status.or_else(|| OTHERS.iter().find(|(word, _)| *word == name).map(|(_, fail)| *fail))
    }

    pub(crate) fn names() -> Vec<&'static str> {
        REFUSALS.iter().map(|refusal| refusal.name).chain(OTHERS.iter().map(|(word, _)| *word)).collect()
    }
}

impl Refusal {
    /// The whole answer. `now_unix_s`: seconds since 1970.
    pub(crate) fn answer(&self, now_unix_s: u64) -> Failed {
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        if self.status == 429 {
            headers.push(("retry-after".to_owned(), RETRY_AFTER_S.to_owned()));
        }
        let body = Bytes::from(self.error());
        let answer = ErrorAnswer { status: self.status, headers: &headers, body: &body, now_unix_s };
        let failure = Dialect::OpenAiChat.decode_failure(&answer);
        Failed { failure, headers, body }
    }

    /// The error object, as a body and as an event's data.
    pub(crate) fn error(&self) -> String {
        let error = json!({"message": self.message, "type": self.kind, "param": null, "code": self.code});
        json!({ "error": error }).to_string()
    }
}

/// The error that comes under a 200.
pub(crate) fn in_band() -> String {
    REFUSALS[4].error()
}

/// What a worker sees of a connection that breaks.
pub(crate) fn cut() -> Failure {
    Failure::new(FailureKind::Interrupted, "the demo provider cut its answer off, as its model's name asks")
}

const fn refusal(
    status: u16,
    name: &'static str,
    kind: &'static str,
    code: &'static str,
    message: &'static str,
) -> Refusal {
    Refusal { status, name, kind, code, message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::model::{Blame, Retry};

    #[test]
    fn names_read_back_and_are_unique() {
        let names = Fail::names();
        let fails: Vec<Fail> = names.iter().map(|name| Fail::from_name(name).unwrap()).collect();
        for (at, fail) in fails.iter().enumerate() {
            assert!(!fails[..at].contains(fail), "{}", names[at]);
        }
        assert_eq!(Fail::from_name("418"), None);
    }

    #[test]
    fn a_refusal_is_read_as_what_it_says() {
        let kind = |name| match Fail::from_name(name).unwrap() {
            Fail::Status(refusal) => refusal.answer(0).failure.kind,
            other => panic!("{other:?}"),
        };
        let kinds = ["400", "401", "404", "429", "500", "503", "529"].map(kind);
        use FailureKind as K;
        let wanted = [K::InvalidRequest, K::UpstreamAuth, K::ModelNotFound, K::RateLimited, K::Upstream];
        assert_eq!(kinds[..5], wanted);
        assert_eq!(kinds[5..], [K::Overloaded, K::Overloaded]);
    }

    #[test]
    fn too_many_calls_come_back_after_a_second() {
        let Some(Fail::Status(refusal)) = Fail::from_name("429") else { panic!("a status") };
        let Failed { failure, headers, body } = refusal.answer(1_700_000_000);
        assert_eq!((failure.status, failure.retry_after_ms), (Some(429), Some(1000)));
        assert_eq!((failure.blame, failure.retry), (Blame::Upstream, Retry::Elsewhere));
        assert!(headers.contains(&("retry-after".into(), "1".into())));
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"]["code"], "rate_limit_exceeded");
    }
}
