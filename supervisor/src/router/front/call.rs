//! One client request that is to be dispatched: who, what, how long, and the head each attempt carries.

use super::course::{Replay, Rules};
use super::form;
use super::identify::Caller;
use super::poison::Fingerprint;
use super::routes::{Delivery, Entry};
use crate::router::routing::Candidate;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};
use protocol::dialect::peek::{Peek, peek};
use protocol::dialect::{Dialect, Operation};
use protocol::ipc::call::CallHead;
use protocol::ipc::configure::Retry;
use protocol::ipc::continues::Continues;
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
    /// See [`CallHead::path`].
    pub(crate) path: String,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) asked: Asked,
    pub(crate) rules: Rules,
    /// No attempt before the commit point goes on after it.
    pub(crate) deadline: Option<Instant>,
    /// The second half of an answer is asked for.
    pub(crate) continues: Option<Box<Continues>>,
}

/// What a request says about its way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Empty if none was named, which only raw paths may do.
    pub(crate) model: String,
    /// Where the body says it.
    model_span: Option<Span>,
    pub(crate) stream: bool,
    wants_usage: bool,
    usage_edit: Option<(u64, u64, String)>,
}

/// The model's name in a body.
#[derive(Debug, PartialEq, Eq)]
enum Span {
    /// A JSON string, with its quotes.
    Json(Range<usize>),
    /// A form's field, bare.
    Form(Range<usize>),
}

impl Asked {
    /// Reads the routing fields of a request: in the path, or else in the body.
    pub(crate) fn read(entry: &Entry, headers: &HeaderMap, body: &[u8]) -> Result<Self, Box<Failure>> {
        let nothing = || Self {
            model: String::new(),
            model_span: None,
            stream: false,
            wants_usage: false,
            usage_edit: None,
        };
        if entry.operation == Operation::Raw && (body.is_empty() || !is_json(headers)) {
            let field = form::field(headers, body, "model");
            let named = field.and_then(|span| Some((std::str::from_utf8(&body[span.clone()]).ok()?, span)));
            return Ok(match named {
                Some((model, span)) => {
                    Self { model: model.to_owned(), model_span: Some(Span::Form(span)), ..nothing() }
                }
                None => nothing(),
            });
        }
        let invalid = |message: String| Failure::new(FailureKind::InvalidRequest, message);
        let seen: Peek<'_> = peek(body).map_err(|e| {
            let failure = invalid(e.to_string());
            e.param().map_or_else(|| failure.clone(), |param| failure.clone().with_param(param))
        })?;
        if let Some((model, delivery)) = &entry.named {
            let stream = *delivery == Delivery::Stream;
            return Ok(Self { model: model.clone(), stream, wants_usage: true, ..nothing() });
        }
        let talks = matches!(entry.operation, Operation::Chat | Operation::Complete);
        // Ollama streams unless told not to; everybody else the other way round.
        let unsaid = talks && entry.dialect == Dialect::Ollama;
        let stream = seen.stream.unwrap_or(unsaid) && (talks || entry.operation == Operation::Raw);
        let wants_usage = seen.wants_usage();
        let asks = stream && talks && entry.dialect == Dialect::OpenAiChat;
        let usage_edit = if asks { usage_edit(&seen) } else { None };
        let Some(model) = seen.model else {
            if entry.operation == Operation::Raw {
                return Ok(Self { stream, ..nothing() });
            }
            return Err(Box::new(invalid("the field `model` is missing".to_owned()).with_param("model")));
        };
        let model_span = Some(Span::Json(model.span));
        Ok(Self { model: model.value.into_owned(), model_span, stream, wants_usage, usage_edit })
    }

    /// The edit that puts another model's name into a form.
    fn form_edit(&self, model: &str) -> Option<(u64, u64, String)> {
        match &self.model_span {
            Some(Span::Form(span)) => Some((span.start as u64, span.end as u64, model.to_owned())),
            Some(Span::Json(_)) | None => None,
        }
    }
}

/// A body of JSON by its name, or unnamed.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else { return true };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
        || essence.eq_ignore_ascii_case("text/json")
        || (essence.len() > 5
            && essence.is_char_boundary(essence.len() - 5)
            && essence[essence.len() - 5..].eq_ignore_ascii_case("+json"))
}

impl Call {
    /// How the request is recognised when it comes again.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.dialect.name(), &self.path, &self.body)
    }

    /// How often and where this call may be tried.
    pub(crate) fn rules(retry: &Retry, headers: &HeaderMap, body: &Bytes) -> Rules {
        let declined = headers.get(NO_RETRY).is_some_and(|v| !matches!(v.as_bytes(), b"" | b"0" | b"false"));
        let replay = match (declined, body.len() > MAX_REPLAY) {
            (true, _) => Replay::Declined,
            (false, true) => Replay::TooLarge,
            (false, false) => Replay::Allowed,
        };
        Rules {
            max_attempts: retry.max_attempts,
            per_provider: retry.attempts_per_provider,
            backoff: Duration::from_millis(retry.backoff_ms),
            after_timeout: retry.after_timeout,
            replay,
        }
    }

    /// The configured deadline or the client's own, whichever is earlier.
    pub(crate) fn deadline(retry: &Retry, headers: &HeaderMap, now: Instant) -> Option<Instant> {
        let own = headers.get(TIMEOUT).and_then(|v| v.to_str().ok()?.trim().parse::<u64>().ok());
        let ours = Some(retry.deadline_ms).filter(|ms| *ms > 0);
        let ms = own.into_iter().chain(ours).min()?;
        now.checked_add(Duration::from_millis(ms))
    }

    /// The head of attempt number `attempt` at a candidate.
    pub(crate) fn head(&self, candidate: &Candidate, attempt: u8, now: Instant) -> CallHead {
        let same = *candidate.model == *self.asked.model;
        let span = match &self.asked.model_span {
            Some(Span::Json(span)) if !same => Some((span.start as u64, span.end as u64)),
            Some(Span::Json(_) | Span::Form(_)) | None => None,
        };
        let in_form = if same { None } else { self.asked.form_edit(&candidate.model) };
        // A stream lives on after the commit point, which is all that our deadline is about.
        let deadline = self.deadline.filter(|_| !self.asked.stream);
        let mut head = CallHead {
            call_id: self.id.to_string(),
            attempt,
            dialect: self.dialect,
            operation: self.operation,
            method: self.method.as_str().to_owned(),
            path: self.path.clone(),
            headers: forwarded(&self.headers),
            model: candidate.model.to_string(),
            model_span: span,
            stream: self.asked.stream,
            wants_usage: self.asked.wants_usage,
            usage_edit: self.asked.usage_edit.clone().or(in_form),
            strict: self.caller.policy.strict,
            body_len: self.body.len() as u64,
            deadline_ms: deadline.map(|d| d.saturating_duration_since(now).as_millis() as u64),
        };
        if let Some(continues) = &self.continues {
            Continues { by: candidate.address(), ..(**continues).clone() }.put(&mut head);
        }
        head
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

    const RETRY: Retry = Retry {
        max_attempts: 3,
        attempts_per_provider: 2,
        backoff_ms: 100,
        deadline_ms: 500,
        after_timeout: true,
    };

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (http::HeaderName::from_static(n), v.parse().unwrap())).collect()
    }

    #[test]
    fn what_a_body_asks() {
        let read = |dialect, operation, body: &[u8]| {
            let entry = Entry { dialect, operation, named: None, path: String::new() };
            Asked::read(&entry, &HeaderMap::new(), body)
        };
        let chat = |body: &[u8]| read(Dialect::OpenAiChat, Operation::Chat, body);
        let asked = chat(br#"{"stream":true,"model":"m"}"#).unwrap();
        assert_eq!(
            (asked.model.as_str(), asked.model_span, asked.stream),
            ("m", Some(Span::Json(23..26)), true)
        );
        assert!(read(Dialect::Ollama, Operation::Chat, br#"{"model":"m"}"#).unwrap().stream);
        assert!(!read(Dialect::Ollama, Operation::Embed, br#"{"model":"m"}"#).unwrap().stream);
        assert!(!chat(br#"{"model":"m"}"#).unwrap().stream);
        assert_eq!(read(Dialect::OpenAiChat, Operation::Raw, b"").unwrap().model, "");
        for (body, param) in
            [("{}", Some("model")), ("[", None), (r#"{"model":1}"#, Some("model")), ("", None)]
        {
            let failure = chat(body.as_bytes()).unwrap_err();
            assert_eq!(
                (failure.kind, failure.param.as_deref()),
                (FailureKind::InvalidRequest, param),
                "{body}"
            );
        }
    }

    #[test]
    fn geminis_path_says_model_and_delivery() {
        let named = Some(("g".to_owned(), Delivery::Stream));
        let entry =
            Entry { dialect: Dialect::Gemini, operation: Operation::Chat, named, path: String::new() };
        let asked = Asked::read(&entry, &HeaderMap::new(), br#"{"contents":[]}"#).unwrap();
        assert_eq!((asked.model.as_str(), asked.stream, asked.model_span), ("g", true, None));
        assert!(Asked::read(&entry, &HeaderMap::new(), b"[").is_err());
    }

    #[test]
    fn a_form_says_its_model_too() {
        let form = "--x\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\np/w\r\n--x--\r\n";
        let named = headers(&[("content-type", "multipart/form-data; boundary=x")]);
        let entry = Entry {
            dialect: Dialect::OpenAiChat,
            operation: Operation::Raw,
            named: None,
            path: "audio/transcriptions".to_owned(),
        };
        let asked = Asked::read(&entry, &named, form.as_bytes()).unwrap();
        assert_eq!(asked.model, "p/w");
        let (start, end, text) = asked.form_edit("w").unwrap();
        assert_eq!((&form[start as usize..end as usize], text.as_str()), ("p/w", "w"));
    }

    #[test]
    fn replay_is_declined_or_impossible() {
        let rules = |value, body| Call::rules(&RETRY, &headers(&[(NO_RETRY, value)]), &body).replay;
        assert_eq!(rules("1", Bytes::new()), Replay::Declined);
        assert_eq!(rules("true", Bytes::new()), Replay::Declined);
        assert_eq!(rules("0", Bytes::new()), Replay::Allowed);
        assert_eq!(rules("0", vec![0; MAX_REPLAY + 1].into()), Replay::TooLarge);
    }

    #[tokio::test]
    async fn the_earlier_deadline_counts() {
        let now = Instant::now();
        let ms =
            |value| Call::deadline(&RETRY, &headers(&[(TIMEOUT, value)]), now).map(|d| (d - now).as_millis());
        assert_eq!(ms("200"), Some(200));
        assert_eq!(ms("9000"), Some(500));
        assert_eq!(ms("soon"), Some(500));
        let none = Retry { deadline_ms: 0, ..RETRY };
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
