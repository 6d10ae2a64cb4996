//! What a configuration means.

use super::*;
use protocol::ipc::configure::{AuthScheme, HttpUpstream, ModelFacts, Proxy, SandboxMode, Upstream};
use std::time::Duration;

fn http(provider: &Provider) -> &HttpUpstream {
    match &provider.upstream {
        Upstream::Http(http) => http,
        Upstream::Demo => panic!("{} is a demo", provider.name),
    }
}

fn urls(provider: &Provider) -> Vec<String> {
    http(provider).endpoints.iter().map(|e| format!("{} {}", e.dialect, e.base_url)).collect()
}

fn one(lines: &str, pretend: &Pretend) -> Provider {
    let settings = settings_with(&format!("[[providers]]\nname = \"a\"\n{lines}"), pretend);
    settings.providers.into_iter().next().expect("a provider")
}

#[test]
fn nothing_configured_is_an_open_demo_on_loopback() {
    let loaded = load(&Origin::Embedded, &Overrides::default(), &Pretend::default(), Account::Root);
    assert_eq!(loaded.watch, Vec::<PathBuf>::new());
    let Ok((_, settings)) = loaded.outcome else { panic!("refused") };
    assert_eq!(settings.server.listeners.len(), 1);
    assert_eq!(settings.server.listeners[0].address.to_string(), "127.0.0.1:8080");
    assert!(settings.server.listeners[0].open);
    assert_eq!(settings.server.directories.state, PathBuf::from("/var/lib/llm-link"));
    assert_eq!(settings.server.directories.runtime, PathBuf::from("/run/llm-link"));
    assert_eq!(settings.providers[0].upstream, Upstream::Demo);
    assert_eq!(settings.providers[0].models[0].id, "demo");
    assert_eq!(settings.apps[0].name, "default");
    assert_eq!(settings.log.filter, "info");
    let limits = settings.server.limits;
    assert_eq!((limits.body_bytes, limits.hold_bytes, limits.header_bytes), (64 << 20, 8 << 20, 64 << 10));
    assert_eq!(limits.connections, 10_000);
    assert_eq!((limits.read_timeout_ms, limits.drain_ms), (30_000, 120_000));
}

#[test]
fn every_key_of_a_provider_reaches_its_place() {
    let pretend = Pretend::default().with_file("a.key", "sk-1\n");
    let lines = r#"
        dialect = "anthropic"
        base_url = "http://127.0.0.1:9000/"
        key = { file = "a.key" }
        models = ["m1", { id = "m2", context = 10, tools = true }]
        priority = -3
        sandbox = "required"
        memory_limit = "256MiB"
        files = 100
        max_concurrent = 7
        max_queue = 8
        pool_idle = 9
        proxy = "http://me:pw@proxy:3128"
        headers = { X-Title = "t" }
        quirks = { anthropic = { beta = true } }
        timeouts = { connect = "1s", first_token = "2s", idle = "3s", total = "4s", total_stream = "5s" }
    "#;
    let provider = one(lines, &pretend);
    assert_eq!(provider.preset, "openai-compatible");
    assert_eq!(urls(&provider), ["anthropic http://127.0.0.1:9000/v1"]);
    assert_eq!(provider.key.as_ref().map(|key| key.expose().to_vec()), Some("sk-1".into()));
    let http = http(&provider);
    assert_eq!(http.auth, AuthScheme::ByDialect);
    assert!(http.needs_key);
    assert_eq!(http.headers, [("x-title".to_owned(), "t".to_owned())]);
    assert_eq!(
        http.proxy,
        Proxy::Url("http://proxy:3128".to_owned()),
        "a login in the address is taken out of it"
    );
    assert_eq!(provider.proxy_login.as_ref().map(|login| login.expose().to_vec()), Some("me:pw".into()));
    assert_eq!(http.quirks["anthropic"], serde_json::json!({ "beta": true }));
    assert_eq!(
        http.models["m2"],
        ModelFacts { context: Some(10), tools: Some(true), ..ModelFacts::default() }
    );
    assert_eq!(provider.priority, -3);
    assert_eq!(provider.sandbox, SandboxMode::Required);
    let limits = provider.limits;
    assert_eq!((limits.memory, limits.files, limits.max_streams, limits.pool_idle), (256 << 20, 100, 7, 9));
    assert_eq!(provider.max_queue, 8);
    let t = provider.timeouts;
    assert_eq!(
        [t.connect_ms, t.first_token_ms, t.idle_ms, t.total_ms, t.total_stream_ms],
        [1, 2, 3, 4, 5].map(|s| Duration::from_secs(s).as_millis() as u64)
    );
}

#[test]
fn a_preset_gives_what_is_not_said() {
    let pretend =
        Pretend::default().with_env("ALIYUN_API_KEY", "second-choice").with_env("DASHSCOPE_API_KEY", "");
    let provider =
        one("preset = \"qwen\"\nmodels = [\"qwen-max\", { id = \"qwen-plus\", context = 5 }]", &pretend);
    assert_eq!(provider.preset, "aliyun");
    assert_eq!(provider.key.as_ref().map(|key| key.expose().to_vec()), Some("second-choice".into()));
    assert_eq!(urls(&provider)[0], "openai-chat https://dashscope.aliyuncs.com/compatible-mode/v1");
    assert_eq!(provider.models.len(), 2);
    assert_eq!(provider.models[0].facts.context, Some(32_768));
    assert_eq!((provider.models[1].facts.context, provider.models[1].facts.reasoning), (Some(5), Some(true)));
    let quirks = &http(&provider).quirks["openai-chat"];
    assert_eq!(quirks["thinking"], "enable");

    let typed = "preset = \"qwen\"\nquirks = { openai-chat = { thinking = \"effort\" } }";
    let merged = one(typed, &pretend);
    assert_eq!(http(&merged).quirks["openai-chat"]["thinking"], "effort");
    assert_eq!(http(&merged).quirks["openai-chat"]["stream_only"], true);
}

#[test]
fn without_a_key_no_header_is_sent() {
    let provider = one("preset = \"ollama\"\nbase_url = \"http://gpu:11434\"", &Pretend::default());
    assert_eq!(http(&provider).auth, AuthScheme::None);
    assert!(!http(&provider).needs_key);
    assert_eq!(urls(&provider), ["ollama http://gpu:11434", "openai-chat http://gpu:11434/v1"]);
}

#[test]
fn one_url_for_each_dialect_in_the_presets_order() {
    let lines = "base_url = { anthropic = \"http://h/a\", openai-chat = \"http://h/o\" }";
    let provider = one(lines, &Pretend::default());
    assert_eq!(urls(&provider), ["openai-chat http://h/o/v1", "anthropic http://h/a/v1"]);
}

#[test]
fn a_disabled_provider_needs_no_key_yet() {
    let text =
        "[[providers]]\nname = \"a\"\npreset = \"openai\"\nenabled = false\nkey = { file = \"later.key\" }";
    let loaded = load_file(text, &Pretend::default());
    assert_eq!(loaded.watch, [PathBuf::from("a.toml"), PathBuf::from("later.key")]);
    let Ok((_, settings)) = loaded.outcome else { panic!("refused") };
    assert_eq!(settings.providers[0].enabled, Enabled::No);
}

#[test]
fn proxies_of_the_environment_are_read_once() {
    let lines = "base_url = \"http://h\"";
    let proxy = |pretend: &Pretend, lines: &str| http(&one(lines, pretend)).proxy.clone();
    assert_eq!(proxy(&Pretend::default(), lines), Proxy::Direct);
    let set = Pretend::default().with_env("HTTPS_PROXY", "http://p:1").with_env("no_proxy", "localhost");
    let found =
        Proxy::Environment { http: String::new(), https: "http://p:1".into(), no: "localhost".into() };
    assert_eq!(proxy(&set, lines), found);
    assert_eq!(proxy(&set, "base_url = \"http://h\"\nproxy = \"direct\""), Proxy::Direct);
    let typed = "base_url = \"http://h\"\nproxy = \"socks5h://me:pw@p:1080\"";
    assert_eq!(proxy(&set, typed), Proxy::Url("socks5h://p:1080".to_owned()));
}

#[test]
fn who_may_call_without_a_key() {
    let web = "[[apps]]\nname = \"web\"\nkeys = [{ env = \"K\" }]\n";
    let pretend = Pretend::default().with_env("K", "k-1");
    let open = |server: &str, apps: &str| {
        let settings = settings_with(&format!("[server]\n{server}\n{apps}{DEMO}"), &pretend);
        let apps: Vec<_> = settings.apps.iter().map(|app| app.name.clone()).collect();
        (settings.server.listeners.iter().map(|l| l.open).collect::<Vec<_>>(), apps.join(" "))
    };
    let two = "listen = [\"127.0.0.1:1\", \"0.0.0.0:2\"]";
    assert_eq!(open("", ""), (vec![true], "default".to_owned()));
    assert_eq!(open("", web), (vec![false], "web".to_owned()));
    assert_eq!(open("open = false", ""), (vec![true], "default".to_owned()));
    assert_eq!(open(two, web), (vec![false, false], "web".to_owned()));
    assert_eq!(open(&format!("{two}\nopen = true"), ""), (vec![true, true], "default".to_owned()));
    assert_eq!(open(&format!("{two}\nopen = true"), web), (vec![true, true], "default web".to_owned()));
    let own = "[[apps]]\nname = \"default\"\nstrict = true\n";
    assert!(settings(&format!("{own}{DEMO}")).apps[0].strict);
}

#[test]
fn whoever_chooses_the_state_directory_gets_its_sockets_below_it() {
    let directories = |text: &str, overrides: &Overrides, pretend: &Pretend| {
        let pretend = pretend.clone().with_file("/etc/a.toml", text);
        let origin = Origin::File(PathBuf::from("/etc/a.toml"));
        let found = find_directories(&origin, overrides, &pretend, Account::Root);
        let loaded = load(&origin, overrides, &pretend, Account::Root).outcome;
        assert_eq!(found.as_ref().ok(), loaded.ok().map(|(_, s)| s.server.directories).as_ref());
        found.map(|d| format!("{} {}", d.state.display(), d.runtime.display())).unwrap_or_default()
    };
    let none = Overrides::default();
    let here = Overrides { state_dir: Some("/tmp/s".to_owned()), ..Overrides::default() };
    let plain = Pretend::default();
    assert_eq!(directories(DEMO, &none, &plain), "/var/lib/llm-link /run/llm-link");
    assert_eq!(directories(DEMO, &here, &plain), "/tmp/s /tmp/s/run");
    let both = format!("[server]\nstate_dir = \"s\"\nruntime_dir = \"/r\"{DEMO}");
    assert_eq!(directories(&both, &none, &plain), "/etc/s /r");
    assert_eq!(directories(&both, &here, &plain), "/tmp/s /tmp/s/run");
}

#[test]
fn flags_win_over_the_file_and_rust_log_over_both() {
    let text =
        format!("[server]\nlisten = \"127.0.0.1:1\"\n[log]\nlevel = \"warn\"\nformat = \"json\"{DEMO}");
    let overrides = Overrides {
        listen: vec!["localhost:2".to_owned(), "[::1]:0".to_owned()],
        log_level: Some("debug".to_owned()),
        state_dir: None,
    };
    let load = |pretend: Pretend| {
        let pretend = pretend.with_file("a.toml", &text);
        load(&Origin::File("a.toml".into()), &overrides, &pretend, Account::Root)
            .outcome
            .map(|(_, settings)| settings)
    };
    let Ok(settings) = load(Pretend::default()) else { panic!("refused") };
    let addresses: Vec<_> = settings.server.listeners.iter().map(|l| l.address.to_string()).collect();
    assert_eq!(addresses, ["127.0.0.1:2", "[::1]:0"]);
    assert_eq!(settings.log, resolved::Log { filter: "debug".to_owned(), format: LogFormat::Json });
    let Ok(settings) = load(Pretend::default().with_env("RUST_LOG", "info,llm_link=trace")) else {
        panic!("refused")
    };
    assert_eq!(settings.log.filter, "info,llm_link=trace");
    let Ok(settings) = load(Pretend::default().with_env("RUST_LOG", "loud")) else { panic!("refused") };
    assert_eq!(settings.log.filter, "debug");
    assert_eq!(settings.warnings, ["RUST_LOG is ignored: `loud` is no log level"]);
}

#[test]
fn warnings() {
    let pretend = Pretend::default().with_env("K", "k-1");
    let text = "[server]\nlisten = \"0.0.0.0:80\"\nopen = true\n[[providers]]\nname = \"a\"\nbase_url = \"http://far.example:1\"\nkey = { env = \"K\" }";
    assert_eq!(
        settings_with(text, &pretend).warnings,
        [
            "0.0.0.0:80 serves everyone who can reach it, without a key (`open = true`)",
            "the key of provider `a` travels unencrypted to `http://far.example:1/v1`",
            "provider `a` lists no models: clients reach it only as `a/MODEL`",
        ]
    );
}

#[test]
fn the_first_configuration_that_exists_is_taken() {
    let name = |named: Option<&str>, pretend: &Pretend| {
        Origin::find(named.map(PathBuf::from), pretend, Account::Root).name()
    };
    let nothing = Pretend::default();
    assert_eq!(name(None, &nothing), "built-in configuration");
    let etc = Pretend::default().with_file("/etc/llm-link/llm-link.toml", "");
    assert_eq!(name(None, &etc), "/etc/llm-link/llm-link.toml");
    let variable = etc.with_env("LLM_LINK_CONFIG", "/missing.toml");
    assert_eq!(name(None, &variable), "/missing.toml");
    assert_eq!(name(Some("given.toml"), &variable), "given.toml");
}

#[test]
fn an_app_means_what_it_says_and_else_what_the_server_says() {
    use protocol::ipc::configure::{Conditions, Hedge, Hold, Limits, Money, Rule};
    let text = r#"
        [server]
        max_attempts = 4
        deadline = "9s"
        utc_offset = "-03:30"
        [[providers]]
        name = "a"
        preset = "demo"
        rates = { tokens_per_minute = 7 }
        max_wait = "2s"
        models = [{ id = "m", deprecated = true, sunset = "2027-01-31", alternatives = ["n"], version = "v1",
                    prices = [{ since = 2026-06-01, currency = "USD", input = 2 }, { currency = "USD", input = 0.5 }] }]
        [[apps]]
        name = "x"
        keys = [{ env = "K", label = "ci", expires = "1970-01-02", limits = { concurrent = 2 } }, { env = "L" }]
        models = ["gpt-*"]
        rule = "latency"
        candidates = ["a", { provider = "a", model = "m", weight = 3, when = { dialects = ["ollama"], tools = true } }]
        fallback = "a/z"
        sticky = "X-Session"
        retry = { attempts_per_provider = 1, after_timeout = false }
        limits = { requests_per_minute = 60, queue = 0, wait = "0s" }
        budgets = { daily_tokens = 5, monthly_cost = ["1.5 USD", "2 CNY"] }
        hold = { chunks = 3, bytes = "1KiB", time = "250ms" }
        continuation = true
        hedge = { after = "800ms" }
    "#;
    let pretend = Pretend::default().with_env("K", "k").with_env("L", "l");
    let settings = settings_with(text, &pretend);
    assert_eq!(settings.server.utc_offset_min, -210);
    let provider = &settings.providers[0];
    assert_eq!((provider.rates.tokens_per_minute, provider.max_wait_ms), (Some(7), 2000));
    let model = &provider.models[0];
    assert!(model.deprecated && model.sunset_ms == Some(1_801_353_600_000));
    assert_eq!(
        (model.version.as_deref(), model.alternatives.as_slice()),
        (Some("v1"), &["n".to_owned()][..])
    );
    let prices: Vec<_> = model.prices.iter().map(|p| (p.since_ms > 0, p.input_fresh)).collect();
    assert_eq!(prices, [(false, Some(500_000)), (true, Some(2_000_000))], "newest last");
    let app = &settings.apps[0];
    let keys: Vec<_> =
        app.keys.iter().map(|k| (k.label.as_str(), k.expires_ms, k.limits.concurrent)).collect();
    assert_eq!(keys, [("ci", Some(86_400_000), Some(2)), ("key-2", None, None)]);
    assert_eq!((app.models.as_slice(), app.route.rule), (&["gpt-*".to_owned()][..], Some(Rule::Latency)));
    let steps: Vec<_> = app.route.candidates.iter().map(|s| (s.model.as_deref(), s.weight)).collect();
    assert_eq!(steps, [(None, 1), (Some("m"), 3)]);
    let dialects = vec![protocol::dialect::Dialect::Ollama];
    let when = Conditions { dialects, tools: Some(true), ..Conditions::default() };
    assert_eq!(app.route.candidates[1].when, when);
    assert_eq!(app.route.fallback[0].model.as_deref(), Some("z"));
    assert_eq!(app.route.sticky.as_deref(), Some("x-session"));
    let retry = app.retry;
    assert_eq!((retry.max_attempts, retry.attempts_per_provider, retry.deadline_ms), (4, 1, 9000));
    assert!(!retry.after_timeout);
    assert_eq!(
        (app.limits.rates.requests_per_minute, app.limits.queue, app.limits.wait_ms),
        (Some(60), 0, 0)
    );
    assert_eq!(app.limits.concurrent, Limits::default().concurrent);
    assert_eq!(app.budgets.daily.tokens, Some(5));
    let money = |nano, currency: &str| Money { nano, currency: currency.to_owned() };
    assert_eq!(app.budgets.monthly.cost, [money(1_500_000_000, "USD"), money(2_000_000_000, "CNY")]);
    assert_eq!(app.hold, Hold { chunks: 3, bytes: 1024, ms: 250 });
    assert!(app.continuation);
    assert_eq!(app.hedge, Hedge { enabled: true, after_ms: Some(800) });
}

#[test]
fn an_alias_with_weights_is_weighted() {
    use protocol::ipc::configure::Rule;
    let rule = |candidates: &str| {
        let text = format!("{DEMO}\n[[aliases]]\nname = \"f\"\ncandidates = [{candidates}]");
        settings(&text).aliases[0].rule
    };
    assert_eq!(rule("\"demo/m\""), Rule::Priority);
    assert_eq!(rule("{ provider = \"demo\", model = \"m\", weight = 2 }"), Rule::Weighted);
}

#[test]
fn secrets_besides_the_key_travel_with_it() {
    let set = Pretend::default().with_env("LOGIN", "me:p w").with_file("/k/team", "Bearer x\n");
    let lines = "base_url = \"http://h\"\nproxy = \"http://p:1\"\nproxy_login = { env = \"LOGIN\" }\n\
        secret_headers = { X-Team = { file = \"/k/team\" } }";
    let text = format!("[[providers]]\nname = \"a\"\ndialect = \"openai-chat\"\n{lines}\n");
    let provider = settings_with(&text, &set).providers.remove(0);
    assert!(http(&provider).needs_key, "they arrive as a key does");
    let sent = provider.credentials().unwrap();
    assert_eq!(sent.as_slice(), b"\nproxy me:p w\nheader x-team: Bearer x");
    let other = Pretend::default().with_env("LOGIN", "me:p w").with_file("/k/team", "Bearer y\n");
    let changed = settings_with(&text, &other).providers.remove(0);
    assert_ne!(provider.fingerprint(), changed.fingerprint(), "another value is another worker");
}
