//! Old files, written from what is known of them, and what becomes of every line.

use super::*;
use crate::settings::testing::Pretend;
use crate::store::foreign::{Foreign, ForeignProvider};
use protocol::control::provider::KeyValue;

const CODEX: &str = include_str!("codex-cli.yaml");
const DOCUMENTED: &str = include_str!("documented.toml");
const OVERRIDES: &str = include_str!("model-overrides.yaml");
const GATEWAY: &str = include_str!("gateway.yaml");

struct Taken {
    document: Document,
    report: Report,
}

fn taken(files: &[(&str, &str)], pretend: &Pretend) -> Taken {
    let mut harvest = Harvest::new(pretend, Vec::new());
    for (name, text) in files {
        harvest.add(name, Source::Text((*text).to_owned())).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
    let Harvest { document, report, .. } = harvest;
    Taken { document, report }
}

impl Taken {
    fn grade(&self, setting: &str) -> Grade {
        self.finding(setting).grade
    }

    fn finding(&self, setting: &str) -> &Finding {
        let all = || self.report.findings.iter().map(|f| f.setting.as_str()).collect::<Vec<_>>();
        let found = self.report.findings.iter().rfind(|finding| finding.setting == setting);
        found.unwrap_or_else(|| panic!("{setting} in {:?}", all()))
    }

    fn key(&self, provider: usize) -> Option<&str> {
        match self.document.providers[provider].keys.first()?.value.as_ref()? {
            KeyValue::Text(text) => Some(text.expose()),
            KeyValue::File(_) | KeyValue::Env(_) => None,
        }
    }

    /// A key is in the document, and nowhere in what is shown.
    fn is_silent_about(&self, secret: &str) {
        assert!(!format!("{:?}", self.report).contains(secret), "{:?}", self.report);
        assert!(!format!("{:?}", self.document).contains(secret));
    }
}

fn environment() -> Pretend {
    Pretend::default().with_env("ZHIPU_API_KEY", "zhipu-secret").with_env("LLM_LINK_API_KEY", "client-secret")
}

#[test]
fn the_file_shipped_for_codex() {
    let taken = taken(&[("codex-cli.yaml", CODEX)], &environment());
    let provider = &taken.document.providers[0];
    assert_eq!((provider.spec.name.as_str(), provider.spec.preset.as_str()), ("zhipu", "zhipu"));
    assert_eq!(provider.spec.base_url, None, "it is the preset's own");
    assert_eq!(taken.key(0), Some("zhipu-secret"));
    let aliases: Vec<_> =
        taken.document.aliases.iter().map(|a| (a.name.as_str(), a.candidates[0].model.as_str())).collect();
    assert_eq!(aliases, [("*", "glm-4-flash"), ("default", "glm-4-flash")]);
    assert_eq!(
        taken.document.apps[0].keys[0].sha256,
        Secret::new(b"client-secret".to_vec()).map(|s| s.hash()).unwrap()
    );
    for (setting, grade) in [
        ("server", Grade::Manual),
        ("server.log_level", Grade::Exact),
        ("llm_backend.type", Grade::Exact),
        ("llm_backend.base_url", Grade::Exact),
        ("llm_backend.api_key", Grade::Exact),
        ("llm_backend.model", Grade::Approximate),
        ("apis.openai.api_key", Grade::Exact),
        ("apis.openai.api_key_header", Grade::Exact),
        ("apis.openai.path", Grade::Exact),
        ("apis.ollama.enabled", Grade::Approximate),
        ("client_adapters.force_adapter", Grade::Approximate),
        ("app", Grade::Exact),
        ("codex_optimizations", Grade::Exact),
    ] {
        assert_eq!(taken.grade(setting), grade, "{setting}");
    }
    taken.is_silent_about("zhipu-secret");
    taken.is_silent_about("client-secret");
}

use crate::settings::Secret;

#[test]
fn a_placeholder_never_becomes_a_key() {
    let taken = taken(&[("codex-cli.yaml", CODEX)], &Pretend::default());
    assert_eq!(taken.key(0), None);
    assert!(taken.document.apps.is_empty());
    assert_eq!(taken.grade("llm_backend.api_key"), Grade::Manual);
    let became = &taken.finding("llm_backend.api_key").became;
    assert_eq!(became, "the variable ZHIPU_API_KEY is not set here; then: llm-link providers keys add zhipu");
    assert_eq!(taken.grade("apis.openai.api_key"), Grade::Manual);
}

#[test]
fn a_variable_is_a_value_and_never_yaml() {
    let text = "llm_backend: {type: OpenAI, api_key: \"${KEY}\", model: \"${MODEL}\", base_url: \"https://llm.example.com\"}";
    let pretend = Pretend::default().with_env("KEY", "sk-1").with_env("MODEL", "m}\nserver: {port: 1");
    let taken = taken(&[("a.yaml", text)], &pretend);
    let provider = &taken.document.providers[0];
    assert_eq!(provider.models[0].spec.name, "m}\nserver: {port: 1", "the supervisor refuses it by its name");
    assert_eq!(
        (provider.spec.preset.as_str(), provider.spec.base_url.as_deref()),
        ("openai-compatible", Some("https://llm.example.com"))
    );
    assert!(!taken.report.findings.iter().any(|finding| finding.setting.starts_with("server")));
}

#[test]
fn vendors_that_hid_behind_another_type_are_found_by_their_address() {
    for (url, preset, own) in [
        ("https://api.deepseek.com", "deepseek", true),
        ("https://dashscope.aliyuncs.com/compatible-mode/v1", "aliyun", true),
        ("https://ark.cn-beijing.volces.com/api/v3", "volcengine", true),
        ("https://api.moonshot.cn/v1", "moonshot", true),
        ("https://llm.example.com/v1", "openai-compatible", false),
    ] {
        let text = format!("llm_backend: {{type: OpenAI, api_key: k, model: m, base_url: \"{url}\"}}");
        let taken = taken(&[("a.yaml", &text)], &Pretend::default());
        let spec = &taken.document.providers[0].spec;
        assert_eq!((spec.preset.as_str(), spec.base_url.is_none()), (preset, own), "{url}");
    }
}

#[test]
fn the_schema_that_only_the_documentation_knew() {
    let taken = taken(&[("config.toml", DOCUMENTED)], &Pretend::default());
    assert_eq!(taken.document.providers[0].spec.preset, "zhipu");
    assert_eq!(taken.key(0), Some("doc-secret"));
    assert_eq!(taken.grade("apis.openai.path"), Grade::Exact);
    assert_eq!(taken.grade("apis.anthropic.api_key"), Grade::Approximate);
    assert_eq!(taken.document.apps[0].keys.len(), 1, "both APIs had the same key");
    assert_eq!(taken.grade("logging.file"), Grade::Unsupported);
    assert_eq!(taken.grade("llm_backend.temperature"), Grade::Unsupported);
    taken.is_silent_about("doc-secret");
}

#[test]
fn overrides_need_their_provider() {
    let volcengine = "llm_backend: {type: Volcengine, api_key: k, model: ep-1}";
    let taken = taken(&[("a.yaml", volcengine), ("model-overrides.yaml", OVERRIDES)], &Pretend::default());
    let alias = taken.document.aliases.iter().find(|alias| alias.name == "doubao-seed-1.6-thinking").unwrap();
    assert_eq!(
        (alias.candidates[0].provider.as_str(), alias.candidates[0].model.as_str()),
        ("volcengine", "ep-thinking")
    );
    assert_eq!(taken.grade("volcengine.doubao-seed-1.6-thinking"), Grade::Exact);
    let alone = tests::taken(&[("model-overrides.yaml", OVERRIDES)], &Pretend::default());
    assert!(alone.document.aliases.is_empty());
    assert_eq!(alone.grade("volcengine.doubao-seed-1.6-thinking"), Grade::Manual);
}

#[test]
fn rows_of_the_old_database() {
    let row = |name: &str, kind: &str, config: &str, enabled, priority| ForeignProvider {
        name: name.to_owned(),
        kind: kind.to_owned(),
        config: config.to_owned(),
        enabled,
        priority,
    };
    let providers = vec![
        row("My GLM", "zhipu", r#"{"api_key":"db-secret","model":"glm-4.6","extra":1}"#, true, 5),
        row("local", "ollama", r#"{"model":"llama2","base_url":"http://localhost:11435"}"#, false, 0),
        row("odd", "nobody", "{}", true, 0),
        row("broken", "openai", "not json", true, 0),
    ];
    let settings =
        vec![("setup_completed".to_owned(), "true".to_owned()), ("theme".to_owned(), "x".to_owned())];
    let nothing = Pretend::default();
    let mut harvest = Harvest::new(&nothing, vec![Known { name: "my-glm".to_owned(), ..Known::default() }]);
    harvest
        .add(
            "llm_link.db",
            Source::Database(Foreign { providers, settings, other_tables: vec!["odd".to_owned()] }),
        )
        .unwrap();
    let Harvest { document, report, .. } = harvest;
    let taken = Taken { document, report };
    let specs: Vec<_> = taken
        .document
        .providers
        .iter()
        .map(|p| (p.spec.name.as_str(), p.spec.priority, p.spec.enabled))
        .collect();
    assert_eq!(specs, [("my-glm-2", -5, true), ("local", 0, false)]);
    assert_eq!(taken.document.providers[1].spec.base_url.as_deref(), Some("http://localhost:11435"));
    for (setting, grade) in [
        ("providers.My GLM", Grade::Exact),
        ("providers.My GLM.config.extra", Grade::Unsupported),
        ("providers.odd", Grade::Unsupported),
        ("providers.broken", Grade::Manual),
        ("config.setup_completed", Grade::Exact),
        ("config.theme", Grade::Unsupported),
        ("providers.local.enabled", Grade::Exact),
        ("odd", Grade::Unsupported),
    ] {
        assert_eq!(taken.grade(setting), grade, "{setting}");
    }
    taken.is_silent_about("db-secret");
}

#[test]
fn another_gateways_deployments() {
    let pretend = Pretend::default().with_env("OPENAI_API_KEY", "oa-secret");
    let taken = taken(&[("config.yaml", GATEWAY)], &pretend);
    let providers: Vec<_> =
        taken.document.providers.iter().map(|p| (p.spec.name.as_str(), p.models.len())).collect();
    assert_eq!(providers, [("openai", 2), ("anthropic", 1), ("vllm", 1)]);
    assert_eq!(taken.document.providers[0].spec.limits.requests_per_minute, Some(600));
    assert_eq!(taken.document.providers[2].spec.base_url.as_deref(), Some("http://10.0.0.5:8000/v1"));
    assert_eq!((taken.key(0), taken.key(1), taken.key(2)), (Some("oa-secret"), None, Some("vl-secret")));
    let alias = |name: &str| {
        let found = taken.document.aliases.iter().find(|alias| alias.name == name).unwrap();
        found
            .candidates
            .iter()
            .map(|c| format!("{}/{}={}", c.provider, c.model, c.weight))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        alias("gpt-4o"),
        ["openai/gpt-4o=3", "vllm/qwen3=1", "anthropic/claude-sonnet-4-5-20250929=1"]
    );
    assert_eq!(alias("gpt-4"), alias("gpt-4o"), "another name for the whole group");
    assert_eq!(alias("old"), ["anthropic/claude-sonnet-4-5-20250929=1"]);
    let price = &taken.document.providers[0].models[0].prices[0];
    assert_eq!((price.input_fresh, price.output), (Some(2_500_000), Some(10_000_000)));
    assert_eq!(taken.document.providers[0].spec.timeouts.total_ms, Some(30_000));
    assert_eq!(taken.document.settings["server.max_attempts"], 4);
    assert_eq!(taken.document.settings["defaults.timeouts.total"], "120000ms");
    let clients = &taken.document.apps[0];
    assert_eq!(clients.spec.limits.cost_per_month_nano, Some(50_000_000_000));
    assert_eq!(clients.keys.len(), 1);
    for (setting, grade) in [
        ("model_list[0]", Grade::Exact),
        ("model_list[0].litellm_params.rpm/tpm", Grade::Approximate),
        ("model_list[2].litellm_params.api_key", Grade::Manual),
        ("model_list[4].litellm_params.model", Grade::Unsupported),
        ("litellm_settings.fallbacks.gpt-4o", Grade::Approximate),
        ("litellm_settings.num_retries", Grade::Approximate),
        ("litellm_settings.request_timeout", Grade::Approximate),
        ("litellm_settings.max_budget", Grade::Approximate),
        ("model_list[0].model_info.*_cost_per_token", Grade::Exact),
        ("model_list[1].litellm_params.timeout", Grade::Approximate),
        ("environment_variables.MASTER", Grade::Exact),
        ("router_settings.model_group_alias.gpt-4", Grade::Exact),
        ("router_settings.model_group_alias.lost", Grade::Manual),
        ("router_settings.allowed_fails", Grade::Approximate),
        ("litellm_settings.drop_params", Grade::Exact),
        ("router_settings.routing_strategy", Grade::Approximate),
        ("general_settings.master_key", Grade::Approximate),
        ("general_settings.database_url", Grade::Manual),
        ("litellm_settings.success_callback", Grade::Unsupported),
    ] {
        assert_eq!(taken.grade(setting), grade, "{setting}");
    }
    for secret in ["oa-secret", "vl-secret", "m-secret"] {
        taken.is_silent_about(secret);
    }
}

#[test]
fn what_is_no_such_file_is_refused_without_repeating_it() {
    let nothing = Pretend::default();
    let refused = |name: &str, text: &str| {
        let mut harvest = Harvest::new(&nothing, Vec::new());
        let why = harvest.add(name, Source::Text(text.to_owned())).unwrap_err();
        assert_eq!(harvest.document, Document::default());
        why
    };
    assert!(refused("a.yaml", "- 1\n- 2").contains("no settings"));
    assert!(refused("a.yaml", "hello: 1").contains("no file of llm-link"));
    assert!(refused("a.toml", "a = ").contains("no TOML"));
    let broken = refused("a.yaml", "llm_backend: {api_key: sk-very-secret, model: [");
    assert!(broken.contains("no YAML") && !broken.contains("sk-very-secret"), "{broken}");
}

#[test]
fn the_same_file_again_is_the_same_account() {
    let stored = |base_url: Option<&str>, key: &str| Known {
        name: "zhipu".to_owned(),
        preset: "zhipu".to_owned(),
        base_url: base_url.map(str::to_owned),
        keys: vec![key.to_owned()],
    };
    let name = |known: Known| {
        let nothing = Pretend::default();
        let mut harvest = Harvest::new(&nothing, vec![known]);
        harvest.add("codex-cli.yaml", Source::Text(CODEX.to_owned())).unwrap();
        harvest.document.providers[0].spec.name.clone()
    };
    assert_eq!(name(stored(None, "imported")), "zhipu");
    assert_eq!(name(stored(None, "main")), "zhipu-2", "somebody's own");
    assert_eq!(name(stored(Some("http://10.0.0.1/v4"), "imported")), "zhipu-2", "another place");
}
