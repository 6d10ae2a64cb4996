//! What children are told, and when a worker must be replaced.

use super::*;
use protocol::ipc::configure::{Lane, RouterConfig, Upstream, WorkerState};

const TWO: &str = r#"
    [[providers]]
    name = "a"
    base_url = "http://127.0.0.1:9000"
    key = { env = "K" }
    models = ["m1"]
    fallback = ["b"]
    [[providers]]
    name = "b"
    preset = "demo"
    enabled = false
    [[apps]]
    name = "web"
    keys = [{ env = "W" }]
    [[aliases]]
    name = "fast"
    candidates = ["a/m1", "b/demo"]
"#;

fn machine() -> Pretend {
    Pretend::default().with_env("K", "sk-provider").with_env("W", "abc")
}

fn router(settings: &Settings) -> RouterConfig {
    settings.router_config(7, |provider| Standing {
        lane: Some(Lane { generation: 3, socket: format!("{}.sock", provider.name), token: vec![1] }),
        state: WorkerState::Ready,
        reason: "up".to_owned(),
    })
}

#[test]
fn the_router_is_told_everything_but_keys() {
    let config = router(&settings_with(TWO, &machine()));
    assert_eq!(config.epoch, 7);
    assert_eq!((config.listeners[0].index, config.listeners[0].address.as_str()), (0, "127.0.0.1:8080"));
    assert!(!config.listeners[0].open);
    assert_eq!(config.apps[0].name, "web");
    assert_eq!(
        config.apps[0].keys[0].hash,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    let a = &config.providers[0];
    assert_eq!((a.name.as_str(), a.preset.as_str(), a.state), ("a", "openai-compatible", WorkerState::Ready));
    assert_eq!(a.lane.as_ref().map(|lane| lane.socket.as_str()), Some("a.sock"));
    assert_eq!((a.fallback.as_slice(), a.models[0].id.as_str()), (&["b".to_owned()][..], "m1"));
    let b = &config.providers[1];
    assert_eq!(
        (b.state, b.lane.as_ref(), b.reason.as_str()),
        (WorkerState::Stopped, None, "disabled in the configuration")
    );
    assert_eq!(config.aliases[0].candidates.len(), 2);
    let json = serde_json::to_string(&config).expect("json");
    assert!(!json.contains("sk-provider") && !json.contains("\"abc\""));
}

#[test]
fn a_worker_is_told_its_own_and_no_key() {
    let settings = settings_with(TWO, &machine());
    let config = settings.providers[0].worker_config(4, &[9; 32]);
    assert_eq!((config.provider.as_str(), config.generation, config.token.len()), ("a", 4, 32));
    assert!(!serde_json::to_string(&config).expect("json").contains("sk-provider"));
    let demo = settings.providers[1].worker_config(1, &[]);
    assert_eq!(demo.upstream, Upstream::Demo);
}

/// The fingerprint of provider `a` after `from` in the file becomes `to`.
fn fingerprint(from: &str, to: &str, pretend: &Pretend) -> String {
    let text = TWO.replacen(from, to, 1);
    assert!(from == to || text != TWO, "{from} is not in the file");
    settings_with(&text, pretend).providers[0].fingerprint()
}

#[test]
fn a_worker_is_replaced_when_what_it_runs_on_changes() {
    let before = fingerprint("", "", &machine());
    assert_eq!(before, fingerprint("", "", &machine()), "it does not depend on chance");
    assert_ne!(before, fingerprint("", "", &machine().with_env("K", "sk-other")), "key");
    assert_ne!(before, fingerprint("9000", "9001", &machine()), "endpoint");
    assert_ne!(before, fingerprint("", "", &machine().with_env("https_proxy", "http://p")), "proxy");
    for more in [
        "sandbox = \"off\"",
        "memory_limit = \"2GiB\"",
        "files = 2048",
        "max_concurrent = 5",
        "pool_idle = 5",
        "headers = { x-a = \"1\" }",
        "quirks = { openai-chat = { x = 1 } }",
        "timeouts = { idle = \"5s\" }",
        "dialect = \"anthropic\"",
        "preset = \"vllm\"",
    ] {
        assert_ne!(
            before,
            fingerprint("name = \"a\"", &format!("name = \"a\"\n{more}"), &machine()),
            "{more}"
        );
    }
}

#[test]
fn a_worker_stays_when_only_routing_changes() {
    let before = fingerprint("", "", &machine());
    for (from, to) in [
        ("[\"m1\"]", "[\"m1\", \"m2\"]"),
        ("[\"m1\"]", "[{ id = \"m1\", context = 5 }]"),
        ("fallback = [\"b\"]", "priority = 5\nmax_queue = 3"),
        ("name = \"web\"", "name = \"other\"\nstrict = true"),
        ("[\"a/m1\", \"b/demo\"]", "[\"b/demo\"]"),
        ("enabled = false", "enabled = true"),
        ("preset = \"demo\"", "preset = \"demo\"\nsandbox = \"off\""),
    ] {
        assert_eq!(before, fingerprint(from, to, &machine()), "{to}");
    }
}
