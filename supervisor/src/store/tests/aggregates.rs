//! Each kind of object once around: made, listed, changed, refused when stale, removed.

use super::fixture::{NOW, alias, app, config, env_key, model, provider, stamp};
use crate::store::alerts::{AlertRuleSpec, ChannelKind, ChannelSpec, Comparison, Measure};
use crate::store::app_keys::NewAppKey;
use crate::store::config::Reserve;
use crate::store::edit::{Edit, Expect};
use crate::store::events::Severity;
use crate::store::page::Page;
use crate::store::prices::PriceSpec;
use crate::store::users::{PasswordHash, Permission, UserSpec};
use crate::store::{ConfigStore, ProviderId, Sealed, SecretPlace, StoreError, UnixMs};

async fn change<T: Send + 'static>(
    store: &ConfigStore,
    job: impl Fn(&mut Edit<'_>) -> Result<T, StoreError> + Send + 'static,
) -> T {
    store.change(stamp(), job).await.unwrap().value
}

/// The change is refused because the row has another version.
async fn stale<T: Send + 'static>(
    store: &ConfigStore,
    job: impl Fn(&mut Edit<'_>) -> Result<T, StoreError> + Send + 'static,
) {
    let error = store.change(stamp(), job).await.err().unwrap();
    assert!(matches!(error, StoreError::Stale { .. }), "{error}");
}

async fn with_provider() -> (tempfile::TempDir, ConfigStore, ProviderId) {
    let (temp, store) = config().await;
    let id = change(&store, |edit| Ok(edit.create_provider(&provider("a"))?.id)).await;
    (temp, store, id)
}

#[tokio::test]
async fn models_and_prices() {
    let (_temp, store, a) = with_provider().await;
    let id = change(&store, move |edit| Ok(edit.create_model(a, &model("m1"))?.id)).await;
    let mut sunset = model("m1");
    (sunset.deprecated, sunset.sunset) = (true, Some(NOW));
    sunset.alternatives = vec!["a/m2".to_owned()];
    let wanted = sunset.clone();
    stale(&store, {
        let sunset = sunset.clone();
        move |edit| edit.update_model(id, Expect::Version(2), &sunset)
    })
    .await;
    let changed = change(&store, move |edit| edit.update_model(id, Expect::Version(1), &sunset)).await;
    assert_eq!((changed.spec, changed.version), (wanted, 2));
    let price = PriceSpec {
        since: NOW,
        currency: "USD".to_owned(),
        input_fresh: Some(250_000),
        cache_read: None,
        cache_write: None,
        output: None,
    };
    let listed = change(&store, move |edit| {
        let made = edit.add_price(id, &price)?;
        let listed = edit.prices(id)?;
        edit.delete_price(made.id)?;
        Ok(listed)
    })
    .await;
    assert_eq!(listed[0].spec.input_fresh, Some(250_000));
    let found = store.read(move |view| Ok((view.model_named(a, "m1")?, view.models(a)?))).await.unwrap();
    assert_eq!(found.1, [found.0]);
    change(&store, move |edit| edit.delete_model(id, Expect::Version(2))).await;
    assert!(matches!(store.read(move |view| view.model(id)).await, Err(StoreError::NotFound { .. })));
}

#[tokio::test]
async fn what_is_wrong_with_models_and_prices() {
    let (_temp, store, a) = with_provider().await;
    let mut wrong = model("m 1");
    wrong.facts.context = Some(0);
    wrong.sunset = Some(NOW);
    wrong.alternatives = vec!["m 1".to_owned()];
    let error =
        store.change(stamp(), move |edit| edit.create_model(a, &wrong)).await.err().unwrap().to_string();
    for part in
        ["name must be", "facts.context must be", "sunset needs `deprecated`", "must not name the model"]
    {
        assert!(error.contains(part), "{error}");
    }
    let dear = PriceSpec {
        since: NOW,
        currency: "dollars".to_owned(),
        input_fresh: Some(u64::MAX),
        cache_read: None,
        cache_write: None,
        output: None,
    };
    let error = store
        .change(stamp(), move |edit| {
            let id = edit.create_model(a, &model("m1"))?.id;
            edit.add_price(id, &dear)
        })
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("currency must be three") && error.contains("price must be in millionths"),
        "{error}"
    );
}

#[tokio::test]
async fn aliases() {
    let (_temp, store) = config().await;
    let id = change(&store, move |edit| Ok(edit.create_alias(&alias("fast", &["a"]))?.id)).await;
    stale(&store, move |edit| edit.update_alias(id, Expect::Version(3), &alias("fast", &["b", "a"]))).await;
    let changed =
        change(&store, move |edit| edit.update_alias(id, Expect::Version(1), &alias("fast", &["b", "a"])))
            .await;
    assert_eq!(changed.spec, alias("fast", &["b", "a"]), "in the order that was said");
    assert_eq!(store.read(|view| view.aliases()).await.unwrap(), [changed]);
    let twice =
        store.change(stamp(), move |edit| edit.create_alias(&alias("x", &["a", "a"]))).await.err().unwrap();
    assert_eq!(twice.to_string(), "alias is not valid: candidates[1] stands there twice");
}

#[tokio::test]
async fn apps_and_their_keys() {
    let (_temp, store) = config().await;
    let id = change(&store, |edit| Ok(edit.create_app(&app("web"))?.id)).await;
    let mut strict = app("web");
    strict.strict = true;
    strict.limits.tokens_per_minute = Some(10_000);
    let wanted = strict.clone();
    let changed = change(&store, move |edit| edit.update_app(id, Expect::Version(1), &strict)).await;
    assert_eq!(changed.spec, wanted);
    stale(&store, move |edit| edit.delete_app(id, Expect::Version(1))).await;
    for n in 0..5 {
        let key =
            NewAppKey { label: format!("k{n}"), prefix: String::new(), hash: [n; 32], expires_at: None };
        change(&store, move |edit| edit.add_app_key(id, &key)).await;
    }
    let page = store.read(move |view| view.app_keys(Some(id), Page::first(2))).await.unwrap();
    let labels: Vec<_> = page.iter().map(|k| k.label.as_str()).collect();
    assert_eq!(labels, ["k4", "k3"]);
    let last = page[1].id;
    let rest = store.read(move |view| view.app_keys(None, Page::before(last, 9))).await.unwrap();
    assert_eq!(rest.len(), 3);
    change(&store, move |edit| edit.delete_app_key(last)).await;
    assert_eq!(store.read(move |view| view.live_app_keys(NOW)).await.unwrap().len(), 4);
    change(&store, move |edit| edit.delete_app(id, Expect::Version(2))).await;
    assert!(store.read(move |view| view.live_app_keys(NOW)).await.unwrap().is_empty());
}

#[tokio::test]
async fn provider_keys() {
    let (_temp, store, a) = with_provider().await;
    let id = change(&store, move |edit| Ok(edit.add_provider_key(a, &env_key("main"))?.id)).await;
    let twice =
        store.change(stamp(), move |edit| edit.add_provider_key(a, &env_key("main"))).await.err().unwrap();
    assert_eq!(twice.to_string(), "provider_key `main` exists already");
    stale(&store, move |edit| edit.delete_provider_key(id, Expect::Version(9))).await;
    change(&store, move |edit| edit.delete_provider_key(id, Expect::Version(1))).await;
    assert!(store.read(move |view| view.provider_keys(a)).await.unwrap().is_empty());
}

#[tokio::test]
async fn users() {
    let (_temp, store) = config().await;
    let spec = |name: &str| UserSpec {
        name: name.to_owned(),
        permissions: vec![Permission::SystemConfig],
        enabled: true,
    };
    let hash = PasswordHash("$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA".to_owned());
    change(&store, {
        let hash = hash.clone();
        move |edit| edit.create_user(&spec("ada"), &hash).map(|user| user.id)
    })
    .await;
    let twice = store.change(stamp(), move |edit| Ok(edit.create_user(&spec("ADA"), &hash)?.id)).await;
    assert_eq!(twice.err().unwrap().to_string(), "user `ADA` exists already");
    let (named, all) = store.read(|view| Ok((view.user_named("Ada")?, view.users()?))).await.unwrap();
    assert_eq!(named.unwrap().id, all[0].id);
    assert!(store.read(|view| view.user_named("eve")).await.unwrap().is_none());
    let mut doubled = spec("bob");
    doubled.permissions.push(Permission::SystemConfig);
    assert!(doubled.check().unwrap_err().to_string().contains("must not name one twice"));
}

#[tokio::test]
async fn alert_rules_and_channels() {
    let (_temp, store) = config().await;
    let channel = ChannelSpec {
        name: "ops".to_owned(),
        kind: ChannelKind::Webhook,
        enabled: true,
        options: serde_json::Map::new(),
    };
    let mut leaky = channel.clone();
    leaky.options.insert("url".to_owned(), "https://hooks.example/T0/SECRET".into());
    assert!(leaky.check().unwrap_err().to_string().contains("options.url may hold a credential"));
    let mut off = channel.clone();
    off.enabled = false;
    let (rule, id) = change(&store, move |edit| {
        let made = edit.create_channel(&channel)?;
        let spec = AlertRuleSpec {
            name: "slow".to_owned(),
            enabled: true,
            severity: Severity::Warning,
            measure: Measure::LatencyP95Ms,
            comparison: Comparison::Above,
            threshold: 2000.0,
            window_s: 300,
            hold_s: 0,
            repeat_s: 0,
            provider: Some("a".to_owned()),
            app: None,
            model: None,
            channels: vec![made.id],
        };
        Ok((edit.create_alert_rule(&spec)?, made.id))
    })
    .await;
    let changed = change(&store, move |edit| edit.update_channel(id, Expect::Version(1), &off)).await;
    assert!(!changed.spec.enabled);
    let mut wrong = rule.spec.clone();
    (wrong.threshold, wrong.window_s) = (f64::NAN, 1);
    let error = wrong.check().unwrap_err().to_string();
    assert!(error.contains("threshold must be a number; window_s must be 10 to 86400"), "{error}");
    let mut quiet = rule.spec.clone();
    quiet.channels.clear();
    let wanted = quiet.clone();
    let changed =
        change(&store, move |edit| edit.update_alert_rule(rule.id, Expect::Version(1), &quiet)).await;
    assert_eq!(changed.spec, wanted);
    let listed = store.read(|view| Ok((view.channels()?, view.alert_rules()?))).await.unwrap();
    assert_eq!((listed.0.len(), &listed.1), (1, &vec![changed.clone()]));
    change(&store, move |edit| edit.delete_channel(id, Expect::Version(2))).await;
    let pruned = store
        .note(Reserve::Keep, move |note| {
            let alert = note.begin_alert(&changed, "a", (1.0, "slow"), NOW)?;
            let firing = note.prune_alerts(NOW.plus_ms(10), 10)?;
            note.resolve_alert(alert, NOW.plus_ms(1))?;
            Ok((firing, note.prune_alerts(NOW.plus_ms(10), 10)?))
        })
        .await
        .unwrap();
    assert_eq!(pruned, (0, 1), "only what is over is removed");
}

#[tokio::test]
async fn secrets_of_rows_go_with_them_or_alone() {
    let (_temp, store, a) = with_provider().await;
    let sealed =
        |version| Sealed { version, ciphertext: vec![1], data_key: vec![2], master_id: "m".to_owned() };
    let channel = ChannelSpec {
        name: "mail".to_owned(),
        kind: ChannelKind::Email,
        enabled: true,
        options: serde_json::Map::new(),
    };
    let channel = change(&store, move |edit| {
        edit.adopt_master("m")?;
        let channel = edit.create_channel(&channel)?.id;
        edit.put_sealed(&SecretPlace::alert_channel(channel, "password"), &sealed(1))?;
        edit.put_sealed(&SecretPlace::provider(a, "proxy"), &sealed(1))?;
        edit.put_sealed(&SecretPlace::provider(a, "header:authorization"), &sealed(1))?;
        Ok(channel)
    })
    .await;
    let fields = async || {
        let rows = store.read(|view| view.all_sealed()).await.unwrap();
        rows.into_iter().map(|row| row.field).collect::<Vec<_>>()
    };
    assert_eq!(fields().await, ["password", "proxy", "header:authorization"]);
    for _ in 0..2 {
        change(&store, move |edit| edit.remove_sealed(&SecretPlace::provider(a, "proxy"))).await;
    }
    assert_eq!(fields().await, ["password", "header:authorization"]);
    change(&store, move |edit| edit.delete_channel(channel, Expect::Any)).await;
    change(&store, move |edit| edit.delete_provider(a, Expect::Any)).await;
    assert!(fields().await.is_empty());
    let other = store.change(stamp(), |edit| edit.adopt_master("n")).await.err().unwrap();
    assert!(matches!(other, StoreError::OtherMasterKey { .. }), "{other}");
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let (_temp, store) = config().await;
    let clone = store.clone();
    store.close().await;
    let error = clone.read(|view| view.epoch()).await.err().unwrap();
    assert!(matches!(error, StoreError::Closed));
    store.close().await;
}

#[tokio::test]
async fn a_job_that_panics_takes_nobody_along() {
    let (_temp, store) = config().await;
    let error = store
        .change(stamp(), |edit| -> Result<(), StoreError> {
            edit.create_app(&app("web"))?;
            panic!("on purpose")
        })
        .await
        .err()
        .unwrap();
    assert!(matches!(error, StoreError::Broken));
    assert_eq!(store.read(|view| Ok(view.apps()?.len())).await.unwrap(), 0);
    change(&store, |edit| edit.create_app(&app("web")).map(drop)).await;
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_stop_its_change() {
    let (_temp, store) = config().await;
    let mut change = Box::pin(store.change(stamp(), |edit| edit.create_app(&app("web")).map(drop)));
    let polled = futures_util::poll!(&mut change);
    assert!(polled.is_pending());
    drop(change);
    assert_eq!(store.read(|view| view.epoch()).await.unwrap(), 1);
}

#[tokio::test]
async fn copies_are_verified_and_complete() {
    let (temp, store) = config().await;
    change(&store, |edit| edit.create_app(&app("web")).map(drop)).await;
    let target = temp.path().join("copy.db");
    let held = store.copy_to(target.clone()).await.unwrap();
    assert_eq!((held.rows["apps"], held.rows["audit"], held.schema), (1, 1, 11));
    assert_eq!(crate::store::copy::verify(&target).unwrap(), held);
    let cut = std::fs::OpenOptions::new().write(true).open(&target).unwrap();
    cut.set_len(cut.metadata().unwrap().len() / 2).unwrap();
    assert!(crate::store::copy::verify(&target).is_err());
    let error = store.copy_to(temp.path().join("no such directory/copy.db")).await.err().unwrap();
    assert!(matches!(error, StoreError::Io(_)), "{error}");
    let (_temp, usage) = super::fixture::usage().await;
    let held = usage.copy_to(temp.path().join("usage.db")).await.unwrap();
    assert_eq!(held.rows["calls"], 0);
    assert_eq!(UnixMs(5).plus_ms(i64::MAX), UnixMs(i64::MAX));
}
