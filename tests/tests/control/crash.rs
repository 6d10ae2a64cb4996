//! F22: the supervisor is killed at random moments while things are written. What was acknowledged is there
//! afterwards, what was not is there whole or not at all, and everything starts again.

use super::{bare, spec};
use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;
use protocol::control::document::Document;
use protocol::control::{ControlReply, ControlRequest as R};
use serde_json::{from_value, json};
use sha2::{Digest, Sha256};
use std::process::Stdio;
use std::time::Duration;
use tests::config::Config;
use tests::control::Control;
use tests::stack::{Place, Stack, count, executable, say, send};
use tests::upstream::Upstream;
use tests::wait;
use tokio::task::JoinSet;

/// An old file whose import is seen whole or not at all: a provider with its key, and the clients' key.
fn old_file(n: u64) -> String {
    format!(
        "llm_backend: {{type: OpenAI, api_key: sk-import-{n:04}, model: m{n}, base_url: \"http://127.0.0.1:9/v1\"}}\n\
         apis: {{openai: {{enabled: true, path: /v1, api_key: client-{n}}}}}\n"
    )
}

/// The number of the import that is stored; 0 = none.
fn imported(document: &Document) -> Result<u64> {
    let Some(entry) = document.providers.first() else {
        ensure!(document.apps.is_empty(), "half an import: {document:?}");
        return Ok(0);
    };
    // Each import adds its model; those before stay.
    let numbers =
        entry.models.iter().filter_map(|model| model.spec.name.trim_start_matches('m').parse().ok());
    let n: u64 = numbers.max().context("a model")?;
    ensure!(entry.keys.len() == 1, "a provider without its key: {entry:?}");
    let hash: String =
        Sha256::digest(format!("client-{n}")).iter().map(|byte| format!("{byte:02x}")).collect();
    let known =
        document.apps.iter().flat_map(|app| &app.keys).any(|key| key.sha256.eq_ignore_ascii_case(&hash));
    ensure!(known, "the clients' key of import {n} is not there: {document:?}");
    Ok(n)
}

#[tokio::test]
async fn an_import_is_there_whole_or_not_at_all_after_any_kill() -> Result<()> {
    let (mut stack, control) = bare().await?;
    let (mut acknowledged, mut random) = (0, 0x2545_f491_u64);
    let rounds = count(6, 200);
    let file = stack.place().path().join("old.yaml");
    for n in 1..=rounds as u64 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::fs::write(&file, old_file(n))?;
        let mut import = tokio::process::Command::new(executable()?);
        import.arg("import").arg(&file).arg("--replace").arg("--state-dir").arg(stack.place().state());
        import.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let mut import = import.spawn()?;
        // Up to 67 ms, which is about as long as it takes.
        tokio::time::sleep(Duration::from_micros(random >> 48)).await;
        send(stack.pid(), Signal::SIGKILL)?;
        if import.wait().await?.success() {
            acknowledged = n;
        }
        stack = stack.restart().await?;
        let ControlReply::Document(found) = control.ask(R::Export).await? else { bail!("no document") };
        let found = imported(&found)?;
        ensure!((acknowledged..=n).contains(&found), "import {found} is stored, {acknowledged} acknowledged");
        acknowledged = found;
    }
    say(&format!("{rounds} kills; the last import that is stored is {acknowledged}"));
    Ok(())
}

/// The first start makes databases, runs every migration and makes the master key.
#[tokio::test]
async fn a_first_start_that_is_killed_anywhere_is_no_obstacle() -> Result<()> {
    let mut random = 0x1234_5678_u64;
    let rounds = count(6, 200);
    for _ in 0..rounds {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let place = Place::new()?;
        std::fs::write(place.config(), "[server]\nlisten = \"127.0.0.1:0\"\n")?;
        let mut first = tokio::process::Command::new(executable()?);
        first.arg("serve").arg("--config").arg(place.config()).arg("--state-dir").arg(place.state());
        first.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let mut first = first.spawn()?;
        tokio::time::sleep(Duration::from_micros(random >> 47)).await;
        first.kill().await?;
        let stack = Stack::launch(place, Config::new(), &[]).await?;
        let ready = async || (stack.client().get("/ready").await.ok()?.status == 200).then_some(());
        wait::until("readiness", Duration::from_secs(30), ready).await?;
        let control = Control::of(&stack.place().state());
        control.change(super::create("a", "http://127.0.0.1:9", "sk-1")).await?;
        let mut stack = stack;
        stack.hush();
    }
    say(&format!("{rounds} first starts were killed"));
    Ok(())
}

/// A configuration of which a half would show: both notes and the setting are of the same number.
fn document(n: u64, url: &str) -> Result<Document> {
    Ok(from_value(json!({
        "settings": { "server.connections": 1000 + n },
        "providers": [{ "spec": spec("a", url), "keys": [{ "label": "main", "value": { "text": format!("sk-{n}") } }] }],
        "aliases": [{ "name": "fast", "note": n.to_string(), "candidates": [{ "provider": "a", "model": "m1" }] }],
        "apps": [{ "spec": { "name": "web", "note": n.to_string() } }],
    }))?)
}

fn number(document: &Document) -> Result<u64> {
    let setting = document.settings.get("server.connections").and_then(|value| value.as_u64());
    let Some(n) = setting.map(|value| value - 1000) else { return Ok(0) };
    let (alias, app) = (&document.aliases[0].note, &document.apps[0].spec.note);
    ensure!(*alias == n.to_string() && *app == n.to_string(), "a mixture: {n}, {alias}, {app}");
    Ok(n)
}

#[tokio::test]
async fn what_was_acknowledged_survives_any_kill() -> Result<()> {
    let upstream = Upstream::start().await?;
    let (mut stack, control) = bare().await?;
    let (mut acknowledged, mut asked, mut random) = (0, 0, 0x9e37_79b9_u64);
    let rounds = count(8, 200);
    for _ in 0..rounds {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pid = stack.pid();
        let mut killer = JoinSet::new();
        killer.spawn(async move {
            tokio::time::sleep(Duration::from_micros(random >> 44)).await;
            send(pid, Signal::SIGKILL)
        });
        // Writes until it dies; every third one replaces the master key as well.
        loop {
            asked += 1;
            let document = Box::new(document(asked, &upstream.url())?);
            let apply = R::Apply { document, prune: true, dry_run: false, epoch: None };
            match control.ask(apply).await {
                Ok(ControlReply::Changed(_)) => acknowledged = asked,
                Ok(other) => bail!("not applied: {other:?}"),
                Err(_) => break,
            }
            if asked % 3 == 0 && control.ask(R::RotateMasterKey).await.is_err() {
                break;
            }
        }
        while let Some(killed) = killer.join_next().await {
            killed??;
        }
        stack = stack.restart().await?;
        let ControlReply::Document(found) = control.ask(R::Export).await? else { bail!("no document") };
        let n = number(&found)?;
        ensure!((acknowledged..=asked).contains(&n), "{n} is stored, {acknowledged} of {asked} acknowledged");
        acknowledged = n;
        if n > 0 {
            ensure!(stack.client().chat("fast").await?.status == 200, "it does not serve after a kill");
        }
    }
    say(&format!("{rounds} kills among {asked} changes"));
    Ok(())
}
