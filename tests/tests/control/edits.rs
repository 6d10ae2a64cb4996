//! One change after the other: in force when it is answered, refused when it cannot be, once however often asked.

use super::{bare, create, spec};
use anyhow::{Context, Result, bail};
use protocol::control::answer::Now;
use protocol::control::app::{AppKeySpec, AppSpec};
use protocol::control::document::Document;
use protocol::control::record::Source;
use protocol::control::{ControlReply, ControlRequest as R, RefusalKind};
use serde_json::{from_value, json};
use std::time::Duration;
use tests::config::{Config, Provider};
use tests::control::Control;
use tests::stack::{Place, Stack};
use tests::upstream::Upstream;

/// For what is logged at a start.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_provider_an_app_and_its_key_are_in_force_when_they_are_made() -> Result<()> {
    let (stack, control) = bare().await?;
    assert_eq!(stack.client().chat("demo/demo").await?.status, 200, "nobody configured anything yet");
    let upstream = Upstream::start().await?;
    let made = control.change(create("a", &upstream.url(), "sk-upstream-key-0123456789abcd")).await?;
    assert!(made.pending.is_empty(), "{:?}", made.pending);
    let Some(Now::Provider(view)) = made.now else { bail!("no provider") };
    assert_eq!((view.version, &view.source, view.keys[0].tail.as_str()), (1, &Source::Store, "abcd"));
    assert_eq!(stack.client().chat("a/m1").await?.status, 200);
    assert_eq!(upstream.requests()[0].header("authorization"), Some("Bearer sk-upstream-key-0123456789abcd"));
    assert_eq!(stack.client().chat("demo/demo").await?.status, 404, "the stand-in is gone");
    let app: AppSpec = from_value(json!({ "name": "web" }))?;
    control.change(R::CreateApp { spec: app, route: None }).await?;
    let key = AppKeySpec { label: "one".to_owned(), expires_ms: None };
    let made = control.change(R::CreateAppKey { app: "web".to_owned(), spec: key }).await?;
    let Some(Now::AppKey(key)) = made.now else { bail!("no key") };
    let client = stack.client().with_key(key.key.expose());
    assert_eq!(client.chat("a/m1").await?.status, 200);
    control.change(R::RevokeAppKey { app: "web".to_owned(), key: key.view.id }).await?;
    // An open listener serves strangers as its default app; a key it knows to be dead is none of them.
    control.change(R::DeleteApp { app: "web".to_owned(), version: None }).await?;
    let gone = control.refused(R::App { app: "web".to_owned() }).await?;
    assert_eq!(gone.kind, RefusalKind::NotFound);
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_used_is_not_stored() -> Result<()> {
    let (_stack, control) = bare().await?;
    let upstream = Upstream::start().await?;
    let before = control.epoch().await?;
    let refusal = control.refused(create("a", "ftp://host/v1", "sk-1")).await?;
    assert_eq!((refusal.kind, refusal.fields[0].field.as_str()), (RefusalKind::Invalid, "base_url"));
    let mut orphan = spec("b", &upstream.url());
    orphan.fallback = vec!["nobody".to_owned()];
    let refusal = control.refused(R::CreateProvider { spec: Box::new(orphan), key: None }).await?;
    assert_eq!((refusal.kind, refusal.fields[0].field.as_str()), (RefusalKind::Invalid, "fallback"));
    assert_eq!(control.epoch().await?, before);
    let made = control.change(create("a", &upstream.url(), "sk-1")).await?;
    assert_eq!(made.epoch, before + 1, "each change makes the next one, from the first start on");
    let again = control.refused(create("a", &upstream.url(), "sk-1")).await?;
    assert_eq!(again.kind, RefusalKind::Conflict);
    let spec = Box::new(spec("a", &upstream.url()));
    let stale = R::UpdateProvider { provider: "a".to_owned(), spec, version: Some(7) };
    assert_eq!(control.refused(stale).await?.kind, RefusalKind::Stale);
    Ok(())
}

#[tokio::test]
async fn the_file_wins_and_says_so() -> Result<()> {
    let place = Place::new()?;
    let config = Config::new().provider(Provider::demo("a"));
    let stack = Stack::start(place, config).await?;
    let control = Control::of(&stack.place().state());
    let refusal = control.refused(R::Enable { provider: "a".to_owned(), enabled: false }).await?;
    assert_eq!(refusal.kind, RefusalKind::ReadOnly);
    assert!(refusal.message.contains("llm-link.toml:"), "{}", refusal.message);
    let ControlReply::Config(values) = control.ask(R::Config).await? else { bail!("no values") };
    let preset = values.iter().find(|value| value.path == "providers.a.preset").context("a value")?;
    assert!(matches!(&preset.source, Source::File(at) if at.contains("llm-link.toml:")), "{preset:?}");
    let deadline = R::SetSetting { name: "server.deadline".to_owned(), value: json!("7s"), version: None };
    control.change(deadline).await?;
    let ControlReply::Config(values) = control.ask(R::Config).await? else { bail!("no values") };
    let deadline = values.iter().find(|value| value.path == "server.deadline").context("a value")?;
    assert_eq!((&deadline.value, &deadline.source), (&json!("7000ms"), &Source::Store));
    Ok(())
}

#[tokio::test]
async fn the_same_question_twice_is_done_once() -> Result<()> {
    let (_stack, control) = bare().await?;
    let app: AppSpec = from_value(json!({ "name": "web" }))?;
    control.change(R::CreateApp { spec: app, route: None }).await?;
    let ask = R::CreateAppKey { app: "web".to_owned(), spec: AppKeySpec::default() };
    let ControlReply::Changed(first) = control.ask_once(ask.clone(), Some("k-1")).await? else {
        bail!("not made")
    };
    let ControlReply::Changed(second) = control.ask_once(ask, Some("k-1")).await? else { bail!("no answer") };
    let (Some(Now::AppKey(first)), Some(Now::AppKey(second))) = (&first.now, &second.now) else {
        bail!("no keys")
    };
    assert_eq!(first.view.id, second.view.id);
    assert!(first.key.expose().starts_with("llk_") && second.key.expose().is_empty());
    let other = control.ask_once(R::Enable { provider: "x".to_owned(), enabled: true }, Some("k-1")).await?;
    assert!(matches!(other, ControlReply::Refused(refusal) if refusal.kind == RefusalKind::Conflict));
    Ok(())
}

#[tokio::test]
async fn a_document_is_applied_once_and_survives_a_restart() -> Result<()> {
    let upstream = Upstream::start().await?;
    let (stack, control) = bare().await?;
    let document: Document = from_value(json!({
        "settings": { "server.max_attempts": 2 },
        "providers": [{ "spec": spec("a", &upstream.url()), "keys": [{ "label": "main", "value": { "text": "sk-doc" } }],
            "models": [{ "spec": { "name": "m1" }, "prices": [{ "since_ms": 0, "currency": "USD", "output": 2000000 }] }] }],
        "aliases": [{ "name": "fast", "candidates": [{ "provider": "a", "model": "m1" }] }],
        "apps": [{ "spec": { "name": "web", "limits": { "requests_per_minute": 600 } },
            "route": { "candidates": [{ "provider": "a" }] } }],
    }))?;
    let apply =
        |dry_run| R::Apply { document: Box::new(document.clone()), prune: true, dry_run, epoch: None };
    let ControlReply::Differences(planned) = control.ask(apply(true)).await? else { bail!("no plan") };
    assert_eq!(planned.len(), 8, "{planned:?}");
    let applied = control.change(apply(false)).await?;
    assert_eq!(applied.now, Some(Now::Differences(planned)));
    assert_eq!(stack.client().chat("fast").await?.status, 200);
    let again = control.change(apply(false)).await?;
    assert_eq!((again.epoch, again.now), (applied.epoch, Some(Now::Differences(Vec::new()))));
    let ControlReply::Document(exported) = control.ask(R::Export).await? else { bail!("no document") };
    assert!(!serde_json::to_string(&exported)?.contains("sk-doc"));
    let text = serde_json::to_string(&exported)?;
    let back: Document = serde_json::from_str(&text)?;
    let same = R::Apply { document: Box::new(back), prune: true, dry_run: false, epoch: Some(applied.epoch) };
    assert_eq!(control.change(same).await?.epoch, applied.epoch);
    let stale = R::Apply { document: exported, prune: true, dry_run: false, epoch: Some(1) };
    assert_eq!(control.refused(stale).await?.kind, RefusalKind::Stale);
    let stack = stack.restart().await?;
    assert_eq!(control.epoch().await?, applied.epoch);
    assert_eq!(stack.client().chat("fast").await?.status, 200);
    Ok(())
}

/// What only stands in is not stored, so it cannot be changed: the answer says so, and what to do instead.
#[tokio::test]
async fn what_stands_in_is_read_only_and_gives_way() -> Result<()> {
    let (stack, control) = bare().await?;
    stack.logged(&["no provider is configured", "`demo`"], PATIENCE).await?;
    let demo = "demo".to_owned();
    for request in [
        R::Enable { provider: demo.clone(), enabled: false },
        R::DeleteProvider { provider: demo.clone(), version: None },
        R::UpdateProvider {
            provider: demo.clone(),
            spec: Box::new(spec("demo", "http://127.0.0.1:9")),
            version: None,
        },
        R::DeleteApp { app: "default".to_owned(), version: None },
        R::CreateAppKey { app: "default".to_owned(), spec: AppKeySpec::default() },
    ] {
        let refusal = control.refused(request.clone()).await?;
        assert_eq!(refusal.kind, RefusalKind::ReadOnly, "{request:?}");
        assert!(refusal.message.contains("built in"), "{}", refusal.message);
    }
    let gone = control.refused(R::DeleteProvider { provider: "nobody".to_owned(), version: None }).await?;
    assert_eq!(gone.kind, RefusalKind::NotFound);
    let upstream = Upstream::start().await?;
    control.change(create("demo", &upstream.url(), "sk-mine")).await?;
    assert_eq!(stack.client().chat("demo/m1").await?.status, 200);
    assert_eq!(upstream.requests().len(), 1, "one's own of the same name takes its place");
    control.change(R::DeleteProvider { provider: demo, version: None }).await?;
    Ok(())
}

/// Settings beyond `[server]`: in force at once, the file before the store, the range checked before it is stored.
#[tokio::test]
async fn defaults_and_retention_are_settings_too() -> Result<()> {
    let config = Config::new().provider(Provider::demo("a")).section("retention", "calls = 12")?;
    let stack = Stack::start(Place::new()?, config).await?;
    let control = Control::of(&stack.place().state());
    let set =
        |name: &str, value: serde_json::Value| R::SetSetting { name: name.to_owned(), value, version: None };
    let value = async |name: &str| {
        let ControlReply::Config(values) = control.ask(R::Config).await? else { bail!("no values") };
        let found = values.into_iter().find(|value| value.path == name).context("a value")?;
        Ok::<_, anyhow::Error>((found.value, found.source))
    };
    assert_eq!(value("defaults.sandbox").await?, (json!("best-effort"), Source::Default));
    let worker = stack.worker("a").await?;
    control.change(set("defaults.sandbox", json!("off"))).await?;
    control.change(set("defaults.timeouts.first_token", json!("7s"))).await?;
    assert_eq!(value("defaults.sandbox").await?, (json!("off"), Source::Store));
    assert_eq!(value("providers.a.sandbox").await?.0, json!("off"), "it holds where nothing else is said");
    assert_ne!(stack.worker("a").await?, worker, "the worker was replaced for it");
    assert_eq!(stack.client().chat("a/demo").await?.status, 200);
    control.change(set("retention.audit", json!(30))).await?;
    assert_eq!(value("retention.audit").await?, (json!(30), Source::Store));
    let (calls, source) = value("retention.calls").await?;
    assert_eq!(calls, json!(12));
    assert!(matches!(source, Source::File(at) if at.contains("llm-link.toml:")));
    assert_eq!(control.refused(set("retention.calls", json!(3))).await?.kind, RefusalKind::ReadOnly);
    for (name, wrong) in [
        ("defaults.sandbox", json!("on")),
        ("defaults.max_queue", json!(-1)),
        ("retention.events", json!(0)),
        ("retention.events", json!("long")),
        ("retention.evnts", json!(1)),
    ] {
        let refusal = control.refused(set(name, wrong)).await?;
        assert_eq!(refusal.kind, RefusalKind::Invalid, "{name}: {}", refusal.message);
    }
    control.change(set("defaults.sandbox", serde_json::Value::Null)).await?;
    assert_eq!(value("defaults.sandbox").await?, (json!("best-effort"), Source::Default));
    Ok(())
}
