//! F22: the supervisor is killed at random moments while things are written. What was acknowledged is there
//! afterwards, what was not is there whole or not at all, and everything starts again.

use super::{bare, spec};
use anyhow::{Result, bail, ensure};
use nix::sys::signal::Signal;
use protocol::control::document::Document;
use protocol::control::{ControlReply, ControlRequest as R};
use serde_json::{from_value, json};
use std::time::Duration;
use tests::stack::{count, say, send};
use tests::upstream::Upstream;
use tokio::task::JoinSet;

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
