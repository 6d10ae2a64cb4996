//! Aliases, apps and providers of the configuration file that name providers which are stored.

use super::stored::{done, fed};
use super::{code, err, out, run};
use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use std::time::Duration;
use tests::config::{Config, Provider};
use tests::scene::{Cast, Scene};
use tests::script::Script;
use tests::upstream::Upstream;
use tests::wait;

const PATIENCE: Duration = Duration::from_secs(20);

/// The file as it is, with more.
fn rewrite(scene: &Scene, change: impl FnOnce(Config) -> Result<Config>) -> Result<()> {
    scene.write_config(change(scene.config())?)?;
    scene.signal(Signal::SIGHUP)
}

/// Waits until a call for that model is answered so.
async fn answered(scene: &Scene, model: &str, with: &str) -> Result<()> {
    let what = format!("{model} to be answered: {with}");
    wait::until(&what, PATIENCE, async || {
        let reply = scene.client().chat(model).await.ok()?;
        (reply.status == 200 && reply.content() == with).then_some(())
    })
    .await
}

/// A stored provider at that place.
fn add(scene: &Scene, name: &str, url: &str) -> Result<()> {
    let words = ["providers", "add", name, "--preset", "openai-compatible", "--base-url", url, "--key-stdin"];
    done(&fed(scene, &words, "sk-stored-secret\n")?)?;
    Ok(())
}

#[tokio::test]
async fn the_file_names_a_stored_provider_as_long_as_there_is_one() -> Result<()> {
    let mut scene = Scene::one().await?;
    scene.upstream("a")?.on("m1", Script::answer("from a"));
    let upstream = Upstream::start().await?;
    upstream.on("m2", Script::answer("from b"));
    add(&scene, "b", &upstream.url())?;
    rewrite(&scene, |config| Ok(config.alias("fast", &["b/m2", "a/m1"])))?;
    answered(&scene, "fast", "from b").await?;
    // The same the other way round, in a route and in the fallback of a provider.
    rewrite(&scene, |config| {
        let app = "candidates = [\"a\"]\nfallback = [\"b/m2\"]";
        config.alias("fast", &["b/m2", "a/m1"]).default_app(app)
    })?;
    scene.upstream("a")?.on("m1", Script::error(500, "no"));
    answered(&scene, "m1", "from b").await?;

    let removed = scene.command(&["providers", "remove", "b"])?;
    assert_eq!(code(&removed), 6, "{}{}", out(&removed), err(&removed));
    let why = err(&removed);
    assert!(
        why.contains("the configuration file needs it: candidate `b/m2` names the unknown provider `b`"),
        "{why}"
    );
    answered(&scene, "m1", "from b").await?;
    // After a start of everything it is found again.
    scene.stack().revive().await?;
    answered(&scene, "fast", "from b").await?;

    rewrite(&scene, Ok)?;
    wait::until("the alias to go", PATIENCE, async || {
        (scene.client().chat("fast").await.ok()?.status == 404).then_some(())
    })
    .await?;
    done(&scene.command(&["providers", "remove", "b"])?)?;
    // What is not there any more is refused with the place, and what ran before goes on.
    rewrite(&scene, |config| Ok(config.alias("fast", &["b/m2"])))?;
    let why = "candidate `b/m2` names the unknown provider `b`; it is neither in this file nor stored";
    scene.logged(&[why], PATIENCE).await?;
    scene.upstream("a")?.on("m1", Script::answer("from a"));
    answered(&scene, "m1", "from a").await?;
    let file = scene.place().config();
    let words = ["check", "--config", file.to_str().context("a path")?];
    let checked = run(scene.place().path(), &words, &[])?;
    assert_eq!(code(&checked), 0, "{}{}", out(&checked), err(&checked));
    assert!(
        out(&checked).contains("not in this file, so it is right only if it is stored"),
        "{}",
        out(&checked)
    );
    Ok(())
}

#[tokio::test]
async fn a_stored_provider_that_cannot_be_used_keeps_nobody_from_running() -> Result<()> {
    let mut scene = Cast::new()?.provider("a").await?.start().await?;
    scene.upstream("a")?.on("m1", Script::answer("from a"));
    let key = scene.place().key("stored", "sk-stored-secret")?;
    let path = key.to_str().context("a path")?;
    let url = scene.upstream("a")?.url();
    let words =
        ["providers", "add", "b", "--preset", "openai-compatible", "--base-url", &url, "--key-file", path];
    done(&scene.command(&words)?)?;
    rewrite(&scene, |config| {
        let config = config.alias("fast", &["b/m1", "a/m1"]).provider(Provider::demo("d").fallback(&["b"]));
        config.default_app("candidates = [\"b\"]")
    })?;
    answered(&scene, "m1", "from a").await?;
    std::fs::remove_file(&key)?;
    scene.stack().revive().await?;
    let refused = wait::until("calls to be answered", PATIENCE, async || {
        scene.client().chat("m1").await.ok().filter(|reply| reply.status == 404)
    })
    .await?;
    // An app that may go to `b` alone goes nowhere else.
    assert!(refused.text().contains("b: it is no longer configured"), "{}", refused.text());
    Ok(())
}
