//! The flags of llm-link 0.7 and earlier.

use super::*;
use crate::settings::{Settings, load};
use protocol::ipc::configure::{HttpUpstream, Upstream};

fn outcome(line: &str, pretend: &Pretend) -> Result<Settings, String> {
    match parsed(line, pretend) {
        Ok(Command::Serve(source)) => {
            let loaded = load(&source.origin, &source.overrides, pretend, Account::Root);
            loaded.outcome.map(|(_, settings)| settings).map_err(|m| m.to_string())
        }
        Ok(other) => panic!("{line}: {}", described(&other)),
        Err(stop) => Err(stop.text),
    }
}

fn settings(line: &str) -> Settings {
    outcome(line, &Pretend::default()).unwrap_or_else(|said| panic!("{line}: {said}"))
}

fn said(line: &str) -> Vec<String> {
    let said = outcome(line, &Pretend::default()).err().unwrap_or_default();
    said.lines().map(|line| line.trim().to_owned()).collect()
}

fn listeners(settings: &Settings) -> String {
    let one = |l: &crate::settings::Listener| format!("{}{}", l.address, if l.open { " open" } else { "" });
    settings.server.listeners.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn http(settings: &Settings) -> &HttpUpstream {
    match &settings.providers[0].upstream {
        Upstream::Http(http) => http,
        Upstream::Demo => panic!("a demo"),
    }
}

fn key(settings: &Settings) -> Option<String> {
    let text = |key: &crate::settings::Secret| String::from_utf8_lossy(&key.expose()).into_owned();
    settings.providers[0].key.as_ref().map(text)
}

#[test]
fn the_codex_line_of_0_7() {
    let settings = settings("--app codex --provider zhipu --api-key K --model glm-4.6 --auth-key T");
    assert_eq!(listeners(&settings), "127.0.0.1:8088");
    assert_eq!(settings.providers[0].name, "zhipu");
    assert_eq!(key(&settings).as_deref(), Some("K"));
    assert_eq!(settings.providers[0].models[0].id, "glm-4.6");
    assert_eq!(settings.providers[0].models[0].facts.context, Some(200_000));
    assert!(settings.providers[0].models.len() > 5);
    assert_eq!((settings.apps.len(), settings.apps[0].name.as_str()), (1, "codex-cli"));
    assert_eq!(settings.apps[0].keys.len(), 1);
    let aliases: Vec<_> =
        settings.aliases.iter().map(|a| (a.name.as_str(), a.candidates[0].model.as_str())).collect();
    assert_eq!(aliases, [("*", "glm-4.6"), ("default", "glm-4.6"), ("", "glm-4.6")]);
    let seen = |flag| {
        format!(
            "the key given by `{flag}` can be seen by everyone on this machine (in `ps`); a configuration file names a file or variable instead"
        )
    };
    assert_eq!(settings.warnings, [seen("--api-key"), seen("--auth-key")]);
}

#[test]
fn the_zed_line_of_the_shipped_scripts() {
    let settings = settings(
        "--app zed --protocols ollama --provider aliyun --model qwen3-coder-plus --llm-api-key K --port 11434",
    );
    assert_eq!(listeners(&settings), "127.0.0.1:11434 open");
    assert_eq!(key(&settings).as_deref(), Some("K"));
    assert_eq!(http(&settings).endpoints[0].base_url, "https://dashscope.aliyuncs.com/compatible-mode/v1");
    assert_eq!(settings.apps[0].name, "default");
}

#[test]
fn every_app_and_mode_has_its_port() {
    for (flags, expected) in [
        ("--app codex-cli", "127.0.0.1:8088 open"),
        ("--app ZED", "127.0.0.1:11434 open"),
        ("-a aider", "127.0.0.1:8090 open"),
        ("--app openhands", "127.0.0.1:8091 open"),
        ("--app claude", "127.0.0.1:8089 open"),
        ("--app agent-zero", "127.0.0.1:8092 open"),
        ("--protocols ollama,anthropic", "127.0.0.1:11434 open"),
        ("--protocols OpenAI,ollama,anthropic --auth-key T", "127.0.0.1:11434"),
        ("--app codex --protocols ollama", "127.0.0.1:11434 open"),
        ("", "127.0.0.1:8080 open"),
        ("--app aider -p 1234", "127.0.0.1:1234 open"),
        ("--app aider --host 0.0.0.0", "0.0.0.0:8090 open"),
        ("--app aider --host 0.0.0.0 --auth-key T", "0.0.0.0:8090"),
        ("--app aider --host localhost", "127.0.0.1:8090 open"),
        ("--app aider --host ::1", "[::1]:8090 open"),
        ("--app aider --mode single --admin-port 8081", "127.0.0.1:8090 open, 127.0.0.1:8081 open"),
    ] {
        assert_eq!(
            listeners(&settings(&format!("{flags} --provider zhipu --api-key K"))),
            expected,
            "{flags}"
        );
    }
}

#[test]
fn whose_key_api_key_is() {
    let two = settings("--app aider --provider zhipu --llm-api-key P --api-key C");
    assert_eq!((key(&two).as_deref(), two.apps[0].name.as_str()), (Some("P"), "aider"));
    assert!(
        two.warnings[0]
            .starts_with("`--api-key` next to `--llm-api-key` is taken for the key of the clients")
    );
    let auth = settings("--app aider --provider zhipu --llm-api-key P --auth-key C");
    assert_eq!(auth.apps[0].keys, two.apps[0].keys);

    let variable = Pretend::default().with_env("ZHIPUAI_API_KEY", "from-variable");
    let Ok(from_variable) = outcome("--provider zhipu", &variable) else { panic!("refused") };
    assert_eq!((key(&from_variable).as_deref(), from_variable.warnings.len()), (Some("from-variable"), 0));
    let Ok(empty) = outcome("--provider ollama --api-key= --port 1", &Pretend::default()) else {
        panic!("refused")
    };
    assert_eq!(key(&empty), None);
}

#[test]
fn addresses_and_default_models() {
    let deepseek = settings("--provider deepseek --api-key K --base-url http://127.0.0.1:9");
    assert_eq!(http(&deepseek).endpoints.len(), 1);
    assert_eq!(http(&deepseek).endpoints[0].base_url, "http://127.0.0.1:9/v1");
    for (provider, model) in [
        ("openai", "gpt-4"),
        ("anthropic", "claude-3-5-sonnet-20241022"),
        ("zhipu", "glm-4-flash"),
        ("aliyun", "qwen-max"),
        ("volcengine", "doubao-pro-32k"),
        ("tencent", "hunyuan-lite"),
        ("longcat", "LongCat-Flash-Chat"),
        ("moonshot", "kimi-k2-turbo-preview"),
        ("minimax", "MiniMax-M2"),
        ("ollama", "llama2"),
    ] {
        let settings = settings(&format!("--app codex --provider {provider} --api-key K"));
        assert_eq!(settings.aliases[0].candidates[0].model, model, "{provider}");
        assert_eq!(settings.providers[0].models[0].id, model, "{provider}");
    }
    assert_eq!(settings("--provider demo --api-key ignored").aliases[0].candidates[0].model, "demo");
}

#[test]
fn refusals() {
    let example = "example: llm-link --app codex-cli --provider zhipu --api-key KEY";
    assert_eq!(said("--app aider"), ["--provider: no provider is given", example]);
    assert_eq!(said("--model m"), ["--provider: no provider is given", example]);
    assert_eq!(
        said("--provider zhipo"),
        ["--provider: there is no provider `zhipo`; did you mean `zhipu`?", example]
    );
    assert_eq!(
        said("--provider zhipu"),
        [
            "--provider: provider `zhipu` needs a key: neither `--api-key` nor `ZHIPU_API_KEY` gives one",
            "example: ZHIPU_API_KEY=KEY llm-link --provider zhipu",
        ]
    );
    assert_eq!(
        said("--app codx --protocols opanai,ollama --provider ollama"),
        [
            "--app: there is no app `codx`; did you mean `codex`?",
            "example: --app codex-cli",
            "--protocols: there is no protocol `opanai`; did you mean `openai`?",
            "example: --protocols openai,ollama,anthropic --auth-key KEY",
        ]
    );
    assert_eq!(
        said("--protocols openai --provider zhipu --api-key K"),
        [
            "--protocols: the protocol `openai` needs `--auth-key`",
            "example: --protocols openai --auth-key KEY"
        ]
    );
    assert_eq!(
        said("--provider zhipu --api-key schlüssel"),
        [
            "--api-key: this key holds a space, a line break or a character outside ASCII, which no header can carry",
            "example: --api-key KEY",
        ]
    );
    assert_eq!(
        said("--provider vllm"),
        ["--model: no model is given, and none of provider `vllm` is known", "example: --model MODEL"]
    );
    assert_eq!(
        said("--app zed --provider ollama"),
        [
            "--provider: provider `ollama` is at `http://127.0.0.1:11434`, where LLM Link itself listens (127.0.0.1:11434)",
            "example: --port 11435   # or another --base-url",
            "--provider: provider `ollama` is at `http://127.0.0.1:11434/v1`, where LLM Link itself listens (127.0.0.1:11434)",
            "example: --port 11435   # or another --base-url",
        ]
    );
    assert_eq!(
        said("--config a.toml --provider zhipu"),
        [
            "--config: a configuration file and flags that describe a provider cannot be used together",
            "example: llm-link --config /etc/llm-link/llm-link.toml",
        ]
    );
    assert_eq!(
        said("--provider zhipu --api-key K --host example.com")[0],
        "--host: `example.com:8080` is no address and port"
    );
}

#[test]
fn a_refused_key_is_not_repeated() {
    let stop = parsed("--provider zhipu --api-key schlüssel-geheim", &Pretend::default()).err();
    assert!(stop.is_some_and(|stop| stop.code == EXIT_CONFIGURATION && !stop.text.contains("geheim")));
}

#[test]
fn apps_are_listed_and_explained() {
    let nothing = Pretend::default();
    let list = printed("--list-apps", &nothing);
    assert!(list.contains("claude-code  8089   Anthropic  Claude Code\n"), "{list}");
    let codex = printed("--app-info Codex", &nothing);
    assert!(codex.contains("base_url = \"http://localhost:8088/v1\""), "{codex}");
    assert!(
        printed("--app-info nope", &nothing)
            .starts_with("there is no app `nope`; known are codex-cli, codex, zed")
    );
}
