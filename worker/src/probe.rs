//! A test of the way to the provider, asked for by an operator: the models list of each endpoint, and a call of
//! one token. Goes only where calls go. It reports what the provider says, word for word but bounded.

use crate::plan::Transport;
use crate::serve::{Account, Provider};
use crate::translate::{self, Pair};
use crate::upstream::{Established, headers, url};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use protocol::control::provider::{TestReport, TestStep};
use protocol::dialect::{Dialect, ErrorAnswer, Operation};
use protocol::ipc::call::CallHead;
use protocol::ipc::configure::Endpoint;
use protocol::ipc::question::{Question, Reply};
use protocol::model::Failure;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

/// For each request, head and body.
const PATIENCE: Duration = Duration::from_secs(12);
/// Longest answer that is read: lists of models are long.
const MOST: usize = 4 * 1024 * 1024;
/// Longest text of a step.
const LONGEST: usize = 600;
/// Models named in a report.
const MODELS: usize = 2_000;

/// The reply to a question in its wire form.
pub(crate) async fn answer(body: &[u8], provider: &Provider) -> Reply {
    match serde_json::from_slice(body) {
        Ok(Question::Probe { model }) => Reply::Probed(probe(provider, model.as_deref()).await),
        Ok(Question::DryRun { .. } | Question::Levels { .. }) => {
            Reply::Unable("a worker knows nothing of routes and limits".to_owned())
        }
        Err(error) => Reply::Unable(format!("the question cannot be read: {error}")),
    }
}

async fn probe(provider: &Provider, model: Option<&str>) -> TestReport {
    let mut report = TestReport { ok: true, steps: Vec::new(), models: Vec::new() };
    let account = match provider {
        Provider::Http(account) => account,
        Provider::Demo(_) => {
            report.steps.push(step("worker", Duration::ZERO, Ok("it answers by itself".to_owned()), None));
            return report;
        }
    };
    let mut models = BTreeSet::new();
    for endpoint in &account.upstream.endpoints {
        let (step, listed) = list(account, endpoint).await;
        models.extend(listed);
        report.steps.push(step);
    }
    if let (Some(model), Some(endpoint)) = (model, account.upstream.endpoints.first()) {
        report.steps.push(call(provider, account, endpoint, model).await);
    }
    // Not every server lists its models; a call that is answered says more.
    let called = report.steps.iter().find(|step| step.name == "call").map(|step| step.ok);
    report.ok = called.unwrap_or_else(|| report.steps.iter().all(|step| step.ok));
    report.models = models.into_iter().take(MODELS).collect();
    report
}

/// What a request came to.
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
    connected: Option<Duration>,
}

async fn list(account: &Account, endpoint: &Endpoint) -> (TestStep, Vec<String>) {
    let began = Instant::now();
    let Some(uri) = url::models(endpoint) else {
        let what = format!("{} has no address for its list of models", endpoint.base_url);
        return (step("models", began.elapsed(), Err(what), None), Vec::new());
    };
    let request = http::Request::get(uri).body(Full::new(Bytes::new()));
    let answered = send(account, endpoint.dialect, &[], request).await;
    let took = began.elapsed();
    match answered {
        Err(what) => (step("models", took, Err(what), None), Vec::new()),
        Ok(answer) if (200..300).contains(&answer.status) => {
            let models = names(&answer.body);
            let found = format!("{}: {} models{}", endpoint.dialect, models.len(), connected(&answer));
            (step("models", took, Ok(found), Some(answer.status)), models)
        }
        Ok(answer) => {
            let what = refusal(endpoint.dialect, &answer);
            (step("models", took, Err(what), Some(answer.status)), Vec::new())
        }
    }
}

async fn call(provider: &Provider, account: &Account, endpoint: &Endpoint, model: &str) -> TestStep {
    let began = Instant::now();
    let asked = match question(provider, endpoint.dialect, model) {
        Ok(asked) => asked,
        Err(failure) => return step("call", began.elapsed(), Err(failure.message), None),
    };
    let uri = match url::for_call(endpoint, &asked.head) {
        Ok(uri) => uri,
        Err(failure) => return step("call", began.elapsed(), Err(failure.message), None),
    };
    let request = http::Request::post(uri).body(Full::new(Bytes::from(asked.body)));
    match send(account, endpoint.dialect, &asked.head.headers, request).await {
        Err(what) => step("call", began.elapsed(), Err(what), None),
        Ok(answer) if (200..300).contains(&answer.status) => {
            let what = format!("{model} answered{}", connected(&answer));
            step("call", began.elapsed(), Ok(what), Some(answer.status))
        }
        Ok(answer) => {
            let what = refusal(endpoint.dialect, &answer);
            step("call", began.elapsed(), Err(what), Some(answer.status))
        }
    }
}

/// The shortest conversation there is, in the endpoint's dialect.
fn question(provider: &Provider, target: Dialect, model: &str) -> Result<translate::Asked, Failure> {
    let body = serde_json::json!({
        "model": model, "max_tokens": 1, "messages": [{ "role": "user", "content": "Hi" }]
    });
    let body = body.to_string();
    let head = CallHead {
        call_id: "probe".to_owned(),
        attempt: 1,
        dialect: Dialect::OpenAiChat,
        operation: Operation::Chat,
        method: "POST".to_owned(),
        path: String::new(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        model: model.to_owned(),
        model_span: None,
        stream: false,
        wants_usage: false,
        usage_edit: None,
        strict: false,
        body_len: body.len() as u64,
        deadline_ms: None,
    };
    let quirks = provider.quirks();
    let streams = target == Dialect::OpenAiChat && quirks.openai_chat.stream_only;
    let upstream = if streams { Transport::Stream } else { Transport::Document };
    let (facts, now) = (provider.facts(model), unix_now());
    translate::request(&head, body.as_bytes(), &Pair { target, upstream, quirks, facts: &facts, now })
}

async fn send(
    account: &Account,
    dialect: Dialect,
    client: &[(String, String)],
    request: Result<http::Request<Full<Bytes>>, http::Error>,
) -> Result<Answer, String> {
    let mut request = request.map_err(|error| error.to_string())?;
    let mut fields = headers::to_upstream(client, &account.upstream.headers, dialect);
    account.credential.apply(dialect, &mut fields);
    *request.headers_mut() = fields;
    let exchange = async {
        let response = account.client.send(request).await.map_err(|failure| failure.message)?;
        let (parts, body) = response.into_parts();
        // What came before an answer broke off is worth showing; that it broke off shows in it.
        let body = Limited::new(body, MOST).collect().await.map_err(|error| error.to_string())?.to_bytes();
        let connected = parts.extensions.get::<Established>().map(|established| established.took);
        let headers = headers::to_client(&parts.headers);
        Ok(Answer { status: parts.status.as_u16(), headers, body, connected })
    };
    let late = || format!("no answer within {} s", PATIENCE.as_secs());
    tokio::time::timeout(PATIENCE, exchange).await.unwrap_or_else(|_| Err(late()))
}

fn connected(answer: &Answer) -> String {
    let took = answer.connected.map(|took| format!(", connected in {} ms", took.as_millis()));
    took.unwrap_or_default()
}

/// The provider's own words.
fn refusal(dialect: Dialect, answer: &Answer) -> String {
    let Answer { status, headers, body, .. } = answer;
    let failure =
        dialect.decode_failure(&ErrorAnswer { status: *status, headers, body, now_unix_s: unix_now() });
    failure.message
}

/// The ids in a list of models, of whichever dialect.
fn names(body: &[u8]) -> Vec<String> {
    let Ok(document) = serde_json::from_slice::<Value>(body) else { return Vec::new() };
    let items = match &document {
        Value::Array(items) => Some(items),
        other => ["data", "models"].iter().find_map(|key| other.get(key)?.as_array()),
    };
    let name = |item: &Value| {
        let id = ["id", "model", "name"].iter().find_map(|key| item.get(key)?.as_str())?;
        Some(id.strip_prefix("models/").unwrap_or(id).to_owned())
    };
    items.into_iter().flatten().filter_map(name).collect()
}

fn step(name: &str, took: Duration, found: Result<String, String>, status: Option<u16>) -> TestStep {
    let (ok, detail) = match found {
        Ok(text) => (true, text),
        Err(text) => (false, text),
    };
    let detail = detail.chars().take(LONGEST).collect();
    let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    TestStep { name: name.to_owned(), ok, took_us, detail, status }
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_every_dialect_are_read() {
        let of = |text: &str| names(text.as_bytes()).join(" ");
        assert_eq!(of(r#"{"object":"list","data":[{"id":"a","object":"model"},{"id":"b"}]}"#), "a b");
        assert_eq!(of(r#"{"models":[{"name":"models/gemini-x","displayName":"X"}]}"#), "gemini-x");
        assert_eq!(of(r#"{"models":[{"name":"qwen3:8b","model":"qwen3:8b"}]}"#), "qwen3:8b");
        assert_eq!(of(r#"[{"id":"together/x"}]"#), "together/x");
        assert_eq!(of("<html>"), "");
    }

    #[test]
    fn the_shortest_conversation_exists_in_every_dialect() {
        let provider = Provider::demo();
        for target in Dialect::ALL {
            let asked = question(&provider, target, "m-1").unwrap();
            let body = String::from_utf8(asked.body).unwrap();
            assert!(body.contains("Hi"), "{target}: {body}");
            assert_eq!(asked.head.model, "m-1");
        }
    }
}
