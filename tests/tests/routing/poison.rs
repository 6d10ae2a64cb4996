//! A request that ends the workers it comes to.

use crate::{another_router, remembered};
use anyhow::Result;
use nix::sys::signal::Signal;
use protocol::control::record::EventFilter;
use serde_json::{Value, json};
use std::time::Duration;
use tests::client::Reply;
use tests::config::Provider;
use tests::control;
use tests::scene::{Cast, Scene};
use tests::stack::send;
use tests::wait;

const PATIENCE: Duration = Duration::from_secs(20);

fn chat(text: &str) -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": text}]})
}

async fn ask(scene: &Scene, body: &Value) -> Result<Reply> {
    scene.client().post("/v1/chat/completions", body.to_string()).await
}

fn workers(scene: &Scene) -> Vec<i32> {
    ["d", "e"].iter().filter_map(|name| scene.workers(name).last().map(|worker| worker.pid)).collect()
}

/// Workers of both providers are there and take calls.
async fn all_there(scene: &Scene) -> Result<()> {
    wait::until("both workers", PATIENCE, async || {
        let d = scene.client().chat("d/demo").await.ok()?;
        let e = scene.client().chat("e/demo").await.ok()?;
        (d.status == 200 && e.status == 200).then_some(())
    })
    .await
}

#[tokio::test]
async fn a_request_that_ends_two_workers_is_not_sent_again() -> Result<()> {
    let cast = Cast::new()?.configure(|config, _| {
        let config = config.provider(Provider::demo("d")).provider(Provider::demo("e"));
        Ok(config.alias("m", &["d/demo-fail=abort", "e/demo-fail=abort"]))
    })?;
    let scene = cast.start().await?;
    all_there(&scene).await?;
    let before = workers(&scene);
    let poison = ask(&scene, &chat("the poison")).await?;
    assert_eq!(
        (poison.status, &poison.json()["error"]["type"]),
        (422, &"invalid_request_error".into()),
        "{}",
        poison.text()
    );
    wait::holds("both to be replaced", PATIENCE, || {
        let now = workers(&scene);
        now.len() == 2 && now.iter().all(|pid| !before.contains(pid))
    })
    .await?;
    all_there(&scene).await?;
    let calm = workers(&scene);
    for turn in ["again", "and again, after its router was killed"] {
        let refused = ask(&scene, &chat("the poison")).await?;
        assert_eq!(refused.status, 422, "{turn}: {}", refused.text());
        assert!(refused.text().contains("ended"), "{turn}: {}", refused.text());
        assert_eq!(workers(&scene), calm, "{turn}: nobody was asked");
        // The providers are as good as before: it was the request.
        all_there(&scene).await?;
        let router = scene.router().await?;
        remembered(&scene, "the poison in memory", |memory| !memory.poison.is_empty()).await?;
        send(router, Signal::SIGKILL)?;
        another_router(&scene, router).await?;
    }
    let told = control::events(&scene, EventFilter::default()).await?;
    let count = |kind: &str| told.iter().filter(|event| event.kind == kind).count();
    assert_eq!((count("request.quarantined"), count("breaker.opened")), (1, 0), "{told:?}");
    Ok(())
}
