//! Changing the configuration of a running system: by SIGHUP or by writing the file.

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::time::Duration;
use tests::config::Provider;
use tests::scene::{Cast, Scene};
use tests::script::Script;
use tests::stream::End;
use tests::upstream::Upstream;
use tests::wait;

/// The supervisor looks at its files once a second.
const SOON: Duration = Duration::from_secs(10);

async fn models(scene: &Scene) -> Result<Vec<String>> {
    let list = scene.client().get("/v1/models").await?.json();
    let ids = list["data"].as_array().cloned().unwrap_or_default();
    Ok(ids.iter().filter_map(|m| m["id"].as_str().map(str::to_owned)).collect())
}

/// Waits until the model can be asked for, or cannot any more.
async fn knows(scene: &Scene, model: &str, known: bool) -> Result<()> {
    let changed = async || {
        let status = scene.client().get(&format!("/v1/models/{model}")).await.ok()?.status;
        ((status == 200) == known).then_some(())
    };
    wait::until(&format!("{model} to be known: {known}"), SOON, changed).await
}

#[tokio::test]
async fn a_change_is_taken_over_and_a_stream_lives_through_it() -> Result<()> {
    for signal in [Some(Signal::SIGHUP), None] {
        let scene = Scene::one().await?;
        scene.upstream("a")?.on("m1", Script::paced(300, Duration::from_millis(10)));
        let mut stream = scene.client().stream("a/m1").await?;
        stream.read_content(5).await?;
        let (router, worker) = (scene.router().await?, scene.worker("a").await?);
        let other = Upstream::start().await?;
        let key = scene.place().key("n", "sk-n")?;
        let config =
            scene.config().provider(Provider::openai("n", &other.url(), &key)).alias("fast", &["n/m1"]);
        scene.write_config(config)?;
        if let Some(signal) = signal {
            scene.signal(signal)?;
        }
        knows(&scene, "n/m1", true).await?;
        knows(&scene, "fast", true).await?;
        scene.provider_is("n", "ready", SOON).await?;
        assert_eq!(scene.client().chat("fast").await?.status, 200);
        assert_eq!(other.request_count(), 1);
        assert_eq!(
            (scene.router().await?, scene.worker("a").await?),
            (router, worker),
            "nobody was replaced"
        );
        assert_eq!(stream.finish().await?.end, End::Done);
    }
    Ok(())
}

#[tokio::test]
async fn a_bad_file_changes_nothing() -> Result<()> {
    let scene = Scene::one().await?;
    let key = scene.place().key("n", "sk-n")?;
    let good_part = scene.config().provider(Provider::openai("n", "http://127.0.0.1:9/v1", &key));
    let bad = good_part.text()? + "\n[[aliases]]\nname = \"x\"\ncandidates = [\"nobody/m1\"]\n";
    let before = models(&scene).await?;
    scene.write_config_text(&bad)?;
    scene.signal(Signal::SIGHUP)?;
    let line = scene.logged(&["nobody"], SOON).await?;
    assert!(!line.is_empty());
    wait::stays("the old configuration", Duration::from_secs(2), || scene.workers("n").is_empty()).await?;
    assert_eq!(models(&scene).await?, before);
    assert_eq!(scene.client().chat("a/m1").await?.status, 200);
    scene.write_config(scene.config().alias("later", &["a/m1"]))?;
    scene.signal(Signal::SIGHUP)?;
    knows(&scene, "later", true).await
}

#[tokio::test]
async fn a_new_key_means_a_new_worker_and_the_old_one_finishes() -> Result<()> {
    let scene = Scene::one().await?;
    let upstream = scene.upstream("a")?;
    upstream.on("m1", Script::paced(200, Duration::from_millis(10)));
    let mut stream = scene.client().stream("a/m1").await?;
    stream.read_content(5).await?;
    let old = scene.worker("a").await?;
    let generation = scene.provider_status("a")?["generation"].as_u64().context("a generation")?;
    scene.place().key("a", "sk-the-new-key")?;
    scene.signal(Signal::SIGHUP)?;
    let replaced = async || {
        let status = scene.provider_status("a").ok()?;
        (status["generation"].as_u64()? > generation && status["state"] == "ready").then_some(())
    };
    wait::until("the next generation", SOON, replaced).await?;
    upstream.on("m1", Script::answer("new"));
    // The supervisor knows of the switch a moment before the router does.
    let with_the_new_key = async || {
        scene.client().chat("a/m1").await.ok().filter(|r| r.content() == "new")?;
        let bearer = upstream.requests().pop().and_then(|r| r.header("authorization").map(str::to_owned));
        (bearer.as_deref() == Some("Bearer sk-the-new-key")).then_some(())
    };
    wait::until("calls with the new key", Duration::from_secs(1), with_the_new_key).await?;
    assert_eq!(stream.finish().await?.end, End::Done, "the old worker finishes what it began");
    wait::holds("the old worker's end", SOON, || scene.workers("a").iter().all(|w| w.pid != old)).await?;
    Ok(())
}

#[tokio::test]
async fn a_removed_provider_finishes_its_streams_and_goes() -> Result<()> {
    let scene = Scene::two().await?;
    scene.upstream("b")?.on("m1", Script::paced(150, Duration::from_millis(10)));
    let mut stream = scene.client().stream("b/m1").await?;
    stream.read_content(5).await?;
    let config = scene.config().without_provider("b").without_provider("a");
    let key = scene.place().path().join("a.key");
    scene.write_config(config.provider(Provider::openai("a", &scene.upstream("a")?.url(), &key)))?;
    scene.signal(Signal::SIGHUP)?;
    knows(&scene, "b/m1", false).await?;
    assert_eq!(scene.client().chat("b/m1").await?.status, 404);
    assert_eq!(stream.finish().await?.end, End::Done);
    wait::holds("the end of its worker", SOON, || scene.workers("b").is_empty()).await?;
    assert_eq!(scene.client().chat("a/m1").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn routing_changes_restart_nobody() -> Result<()> {
    let scene = Scene::two().await?;
    let pids = (scene.worker("a").await?, scene.worker("b").await?, scene.router().await?);
    assert_eq!(scene.client().chat("m1").await?.header("x-llm-link-provider"), Some("a"));
    let (place, url) = (scene.place().path().to_owned(), |n: &str| scene.upstream(n).map(Upstream::url));
    let a = Provider::openai("a", &url("a")?, &place.join("a.key")).priority(99).models(&["m1", "extra"]);
    let b = Provider::openai("b", &url("b")?, &place.join("b.key"));
    scene.write_config(scene.config().provider(a).provider(b).alias("now", &["b/m1"]))?;
    scene.signal(Signal::SIGHUP)?;
    knows(&scene, "now", true).await?;
    assert_eq!(scene.client().chat("m1").await?.header("x-llm-link-provider"), Some("b"), "priorities moved");
    assert_eq!((scene.worker("a").await?, scene.worker("b").await?, scene.router().await?), pids);
    Ok(())
}

#[tokio::test]
async fn a_storm_of_changes_ends_in_the_last_one() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?;
    let scene = cast.start().await?;
    let worker = scene.worker("a").await?;
    let edits = tests::stack::count(20, 100);
    for i in 0..edits {
        scene.write_config(scene.config().alias(&format!("edit-{i}"), &["a/m1"]))?;
        scene.signal(Signal::SIGHUP)?;
        assert_eq!(scene.client().chat("a/m1").await?.status, 200, "edit {i}");
    }
    knows(&scene, &format!("edit-{}", edits - 1), true).await?;
    knows(&scene, "edit-0", false).await?;
    assert_eq!(scene.worker("a").await?, worker);
    assert!(
        scene.status()?["epoch"].as_u64().is_none_or(|e| e > 1),
        "{}",
        scene.status().unwrap_or(Value::Null)
    );
    Ok(())
}
