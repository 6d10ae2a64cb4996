//! Import: the report and a document for later without a running instance, and everything or nothing with one.

use super::stored::{done, fed, json};
use super::{code, err, out, run};
use anyhow::{Result, ensure};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::Path;
use tests::scene::Scene;
use tests::script::Script;
use tests::upstream::Upstream;

const OLD: &str = "server: {host: 127.0.0.1, port: 8080, log_level: info}\n\
    llm_backend: {type: Zhipu, api_key: \"${OLD_KEY}\", model: glm-4.6}\n\
    apis: {openai: {enabled: true, path: /v1, api_key: client-secret}}\n";

#[test]
fn a_dry_run_reports_every_setting_and_repeats_no_secret() -> Result<()> {
    let home = tempfile::tempdir()?;
    let file = home.path().join("llm-link.yaml");
    std::fs::write(&file, OLD)?;
    let (path, state) = (file.display().to_string(), home.path().join("state").display().to_string());
    let words = ["import", "--dry-run", "--state-dir", &state, &path];
    let done = run(home.path(), &words, &[("OLD_KEY", "sk-old-secret")])?;
    assert_eq!(code(&done), 0, "{}", err(&done));
    let text = out(&done);
    for expected in ["sealed as a key of provider zhipu", "0 manual", "nothing was changed"] {
        assert!(text.contains(expected), "{expected} in\n{text}");
    }
    assert!(!text.contains("secret"), "{text}");
    let json = run(home.path(), &[&words[..], &["--json"]].concat(), &[])?;
    let findings: Value = serde_json::from_str(&out(&json))?;
    let manual: Vec<&str> = findings["findings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|finding| finding["grade"] == "manual")
        .filter_map(|finding| finding["setting"].as_str())
        .collect();
    assert_eq!(manual, ["llm_backend.api_key"], "the variable is not set: {findings}");
    Ok(())
}

#[test]
fn a_document_is_written_without_keys() -> Result<()> {
    let home = tempfile::tempdir()?;
    let file = home.path().join("llm-link.yaml");
    std::fs::write(&file, OLD)?;
    let (path, state) = (file.display().to_string(), home.path().join("state").display().to_string());
    let to = home.path().join("out.toml");
    let words = ["import", &path, "--state-dir", &state, "-o", &to.display().to_string()];
    let done = run(home.path(), &words, &[("OLD_KEY", "sk-old-secret")])?;
    assert_eq!(code(&done), 0, "{}", err(&done));
    assert!(out(&done).contains("1 provider keys are not in it"), "{}", out(&done));
    let text = std::fs::read_to_string(&to)?;
    assert!(text.contains("name = \"zhipu\"") && text.contains("sha256 = "), "{text}");
    assert!(!text.contains("sk-old-secret") && !text.contains("client-secret"), "{text}");
    let valueless = "{ label = \"imported\" }";
    assert!(!text.contains(valueless), "a key without a value could not be applied: {text}");
    let unknown = home.path().join("odd.yaml");
    std::fs::write(&unknown, "hello: 1\n")?;
    let refused = run(
        home.path(),
        &["import", "--dry-run", "--state-dir", &state, &unknown.display().to_string()],
        &[],
    )?;
    assert_eq!(code(&refused), 6);
    assert!(err(&refused).contains("was not imported"), "{}", err(&refused));
    Ok(())
}

/// `llm_link.db` as its first migration makes it.
const OLD_SCHEMA: &str = "CREATE TABLE providers(id INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(50) UNIQUE NOT NULL, type VARCHAR(20) NOT NULL, config TEXT NOT NULL, enabled BOOLEAN DEFAULT true,
    priority INTEGER DEFAULT 0, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
    CREATE TABLE config(key TEXT PRIMARY KEY, value TEXT NOT NULL, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
    CREATE INDEX idx_providers_enabled ON providers(enabled);
    CREATE INDEX idx_providers_priority ON providers(priority DESC);
    CREATE INDEX idx_providers_type ON providers(type);
    INSERT INTO config(key, value) VALUES ('setup_completed', 'true'), ('version', '1.0.0');";

fn old_database(path: &Path, rows: &[(&str, &str, Value, bool, i64)]) -> Result<()> {
    let conn = Connection::open(path)?;
    conn.execute_batch(OLD_SCHEMA)?;
    for (name, kind, config, enabled, priority) in rows {
        let sql = "INSERT INTO providers(name, type, config, enabled, priority) VALUES (?1, ?2, ?3, ?4, ?5)";
        conn.execute(sql, (name, kind, config.to_string(), enabled, priority))?;
    }
    Ok(())
}

/// The grade of each setting.
fn grades(report: &Value) -> Vec<(&str, &str)> {
    let findings = report["findings"].as_array().into_iter().flatten();
    findings.filter_map(|one| Some((one["setting"].as_str()?, one["grade"].as_str()?))).collect()
}

#[tokio::test]
async fn an_old_database_is_taken_over_whole_and_a_second_time_changes_nothing() -> Result<()> {
    let scene = Scene::one().await?;
    let upstream = Upstream::start().await?;
    upstream.on("m9", Script::answer("from the old one"));
    let path = scene.place().path().join("llm_link.db");
    let at = json!({ "api_key": "sk-db-secret", "model": "m9", "base_url": upstream.url() });
    old_database(
        &path,
        &[
            ("Work", "openai", at, true, 5),
            (
                "glm",
                "zhipu",
                json!({ "api_key": "0123.zhipu-secret", "model": "glm-4.6", "odd": 1 }),
                false,
                1,
            ),
            ("local", "ollama", json!({ "model": "llama2" }), false, 0),
        ],
    )?;
    let path = path.display().to_string();
    let dry = json(&fed(&scene, &["import", &path, "--dry-run", "--json"], "")?)?;
    let names = |scene: &Scene| -> Result<Vec<String>> {
        let all = json(&fed(scene, &["providers", "list", "--json"], "")?)?;
        Ok(all
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|p| Some(p["spec"]["name"].as_str()?.to_owned()))
            .collect())
    };
    ensure!(!names(&scene)?.contains(&"work".to_owned()), "a dry run changed something");
    let imported = fed(&scene, &["import", &path, "--json"], "")?;
    let report = json(&imported)?;
    ensure!(grades(&dry) == grades(&report), "the dry run said something else: {dry}");
    for (setting, grade) in [
        ("providers.Work", "exact"),
        ("providers.Work.config.api_key", "exact"),
        ("providers.Work.priority", "exact"),
        ("providers.glm.enabled", "exact"),
        ("providers.glm.config.odd", "unsupported"),
        ("providers.local", "exact"),
        ("config.setup_completed", "exact"),
        ("config.version", "exact"),
    ] {
        ensure!(grades(&report).contains(&(setting, grade)), "{setting} in {report}");
    }
    ensure!(!out(&imported).contains("secret"), "a key came back");
    let found = names(&scene)?;
    ensure!(["work", "glm", "local"].iter().all(|name| found.contains(&(*name).to_owned())), "{found:?}");
    let answer = scene.client().chat("work/m9").await?;
    ensure!(answer.content() == "from the old one", "{}", answer.text());
    let presented = upstream.requests().last().and_then(|r| r.header("authorization").map(str::to_owned));
    ensure!(presented.as_deref() == Some("Bearer sk-db-secret"), "{presented:?}");
    let again = done(&fed(&scene, &["import", &path], "")?)?;
    ensure!(again.contains("nothing"), "{again}");
    ensure!(names(&scene)? == found, "imported twice");
    Ok(())
}

#[tokio::test]
async fn of_several_files_none_is_taken_when_one_is_none() -> Result<()> {
    let scene = Scene::one().await?;
    let before = json(&fed(&scene, &["status", "--json"], "")?)?["epoch"].clone();
    let (good, bad) = (scene.place().path().join("llm_link.db"), scene.place().path().join("bad.yaml"));
    old_database(
        &good,
        &[("glm", "zhipu", json!({ "api_key": "k-0123456789", "model": "glm-4.6" }), true, 0)],
    )?;
    std::fs::write(&bad, "hello: 1\n")?;
    let words = ["import", &good.display().to_string(), &bad.display().to_string()];
    let refused = fed(&scene, &words, "")?;
    ensure!(code(&refused) == 6, "{}{}", out(&refused), err(&refused));
    ensure!(json(&fed(&scene, &["status", "--json"], "")?)?["epoch"] == before, "half an import");
    ensure!(code(&fed(&scene, &["providers", "show", "glm"], "")?) == 4);
    Ok(())
}
