//! What is stored: made, changed, exported and applied through the command line, and in force for calls.

use super::{code, err, out};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use tests::scene::Scene;
use tests::script::Script;
use tests::stack::executable;
use tests::upstream::Upstream;

/// Runs a command with something on standard input.
pub(super) fn fed(scene: &Scene, words: &[&str], input: &str) -> Result<Output> {
    let mut command = Command::new(executable()?);
    command.env_clear().env("HOME", scene.place().path()).args(words);
    command.arg("--state-dir").arg(scene.place().state());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    child.stdin.take().context("its input")?.write_all(input.as_bytes())?;
    Ok(child.wait_with_output()?)
}

pub(super) fn done(output: &Output) -> Result<String> {
    ensure!(code(output) == 0, "{}: {}{}", code(output), out(output), err(output));
    Ok(out(output))
}

pub(super) fn json(output: &Output) -> Result<Value> {
    Ok(serde_json::from_str(&done(output)?)?)
}

#[tokio::test]
async fn a_provider_is_added_edited_and_removed() -> Result<()> {
    let scene = Scene::one().await?;
    let upstream = Upstream::start().await?;
    upstream.on("m2", Script::answer("from b"));
    let url = upstream.url();
    let words = ["providers", "add", "b", "--preset", "openai-compatible", "--base-url", &url, "--key-stdin"];
    let added = done(&fed(&scene, &words, "sk-stored-secret\n")?)?;
    assert!(added.starts_with("provider b\nin force as configuration "), "{added}");
    let answer = scene.client().chat("b/m2").await?;
    assert_eq!((answer.status, answer.content().as_str()), (200, "from b"), "{}", answer.text());
    let presented = upstream.requests().last().and_then(|r| r.header("authorization").map(str::to_owned));
    assert_eq!(presented.as_deref(), Some("Bearer sk-stored-secret"));
    let again = fed(&scene, &words, "sk-other\n")?;
    assert_eq!(code(&again), 5, "{}", err(&again));
    done(&scene.command(&["providers", "edit", "b", "--priority", "7", "--set", "timeouts.idle_ms=30s"])?)?;
    let shown = scene.command(&["providers", "show", "b", "--json"])?;
    let view = json(&shown)?;
    assert_eq!(
        (&view["spec"]["priority"], &view["spec"]["timeouts"]["idle_ms"]),
        (&7.into(), &30_000.into())
    );
    assert!(!out(&shown).contains("sk-stored-secret"), "a key came back");
    let wrong = scene.command(&["providers", "edit", "b", "--set", "limits.memory_bytes=1KiB"])?;
    assert_eq!(code(&wrong), 6, "{}", err(&wrong));
    done(&scene.command(&["providers", "remove", "b"])?)?;
    assert_eq!(code(&scene.command(&["providers", "show", "b"])?), 4);
    // What is in the file is read-only here.
    assert_eq!(code(&scene.command(&["providers", "remove", "a"])?), 5);
    Ok(())
}

#[tokio::test]
async fn an_apps_key_is_shown_once_and_opens_calls_until_it_is_revoked() -> Result<()> {
    let scene = Scene::one().await?;
    scene.upstream("a")?.on("m1", Script::answer("hello"));
    let made = json(&scene.command(&["apps", "add", "web", "--label", "first", "--json"])?)?;
    let key = made["now"]["is"]["key"].as_str().context("the key")?.to_owned();
    assert_eq!(scene.client().chat("a/m1").await?.status, 401, "a key is needed now");
    assert_eq!(scene.client().with_key(&key).chat("a/m1").await?.status, 200);
    assert!(!done(&scene.command(&["apps", "show", "web", "--json"])?)?.contains(&key));
    let rotated =
        json(&scene.command(&["apps", "keys", "rotate", "web", "first", "--overlap", "1h", "--json"])?)?;
    let next = rotated["now"]["is"]["key"].as_str().context("the next key")?.to_owned();
    for key in [&key, &next] {
        assert_eq!(scene.client().with_key(key).chat("a/m1").await?.status, 200);
    }
    done(&scene.command(&["apps", "keys", "revoke", "web", &next])?)?;
    assert_eq!(scene.client().with_key(&next).chat("a/m1").await?.status, 401);
    Ok(())
}

#[tokio::test]
async fn what_is_exported_is_applied_without_a_difference() -> Result<()> {
    let scene = Scene::one().await?;
    let words = ["providers", "add", "b", "--preset", "demo", "--no-key"];
    done(&scene.command(&words)?)?;
    done(&scene.command(&["apps", "add", "web", "--tokens-per-minute", "1000"])?)?;
    done(&scene.command(&["apps", "route", "web", "--to", "b/demo"])?)?;
    done(&scene.command(&["aliases", "set", "fast", "--to", "b/demo"])?)?;
    let text = done(&scene.command(&["export"])?)?;
    let file = scene.place().path().join("all.toml").display().to_string();
    std::fs::write(&file, &text)?;
    assert_eq!(done(&scene.command(&["diff", "-f", &file, "--prune"])?)?, "no differences\n", "{text}");
    let before = scene.status()?["epoch"].clone();
    done(&scene.command(&["apply", "-f", &file, "--prune"])?)?;
    assert_eq!(scene.status()?["epoch"], before, "nothing changed, so the epoch stays");
    std::fs::write(&file, text.replace("tokens_per_minute = 1000", "tokens_per_minute = 2000"))?;
    let different = scene.command(&["diff", "-f", &file])?;
    assert_eq!(code(&different), 9, "{}", err(&different));
    assert!(out(&different).contains("1000 -> 2000"), "{}", out(&different));
    done(&scene.command(&["apply", "-f", &file])?)?;
    let view = json(&scene.command(&["apps", "show", "web", "--json"])?)?;
    assert_eq!(view["spec"]["limits"]["tokens_per_minute"], 2000);
    Ok(())
}

#[tokio::test]
async fn an_import_is_one_change_and_never_replaces_by_itself() -> Result<()> {
    let scene = Scene::one().await?;
    let old = "llm_backend: {type: Ollama, model: llama2, base_url: \"http://127.0.0.1:9\"}\n\
        apis: {openai: {enabled: true, path: /v1, api_key: client-secret}}\n";
    let file = scene.place().path().join("old.yaml").display().to_string();
    std::fs::write(&file, old)?;
    let done_text = done(&scene.command(&["import", &file])?)?;
    assert!(done_text.contains("in force as configuration "), "{done_text}");
    let view = json(&scene.command(&["providers", "show", "ollama", "--json"])?)?;
    assert_eq!(view["spec"]["base_url"], "http://127.0.0.1:9");
    assert_ne!(scene.client().chat("a/m1").await?.status, 200, "the clients' key is needed now");
    assert_eq!(scene.client().with_key("client-secret").get("/v1/models").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn what_is_secret_besides_a_key_is_given_by_where_it_is_and_never_comes_back() -> Result<()> {
    let scene = Scene::one().await?;
    let upstream = Upstream::start().await?;
    upstream.on("m2", Script::answer("from b"));
    let url = upstream.url();
    let words = ["providers", "add", "b", "--base-url", &url, "--no-key", "--secret-header", "X-Team=stdin"];
    done(&fed(&scene, &words, "team secret\n")?)?;
    let sent = || upstream.requests().last().and_then(|r| r.header("x-team").map(str::to_owned));
    ensure!(scene.client().chat("b/m2").await?.content() == "from b");
    ensure!(sent().as_deref() == Some("team secret"), "{:?}", sent());
    let typed = fed(&scene, &["providers", "edit", "b", "--secret-header", "x-team=team-secret"], "")?;
    ensure!(code(&typed) == 2 && !err(&typed).contains("team-secret"), "{}", err(&typed));
    for words in [&["providers", "show", "b"][..], &["providers", "show", "b", "--json"], &["export"]] {
        let shown = done(&scene.command(words)?)?;
        ensure!(shown.contains("x-team") && !shown.contains("team secret"), "{shown}");
    }
    let file = scene.place().path().join("exported.toml");
    std::fs::write(&file, done(&scene.command(&["export"])?)?)?;
    let path = file.display().to_string();
    let again = done(&fed(&scene, &["apply", "-f", &path], "")?)?;
    ensure!(again.contains("no differences"), "{again}");
    // By reference, as in the configuration file; the key needs no label.
    let token = scene.place().path().join("team.token");
    std::fs::write(&token, "by-reference\n")?;
    let key = scene.place().path().join("c.key");
    std::fs::write(&key, "sk-of-c\n")?;
    let text = format!(
        "[[providers]]\nname = \"c\"\nbase_url = \"{url}\"\nproxy = \"direct\"\nkey = {{ file = \"{}\" }}\n\
         secret_headers = {{ x-team = {{ file = \"{}\" }} }}\n",
        key.display(),
        token.display(),
    );
    std::fs::write(&file, text)?;
    done(&fed(&scene, &["apply", "-f", &path], "")?)?;
    ensure!(scene.client().chat("c/m2").await?.status == 200);
    ensure!(sent().as_deref() == Some("by-reference"), "{:?}", sent());
    let view = json(&scene.command(&["providers", "show", "c", "--json"])?)?;
    ensure!(view["keys"][0]["label"] == "main", "{view}");
    ensure!(view["spec"]["secret_headers"]["x-team"]["file"] == token.display().to_string(), "{view}");
    done(&scene.command(&["providers", "edit", "b", "--unset", "secret_headers.x-team"])?)?;
    ensure!(scene.client().chat("b/m2").await?.status == 200);
    ensure!(sent().is_none(), "{:?}", sent());
    Ok(())
}
