//! A worker that takes a whole processor for nothing.

use anyhow::{Result, ensure};
use protocol::control::record::EventFilter;
use std::time::Duration;
use tests::config::Provider;
use tests::control;
use tests::crowd::{Call, Crowd};
use tests::scene::Cast;
use tests::wait;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_calls_explain_nothing_is_held_back_and_says_so_until_it_ceases() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?;
    let cast = cast.configure(|c, _| Ok(c.provider(Provider::demo("d"))))?;
    let mut scene = cast.start().await?;
    scene.stack().hush();
    let worker = scene.worker("d").await?;
    let reason = || scene.provider_status("d").ok()?["reason"].as_str().map(str::to_owned);
    let mut crowd = Crowd::new();
    crowd.call(&scene.client(), "a/m1", 1);
    // Each one for a fifth of a second; between them it answers its supervisor.
    let mut loops = Crowd::new();
    loops.call(&scene.client(), "d/demo-spin=200", 2);
    let held = || reason().is_some_and(|reason| reason.starts_with("held back"));
    wait::holds("to be held back", PATIENCE, held).await?;
    let told = EventFilter { kind: Some("worker.held".to_owned()), ..EventFilter::default() };
    wait::until("the event", PATIENCE, async || {
        let events = control::events(&scene, told.clone()).await.ok()?;
        events.iter().any(|event| event.subject == "d").then_some(())
    })
    .await?;
    // Whoever calls it is served in its turns.
    let (spun, _) = loops.finish().await;
    ensure!(spun.iter().all(Call::is_answered), "{} loops", spun.len());
    wait::holds("to go on as before", PATIENCE, || reason().as_deref() == Some("serving")).await?;
    let (calls, _) = crowd.finish().await;
    ensure!(calls.len() > 10 && calls.iter().all(Call::is_answered), "{} calls", calls.len());
    ensure!(scene.client().chat("d/demo").await?.status == 200);
    ensure!(scene.worker("d").await? == worker, "it is the same process");
    Ok(())
}
