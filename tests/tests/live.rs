//! What is shown as it happens: the live page's stream, log lines, figures for Prometheus; to those who may see them.

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use serde_json::json;
use std::time::Duration;
use tests::operator::Operator;
use tests::scene::Cast;
use tests::stack::send;
use tests::wait;
use tests::watcher::Watcher;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_live_stream_ticks_tells_and_goes_on_after_the_router_was_killed() -> Result<()> {
    let scene = Cast::new()?.provider("a").await?.start().await?;
    let ada = Operator::first(&scene).await?;
    let mut page = Watcher::realtime(scene.address(), ada.access(), None).await?;
    let tick = page.kind("tick").await?;
    ensure!(tick["providers"]["a"]["state"] == "ready", "{tick}");
    ensure!(tick["supervisor"]["rss_bytes"].as_u64() > Some(0), "{tick}");
    let reply = scene.client().chat("m1").await?;
    let call = page.kind("call").await?;
    ensure!(call["call"]["id"] == reply.header("x-llm-link-call-id").unwrap_or_default(), "{call}");
    send(scene.worker("a").await?, Signal::SIGKILL)?;
    loop {
        let event = page.kind("event").await?;
        if event["event"]["kind"] == "worker.exited" {
            break;
        }
    }
    let seen = page.kind("tick").await?["seq"].as_u64().unwrap_or_default();
    // Nothing is missing for one that comes back.
    let mut again = Watcher::realtime(scene.address(), ada.access(), Some(seen)).await?;
    let next = again.message().await?.unwrap_or_default();
    ensure!(next["seq"] == seen + 1, "{next} after {seen}");
    send(scene.router().await?, Signal::SIGKILL)?;
    while page.message().await?.is_some() {}
    let back = wait::until("the live page", Duration::from_secs(20), async || {
        Watcher::realtime(scene.address(), ada.access(), Some(seen + 1)).await.ok()
    });
    let mut back = back.await?;
    // What the killed router kept is gone, and it says so; then it goes on.
    ensure!(back.message().await?.unwrap_or_default()["kind"] == "gap");
    let tick = back.kind("tick").await?;
    ensure!(tick["seq"].as_u64() > Some(seen), "{tick}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_lines_come_as_they_are_written_and_none_twice() -> Result<()> {
    let scene = Cast::new()?.provider("a").await?.start().await?;
    let ada = Operator::first(&scene).await?;
    let mut lines = Watcher::lines(scene.address(), ada.access(), None).await?;
    send(scene.worker("a").await?, Signal::SIGKILL)?;
    let died = lines.line("worker died").await?;
    drop(lines);
    let seq = died["seq"].as_u64().unwrap_or_default();
    let mut again = Watcher::lines(scene.address(), ada.access(), Some(seq)).await?;
    let next = again.line("").await?;
    ensure!(next["seq"].as_u64() > Some(seq), "{next} after {seq}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_may_not_see_it_does_not() -> Result<()> {
    let scene = Cast::new()?.provider("a").await?.start().await?;
    let ada = Operator::first(&scene).await?;
    let bob = ada.user(&scene, "bob", &["SystemConfig"]).await?;
    let dora = ada.user(&scene, "dora", &["ViewProviders"]).await?;
    for path in ["/monitoring/realtime", "/logs/stream"] {
        ensure!(Operator::nobody(&scene).get(path).await?.status == 401, "{path}");
        ensure!(bob.get(path).await?.status == 403, "{path}");
    }
    ensure!(dora.get("/logs/stream").await?.status == 403);
    // Without a WebSocket in hand there is nothing to upgrade.
    ensure!(ada.get("/monitoring/realtime").await?.status == 426);
    // Whose rights end sees no more.
    let carol = ada.user(&scene, "carol", &["ViewMetrics"]).await?;
    let mut lines = Watcher::lines(scene.address(), carol.access(), None).await?;
    lines.line("").await?;
    let spec = json!({"spec": {"name": "carol", "permissions": []}});
    let changed = ada.put("/users/carol", &spec).await?;
    ensure!(changed.status < 300, "{} {}", changed.status, changed.text());
    let ended = async { while lines.line("nobody says this").await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(40), ended).await?;
    Ok(())
}

/// Events are for those who may see providers, calls and rates for those who may see metrics.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_sees_of_the_live_stream_what_it_may() -> Result<()> {
    let scene = Cast::new()?.provider("a").await?.start().await?;
    let ada = Operator::first(&scene).await?;
    let keeper = ada.user(&scene, "keeper", &["ViewProviders"]).await?;
    let reader = ada.user(&scene, "reader", &["ViewMetrics"]).await?;
    let mut providers = Watcher::realtime(scene.address(), keeper.access(), None).await?;
    let mut metrics = Watcher::realtime(scene.address(), reader.access(), None).await?;
    for page in [&mut providers, &mut metrics] {
        let tick = page.kind("tick").await?;
        ensure!(tick["providers"]["a"]["state"] == "ready", "{tick}");
    }
    scene.client().chat("m1").await?;
    send(scene.worker("a").await?, Signal::SIGKILL)?;
    // Both are followed past the call and past the event: until the worker is seen in another generation.
    let kinds = async |page: &mut Watcher| -> Result<(Vec<String>, bool)> {
        let (mut kinds, mut rated) = (Vec::new(), false);
        loop {
            let frame = page.message().await?.unwrap_or_default();
            kinds.push(frame["kind"].as_str().unwrap_or("end").to_owned());
            ensure!(kinds.last().is_some_and(|kind| kind != "end"), "the stream ended after {kinds:?}");
            rated |= frame["total"]["calls_per_s"].as_f64() > Some(0.0);
            if frame["providers"]["a"]["process"]["generation"].as_u64() > Some(1) {
                return Ok((kinds, rated));
            }
        }
    };
    let (seen, rated) = kinds(&mut providers).await?;
    ensure!(seen.iter().any(|k| k == "event") && !seen.iter().any(|k| k == "call") && !rated, "{seen:?}");
    let (seen, rated) = kinds(&mut metrics).await?;
    ensure!(seen.iter().any(|k| k == "call") && !seen.iter().any(|k| k == "event") && rated, "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn prometheus_gets_its_figures() -> Result<()> {
    let scene = Cast::new()?.provider("a").await?.start().await?;
    scene.client().chat("m1").await?;
    let reply = scene.client().get("/metrics").await?;
    let text = reply.text();
    ensure!(reply.status == 200 && text.ends_with("# EOF\n"), "{text}");
    for line in [
        "llm_link_calls_total{app=\"default\",provider=\"a\",dialect=\"openai-chat\",outcome=\"served\"} 1",
        "llm_link_tokens_total{provider=\"a\",kind=\"output\"} 12",
        "llm_link_worker_state{provider=\"a\",state=\"ready\"} 1",
        "llm_link_worker_restarts_total{provider=\"a\"} 0",
        "llm_link_call_duration_seconds_count{provider=\"a\"} 1",
        "llm_link_overhead_seconds_count{provider=\"a\"} 1",
        "llm_link_calls_in_flight 0",
    ] {
        ensure!(text.contains(line), "{line} is not in\n{text}");
    }
    // A page of another host does not get them through the reader's browser.
    let client = scene.client();
    let foreign = client.raw(
        b"GET /metrics HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n",
        Duration::from_secs(5),
    );
    ensure!(String::from_utf8_lossy(&foreign.await?).starts_with("HTTP/1.1 403 "));
    Ok(())
}
