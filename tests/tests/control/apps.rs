//! Apps and how callers are told apart: by key, wherever it is sent, or by the listener they come by; and when a key
//! was last used.

use super::{bare, create};
use anyhow::{Context, Result, bail};
use protocol::control::answer::Now;
use protocol::control::app::{AppKeySpec, AppSpec};
use protocol::control::record::CallFilter;
use protocol::control::{ControlReply, ControlRequest as R};
use serde_json::{from_value, json};
use std::time::Duration;
use tests::config::{Config, Provider};
use tests::control::{Control, calls};
use tests::stack::{Place, Stack};
use tests::upstream::Upstream;
use tests::wait;

/// Calls are on record a moment after they are over.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_key_knows_when_it_was_last_used() -> Result<()> {
    let upstream = Upstream::start().await?;
    let (stack, control) = bare().await?;
    control.change(create("a", &upstream.url(), "sk-1")).await?;
    let app: AppSpec = from_value(json!({ "name": "web" }))?;
    control.change(R::CreateApp { spec: app, route: None }).await?;
    // Labels need not differ; keys do.
    let mut keys = Vec::new();
    for _ in 0..3 {
        let spec = AppKeySpec { label: "one".to_owned(), expires_ms: None };
        let made = control.change(R::CreateAppKey { app: "web".to_owned(), spec }).await?;
        let Some(Now::AppKey(key)) = made.now else { bail!("no key") };
        keys.push(key);
    }
    let epoch = control.epoch().await?;
    assert_eq!(stack.client().with_key(keys[1].key.expose()).chat("a/m1").await?.status, 200);
    let used = async |ask: R| {
        let views = match control.ask(ask).await.ok()? {
            ControlReply::Apps(views) => views,
            ControlReply::App(view) => vec![*view],
            _other => return None,
        };
        let web = views.into_iter().find(|view| view.spec.name == "web")?;
        let key = web.keys.iter().find(|key| key.id == keys[1].view.id)?;
        let others = web.keys.iter().filter(|key| key.last_used_ms.is_some()).count();
        Some((key.last_used_ms?, others))
    };
    let one = || R::App { app: "web".to_owned() };
    let (at, others) = wait::until("the last use", PATIENCE, async || used(one()).await).await?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis() as i64;
    assert!((now - 60_000..=now).contains(&at), "{at} at {now}");
    assert_eq!(others, 1, "a key of the same label was not used");
    assert_eq!(used(R::Apps).await.context("in the list")?.0, at);
    assert_eq!(control.epoch().await?, epoch, "a use is no change of the configuration");
    let output = stack.command(&["apps", "show", "web", "--json"])?;
    assert!(String::from_utf8_lossy(&output.stdout).contains(&at.to_string()), "{output:?}");
    let stack = stack.restart().await?;
    assert_eq!(used(one()).await.context("after a restart")?.0, at);
    let found = calls(&stack, &CallFilter::default()).await?;
    let ControlReply::Call(call) = control.ask(R::Call { call: found[0].id.clone() }).await? else {
        bail!("no call")
    };
    assert_eq!(
        call.trace.and_then(|trace| trace.key).as_deref(),
        Some(format!("one-{}", keys[1].view.id).as_str())
    );
    Ok(())
}

/// A key that stands in the file has no row of its own, and its last use is known all the same.
#[tokio::test]
async fn a_key_of_the_file_knows_when_it_was_last_used() -> Result<()> {
    let place = Place::new()?;
    let (team, idle) = (place.key("team", "team-key-0123456789")?, place.key("idle", "idle-key-0123456789")?);
    let config = Config::new().provider(Provider::demo("a")).app("team", &team).app("idle", &idle);
    let stack = Stack::start(place, config).await?;
    let control = Control::of(&stack.place().state());
    assert_eq!(stack.client().with_key("team-key-0123456789").chat("a/demo").await?.status, 200);
    let used = async |app: &str| match control.ask(R::App { app: app.to_owned() }).await.ok()? {
        ControlReply::App(view) => view.keys.first()?.last_used_ms,
        _other => None,
    };
    let at = wait::until("the last use", PATIENCE, async || used("team").await).await?;
    assert_eq!(used("idle").await, None);
    let stack = stack.restart().await?;
    assert_eq!(used("team").await.context("after a restart")?, at);
    drop(stack);
    Ok(())
}

/// `[server.apps]`
fn hosts() -> Result<toml::Table> {
    Ok(toml::from_str("\"127.0.0.1:0\" = \"ide\"")?)
}

#[tokio::test]
async fn a_listener_names_the_app_of_callers_without_a_key() -> Result<()> {
    let place = Place::new()?;
    let key = place.key("team", "team-key-0123456789")?;
    let config = Config::new().provider(Provider::demo("a")).server("apps", hosts()?);
    let stack = Stack::start(place, config.keyless_app("ide").app("team", &key)).await?;
    let control = Control::of(&stack.place().state());
    assert_eq!(stack.client().chat("a/demo").await?.status, 200);
    assert_eq!(stack.client().with_key("of-some-library").chat("a/demo").await?.status, 200);
    assert_eq!(stack.client().with_key("team-key-0123456789").chat("a/demo").await?.status, 200);
    let mut apps: Vec<String> = wait::until("three calls", PATIENCE, async || {
        let found = calls(&stack, &CallFilter::default()).await.ok()?;
        (found.len() == 3).then(|| found.into_iter().map(|call| call.app).collect())
    })
    .await?;
    apps.sort();
    assert_eq!(apps, ["ide", "ide", "team"]);
    let ControlReply::Config(values) = control.ask(R::Config).await? else { bail!("no values") };
    let hosts = values.iter().find(|value| value.path == "server.apps").context("a value")?;
    assert_eq!(hosts.value, json!({ "127.0.0.1:0": "ide" }));
    Ok(())
}

#[tokio::test]
async fn a_listener_of_an_app_that_is_gone_lets_nobody_in_without_a_key() -> Result<()> {
    let upstream = Upstream::start().await?;
    let stack = Stack::launch(Place::new()?, Config::new().server("apps", hosts()?), &[]).await?;
    let ready = async || (stack.client().get("/ready").await.ok()?.status == 200).then_some(());
    wait::until("readiness", PATIENCE, ready).await?;
    let control = Control::of(&stack.place().state());
    control.change(create("a", &upstream.url(), "sk-1")).await?;
    assert_eq!(stack.client().chat("a/m1").await?.status, 401, "there is no such app yet");
    let app: AppSpec = from_value(json!({ "name": "ide" }))?;
    control.change(R::CreateApp { spec: app, route: None }).await?;
    assert_eq!(stack.client().chat("a/m1").await?.status, 200);
    control.change(R::DeleteApp { app: "ide".to_owned(), version: None }).await?;
    assert_eq!(stack.client().chat("a/m1").await?.status, 401);
    Ok(())
}
