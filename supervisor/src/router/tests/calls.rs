//! Calls that go well, and requests that are turned away at the door.

use super::rig::{CHAT, Flow, Rig, chat, finish, next_chunk, request};
use super::worker::{Step, always};
use crate::router::trace::{AttemptResult, End};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use protocol::ipc::configure::{Alias, App, AppKey, Candidate, Rule, WorkerState};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tokio::sync::Semaphore;

const DOCUMENT: &[Step] = &[Step::Document, Step::Held("{\"id\":"), Step::Held("1}"), Step::End];

#[tokio::test]
async fn a_document_arrives_whole_with_our_headers() {
    let mut rig = Rig::new();
    let worker = rig.worker("a", always(DOCUMENT));
    let answer = rig.chat().await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "{\"id\":1}"));
    assert_eq!(answer.header("content-length"), "8");
    assert_eq!(answer.header("x-request-id"), "up-1");
    assert_eq!(answer.header("x-llm-link-provider"), "a");
    assert_eq!(answer.header("x-llm-link-model"), "m");
    assert_eq!(answer.header("x-llm-link-attempts"), "1");
    assert_eq!(answer.header("x-llm-link-dropped"), "seed;reason=unsupported");
    assert_eq!(answer.header("x-llm-link-call-id").len(), 36);
    let calls = worker.seen.calls.lock().unwrap();
    let (head, body) = &calls[0];
    assert_eq!(body, r#"{"model":"m","stream":false,"messages":[]}"#);
    assert_eq!((head.model_span, head.stream, head.attempt), (None, false, 1));
    assert_eq!(head.call_id, answer.header("x-llm-link-call-id"));
}

#[tokio::test]
async fn a_stream_arrives_chunk_by_chunk_from_the_commit_point_on() {
    let mut rig = Rig::new();
    let go = Arc::new(Semaphore::new(0));
    let steps = [
        Step::Stream,
        Step::Held("data: role\n\n"),
        Step::Data("data: 1\n\n"),
        Step::Await(Arc::clone(&go)),
        Step::Data("data: 2\n\n"),
        Step::End,
    ];
    let _worker = rig.worker("a", always(&steps));
    let mut response = rig.stream().await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-cache");
    assert_eq!(
        next_chunk(&mut response).await + &next_chunk(&mut response).await,
        "data: role\n\ndata: 1\n\n"
    );
    assert!(rig.shared.traces().is_empty(), "the call still runs");
    go.add_permits(1);
    assert_eq!(finish(response).await.text(), "data: 2\n\n");
    let trace = rig.trace().await;
    assert_eq!(trace.end, End::Served);
    assert_eq!(trace.trailer.as_ref().unwrap().usage.output, Some(3));
    assert_eq!(trace.attempts[0].result, AttemptResult::Answered);
    assert!(trace.committed.unwrap() <= trace.total);
    assert_eq!(rig.shared.counts(), (0, 1));
}

#[tokio::test]
async fn a_connection_serves_call_after_call() {
    let mut rig = Rig::new();
    let _worker = rig.worker("a", always(DOCUMENT));
    let mut client = rig.client().await;
    for _ in 0..3 {
        let answer = finish(client.send_request(chat("m", Flow::Whole)).await.unwrap()).await;
        assert_eq!(answer.status, 200);
    }
    assert_eq!(rig.shared.connections.taken(), 1);
}

#[tokio::test]
async fn aliases_and_full_names_lead_to_the_providers_own_name() {
    let mut rig = Rig::new();
    let worker = rig.worker("a", always(DOCUMENT));
    rig.configure(|config| {
        let candidates = vec![Candidate { provider: "a".into(), model: "m".into(), weight: 1 }];
        config.aliases.push(Alias { name: "fast".into(), rule: Rule::Priority, candidates });
    });
    for (name, own) in [("fast", "m"), ("a/m", "m"), ("a/unlisted/x", "unlisted/x")] {
        assert_eq!(rig.ask(chat(name, Flow::Whole)).await.header("x-llm-link-model"), own);
        let (head, body) = worker.seen.calls.lock().unwrap().last().unwrap().clone();
        assert_eq!(head.model, own);
        let (start, end) = head.model_span.unwrap();
        assert_eq!(body[start as usize..end as usize], *format!("\"{name}\"").as_bytes());
    }
}

#[tokio::test]
async fn a_large_request_arrives_byte_for_byte() {
    let mut rig = Rig::new();
    let worker = rig.worker("a", always(DOCUMENT));
    let body = format!(r#"{{"model":"m","messages":["{}"]}}"#, "é".repeat(300_000));
    assert_eq!(rig.ask(request(Method::POST, CHAT, &body)).await.status, 200);
    assert!(worker.seen.calls.lock().unwrap()[0].1 == body.as_bytes());
}

#[tokio::test]
async fn models_are_listed_and_found() {
    let mut rig = Rig::new();
    let _worker = rig.worker("a", always(DOCUMENT));
    let list = rig.get("/v1/models?limit=5").await.json();
    assert_eq!(list["object"], "list");
    assert_eq!((&list["data"][0]["id"], &list["data"][0]["owned_by"]), (&"m".into(), &"a".into()));
    for path in ["/v1/models/m", "/v1/models/a/m", "/openai/v1/models/a%2Fm"] {
        assert_eq!(rig.get(path).await.json()["object"], "model", "{path}");
    }
    let missing = rig.get("/v1/models/none").await;
    assert_eq!((missing.status.as_u16(), &missing.json()["error"]["code"]), (404, &"model_not_found".into()));
}

#[tokio::test]
async fn pages_need_no_key() {
    let mut rig = Rig::with(|config| config.listeners[0].open = false);
    assert_eq!(rig.get("/").await.text(), "Ollama is running");
    let mut browser = request(Method::GET, "/", "");
    browser.headers_mut().insert("accept", "text/html,*/*".parse().unwrap());
    assert!(rig.ask(browser).await.text().contains("<title>LLM Link</title>"));
    let head = rig.ask(request(Method::HEAD, "/", "")).await;
    assert_eq!((head.status.as_u16(), head.text()), (200, ""));
    assert_eq!(rig.get("/health").await.status, 200);
    let ready = rig.get("/ready").await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["reasons"][0]["reason"], "no provider is configured");
    assert_eq!(rig.get("/v1/models").await.status, 401);
}

#[tokio::test]
async fn ready_means_that_a_worker_is_connected() {
    let mut rig = Rig::new();
    let worker = rig.worker("a", always(DOCUMENT));
    assert_eq!(rig.chat().await.status, 200, "waits for the lane");
    assert_eq!(rig.get("/ready").await.json()["providers"], 1);
    rig.configure(|config| {
        config.providers[0].state = WorkerState::Failed;
        config.providers[0].reason = "exit code 78".into();
    });
    let unready = rig.get("/ready").await;
    assert_eq!(unready.json()["reasons"][0]["reason"], "its worker has failed: exit code 78");
    drop(worker);
}

fn raw(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Full<Bytes>> {
    let mut builder = Request::builder().method(method).uri(path).header("host", "test");
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Full::from(body.to_owned())).unwrap()
}

#[tokio::test]
async fn bad_requests_are_told_why_in_the_dialect() {
    let mut rig = Rig::new();
    let _worker = rig.worker("a", always(DOCUMENT));
    let json = [("content-type", "application/json")];
    let long = "x".repeat(20_000);
    let huge = format!(r#"{{"model":"m","x":"{}"}}"#, "y".repeat(2 << 20));
    let table = [
        (raw("GET", CHAT, &[], ""), 405, "method_not_allowed"),
        (raw("DELETE", "/v1/models", &[], ""), 405, "method_not_allowed"),
        (raw("POST", CHAT, &[("content-type", "text/plain")], "{}"), 415, "unsupported_media_type"),
        (raw("POST", CHAT, &json, "{\"model\""), 400, "invalid_value"),
        (raw("POST", CHAT, &json, ""), 400, "invalid_value"),
        (raw("POST", CHAT, &json, "{}"), 400, "invalid_value"),
        (raw("POST", CHAT, &json, r#"{"model":"n"}"#), 404, "model_not_found"),
        (raw("POST", "/v1/nothing", &json, "{}"), 404, "not_found"),
        (raw("POST", CHAT, &json, &huge), 413, "request_too_large"),
        (raw("POST", CHAT, &[("x-long", &long)], "{}"), 431, "request_too_large"),
    ];
    for (request, status, code) in table {
        let what = format!("{} {}", request.method(), request.uri());
        let answer = rig.ask(request).await;
        assert_eq!(answer.status.as_u16(), status, "{what}: {:?}", answer.body);
        assert_eq!(answer.json()["error"]["code"], code, "{what}");
        assert!(!answer.header("x-llm-link-call-id").is_empty(), "{what}");
        assert_eq!(answer.header("allow").is_empty(), status != 405, "{what}");
    }
    assert_eq!(rig.chat().await.status, 200);
}

#[tokio::test]
async fn an_open_listener_answers_to_local_names_only() {
    let mut rig = Rig::new();
    let worker = rig.worker("a", always(DOCUMENT));
    let mut request = chat("m", Flow::Whole);
    request.headers_mut().insert("host", "rebound.example".parse().unwrap());
    let answer = rig.ask(request).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["error"]["code"]), (403, &"permission_denied".into()));
    assert_eq!(worker.calls(), 0);
}

#[tokio::test]
async fn keys_open_closed_listeners() {
    let hash: String = Sha256::digest("good").iter().map(|b| format!("{b:02x}")).collect();
    let app = App { keys: vec![AppKey::new("k", hash)], strict: true, ..App::named("web") };
    let mut rig = Rig::with(|config| {
        config.listeners[0].open = false;
        config.apps.push(app);
    });
    let worker = rig.worker("a", always(DOCUMENT));
    for (key, status) in [(None, 401), (Some("bad"), 401), (Some("good"), 200)] {
        let mut request = chat("m", Flow::Whole);
        if let Some(key) = key {
            request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        }
        assert_eq!(rig.ask(request).await.status.as_u16(), status, "{key:?}");
    }
    assert!(worker.seen.calls.lock().unwrap()[0].0.strict);
    assert_eq!(&*rig.trace().await.app, "web");
}
