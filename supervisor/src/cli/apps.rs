//! The clients that llm-link 0.7 had presets for: their ports, and how to point them here.

use super::out;
use std::io::{self, Write};
use std::process::ExitCode;

/// A client and the port its users already have in their settings.
pub(super) struct LegacyApp {
    pub(super) id: &'static str,
    alias: Option<&'static str>,
    title: &'static str,
    pub(super) port: u16,
    /// The API it uses, for people.
    api: &'static str,
    /// How its user points it here.
    setup: &'static [&'static str],
}

const APPS: [LegacyApp; 6] = [
    LegacyApp {
        id: "codex-cli",
        alias: Some("codex"),
        title: "Codex CLI",
        port: 8088,
        api: "OpenAI",
        setup: &[
            "In ~/.codex/config.toml:",
            "  model_provider = \"llm_link\"",
            "  [model_providers.llm_link]",
            "  name = \"LLM Link\"",
            "  base_url = \"http://localhost:8088/v1\"",
            "  env_key = \"LLM_LINK_API_KEY\"",
            "  wire_api = \"responses\"",
        ],
    },
    LegacyApp {
        id: "zed",
        alias: Some("zed-dev"),
        title: "Zed",
        port: 11434,
        api: "Ollama",
        setup: &[
            "In ~/.config/zed/settings.json:",
            "  { \"language_models\": { \"ollama\": { \"api_url\": \"http://localhost:11434\" } } }",
        ],
    },
    LegacyApp {
        id: "aider",
        alias: None,
        title: "Aider",
        port: 8090,
        api: "OpenAI",
        setup: &[
            "export OPENAI_API_BASE=http://localhost:8090/v1",
            "export OPENAI_API_KEY=the --auth-key, or any text",
            "aider --model openai/MODEL",
        ],
    },
    LegacyApp {
        id: "openhands",
        alias: None,
        title: "OpenHands",
        port: 8091,
        api: "OpenAI",
        setup: &[
            "Custom model: openai/MODEL",
            "Base URL: http://host.docker.internal:8091/v1",
            "A container cannot reach loopback: start llm-link with --host 0.0.0.0 and --auth-key.",
        ],
    },
    LegacyApp {
        id: "claude-code",
        alias: Some("claude"),
        title: "Claude Code",
        port: 8089,
        api: "Anthropic",
        setup: &[
            "export ANTHROPIC_BASE_URL=http://localhost:8089",
            "export ANTHROPIC_AUTH_TOKEN=the --auth-key, or any text",
        ],
    },
    LegacyApp {
        id: "agent-zero",
        alias: None,
        title: "Agent Zero",
        port: 8092,
        api: "OpenAI",
        setup: &["API base URL: http://localhost:8092/v1"],
    },
];

/// The client of that name, in any case.
pub(super) fn find(name: &str) -> Option<&'static LegacyApp> {
    let name = name.trim().to_ascii_lowercase();
    APPS.iter().find(|app| app.id == name || app.alias == Some(name.as_str()))
}

/// Every name that [`find`] knows.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    APPS.iter().flat_map(|app| std::iter::once(app.id).chain(app.alias))
}

/// `--list-apps`
pub(super) fn list(to: &mut dyn Write) -> io::Result<ExitCode> {
    let mut rows = vec![["APP", "PORT", "API", "CLIENT"].map(str::to_owned).to_vec()];
    rows.extend(
        APPS.iter().map(|app| {
            vec![app.id.to_owned(), app.port.to_string(), app.api.to_owned(), app.title.to_owned()]
        }),
    );
    out::table(&rows, to)?;
    writeln!(to, "\nllm-link --app APP --provider PROVIDER --api-key KEY")?;
    writeln!(to, "Every port serves the OpenAI, Anthropic and Ollama APIs. More: llm-link --app-info APP")?;
    to.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// `--app-info NAME`. An unknown name is no failure, as it never was.
pub(super) fn show(name: &str, to: &mut dyn Write) -> io::Result<ExitCode> {
    match find(name) {
        Some(app) => {
            writeln!(to, "{} ({}): {} API on port {}\n", app.title, app.id, app.api, app.port)?;
            for line in app.setup {
                writeln!(to, "{line}")?;
            }
            writeln!(to, "\nllm-link --app {} --provider PROVIDER --api-key KEY [--auth-key KEY]", app.id)?;
        }
        None => {
            let known = names().collect::<Vec<_>>().join(", ");
            writeln!(to, "there is no app `{}`; known are {known}", name.escape_debug())?;
        }
    }
    to.flush()?;
    Ok(ExitCode::SUCCESS)
}
