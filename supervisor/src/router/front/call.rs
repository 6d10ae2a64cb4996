//! One client request that is to be dispatched: who, what, how long, and the head each attempt carries.

use super::course::{Replay, Rules};
use super::identify::Caller;
use crate::router::routing::Candidate;
use bytes::Bytes;
use http::{HeaderMap, Method};
use protocol::dialect::peek::{Peek, peek};
use protocol::dialect::{Dialect, Operation};
use protocol::ipc::call::CallHead;
use protocol::ipc::configure::RouterLimits;
use protocol::model::{Failure, FailureKind};
use std::ops::Range;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// Asks for a single attempt.
const NO_RETRY: &str = "x-llm-link-no-retry";
/// Milliseconds the client will wait for the beginning of an answer.
const TIMEOUT: &str = "x-llm-link-timeout-ms";
/// A larger body is not sent twice.
const MAX_REPLAY: usize = 32 * 1024 * 1024;

/// Client headers that may travel upstream. Keys, cookies and what concerns the connection never do.
const FORWARDED: [&str; 10] = [
    "content-type",
    "accept",
    "user-agent",
    "openai-beta",
    "anthropic-beta",
    "anthropic-version",
    "idempotency-key",
    "x-client-request-id",
    "traceparent",
    "tracestate",
];

/// See the module.
pub(crate) struct Call {
    pub(crate) id: Uuid,
    pub(crate) caller: Caller,
    pub(crate) dialect: Dialect,
    pub(crate) operation: Operation,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) asked: Asked,
    pub(crate) rules: Rules,
    /// No attempt before the commit point goes on after it.
    pub(crate) deadline: Option<Instant>,
}

/// What the body says about its way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) model: String,
    model_span: Range<usize>,
    pub(crate) stream: bool,
    wants_usage: bool,
    usage_edit: Option<(u64, u64, String)>,
}

impl Asked {
    /// Reads the routing fields of a body.
    pub(crate) fn read(dialect: Dialect, body: &[u8]) -> Result<Self, Box<Failure>> {
        let invalid = |message: String| Failure::new(FailureKind::InvalidRequest, message);
        let seen: Peek<'_> = peek(body).map_err(|e| {
            let failure = invalid(e.to_string());
            e.param().map_or_else(|| failure.clone(), |param| failure.clone().with_param(param))
        })?;
        // Ollama streams unless told not to; everybody else the other way round.
        let stream = seen.stream.unwrap_or(dialect == Dialect::Ollama);
        let wants_usage = seen.wants_usage();
        let usage_edit = if stream && dialect == Dialect::OpenAiChat { usage_edit(&seen) } else { None };
        let Some(model) = seen.model else {
            return Err(Box::new(invalid("the field `model` is missing".to_owned()).with_param("model")));
        };
        Ok(Self { model: model.value.into_owned(), model_span: model.span, stream, wants_usage, usage_edit })
    }
}

impl Call {
    /// How often and where this call may be tried.
    pub(crate) fn rules(limits: &RouterLimits, headers: &HeaderMap, body: &Bytes) -> Rules {
        let declined = headers.get(NO_RETRY).is_some_and(|v| !matches!(v.as_bytes(), b"" | b"0" | b"false"));
        let replay = match (declined, body.len() > MAX_REPLAY) {
            (true, _) => Replay::Declined,
            (false, true) => Replay::TooLarge,
            (false, false) => Replay::Allowed,
        };
        Rules { max_attempts: limits.max_attempts, per_provider: limits.attempts_per_provider, replay }
    }

    /// The configured deadline or the client's own, whichever is earlier.
    pub(crate) fn deadline(limits: &RouterLimits, headers: &HeaderMap, now: Instant) -> Option<Instant> {
        let own = headers.get(TIMEOUT).and_then(|v| v.to_str().ok()?.trim().parse::<u64>().ok());
        let ours = Some(limits.deadline_ms).filter(|ms| *ms > 0);
        let ms = own.into_iter().chain(ours).min()?;
        now.checked_add(Duration::from_millis(ms))
    }

    /// The head of attempt number `attempt` at a candidate.
    pub(crate) fn head(&self, candidate: &Candidate, attempt: u8, now: Instant) -> CallHead {
        let same = *candidate.model == *self.asked.model;
        let span = || (self.asked.model_span.start as u64, self.asked.model_span.end as u64);
        // A stream lives on after the commit point, which is all that our deadline is about.
        let deadline = self.deadline.filter(|_| !self.asked.stream);
        CallHead {
            call_id: self.id.to_string(),
            attempt,
            dialect: self.dialect,
            operation: self.operation,
            method: self.method.as_str().to_owned(),
            path: String::new(),
            headers: forwarded(&self.headers),
            model: candidate.model.to_string(),
            model_span: (!same).then(span),
            stream: self.asked.stream,
            wants_usage: self.asked.wants_usage,
            usage_edit: self.asked.usage_edit.clone(),
            strict: self.caller.strict,
            body_len: self.body.len() as u64,
            deadline_ms: deadline.map(|d| d.saturating_duration_since(now).as_millis() as u64),
        }
    }
}

/// What to change in the body so that an OpenAI stream reports usage.
fn usage_edit(seen: &Peek<'_>) -> Option<(u64, u64, String)> {
    let edit = seen.ask_usage()?;
    let text = String::from_utf8(edit.text.to_vec()).ok()?;
    Some((edit.span.start as u64, edit.span.end as u64, text))
}

fn forwarded(headers: &HeaderMap) -> Vec<(String, String)> {
    FORWARDED
        .iter()
        .flat_map(|name| headers.get_all(*name).into_iter().map(move |value| (*name, value)))
        .filter_map(|(name, value)| Some((name.to_owned(), value.to_str().ok()?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: RouterLimits = RouterLimits {
        body_bytes: 0,
        hold_bytes: 0,
        header_bytes: 0,
        read_timeout_ms: 0,
        connections: 0,
        max_attempts: 3,
        attempts_per_provider: 2,
        deadline_ms: 500,
        drain_ms: 0,
    };

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (http::HeaderName::from_static(n), v.parse().unwrap())).collect()
    }

    #[test]
    fn what_a_body_asks() {
        let asked = Asked::read(Dialect::OpenAiChat, br#"{"stream":true,"model":"m"}"#).unwrap();
        assert_eq!((asked.model.as_str(), asked.model_span, asked.stream), ("m", 23..26, true));
        assert!(Asked::read(Dialect::Ollama, br#"{"model":"m"}"#).unwrap().stream);
        assert!(!Asked::read(Dialect::OpenAiChat, br#"{"model":"m"}"#).unwrap().stream);
        for (body, param) in
            [("{}", Some("model")), ("[", None), (r#"{"model":1}"#, Some("model")), ("", None)]
        {
            let failure = Asked::read(Dialect::OpenAiChat, body.as_bytes()).unwrap_err();
            assert_eq!(
                (failure.kind, failure.param.as_deref()),
                (FailureKind::InvalidRequest, param),
                "{body}"
            );
        }
    }

    #[test]
    fn replay_is_declined_or_impossible() {
        let rules = |value, body| Call::rules(&LIMITS, &headers(&[(NO_RETRY, value)]), &body).replay;
        assert_eq!(rules("1", Bytes::new()), Replay::Declined);
        assert_eq!(rules("true", Bytes::new()), Replay::Declined);
        assert_eq!(rules("0", Bytes::new()), Replay::Allowed);
        assert_eq!(rules("0", vec![0; MAX_REPLAY + 1].into()), Replay::TooLarge);
    }

    #[tokio::test]
    async fn the_earlier_deadline_counts() {
        let now = Instant::now();
        let ms = |value| {
            Call::deadline(&LIMITS, &headers(&[(TIMEOUT, value)]), now).map(|d| (d - now).as_millis())
        };
        assert_eq!(ms("200"), Some(200));
        assert_eq!(ms("9000"), Some(500));
        assert_eq!(ms("soon"), Some(500));
        let none = RouterLimits { deadline_ms: 0, ..LIMITS };
        assert_eq!(Call::deadline(&none, &HeaderMap::new(), now), None);
    }

    #[test]
    fn keys_never_travel() {
        let sent = forwarded(&headers(&[
            ("authorization", "Bearer k"),
            ("x-api-key", "k"),
            ("cookie", "c"),
            ("openai-beta", "b"),
        ]));
        assert_eq!(sent, [("openai-beta".to_owned(), "b".to_owned())]);
    }
}
