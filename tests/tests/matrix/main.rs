//! Every official SDK against a provider of every dialect, through the real executable: five clients, five
//! providers, two languages. What a client understood is judged by `understood`, what reached the provider by
//! `reached`; what was lost on the way stands in docs/dialects.md, which must say what was measured here.

mod reached;
mod table;
mod understood;

use anyhow::{Context, Result, ensure};
use protocol::dialect::Dialect;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use table::Measured;
use tests::player;
use tests::request::Request;
use tests::scene::{Cast, Scene};
use tests::stack::say;
use tokio::process::Command;
use tokio::task::JoinSet;

/// The clients: their dialect and the name of their scripts.
const CLIENTS: [(Dialect, &str); 5] = [
    (Dialect::OpenAiChat, "openai_chat"),
    (Dialect::OpenAiResponses, "openai_responses"),
    (Dialect::Anthropic, "anthropic_messages"),
    (Dialect::Ollama, "ollama_chat"),
    (Dialect::Gemini, "gemini_content"),
];

/// How long a script may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(100);

/// What one client said of one case at one provider.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) client: Dialect,
    pub(crate) provider: Dialect,
    pub(crate) case: String,
    pub(crate) line: Value,
}

/// How the scripts of one language are run.
#[derive(Clone, Copy)]
struct Language {
    program: &'static str,
    ending: &'static str,
}

const PYTHON: Language = Language { program: ".venv/bin/python", ending: "py" };
const JAVASCRIPT: Language = Language { program: "node", ending: "mjs" };

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk")
}

/// One provider of each dialect. A model that fails has a health of its own only when it is listed: so those that fail
/// by intent are, for each client.
async fn scene() -> Result<Scene> {
    let failing = |case: &str| CLIENTS.map(|(client, _)| format!("{case}.{case}.{}", client.name()));
    let failing: Vec<String> = ["limited", "broken"].iter().flat_map(|case| failing(case)).collect();
    let models: Vec<&str> = player::FIXTURES.into_iter().chain(failing.iter().map(String::as_str)).collect();
    let mut cast = Cast::new()?;
    for dialect in Dialect::ALL {
        cast = cast.player(dialect, &models).await?;
    }
    cast.start().await
}

async fn run(language: Language, client: Dialect, script: &str, base: String) -> Result<Vec<Said>> {
    let inside = home().join(language.program);
    let program = if inside.exists() { inside } else { language.program.into() };
    let providers = Dialect::ALL.map(Dialect::name).join(" ");
    let mut command = Command::new(program);
    command
        .arg(home().join("matrix").join(format!("{script}.{}", language.ending)))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs([("BASE", base), ("PROVIDERS", providers), ("CLIENT", client.name().to_owned())])
        .kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = output.with_context(|| format!("{script} took longer than {PATIENCE:?}"))?;
    let output = output.with_context(|| format!("{script}: run tests/sdk/install.sh"))?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{script}: {} {errors}", output.status);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(|line| said(client, line).with_context(|| line.to_owned())).collect()
}

fn said(client: Dialect, line: &str) -> Result<Said> {
    let line: Value = serde_json::from_str(line)?;
    let named = |d: &Dialect| line["provider"] == d.name();
    let provider = Dialect::ALL.into_iter().find(named).context("a provider")?;
    let case = line["case"].as_str().context("a case")?.to_owned();
    Ok(Said { client, provider, case, line })
}

/// The requests of that case that reached its provider.
fn requests_of(scene: &Scene, said: &Said) -> Result<Vec<Request>> {
    let ending = format!(".{}.{}", said.case, said.client.name());
    let all = scene.upstream(said.provider.name())?.requests();
    Ok(all.into_iter().filter(|r| player::model_of(said.provider, r).ends_with(&ending)).collect())
}

async fn measure(language: Language) -> Result<Measured> {
    let scene = scene().await?;
    let mut scripts = JoinSet::new();
    for (client, script) in CLIENTS {
        scripts.spawn(run(language, client, script, format!("http://{}", scene.address())));
    }
    let mut measured = Measured::default();
    let mut wrong = Vec::new();
    while let Some(all) = scripts.join_next().await {
        for said in all?? {
            let requests = requests_of(&scene, &said)?;
            let judged = understood::judge(&said).and_then(|()| reached::judge(&said, &requests));
            if let Err(why) = judged {
                wrong.push(format!("{} to {}, {}: {why}", said.client, said.provider, said.case));
                say(&format!("{}\n    {}", wrong[wrong.len() - 1], said.line));
            }
            measured.add(&said);
        }
    }
    ensure!(
        wrong.is_empty(),
        "{} of {} cases are wrong:\n{}",
        wrong.len(),
        measured.cases(),
        wrong.join("\n")
    );
    say(&format!("{} cases", measured.cases()));
    Ok(measured)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_python_client_speaks_to_every_provider() -> Result<()> {
    let measured = measure(PYTHON).await?;
    measured.published("Python")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_javascript_client_speaks_to_every_provider() -> Result<()> {
    let measured = measure(JAVASCRIPT).await?;
    measured.published("JavaScript")
}
