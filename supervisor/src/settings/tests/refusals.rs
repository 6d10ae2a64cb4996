//! Every refusal, word by word: `PLACE: what | example`.

use super::*;

/// What is said about `text`, one line for each mistake.
fn said(text: &str) -> Vec<String> {
    said_with(text, &Pretend::default())
}

fn said_with(text: &str, pretend: &Pretend) -> Vec<String> {
    let said = mistakes_with(text, pretend);
    let lines: Vec<_> = said.lines().collect();
    lines.chunks(2).map(|pair| pair.join("").replace("    example: ", " | ")).collect()
}

/// A demo configuration with these lines in front.
fn demo_after(lines: &str) -> Vec<String> {
    said(&format!("{lines}{DEMO}"))
}

/// A generic provider with these lines too, which start at line 4.
fn provider(lines: &str) -> Vec<String> {
    said(&format!("[[providers]]\nname = \"a\"\nbase_url = \"http://127.0.0.1:9000\"\n{lines}"))
}

#[test]
fn the_file() {
    assert_eq!(
        said("x = ["),
        [r#"a.toml:1:6: not valid TOML: unclosed array, expected `]` | name = "value""#]
    );
    assert_eq!(said("a = 1\na = 2"), [r#"a.toml:2:1: not valid TOML: duplicate key | name = "value""#]);
    assert_eq!(
        said("provider = 1"),
        ["a.toml:1:1: unknown key `provider` in the file; did you mean `providers`? | [[providers]]"]
    );
    assert_eq!(
        said(&format!("server = 1{DEMO}")),
        ["a.toml:1:10: `server` must be a table, not a number | [server]"]
    );
    assert_eq!(
        said("providers = 1.5")[0],
        "a.toml:1:13: `providers` must be a list, not a number with a fraction | [[providers]]"
    );
}

#[test]
fn a_file_that_cannot_be_used_at_all() {
    let refusal = |path: &str, pretend: &Pretend| {
        let origin = Origin::File(PathBuf::from(path));
        let outcome = load(&origin, &Overrides::default(), pretend, Account::Root).outcome;
        outcome.err().map(|m| m.to_string()).unwrap_or_default()
    };
    let example = "\n    example: llm-link check --config /etc/llm-link/llm-link.toml";
    assert_eq!(
        refusal("/no.toml", &Pretend::default()),
        format!("/no.toml: the configuration cannot be read: entity not found{example}")
    );
    assert_eq!(
        refusal("/old.yaml", &Pretend::default()),
        format!(
            "/old.yaml: this is a YAML file of an early llm-link; the configuration is TOML now{example}"
        )
    );
    let latin = Pretend::default().with_bytes("/l.toml", b"x = \"\xe4\"");
    assert_eq!(refusal("/l.toml", &latin), format!("/l.toml: the configuration is not UTF-8 text{example}"));
}

#[test]
fn addresses() {
    let listen = r#" | listen = ["127.0.0.1:8080"]"#;
    let at = |value: &str| demo_after(&format!("[server]\nlisten = {value}"));
    assert_eq!(at("1"), [format!("a.toml:2:10: `listen` must be text in quotes, not a number{listen}")]);
    assert_eq!(
        at(r#"["127.0.0.1:1", 2]"#),
        [format!("a.toml:2:26: `listen` must be text in quotes, not a number{listen}")]
    );
    assert_eq!(at("[]"), [format!("a.toml: `listen` is an empty list{listen}")]);
    assert_eq!(
        at(r#""example.com:1""#),
        [format!("a.toml:2:10: `example.com:1` is no address and port{listen}")]
    );
    assert_eq!(at(r#"["[::1]:1", "[::1]:1"]"#), [format!("a.toml:2:22: `[::1]:1` is listed twice{listen}")]);
    assert_eq!(
        at(r#""0.0.0.0:1""#),
        [
            "a.toml:2:10: `0.0.0.0:1` can be reached from other machines and no app has a key | open = true   # or give an app a key"
        ]
    );
}

#[test]
fn apps_of_listeners() {
    let at = |lines: &str| {
        let app = "[[apps]]\nname = \"ide\"\n[[apps]]\nname = \"team\"\nkeys = [{ env = \"K\" }]";
        demo_after(&format!("[server]\n{lines}\n{app}"))
    };
    let example = r#" | apps = { "127.0.0.1:8081" = "my-app" }"#;
    assert_eq!(
        at(r#"apps = { "127.0.0.1:1" = "ide" }"#)[0],
        format!("a.toml:2:10: `127.0.0.1:1` is to serve an app, but is not listened on{example}")
    );
    assert_eq!(
        at("listen = \"0.0.0.0:1\"\napps = { \"0.0.0.0:1\" = \"ide\" }")[0],
        "a.toml:3:10: `0.0.0.0:1` can be reached from other machines: everyone there would be the app `ide` without a key | open = true"
    );
    let two = "listen = \"127.0.0.1:1\"\napps = { \"127.0.0.1:1\" = \"ide\", \"localhost:1\" = \"team\" }";
    assert_eq!(at(two)[0], format!("a.toml:3:33: `127.0.0.1:1` is to serve two apps{example}"));
    assert_eq!(at("apps = 1")[0], format!("a.toml:2:8: `apps` must be a table, not a number{example}"));
}

#[test]
fn what_holds_for_many_is_wrong_once() {
    let text = "[[providers]]\nname = \"b\"\npreset = \"demo\"\n[defaults]\nsandbox = \"on\"\n[retention]\ncalls = 0";
    assert_eq!(
        demo_after(text),
        [
            r#"a.toml:5:11: `on` is not one of `best-effort`, `required`, `off` | sandbox = "best-effort""#,
            "a.toml:7:9: `calls` of 0 is not between 1 and 36500 | calls = 30   # days",
        ]
    );
}

#[test]
fn server() {
    let lines = "[server]\nbody_limit = \"1\"\nhold_limit = \"1XB\"\nheader_limit = \"1B\"\nread_timeout = \"1ms\"\n\
        connections = 0\ndeadline = \"x\"\nmax_attempts = 99\nattempts_per_provider = -1\nthreads = 1.5\n\
        runtime = \"mutli\"\nstate_dir = \"\"\nopen = \"yes\"\nlistne = 1\ncolour = 2";
    assert_eq!(
        demo_after(lines),
        [
            r#"a.toml:2:14: `1` is no size for `body_limit`: it has no unit | body_limit = "64MiB""#,
            r#"a.toml:3:14: `1XB` is no size for `hold_limit`: it has an unknown unit | hold_limit = "8MiB""#,
            r#"a.toml:4:16: `header_limit` of 1B is not between 8KiB and 1MiB | header_limit = "64KiB""#,
            r#"a.toml:5:16: `read_timeout` of 1ms is not between 100ms and 24h | read_timeout = "30s""#,
            "a.toml:6:15: `connections` of 0 is not between 1 and 1000000 | connections = 10000",
            r#"a.toml:7:12: `x` is no duration for `deadline`: it does not start with a number | deadline = "300s""#,
            "a.toml:8:16: `max_attempts` of 99 is not between 1 and 10 | max_attempts = 3",
            "a.toml:9:25: `attempts_per_provider` of -1 is not between 1 and 10 | attempts_per_provider = 2",
            "a.toml:10:11: `threads` must be a whole number, not a number with a fraction | threads = 4",
            r#"a.toml:11:11: `mutli` is not one of `multi`, `per-core`; did you mean `multi`? | runtime = "multi""#,
            r#"a.toml:12:13: `state_dir` is no path | state_dir = "/var/lib/llm-link""#,
            "a.toml:13:8: `open` must be true or false, not text | open = true",
            r#"a.toml:14:1: unknown key `listne` in [server]; did you mean `listen`? | listen = ["127.0.0.1:8080"]"#,
            "a.toml:15:1: unknown key `colour` in [server]; known are `listen`, `open`, `admin`, `apps`, `state_dir`, `runtime_dir`, \
             `body_limit`, `hold_limit`, `header_limit`, `read_timeout`, `connections`, `deadline`, `drain_timeout`, \
             `max_attempts`, `attempts_per_provider`, `threads`, `runtime`, `utc_offset` | listen = [\"127.0.0.1:8080\"]",
        ]
    );
}

#[test]
fn directories() {
    let long = "x".repeat(90);
    assert_eq!(
        demo_after(&format!("[server]\nruntime_dir = \"/{long}\"")),
        [
            "a.toml:2:15: the directory for sockets has a path of 91 bytes; more than 80 do not fit a socket's address | runtime_dir = \"/run/llm-link\""
        ]
    );
    let nobody = Pretend::default().with_file("a.toml", DEMO);
    let loaded = load(&Origin::File("a.toml".into()), &Overrides::default(), &nobody, Account::User);
    let said = loaded.outcome.err().map(|m| m.to_string());
    assert_eq!(
        said.as_deref(),
        Some(
            "a.toml: there is no directory for state: neither $XDG_STATE_HOME nor $HOME is an absolute path\n    example: state_dir = \"/var/lib/llm-link\""
        )
    );
}

#[test]
fn keys() {
    let example = r#" | key = { file = "/etc/llm-link/deepseek.key" }"#;
    let literal = "`key` holds a key itself; keys never stand in this file: name the file or the environment variable it is in";
    assert_eq!(provider("key = \"sk-secret\""), [format!("a.toml:4:7: {literal}{example}")]);
    assert_eq!(provider("key = 3"), [format!("a.toml:4:7: `key` must be a table, not a number{example}")]);
    assert_eq!(
        provider("key = {}"),
        [format!("a.toml:4:7: `key` needs exactly one of `file` and `env`{example}")]
    );
    assert_eq!(
        provider("key = { file = \"f\", env = \"E\" }"),
        [format!("a.toml:4:7: `key` needs exactly one of `file` and `env`{example}")]
    );
    assert_eq!(
        provider("key = { fil = \"f\" }"),
        [
            r#"a.toml:4:9: unknown key `fil` in a key reference; did you mean `file`? | { file = "/etc/llm-link/name.key" }"#
        ]
    );
    assert_eq!(
        provider("key = { env = \"sk-secret\" }"),
        [format!(
            "a.toml:4:7: `env` must be the name of an environment variable: letters, digits and `_`{example}"
        )]
    );
    assert_eq!(
        provider("key = { env = \"A_KEY\" }"),
        [format!("a.toml:4:7: the environment variable `A_KEY` is not set{example}")]
    );
    assert_eq!(
        provider("key = { file = \"/a.key\" }"),
        [format!("a.toml:4:7: the key file `/a.key` cannot be read: entity not found{example}")]
    );
}

#[test]
fn what_keys_hold() {
    let pretend = Pretend::default()
        .with_env("EMPTY", "")
        .with_env("SPACED", "sk secret")
        .with_file("blank.key", " \n")
        .with_file("long.key", &"k".repeat(20_000));
    let reference = |reference: &str| {
        let lines = format!("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\nkey = {reference}");
        let said = said_with(&lines, &pretend);
        assert_eq!(said.len(), 1, "{said:?}");
        said[0].split(" | ").next().unwrap_or_default().trim_start_matches("a.toml:4:7: ").to_owned()
    };
    assert_eq!(reference(r#"{ env = "EMPTY" }"#), "the key in the environment variable `EMPTY` is empty");
    assert_eq!(
        reference(r#"{ env = "SPACED" }"#),
        "the key in the environment variable `SPACED` holds a space, a line break or a character outside ASCII, which no header can carry"
    );
    assert_eq!(reference(r#"{ file = "blank.key" }"#), "the key in the file `blank.key` is empty");
    assert_eq!(
        reference(r#"{ file = "long.key" }"#),
        "the key in the file `long.key` is longer than 16 KiB, which no key is"
    );
    assert_eq!(reference(r#"{ file = "" }"#), "`file` is no path");
}

#[test]
fn a_preset_whose_key_is_nowhere() {
    assert_eq!(
        said("[[providers]]\nname = \"z\"\npreset = \"zhipu\""),
        [
            r#"a.toml:1:1: provider `z` needs a key: none is given and `ZHIPU_API_KEY` is not set | key = { env = "ZHIPU_API_KEY" }"#
        ]
    );
    assert_eq!(
        said("[[providers]]\nname = \"d\"\npreset = \"demo\"\nkey = { env = \"X\" }"),
        [r#"a.toml:4:7: provider `d` takes no key | preset = "deepseek""#]
    );
}

#[test]
fn names_and_presets() {
    let text = "[[providers]]\nname = \"A\"\n[[providers]]\n[[providers]]\nname = \"openai\"\n[[providers]]\n\
        name = \"b\"\npreset = \"deepsek\"\n[[providers]]\nname = \"c\"\npreset = \"nothing-like-it\"\n\
        [[providers]]\nname = \"b\"\npreset = \"demo\"";
    let none = "this provider has no `preset`, and no `dialect` and `base_url` instead | preset";
    assert_eq!(
        said(text),
        [
            format!("a.toml:1:1: {none} = \"deepseek\""),
            "a.toml:2:8: `A` is no name for providers: 1 to 63 of a-z, 0-9, `.`, `_` and `-`, starting with a letter or digit | name = \"deepseek\"".to_owned(),
            "a.toml:3:1: this provider has no `name` | name = \"deepseek\"".to_owned(),
            format!("a.toml:3:1: {none} = \"deepseek\""),
            format!("a.toml:4:1: {none} = \"openai\""),
            "a.toml:8:10: there is no preset `deepsek`; did you mean `deepseek`? | preset = \"deepseek\"".to_owned(),
            "a.toml:11:10: there is no preset `nothing-like-it`; `llm-link presets` shows them all | preset = \"deepseek\"".to_owned(),
            "a.toml:13:8: provider `b` is configured twice | name = \"a-name-of-its-own\"".to_owned(),
        ]
    );
}

#[test]
fn endpoints() {
    let one = |lines: &str| said(&format!("[[providers]]\nname = \"a\"\n{lines}"));
    let example = r#" | base_url = "https://api.example.com/v1""#;
    assert_eq!(
        one("dialect = \"gemini\""),
        [format!(
            "a.toml:3:11: preset `openai-compatible` has no known endpoint for the dialect `gemini`: it needs a `base_url`{example}"
        )]
    );
    assert_eq!(
        one("preset = \"openai-compatible\""),
        [format!("a.toml:1:1: preset `openai-compatible` needs a `base_url`{example}")]
    );
    assert_eq!(
        one("base_url = \"http://me:secret@h\""),
        [format!("a.toml:3:12: this `base_url` cannot be used: it holds a user name or password{example}")]
    );
    assert_eq!(
        one("base_url = \"h:1\""),
        [format!(
            "a.toml:3:12: this `base_url` cannot be used: it does not start with `http://` or `https://`{example}"
        )]
    );
    assert_eq!(one("base_url = {}"), [format!("a.toml:3:12: `base_url` is an empty table{example}")]);
    assert_eq!(
        one("base_url = \"http://h\"\ndialect = \"openai-chta\""),
        [
            "a.toml:4:11: `openai-chta` is not one of `openai-chat`, `openai-responses`, `anthropic`, `ollama`, `gemini`; did you mean `openai-chat`? | dialect = \"openai-chat\""
        ]
    );
    assert_eq!(
        one("preset = \"demo\"\nbase_url = \"http://h\""),
        [
            "a.toml:4:12: preset `demo` answers by itself and takes no `base_url` and no `dialect` | preset = \"demo\""
        ]
    );
    for own in ["http://localhost:8080", "http://127.0.0.1:8080/v1", "http://0.0.0.0:8080"] {
        let said = one(&format!("base_url = \"{own}\""));
        assert!(said[0].contains("where LLM Link itself listens (127.0.0.1:8080)"), "{said:?}");
    }
}

#[test]
fn models_and_fallbacks() {
    let id = "| models = [{ id = \"m1\", context = 128000 }]";
    assert_eq!(
        provider(
            "models = [1, \"m\", \"m\", {context = 1}, {id = \"x\", context = 0}, {id = \"y\", contex = 1}, \"a b\"]"
        ),
        [
            format!("a.toml:4:11: `models` must be a list of ids or tables, not a number {id}"),
            format!("a.toml:4:19: model `m` is listed twice {id}"),
            format!("a.toml:4:24: this model has no `id` {id}"),
            "a.toml:4:60: `context` of 0 is not between 1 and 1099511627776 | context = 128000".to_owned(),
            "a.toml:4:75: unknown key `contex` in a model; did you mean `context`? | context = 128000"
                .to_owned(),
            format!(
                "a.toml:4:88: a model id is 1 to 255 characters without spaces or control characters {id}"
            ),
        ]
    );
    let more = "\n[[providers]]\nname = \"backup\"\npreset = \"demo\"";
    assert_eq!(
        provider(&format!("fallback = [\"a\", \"bakcup\", \"nobody\", \"backup\", \"backup\"]{more}")),
        [
            "a.toml:4:13: provider `a` cannot be its own fallback | fallback = [\"other-provider\"]",
            "a.toml:4:18: fallback `bakcup` of provider `a` is not configured; did you mean `backup`? | fallback = [\"other-provider\"]",
            "a.toml:4:28: fallback `nobody` of provider `a` is not configured | fallback = [\"other-provider\"]",
            "a.toml:4:48: fallback `backup` of provider `a` is listed twice | fallback = [\"other-provider\"]",
        ]
    );
}

#[test]
fn headers_and_quirks() {
    let example = r#" | headers = { x-title = "LLM Link" }"#;
    assert_eq!(
        provider(
            "headers = { Authorization = \"x\", host = \"y\", \"a b\" = \"z\", ok = 1, fine = \"ä\", X-A = \"1\", x-a = \"2\" }"
        ),
        [
            format!(
                "a.toml:4:13: header `authorization` carries a key: use `key` or `secret_headers`, which stay out of this file{example}"
            ),
            format!("a.toml:4:34: header `host` belongs to the connection and cannot be set{example}"),
            format!("a.toml:4:46: `a b` is no header name{example}"),
            format!("a.toml:4:64: `this value` must be text in quotes, not a number{example}"),
            format!(
                "a.toml:4:67: the value of header `fine` holds characters that no header can carry{example}"
            ),
            format!("a.toml:4:90: header `x-a` is set twice{example}"),
        ]
    );
    let example = r#" | quirks = { openai-chat = { max_tokens = "max_tokens" } }"#;
    assert_eq!(
        provider("quirks = { openai-chat = 1, anthropic = { x = 1979-05-27, y = [nan] } }"),
        [
            format!("a.toml:4:12: the quirks of `openai-chat` must be a table{example}"),
            format!("a.toml:4:47: this value has no form in JSON{example}"),
        ]
    );
}

#[test]
fn bounds_of_a_provider() {
    let proxy = r#" | proxy = "http://proxy.example.com:3128"   # or "direct" or "environment""#;
    assert_eq!(
        provider("proxy = \"socks4://me:pw@x\"\nsandbox = \"requird\"\nmemory_limit = \"1MiB\"\nfiles = 3\nmax_concurrent = 0\npriority = 3000000000\ntimeouts = { connect = \"10\", conect = \"1s\" }\nenabled = 1"),
        [
            format!("a.toml:4:9: `proxy` is neither `direct`, `environment` nor an http, https or socks5 address{proxy}"),
            "a.toml:5:11: `requird` is not one of `best-effort`, `required`, `off`; did you mean `required`? | sandbox = \"best-effort\"".to_owned(),
            "a.toml:6:16: `memory_limit` of 1MiB is not between 64MiB and 1024GiB | memory_limit = \"1GiB\"".to_owned(),
            "a.toml:7:9: `files` of 3 is not between 64 and 1048576 | files = 1024".to_owned(),
            "a.toml:8:18: `max_concurrent` of 0 is not between 1 and 1000000 | max_concurrent = 1024".to_owned(),
            "a.toml:9:12: `priority` of 3000000000 is not between -2147483648 and 2147483647 | priority = 0".to_owned(),
            "a.toml:10:24: `10` is no duration for `connect`: it has no unit | timeouts = { connect = \"10s\" }".to_owned(),
            "a.toml:10:30: unknown key `conect` in timeouts; did you mean `connect`? | timeouts = { connect = \"10s\" }".to_owned(),
            "a.toml:11:11: `enabled` must be true or false, not a number | enabled = true".to_owned(),
        ]
    );
    assert_eq!(
        provider("proxy = \"http://me:pw@h:1/x\""),
        [format!("a.toml:4:9: `proxy` has a path{proxy}")]
    );
    assert_eq!(
        provider("proxy = \"http://me:pw@\""),
        [format!("a.toml:4:9: `proxy` cannot be used: it names no host{proxy}")]
    );
}

#[test]
fn aliases() {
    let candidates = r#" | candidates = ["deepseek/deepseek-chat", "openai/gpt-4o-mini"]"#;
    assert_eq!(
        provider("[[aliases]]\nname = \"f\"\ncandidates = [\"a\", \"b/m\", \"a/m\", \"a/m\", \"a/\"]\n[[aliases]]\nname = \"f\"\n[[aliases]]\nname = \"a/x\"\n[[aliases]]\n[[aliases]]\nname = \"a b\"\n[[aliases]]\nname = \"g\""),
        [
            format!("a.toml:6:15: candidate `a` is not of the form `provider/model`{candidates}"),
            format!("a.toml:6:20: candidate `b/m` names the unknown provider `b`{candidates}"),
            format!("a.toml:6:34: candidate `a/m` is listed twice{candidates}"),
            format!("a.toml:6:41: candidate `a/` is not of the form `provider/model`{candidates}"),
            "a.toml:8:8: alias `f` is configured twice | name = \"a-name-of-its-own\"".to_owned(),
            "a.toml:10:8: alias `a/x` reads as a model of provider `a` | name = \"fast\"".to_owned(),
            "a.toml:11:1: this alias has no `name` | name = \"fast\"".to_owned(),
            "a.toml:13:8: an alias is 1 to 255 characters without spaces or control characters | name = \"fast\"".to_owned(),
            format!("a.toml:14:1: alias `g` has no candidates{candidates}"),
        ]
    );
}

#[test]
fn apps_and_logs() {
    let keys = r#" | keys = [{ env = "WEB_KEY" }]"#;
    let pretend = Pretend::default().with_env("K", "k-1").with_file("k", "k-1\n").with_env("L", "l-1");
    let text = "[[apps]]\nname = \"web\"\n[[apps]]\nkeys = [\"x\"]\n[[apps]]\nname = \"one\"\nkeys = [{ env = \"K\" }, { file = \"k\" }]\n\
        [[apps]]\nname = \"two\"\nkeys = [{ env = \"K\" }]\n[[apps]]\nname = \"two\"\n[log]\nlevel = \"inof\"\nformat = \"xml\"";
    assert_eq!(
        said_with(&format!("{text}{DEMO}"), &pretend),
        [
            format!("a.toml:1:1: app `web` has no key, so nobody could be it{keys}"),
            "a.toml:3:1: this app has no `name` | name = \"web\"".to_owned(),
            format!(
                "a.toml:4:9: `keys` holds a key itself; keys never stand in this file: name the file or the environment variable it is in{keys}"
            ),
            format!("a.toml:7:24: app `one` has the same key twice{keys}"),
            format!("a.toml:10:9: apps `one` and `two` have the same key{keys}"),
            "a.toml:12:8: app `two` is configured twice | name = \"a-name-of-its-own\"".to_owned(),
            "a.toml:14:9: `inof` is no log level; did you mean `info`? | level = \"info\"".to_owned(),
            "a.toml:15:10: `xml` is not one of `text`, `json` | format = \"json\"".to_owned(),
        ]
    );
}

#[test]
fn a_key_that_cannot_be_read_is_one_mistake() {
    let text = "[server]\nlisten = \"0.0.0.0:1\"\n[[apps]]\nname = \"web\"\nkeys = [{ env = \"K\" }]";
    assert_eq!(
        demo_after(text),
        ["a.toml:5:9: the environment variable `K` is not set | keys = [{ env = \"WEB_KEY\" }]"]
    );
}

#[test]
fn what_flags_say_is_refused_by_the_flags_name() {
    let overrides = Overrides {
        listen: vec!["nowhere".to_owned()],
        state_dir: Some(String::new()),
        log_level: Some("loud".to_owned()),
    };
    let pretend = Pretend::default().with_file("a.toml", DEMO);
    let loaded = load(&Origin::File("a.toml".into()), &overrides, &pretend, Account::Root);
    let said = loaded.outcome.err().map(|m| m.to_string()).unwrap_or_default();
    let whats: Vec<_> = said.lines().step_by(2).collect();
    assert_eq!(
        whats,
        [
            "--state-dir: `state_dir` is no path",
            "--listen: `nowhere` is no address and port",
            "--log-level: `loud` is no log level"
        ]
    );
}

/// An app with these lines, which start at line 4, in front of the provider `a`.
fn app(lines: &str) -> Vec<String> {
    let pretend = Pretend::default().with_env("K", "k1").with_env("L", "k2");
    said_with(&format!("[[apps]]\nname = \"x\"\n{lines}\n{DEMO}"), &pretend)
}

#[test]
fn the_way_of_an_apps_calls() {
    let key = "keys = [{ env = \"K\" }]\n";
    let one = |line: &str| app(&format!("{key}{line}"));
    assert_eq!(
        one("candidates = [\"no/m\", 1]"),
        [
            "a.toml:4:15: candidate `no/m` names the unknown provider `no` | candidates = [\"deepseek/deepseek-chat\", { provider = \"openai\", weight = 2 }]",
            "a.toml:4:23: `candidates` must be text in quotes or a table, not a number | candidates = [\"deepseek/deepseek-chat\", { provider = \"openai\", weight = 2 }]",
        ]
    );
    assert_eq!(
        one("candidates = [{ model = \"m\", weight = 0 }, \"demo/m\", \"demo/m\"]"),
        [
            "a.toml:4:15: this entry of `candidates` has no `provider` | candidates = [{ provider = \"openai\", model = \"gpt-4o\", weight = 2 }]",
            "a.toml:4:39: `weight` of 0 is not between 1 and 1000000 | { provider = \"openai\", weight = 2 }",
            "a.toml:4:54: candidate `demo/m` is listed twice | candidates = [\"deepseek/deepseek-chat\", { provider = \"openai\", weight = 2 }]",
        ]
    );
    assert_eq!(
        one(
            "fallback = { provider = \"demo\", when = { dialects = [\"openai\"], min_context = 9, max_context = 8 } }"
        ),
        [
            "a.toml:4:54: `openai` is not one of `openai-chat`, `openai-responses`, `anthropic`, `ollama`, `gemini` | dialect = \"openai-chat\"",
            "a.toml:4:79: no call fits: `min_context` is larger than `max_context` | when = { min_context = 32000 }",
        ]
    );
    assert_eq!(
        one("rule = \"latancy\"\nsticky = \"a b\"\nmodels = [\"\"]"),
        [
            "a.toml:4:8: `latancy` is not one of `priority`, `round_robin`, `weighted`, `least_connections`, `latency`; did you mean `latency`? | rule = \"latency\"",
            "a.toml:5:10: `a b` is no name of a header | sticky = \"x-session-id\"",
            "a.toml:6:11: a pattern is 1 to 255 characters without spaces or control characters | models = [\"gpt-*\", \"fast\"]",
        ]
    );
}

#[test]
fn the_bounds_of_an_app() {
    let key = "keys = [{ env = \"K\" }]\n";
    let one = |line: &str| app(&format!("{key}{line}"));
    assert_eq!(
        one("limits = { requests_per_second = 0, queue = -1, wait = \"2d\" }"),
        [
            "a.toml:4:34: `requests_per_second` of 0 is not between 1 and 1000000 | { requests_per_second = 50 }",
            "a.toml:4:45: `queue` of -1 is not between 0 and 1000000 | limits = { queue = 256 }",
            "a.toml:4:56: `2d` is no duration for `wait`: it has an unknown unit | limits = { wait = \"30s\" }",
        ]
    );
    assert_eq!(
        one("budgets = { daily_cost = \"10\", monthly_cost = [\"1 USD\", \"2 USD\"] }"),
        [
            "a.toml:4:26: `10` is no amount for `daily_cost`: a number and a currency are | budgets = { daily_cost = \"10 USD\" }",
            "a.toml:4:57: `monthly_cost` names USD twice | budgets = { monthly_cost = [\"200 USD\", \"500 CNY\"] }",
        ]
    );
    assert_eq!(
        app("keys = [{ env = \"K\", label = \"a\" }, { env = \"L\", label = \"a\", expires = \"soon\" }]"),
        [
            "a.toml:3:58: two keys of an app have the label `a` | keys = [{ env = \"CI_KEY\", label = \"ci\" }]",
            "a.toml:3:73: `expires` must be a date such as 2027-01-31 or 2027-01-31T12:00:00Z, not text | keys = [{ env = \"CI_KEY\", expires = \"2027-01-31\" }]",
        ]
    );
}

#[test]
fn the_life_and_the_price_of_a_model() {
    let one = |fields: &str| provider(&format!("models = [{{ id = \"m\", {fields} }}]"));
    assert_eq!(
        one("sunset = 2027-01-31, alternatives = [\"m\", \"\"]"),
        [
            "a.toml:4:32: model `m` has a `sunset` but is not `deprecated` | deprecated = true, sunset = \"2027-01-31\"",
            "a.toml:4:60: model `m` cannot be its own alternative | alternatives = [\"m2\", \"other/m3\"]",
            "a.toml:4:65: `` is no model, nor of the form `provider/model` | alternatives = [\"m2\", \"other/m3\"]",
        ]
    );
    assert_eq!(
        one("prices = [{ input = -1, currency = \"usd\" }, {}]"),
        [
            "a.toml:4:43: `input` of -1 is no price | input = 0.27",
            "a.toml:4:58: `usd` is no currency: three capital letters such as USD or CNY are | currency = \"USD\"",
            "a.toml:4:67: this price has no `currency` | currency = \"USD\"",
            "a.toml:4:67: two prices of a model begin at the same time | since = \"2026-01-01\"",
        ]
    );
}
