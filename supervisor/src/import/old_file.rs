//! The YAML of llm-link before 0.1, the YAML and TOML that its documentation described, and the files shipped for
//! single clients: one backend, up to three APIs.

use super::Harvest;
use super::names::{by_address, is_presets_own};
use super::tree::Tree;
use protocol::control::document::{ModelEntry, ProviderEntry};
use protocol::control::model::{AliasCandidate, ModelSpec};
use protocol::control::provider::ProviderSpec;
use protocol::ipc::configure::ModelFacts;
use protocol::preset::{self, KeyNeed, Preset};

/// The app of the old clients' keys.
const CLIENTS: &str = "clients";
/// What only described a file or was never read.
const NEVER_READ: [&str; 4] = ["app", "codex_optimizations", "zed_optimizations", "claude_optimizations"];

pub(super) fn add(harvest: &mut Harvest<'_>, mut tree: Tree) {
    if let Some(server) = tree.section("server") {
        self::server(harvest, server);
    }
    if let Some(logging) = tree.section("logging") {
        self::logging(harvest, logging);
    }
    if let Some(backend) = tree.section("llm_backend") {
        self::backend(harvest, backend);
    }
    if let Some(mut apis) = tree.section("apis") {
        for name in ["openai", "ollama", "anthropic"] {
            if let Some(api) = apis.section(name) {
                self::api(harvest, name, api);
            }
        }
        unknown(harvest, "apis.", apis.left());
    }
    if let Some(adapters) = tree.section("client_adapters") {
        self::adapters(harvest, adapters);
    }
    for name in NEVER_READ {
        if tree.take(name).is_some() {
            harvest.report.exact(name, "had no effect, and has none");
        }
    }
    unknown(harvest, "", tree.left());
}

fn unknown(harvest: &mut Harvest<'_>, above: &str, names: Vec<String>) {
    for name in names {
        harvest.report.unsupported(format!("{above}{name}"), "not known, and had no effect before");
    }
}

fn server(harvest: &mut Harvest<'_>, mut server: Tree) {
    let host = server.text("host").and_then(|text| harvest.plain_text(&text, "server.host"));
    let port = server.text("port").and_then(|text| harvest.plain_text(&text, "server.port"));
    let (host, port) =
        (host.unwrap_or_else(|| "127.0.0.1".to_owned()), port.unwrap_or_else(|| "8080".to_owned()));
    let loopback = matches!(host.as_str(), "127.0.0.1" | "localhost");
    match (loopback, port.as_str()) {
        (true, "8080") => harvest.report.exact("server", "127.0.0.1:8080 is where it listens"),
        (true, port) => {
            let line = format!(
                "in the configuration file: [server] listen = [\"127.0.0.1:8080\", \"127.0.0.1:{port}\"]"
            );
            harvest.report.manual("server", line);
        }
        (false, port) => {
            let line = format!(
                "in the configuration file: [server] listen = [\"{host}:{port}\"]; callers from other machines then need an app's key"
            );
            harvest.report.manual("server", line);
        }
    }
    level(harvest, server.text("log_level"), "server.log_level");
    unknown(harvest, "server.", server.left());
}

fn level(harvest: &mut Harvest<'_>, level: Option<String>, setting: &str) {
    match level.as_deref() {
        None => {}
        Some("info") => harvest.report.exact(setting, "the default"),
        Some(other) => {
            harvest.report.manual(setting, format!("in the configuration file: [log] level = \"{other}\""));
        }
    }
}

fn logging(harvest: &mut Harvest<'_>, mut logging: Tree) {
    level(harvest, logging.text("level"), "logging.level");
    if logging.text("file").is_some() {
        harvest
            .report
            .unsupported("logging.file", "logs go to standard error; the service manager keeps them");
    }
    unknown(harvest, "logging.", logging.left());
}

fn backend(harvest: &mut Harvest<'_>, mut backend: Tree) {
    let kind = backend.text("type").map(|text| ("llm_backend.type", text));
    let Some((setting, kind)) =
        kind.or_else(|| backend.text("provider").map(|text| ("llm_backend.provider", text)))
    else {
        harvest.report.manual("llm_backend", "it names no provider: llm-link providers add NAME");
        return;
    };
    let url = backend.text("base_url").and_then(|text| harvest.plain_text(&text, "llm_backend.base_url"));
    let Some(preset) = chosen(&kind, url.as_deref()) else {
        harvest.report.unsupported(setting, format!("there is no provider like `{kind}`"));
        return;
    };
    let base_url = url.clone().filter(|url| !is_presets_own(url, preset));
    let name = harvest.name_for(&preset.id, preset, base_url.as_deref());
    harvest.report.exact(setting, format!("provider {name} of preset {}", preset.id));
    if let Some(url) = url {
        address(harvest, &url, preset);
    }
    let model = backend.text("model").and_then(|text| harvest.plain_text(&text, "llm_backend.model"));
    let key = backend.text("api_key").filter(|_| preset.key != KeyNeed::None);
    let key = key.and_then(|text| harvest.provider_key(&text, &name, "llm_backend.api_key"));
    let entry = ProviderEntry {
        spec: spec(&name, preset, base_url),
        keys: key.into_iter().collect(),
        models: model.iter().map(|id| model_entry(id)).collect(),
    };
    harvest.document.providers.push(entry);
    if let Some(model) = model {
        for alias in ["*", "default"] {
            harvest.alias(alias, AliasCandidate { provider: name.clone(), model: model.clone(), weight: 1 });
        }
        let became =
            format!("{name}/{model} answers to its own name, `default`, and every name nobody else knows");
        harvest.report.approximate("llm_backend.model", became);
    }
    unknown(harvest, "llm_backend.", backend.left());
}

/// By the address where that says more than the type: most vendors were configured as `OpenAI`.
fn chosen(kind: &str, url: Option<&str>) -> Option<&'static Preset> {
    let typed = preset::find(&kind.to_ascii_lowercase());
    if !kind.eq_ignore_ascii_case("openai") {
        return typed;
    }
    match url {
        Some(url) => by_address(url).or_else(|| preset::find(preset::GENERIC)),
        None => typed,
    }
}

fn address(harvest: &mut Harvest<'_>, url: &str, preset: &Preset) {
    if is_presets_own(url, preset) {
        harvest.report.exact("llm_backend.base_url", "the preset's own address");
        return;
    }
    let became = "the provider's address; with and without the version at its end";
    match preset.id.as_str() {
        // Version 0.7 ignored it there.
        "zhipu" | "ollama" => {
            harvest.report.approximate("llm_backend.base_url", format!("{became} (0.7 ignored it)"))
        }
        _ => harvest.report.exact("llm_backend.base_url", became),
    }
}

fn api(harvest: &mut Harvest<'_>, name: &str, mut api: Tree) {
    let setting = |field: &str| format!("apis.{name}.{field}");
    match api.flag("enabled") {
        Some(true) | None => harvest.report.exact(setting("enabled"), "every API is served at every address"),
        Some(false) => harvest.report.approximate(setting("enabled"), "it is served all the same"),
    }
    if let Some(path) = api.text("path") {
        path_of(harvest, name, &path, setting("path"));
    }
    if let Some(header) = api.text("api_key_header") {
        let known = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];
        if known.contains(&header.to_ascii_lowercase().as_str()) {
            harvest.report.exact(setting("api_key_header"), "keys are taken from every usual header");
        } else {
            harvest.report.unsupported(
                setting("api_key_header"),
                "clients send `Authorization: Bearer KEY` or `x-api-key: KEY`",
            );
        }
    }
    if let Some(key) = api.text("api_key") {
        let taken = harvest.client_key(&key, CLIENTS, &setting("api_key"));
        if taken && name != "openai" {
            harvest
                .report
                .approximate(setting("api_key"), "it was never checked before; now every API asks for a key");
        }
    }
    unknown(harvest, &format!("apis.{name}."), api.left());
}

fn path_of(harvest: &mut Harvest<'_>, name: &str, path: &str, setting: String) {
    let usual = match name {
        "openai" => ["", "/v1"],
        "ollama" => ["", "/ollama"],
        _ => ["", "/anthropic"],
    };
    let path = path.trim_end_matches('/');
    if usual.contains(&path) {
        harvest.report.exact(setting, "served there");
    } else {
        harvest.report.unsupported(setting, format!("served at `{}`", usual.join("` and `")));
    }
}

fn adapters(harvest: &mut Harvest<'_>, mut adapters: Tree) {
    for name in ["default_adapter", "force_adapter"] {
        if adapters.text(name).is_some() {
            let became = "clients are recognised by the API they speak";
            harvest.report.approximate(format!("client_adapters.{name}"), became);
        }
    }
    if let Some(mut zed) = adapters.section("zed") {
        for name in ["enabled", "force_images_field", "preferred_format"] {
            if zed.take(name).is_some() {
                let became = "the Ollama API answers as Ollama does, which this client reads";
                harvest.report.approximate(format!("client_adapters.zed.{name}"), became);
            }
        }
        unknown(harvest, "client_adapters.zed.", zed.left());
    }
    unknown(harvest, "client_adapters.", adapters.left());
}

/// A provider of which only preset and address are known.
pub(super) fn spec(name: &str, preset: &Preset, base_url: Option<String>) -> ProviderSpec {
    ProviderSpec {
        name: name.to_owned(),
        preset: preset.id.clone(),
        dialect: None,
        base_url,
        endpoints: Default::default(),
        enabled: true,
        priority: 0,
        fallback: Vec::new(),
        limits: Default::default(),
        timeouts: Default::default(),
        sandbox: None,
        proxy: None,
        proxy_login: None,
        secret_headers: Default::default(),
        headers: Default::default(),
        quirks: Default::default(),
    }
}

/// A model of which only the id is known.
pub(super) fn model_entry(id: &str) -> ModelEntry {
    let spec = ModelSpec {
        name: id.to_owned(),
        model_version: None,
        enabled: true,
        facts: ModelFacts::default(),
        deprecated: false,
        sunset_ms: None,
        alternatives: Vec::new(),
    };
    ModelEntry { spec, prices: Vec::new() }
}
