//! Answers as people read them.

use super::*;
use jiff::tz::TimeZone;
use protocol::control::{ControlReply, RefusalKind};
use serde_json::{Value, json};

const NOW: i64 = 1_795_824_000_000;

/// What is shown of an answer that is said in JSON, as it travels.
fn shown(kind: &str, with: Value) -> String {
    let reply: ControlReply = serde_json::from_value(json!({ "reply": kind, "with": with })).unwrap();
    reply_text(&reply)
}

fn reply_text(answer: &ControlReply) -> String {
    reply(answer, &View { colour: false, now_ms: NOW, zone: TimeZone::UTC })
}

fn provider() -> Value {
    json!({
        "spec": { "name": "a", "preset": "openai", "priority": 1, "limits": { "memory_bytes": 1_073_741_824u64 } },
        "version": 3, "source": { "from": "store" }, "endpoints": [["openai-chat", "https://h/v1"]],
        "keys": [
            { "id": 1, "label": "main", "tail": "c3d4", "kept": "sealed", "enabled": true, "state": "cooling",
              "cooldown_until_ms": NOW + 30_000, "failures": 2, "last_used_ms": NOW - 60_000, "version": 1 },
            { "id": 2, "label": "old", "tail": "", "kept": "env K", "enabled": false, "state": "good",
              "cooldown_until_ms": null, "failures": 0, "last_used_ms": null, "version": 1 },
        ],
        "models": [], "status": null, "created_ms": null, "updated_ms": null,
    })
}

#[test]
fn providers_and_their_keys() {
    let list = shown("providers", json!([provider()]));
    assert_eq!(
        list,
        "PROVIDER  STATE     PRESET  PRIO  KEYS  MODELS  FROM   ADDRESS\n\
         a         starting  openai  1     1     0       store  https://h/v1\n"
    );
    let one = shown("provider", provider());
    for expected in [
        "limits       memory 1.0 GiB\n",
        "openai-chat  https://h/v1\n",
        "1    main   c3d4     sealed  cooling, again in 30s  60s ago  2\n",
        "2    old             env K   disabled               -        0\n",
        "no models are known\n",
    ] {
        assert!(one.contains(expected), "{expected} in\n{one}");
    }
    assert!(shown("providers", json!([])).contains("llm-link providers add NAME"));
}

#[test]
fn changes_say_whether_they_are_in_force() {
    let done = json!({ "epoch": 7, "pending": [], "now": null });
    assert_eq!(shown("changed", done), "in force as configuration 7\n");
    let pending = json!({
        "epoch": 8, "pending": [{ "process": "router", "reason": "it is being replaced" }],
        "now": { "what": "provider", "is": provider() },
    });
    assert_eq!(
        shown("changed", pending),
        "provider a\nstored as configuration 8, not in force everywhere yet:\n  router: it is being replaced\n"
    );
    let differences = json!([
        { "verb": "create", "object": "app_key", "name": "web/ci", "fields": [] },
        { "verb": "update", "object": "provider", "name": "a", "fields": [["priority", 0, 1], ["proxy", null, "direct"]] },
    ]);
    assert_eq!(
        shown("differences", differences),
        "+ app key web/ci\n~ provider a\n    priority: 0 -> 1\n    proxy: nothing -> direct\n"
    );
    assert_eq!(shown("differences", json!([])), "no differences\n");
}

#[test]
fn a_new_key_is_shown_with_a_warning_and_no_other_time() {
    let view = json!({ "id": 1, "label": "ci", "prefix": "ll_ab", "created_ms": NOW, "expires_ms": null,
        "revoked_ms": null, "last_used_ms": null });
    let made = json!({ "app": "web", "view": view, "key": "ll_abcdef" });
    let now = json!({ "epoch": 2, "pending": [], "now": { "what": "app-key", "is": made } });
    let text = shown("changed", now);
    assert!(text.contains("key  ll_abcdef\nThis is the only time it is shown"), "{text}");
    let app = json!({
        "spec": { "name": "web", "limits": { "tokens_per_minute": 200_000, "cost_per_day_nano": 10_500_000_000u64 } },
        "source": { "from": "store" }, "version": 1, "route": null, "route_version": 0, "keys": [view],
        "levels": [{ "limit": "tokens_per_minute", "used": 12_000, "of": 200_000, "resets_in_ms": 1500 }],
        "created_ms": null, "updated_ms": null,
    });
    let text = shown("app", app);
    for expected in [
        "200.0k tokens/min, 10.5000 cost/day",
        "tokens_per_minute  12.0k of 200.0k  empty in 1.5 s",
        "1    ci     ll_ab…  good   -     2026-11-28\n",
    ] {
        assert!(text.contains(expected), "{expected} in\n{text}");
    }
}

#[test]
fn a_refusal_names_the_fields() {
    let mut refused = Refusal::new(RefusalKind::Invalid, "the provider is not valid");
    refused.fields.push(protocol::control::FieldError {
        field: "limits.memory_bytes".to_owned(),
        message: "must be at least 64 MiB".to_owned(),
    });
    refused.retry_after_ms = Some(1_200);
    assert_eq!(
        reply_text(&ControlReply::Refused(refused)),
        "llm-link: the provider is not valid\n  limits.memory_bytes: must be at least 64 MiB\n  again in 2 s\n"
    );
}

fn call() -> Value {
    json!({
        "id": "c1", "at": NOW, "app": "web", "provider": "a", "model": "fast", "upstream_model": "m",
        "dialect": "openai-chat", "operation": "chat", "status": 200, "failure": null, "attempts": 2,
        "stream": true, "request_bytes": 10, "usage": { "input_fresh": 12_345, "cache_read": null,
        "cache_write": null, "output": 7, "reasoning": null }, "usage_source": "Reported",
        "cost_nano": 12_300_000, "currency": "USD",
        "timings": { "total_us": 1_500_000, "first_token_us": 250_000, "upstream_us": 1_499_000 },
    })
}

#[test]
fn calls_and_their_decisions() {
    let list = shown("calls", json!([call()]));
    let row =
        "2026-11-28 00:00:00  web  fast   a         200     2      1.5 s  250 ms  12.3k/7  0.0123 USD  c1";
    assert!(list.lines().nth(1) == Some(row), "{list}");
    let trace = json!({
        "rule": "priority", "candidates": ["b/m", "a/m"], "excluded": [{ "candidate": "d/m", "reason": "draining" }],
        "attempts": [{ "candidate": "b/m", "began_us": 0, "took_us": 900, "queue_us": null, "connect_us": null,
            "first_byte_us": null, "first_token_us": null, "failure": "Unreachable", "message": "refused" }],
        "committed_us": 250_000, "losses": ["top_k"], "stop_reason": null, "notes": ["hedged"],
    });
    let text = shown("call", json!({ "call": call(), "trace": trace }));
    for expected in [
        "of it ours   1.0 ms\n",
        "counted      reported\n",
        "not d/m: draining\n",
        "could not be said: top_k\n",
        "b/m        0 µs   900 µs  -        -           -            Unreachable: refused\n",
    ] {
        assert!(text.contains(expected), "{expected} in\n{text}");
    }
}

#[test]
fn lines_and_events() {
    let line = json!({ "seq": 1, "at": NOW + 250, "process": "a", "generation": 3, "level": "WARN",
        "text": "low\u{1b}[2J", "call": null });
    assert_eq!(shown("logs", json!([line])), "00:00:00.250 WARN  a/3 low\\u{1b}[2J\n");
    let event = json!({ "id": 1, "at": NOW, "severity": "critical", "kind": "worker.exited", "subject": "a",
        "generation": 3, "message": "killed by a signal", "actor": "ada", "detail": null });
    assert_eq!(
        shown("events", json!([event])),
        "2026-11-28 00:00:00 worker.exited      a killed by a signal (by ada)\n"
    );
}

#[test]
fn values_in_force_say_where_they_come_from() {
    let values = json!([
        { "path": "server.listen", "value": ["127.0.0.1:8080"], "source": { "from": "file", "at": "a.toml:2" }, "hidden": null },
        { "path": "providers.a.priority", "value": 1, "source": { "from": "file", "at": "a.toml:9" }, "hidden": 5 },
    ]);
    assert_eq!(
        shown("config", values),
        "VALUE                 IS                  FROM\n\
         server.listen         [\"127.0.0.1:8080\"]  a.toml:2\n\
         providers.a.priority  1                   a.toml:9  hides 5\n"
    );
}

#[test]
fn usage_says_what_it_does_not_know() {
    let meter = |calls: u64, failed: u64| {
        json!({ "calls": calls, "failed": failed, "usage": { "input_fresh": 1000, "cache_read": null,
            "cache_write": null, "output": 50, "reasoning": null }, "cost_nano": { "USD": 2_000_000 },
            "unpriced": 3, "failures": { "Timeout": failed }, "latency": { "p50_us": 1000, "p95_us": 20_000 } })
    };
    let report = json!({ "since_ms": NOW - 3_600_000, "until_ms": NOW, "slot_s": 60, "total": meter(20_000, 2),
        "before": meter(0, 0), "groups": { "a": meter(20_000, 2) }, "series": [], "series_by_group": {} });
    let text = shown("meter", report);
    for expected in [
        "2026-11-27 23:00:00 to 2026-11-28 00:00:00\n",
        "a       20.0k  2       1000  -       50   0.0020 USD  1.0 ms  20 ms  -          -\n",
        "failures: Timeout 2\n",
        "3 calls without a price\n",
    ] {
        assert!(text.contains(expected), "{expected} in\n{text}");
    }
}
