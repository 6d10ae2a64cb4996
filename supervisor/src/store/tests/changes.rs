//! What operators change: epochs, audit, versions, checks, and what depends on what.

use super::fixture::{NOW, alias, app, config, env_key, model, provider, stamp, stamp_at};
use crate::store::alerts::{AlertRuleSpec, ChannelKind, ChannelSpec, Comparison, Measure};
use crate::store::app_keys::NewAppKey;
use crate::store::audit::AuditFilter;
use crate::store::config::Reserve;
use crate::store::edit::{Expect, Verb};
use crate::store::error::{Blame, Object};
use crate::store::events::Severity;
use crate::store::page::Page;
use crate::store::prices::PriceSpec;
use crate::store::provider_keys::{KeyOutcome, KeyState};
use crate::store::{ConfigStore, Sealed, SecretPlace, StoreError, UnixMs};
use protocol::control::provider::ProxyRule;
use protocol::control::route::{RetryRule, RouteSpec, Rule, Step};
use serde_json::json;

async fn refused<T: Send + 'static>(
    store: &ConfigStore,
    job: impl Fn(&mut crate::store::Edit<'_>) -> Result<T, StoreError> + Send + 'static,
) -> StoreError {
    store.change(stamp(), job).await.err().unwrap()
}

#[tokio::test]
async fn a_change_is_one_epoch_with_an_audit_row_for_each_thing() {
    let (_temp, store) = config().await;
    let made = store
        .change(stamp(), |edit| {
            edit.create_provider(&provider("a"))?;
            edit.create_provider(&provider("b"))
        })
        .await
        .unwrap();
    assert_eq!((made.effect.epoch, made.effect.changes), (1, 2));
    let rows = store.read(|view| view.audit(&AuditFilter::default(), Page::first(10))).await.unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].name.as_str(), rows[0].epoch, rows[0].verb), ("b", Some(1), Verb::Create));
    assert_eq!((rows[0].actor.as_str(), rows[0].at, &rows[0].before), ("ada", NOW, &None));
    assert_eq!(rows[0].after.as_ref().unwrap()["base_url"], "https://api.example.com/v1");
}

#[tokio::test]
async fn what_changes_nothing_makes_no_epoch() {
    let (_temp, store) = config().await;
    let made = store.change(stamp(), |edit| edit.create_provider(&provider("a"))).await.unwrap().value;
    let same = store
        .change(stamp(), move |edit| edit.update_provider(made.id, Expect::Any, &provider("a")))
        .await
        .unwrap();
    assert_eq!((same.effect.epoch, same.effect.changes, same.value.version), (1, 0, 1));
}

#[tokio::test]
async fn a_refused_change_leaves_nothing_behind() {
    let (_temp, store) = config().await;
    let error = refused(&store, |edit| {
        edit.create_provider(&provider("a"))?;
        edit.create_app(&app("web"))?;
        edit.create_provider(&provider("a"))
    })
    .await;
    assert_eq!(error.to_string(), "provider `a` exists already");
    assert_eq!(error.blame(), Blame::Caller);
    let left = store
        .read(|view| {
            let audit = view.audit(&AuditFilter::default(), Page::first(10))?;
            Ok((view.epoch()?, view.providers()?.len(), view.apps()?.len(), audit.len()))
        })
        .await
        .unwrap();
    assert_eq!(left, (0, 0, 0, 0));
}

#[tokio::test]
async fn the_second_of_two_editors_is_told() {
    let (_temp, store) = config().await;
    let made = store.change(stamp(), |edit| edit.create_provider(&provider("a"))).await.unwrap().value;
    let mut first = provider("a");
    first.priority = 5;
    let done = store
        .change(stamp(), move |edit| edit.update_provider(made.id, Expect::Version(1), &first))
        .await
        .unwrap();
    assert_eq!(done.value.version, 2);
    let mut second = provider("a");
    second.enabled = false;
    let error = refused(&store, move |edit| edit.update_provider(made.id, Expect::Version(1), &second)).await;
    assert_eq!(error.to_string(), "provider `a` was changed meanwhile: it is at version 2, not 1");
    assert!(matches!(error, StoreError::Stale { object: Object::Provider, expected: 1, found: 2, .. }));
}

#[tokio::test]
async fn everything_wrong_with_a_provider_is_said_at_once() {
    let (_temp, store) = config().await;
    let mut spec = provider("A b");
    spec.base_url = Some("https://me:secret@example.com/v1".to_owned());
    spec.proxy = Some(ProxyRule::Url("http://user:pw@proxy:3128".to_owned()));
    spec.headers.insert("authorization".to_owned(), "Bearer sk-canary".to_owned());
    spec.headers.insert("X-Title".to_owned(), "fine".to_owned());
    spec.headers.insert("x-split".to_owned(), "a\r\nhost: b".to_owned());
    let error = refused(&store, move |edit| edit.create_provider(&spec)).await.to_string();
    for part in [
        "name must be 1 to 63",
        "name must be lower-case",
        "base_url must not hold a user name or password",
        "proxy must not hold a user name or password",
        "headers.authorization carries a credential",
        "headers.X-Title must be a lower-case header name",
        "headers.x-split must be one line",
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert!(!error.contains("canary"));
}

#[tokio::test]
async fn a_new_name_is_new_wherever_it_stands() {
    let (_temp, store) = config().await;
    let renamed = store
        .change(stamp(), |edit| {
            let mut spec = provider("a");
            spec.fallback = vec!["b".to_owned()];
            edit.create_provider(&spec)?;
            edit.create_provider(&provider("b"))?;
            edit.create_alias(&alias("fast", &["a", "b"]))?;
            let web = edit.create_app(&app("web"))?;
            edit.set_route(web.id, Expect::Any, &route("b"))
        })
        .await
        .unwrap();
    let app = renamed.value.app_id;
    let renamed = store
        .change(stamp(), move |edit| {
            let b = edit.provider_named("b")?;
            edit.update_provider(b.id, Expect::Any, &provider("c"))?;
            Ok((edit.provider_named("a")?.spec.fallback, edit.alias_named("fast")?.spec, edit.route(app)?))
        })
        .await
        .unwrap();
    let (fallback, fast, routed) = renamed.value;
    assert_eq!((fallback, renamed.effect.changes), (vec!["c".to_owned()], 4));
    assert_eq!(fast, alias("fast", &["a", "c"]));
    assert_eq!(routed.unwrap().spec, route("c"));
}

#[tokio::test]
async fn a_provider_in_use_stays_and_a_free_one_takes_its_things_along() {
    let (_temp, store) = config().await;
    let id = store
        .change(stamp(), |edit| {
            let a = edit.create_provider(&provider("a"))?;
            edit.add_provider_key(a.id, &env_key("main"))?;
            let made = edit.create_model(a.id, &model("m1"))?;
            edit.add_price(made.id, &price())?;
            edit.create_alias(&alias("fast", &["a"]))?;
            let web = edit.create_app(&app("web"))?;
            edit.set_route(web.id, Expect::Version(0), &route("a"))?;
            Ok(a.id)
        })
        .await
        .unwrap()
        .value;
    let error = refused(&store, move |edit| edit.delete_provider(id, Expect::Any)).await;
    assert_eq!(error.to_string(), "provider `a` is used by alias fast, app web");
    store
        .change(stamp(), move |edit| {
            let alias = edit.alias_named("fast")?;
            edit.delete_alias(alias.id, Expect::Version(1))?;
            let web = edit.app_named("web")?;
            edit.remove_route(web.id, Expect::Version(1))?;
            edit.delete_provider(id, Expect::Version(1))
        })
        .await
        .unwrap();
    let left = store.read(|view| view.snapshot(NOW)).await.unwrap();
    assert!(left.providers.is_empty() && left.provider_keys.is_empty() && left.models.is_empty());
    assert!(left.prices.is_empty() && left.routes.is_empty() && left.aliases.is_empty());
    assert_eq!(left.apps.len(), 1);
}

fn price() -> PriceSpec {
    PriceSpec {
        since: UnixMs(0),
        currency: "USD".to_owned(),
        input_fresh: Some(1),
        cache_read: None,
        cache_write: None,
        output: Some(2),
    }
}

fn route(provider: &str) -> RouteSpec {
    let step = |model: Option<&str>| Step {
        provider: provider.to_owned(),
        model: model.map(str::to_owned),
        weight: 3,
        when: Default::default(),
    };
    RouteSpec {
        rule: Rule::Weighted,
        candidates: vec![step(None), step(Some("m2"))],
        fallback: vec![step(Some("m3"))],
        retry: RetryRule { max_attempts: Some(2), ..RetryRule::default() },
        ..RouteSpec::default()
    }
}

#[tokio::test]
async fn what_is_stored_is_what_was_said() {
    let (_temp, store) = config().await;
    let mut spec = provider("full");
    spec.endpoints = [(protocol::dialect::Dialect::Anthropic, "https://a.example/v1".to_owned())].into();
    spec.sandbox = Some(protocol::ipc::configure::SandboxMode::Required);
    spec.proxy = Some(ProxyRule::Url("socks5://proxy:1080".to_owned()));
    spec.headers = [("x-title".to_owned(), "LLM Link".to_owned())].into();
    spec.quirks = [("openai-chat".to_owned(), json!({ "max_tokens_field": "max_tokens" }))].into();
    spec.limits.memory_bytes = Some(u64::from(u32::MAX) + 1);
    spec.timeouts.idle_ms = Some(0);
    let wanted = spec.clone();
    let made = store.change(stamp(), move |edit| edit.create_provider(&spec)).await.unwrap().value;
    let read = store.read(move |view| view.provider(made.id)).await.unwrap();
    assert_eq!(read.spec, wanted);
    let route = store
        .change(stamp(), move |edit| {
            let web = edit.create_app(&app("web"))?;
            edit.set_route(web.id, Expect::Any, &route("full"))?;
            edit.route(web.id)
        })
        .await
        .unwrap();
    assert_eq!(route.value.unwrap().spec, self::route("full"));
}

#[tokio::test]
async fn keys_rest_recover_and_are_given_up() {
    let (_temp, store) = config().await;
    let (provider, one, two) = store
        .change(stamp(), |edit| {
            let a = edit.create_provider(&provider("a"))?;
            let one = edit.add_provider_key(a.id, &env_key("one"))?;
            Ok((a.id, one.id, edit.add_provider_key(a.id, &env_key("two"))?.id))
        })
        .await
        .unwrap()
        .value;
    let usable = async |at: UnixMs| {
        let keys = store.read(move |view| view.usable_keys(provider, at)).await.unwrap();
        keys.iter().map(|k| k.id).collect::<Vec<_>>()
    };
    let note = async |id, outcome, at| {
        store.note(Reserve::Keep, move |note| note.note_key(id, outcome, at)).await.unwrap();
    };
    assert_eq!(usable(NOW).await, [one, two]);
    note(one, KeyOutcome::Worked, NOW).await;
    assert_eq!(usable(NOW).await, [two, one], "the least recently used comes first");
    let later = NOW.plus_ms(30_000);
    note(two, KeyOutcome::Rest(later), NOW.plus_ms(1)).await;
    assert_eq!(usable(NOW.plus_ms(2)).await, [one]);
    assert_eq!(usable(later).await, [one, two]);
    note(one, KeyOutcome::Refused, later).await;
    assert_eq!(usable(later).await, [two]);
    let epoch = store.read(|view| view.epoch()).await.unwrap();
    assert_eq!(epoch, 1, "observations are no configuration");
    let mut again = env_key("one");
    again.tail = "9abc".to_owned();
    let fresh = store
        .change(stamp(), move |edit| edit.update_provider_key(one, Expect::Any, &again))
        .await
        .unwrap()
        .value;
    assert_eq!((fresh.state, fresh.failures), (KeyState::Unproven, 0));
}

#[tokio::test]
async fn a_key_needs_a_value_and_takes_it_along() {
    let (_temp, store) = config().await;
    let mut stored = env_key("main");
    stored.reference = None;
    let bare = stored.clone();
    let error = refused(&store, move |edit| {
        let a = edit.create_provider(&provider("a"))?;
        edit.add_provider_key(a.id, &bare)
    })
    .await;
    assert_eq!(
        error.to_string(),
        "provider_key is not valid: key `main` has neither a value nor a reference"
    );
    let sealed = |version, master: &str| Sealed {
        version,
        ciphertext: vec![1; 40],
        data_key: vec![2; 72],
        master_id: master.to_owned(),
    };
    let key = store
        .change(stamp(), move |edit| {
            edit.adopt_master("m1")?;
            let a = edit.create_provider(&provider("a"))?;
            let key = edit.add_provider_key(a.id, &stored)?;
            edit.put_sealed(&SecretPlace::provider_key(key.id), &sealed(1, "m1"))?;
            Ok(key.id)
        })
        .await
        .unwrap()
        .value;
    let place = SecretPlace::provider_key(key);
    let error = refused(&store, move |edit| edit.put_sealed(&place, &sealed(2, "m2"))).await;
    assert!(matches!(error, StoreError::OtherMasterKey { .. }), "{error}");
    let place = SecretPlace::provider_key(key);
    let error = refused(&store, move |edit| edit.put_sealed(&place, &sealed(1, "m1"))).await;
    assert!(matches!(error, StoreError::Stale { object: Object::Secret, .. }), "{error}");
    let left = store
        .change(stamp(), move |edit| {
            let a = edit.provider_named("a")?;
            edit.delete_provider(a.id, Expect::Any)?;
            Ok(edit.all_sealed()?.len())
        })
        .await
        .unwrap();
    assert_eq!(left.value, 0, "deleting the provider took key and secret along");
}

#[tokio::test]
async fn app_keys_are_found_until_they_end() {
    let (_temp, store) = config().await;
    let key = |n: u8, expires_at| NewAppKey {
        label: format!("key {n}"),
        prefix: "llk_abcdef".to_owned(),
        hash: [n; 32],
        expires_at,
    };
    let (app_id, first) = store
        .change(stamp(), move |edit| {
            let web = edit.create_app(&app("web"))?;
            let first = edit.add_app_key(web.id, &key(1, None))?;
            edit.add_app_key(web.id, &key(2, Some(NOW.plus_ms(1000))))?;
            edit.add_app_key(web.id, &key(3, None))?;
            Ok((web.id, first.id))
        })
        .await
        .unwrap()
        .value;
    let live = async |at| {
        let keys = store.read(move |view| view.live_app_keys(at)).await.unwrap();
        keys.iter().map(|k| k.hash[0]).collect::<Vec<_>>()
    };
    assert_eq!(live(NOW).await, [1, 2, 3]);
    assert_eq!(live(NOW.plus_ms(1000)).await, [1, 3]);
    for effect in [1, 0] {
        let revoked = store.change(stamp(), move |edit| edit.revoke_app_key(first)).await.unwrap();
        assert_eq!(revoked.effect.changes, effect);
    }
    assert_eq!(live(NOW.plus_ms(1000)).await, [3]);
    let error = refused(&store, move |edit| edit.add_app_key(app_id, &key(3, None))).await;
    assert!(matches!(error, StoreError::Exists { object: Object::AppKey, .. }), "{error}");
    let error = refused(&store, move |edit| edit.add_app_key(app_id, &key(4, Some(NOW)))).await;
    assert!(error.to_string().contains("expires_at must be in the future"), "{error}");
    store
        .note(Reserve::Keep, move |n| n.note_app_keys_used(&[(first, NOW), (first, UnixMs(5))]))
        .await
        .unwrap();
    assert_eq!(store.read(move |view| view.app_key(first)).await.unwrap().last_used_at, Some(NOW));
}

#[tokio::test]
async fn pages_go_through_everything_once() {
    let (_temp, store) = config().await;
    store
        .change(stamp(), |edit| {
            for n in 0..25 {
                edit.create_app(&app(&format!("app{n}")))?;
            }
            Ok(())
        })
        .await
        .unwrap();
    let (mut seen, mut page) = (Vec::new(), Page::first(10));
    loop {
        let rows = store.read(move |view| view.audit(&AuditFilter::default(), page)).await.unwrap();
        let Some(last) = rows.last() else { break };
        page = Page::before(last.id, 10);
        seen.extend(rows.into_iter().map(|row| row.name));
    }
    let wanted: Vec<_> = (0..25).rev().map(|n| format!("app{n}")).collect();
    assert_eq!(seen, wanted);
    let filter =
        AuditFilter { object: Some(Object::App), object_id: Some("3".to_owned()), ..AuditFilter::default() };
    let one = store.read(move |view| view.audit(&filter, Page::first(0))).await.unwrap();
    assert_eq!(one.len(), 1);
}

#[tokio::test]
async fn prices_follow_each_other() {
    let (_temp, store) = config().await;
    let id = store
        .change(stamp(), |edit| {
            let a = edit.create_provider(&provider("a"))?;
            let made = edit.create_model(a.id, &model("m1"))?;
            edit.add_price(made.id, &price())?;
            edit.add_price(made.id, &PriceSpec { since: NOW, output: Some(9), ..price() })?;
            Ok(made.id)
        })
        .await
        .unwrap()
        .value;
    let at = async |at| store.read(move |view| view.price_at(id, at)).await.unwrap().unwrap().spec.output;
    assert_eq!((at(NOW.plus_ms(-1)).await, at(NOW).await), (Some(2), Some(9)));
    let error = refused(&store, move |edit| edit.add_price(id, &price())).await;
    assert_eq!(error.to_string(), "price `m1 since 0` exists already");
}

#[tokio::test]
async fn settings_are_versioned() {
    let (_temp, store) = config().await;
    let set = async |expect, value| {
        store.change(stamp(), move |edit| edit.set_setting("log.level", expect, &json!(value))).await
    };
    assert_eq!(set(Expect::Version(0), "info").await.unwrap().value.version, 1);
    assert!(matches!(set(Expect::Version(0), "debug").await, Err(StoreError::Stale { .. })));
    assert_eq!(set(Expect::Version(1), "debug").await.unwrap().effect.epoch, 2);
    assert_eq!(set(Expect::Any, "debug").await.unwrap().effect.epoch, 2);
    store.change(stamp(), |edit| edit.unset_setting("log.level", Expect::Version(2))).await.unwrap();
    assert_eq!(store.read(|view| view.setting("log.level")).await.unwrap(), None);
    assert_eq!(set(Expect::Version(0), "warn").await.unwrap().value.version, 4);
    let old = set(Expect::Version(1), "trace").await;
    assert!(matches!(old, Err(StoreError::Stale { .. })), "a version never comes back");
}

#[tokio::test]
async fn alerts_fire_once_and_are_over_once() {
    let (_temp, store) = config().await;
    let rule = store
        .change(stamp(), |edit| {
            let spec = ChannelSpec {
                name: "ops".to_owned(),
                kind: ChannelKind::Webhook,
                enabled: true,
                options: serde_json::Map::new(),
            };
            let channel = edit.create_channel(&spec)?;
            let rule = edit.create_alert_rule(&rule_spec(vec![channel.id]))?;
            assert!(matches!(edit.delete_channel(channel.id, Expect::Any), Err(StoreError::InUse { .. })));
            Ok(rule)
        })
        .await
        .unwrap()
        .value;
    assert_eq!(rule.spec, rule_spec(rule.spec.channels.clone()));
    let ids = store
        .note(Reserve::Keep, {
            let rule = rule.clone();
            move |note| {
                let first = note.begin_alert(&rule, "a", (12.5, "errors"), NOW)?;
                let again = note.begin_alert(&rule, "a", (13.0, "errors"), NOW.plus_ms(1))?;
                let other = note.begin_alert(&rule, "b", (13.0, "errors"), NOW)?;
                note.note_told(first, &["ops".to_owned()])?;
                note.resolve_alert(first, NOW.plus_ms(5))?;
                Ok((first, again, other))
            }
        })
        .await
        .unwrap();
    assert!(ids.0 == ids.1 && ids.0 != ids.2);
    store.change(stamp(), move |edit| edit.delete_alert_rule(rule.id, Expect::Any)).await.unwrap();
    let rows = store.read(|view| view.alerts(Page::first(10))).await.unwrap();
    assert_eq!((rows[0].rule_id, rows[0].rule_name.as_str()), (None, "many errors"));
    assert_eq!((&rows[1].told, rows[1].resolved_at), (&vec!["ops".to_owned()], Some(NOW.plus_ms(5))));
    assert_eq!(store.read(|view| view.firing()).await.unwrap().len(), 1);
}

fn rule_spec(channels: Vec<crate::store::ChannelId>) -> AlertRuleSpec {
    AlertRuleSpec {
        name: "many errors".to_owned(),
        enabled: true,
        severity: Severity::Critical,
        measure: Measure::ErrorRate,
        comparison: Comparison::Above,
        threshold: 10.0,
        window_s: 300,
        hold_s: 60,
        repeat_s: 0,
        provider: None,
        app: None,
        model: None,
        channels,
    }
}

#[tokio::test]
async fn the_database_itself_keeps_the_epoch_and_the_audit_log() {
    let (temp, store) = config().await;
    store.change(stamp_at(NOW), |edit| edit.create_app(&app("web"))).await.unwrap();
    let outside = rusqlite::Connection::open(temp.path().join("state/config.db")).unwrap();
    for (sql, message) in [
        ("UPDATE epoch SET number = 7", "the epoch must grow by one"),
        ("UPDATE epoch SET number = 0", "the epoch must grow by one"),
        ("DELETE FROM epoch", "the epoch cannot be removed"),
        ("UPDATE audit SET actor = 'mallory'", "an audit row cannot be changed"),
    ] {
        assert_eq!(outside.execute(sql, []).unwrap_err().to_string(), message);
    }
}

#[tokio::test]
async fn a_thousand_apps_with_ten_thousand_keys_load_at_once() {
    let (_temp, store) = config().await;
    store
        .change(stamp(), |edit| {
            for n in 0..20 {
                let made = edit.create_provider(&provider(&format!("p{n}")))?;
                edit.add_provider_key(made.id, &env_key("main"))?;
                edit.create_model(made.id, &model("m1"))?;
            }
            for n in 0..1000_u32 {
                let made = edit.create_app(&app(&format!("app{n}")))?;
                for k in 0..10_u8 {
                    let mut hash = [k; 32];
                    hash[..4].copy_from_slice(&n.to_le_bytes());
                    let key =
                        NewAppKey { label: "k".to_owned(), prefix: String::new(), hash, expires_at: None };
                    edit.add_app_key(made.id, &key)?;
                }
            }
            Ok(())
        })
        .await
        .unwrap();
    let started = std::time::Instant::now();
    let snapshot = store.read(|view| view.snapshot(NOW)).await.unwrap();
    let took = started.elapsed();
    assert_eq!((snapshot.apps.len(), snapshot.app_keys.len(), snapshot.providers.len()), (1000, 10_000, 20));
    println!("snapshot of 20 providers, 1000 apps, 10000 keys: {took:?}");
    assert!(took < std::time::Duration::from_millis(2000), "{took:?} in a debug build");
}
