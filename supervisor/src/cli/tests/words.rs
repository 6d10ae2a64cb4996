//! The vocabulary of a running instance: what each command asks for.

use super::*;
use crate::cli::deed::{AppKeyAct, Edited, KeyFrom, ProviderKeyAct, SecretFrom};
use protocol::control::app::AppKeySpec;
use protocol::control::provider::ProviderSpec;
use protocol::control::record::{AuditFilter, CallFilter, EventFilter, LogFilter, Page};
use protocol::control::route::RouteSpec;
use protocol::control::{ControlRequest as R, Permission};
use serde_json::json;

fn deed(line: &str) -> Deed {
    match command(line) {
        Command::Operate(operation) => operation.deed,
        other => panic!("{line}: {}", described(&other)),
    }
}

fn asked(line: &str) -> R {
    match deed(line) {
        Deed::Ask(request) => *request,
        other => panic!("{line}: {other:?}"),
    }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn every_question() {
    let name = |text: &str| text.to_owned();
    for (line, expected) in [
        ("status", R::Status),
        ("why a", R::Why { provider: name("a") }),
        ("restart router", R::Restart { provider: name("router") }),
        ("drain a --within 30s", R::Drain { provider: name("a"), within_ms: Some(30_000) }),
        ("resume a", R::Resume { provider: name("a") }),
        ("reload", R::Reload),
        ("upgrade", R::Upgrade),
        ("shutdown", R::Shutdown),
        ("rotate-master-key", R::RotateMasterKey),
        ("setup-link", R::SetupLink),
        ("providers list", R::Providers),
        ("providers show a", R::Provider { provider: name("a") }),
        ("providers remove a", R::DeleteProvider { provider: name("a"), version: None }),
        ("providers test a --model m", R::TestProvider { provider: name("a"), model: some("m") }),
        ("providers enable a", R::Enable { provider: name("a"), enabled: true }),
        ("providers disable a", R::Enable { provider: name("a"), enabled: false }),
        ("providers discover a", R::DiscoverModels { provider: name("a") }),
        ("models list", R::Models { provider: None }),
        ("models list --provider a", R::Models { provider: some("a") }),
        ("models remove a m/n", R::DeleteModel { provider: name("a"), model: name("m/n"), version: None }),
        ("models unprice 7", R::DeletePrice { price: 7 }),
        ("aliases list", R::Aliases),
        ("aliases remove fast", R::DeleteAlias { alias: name("fast"), version: None }),
        ("apps list", R::Apps),
        ("apps show web", R::App { app: name("web") }),
        ("apps route web", R::App { app: name("web") }),
        ("apps route web --clear", R::SetRoute { app: name("web"), route: None, version: None }),
        ("apps remove web", R::DeleteApp { app: name("web"), version: None }),
        (
            "apps keys add web --label ci --expires 90d",
            R::CreateAppKey {
                app: name("web"),
                spec: AppKeySpec { label: name("ci"), expires_ms: Some(NOW + 90 * 86_400_000) },
            },
        ),
        ("users list", R::Users),
        ("users remove ada", R::DeleteUser { user: name("ada"), version: None }),
        ("sessions list ada", R::Sessions { user: name("ada") }),
        ("sessions revoke s1", R::RevokeSession { session: name("s1") }),
        ("calls show c1", R::Call { call: name("c1") }),
        (
            "config unset retention",
            R::SetSetting { name: name("retention"), value: json!(null), version: None },
        ),
        (
            "config set retention 30",
            R::SetSetting { name: name("retention"), value: json!(30), version: None },
        ),
        ("config set title x", R::SetSetting { name: name("title"), value: json!("x"), version: None }),
        ("ctl providers list --json", R::Providers),
    ] {
        assert_eq!(asked(line), expected, "{line}");
    }
}

#[test]
fn the_record_is_asked_for_by_filter_and_time() {
    let page = |limit| Page { limit, ..Page::default() };
    let filter = CallFilter {
        app: some("web"),
        failed: Some(true),
        since_ms: Some(NOW - 7_200_000),
        ..CallFilter::default()
    };
    assert_eq!(asked("calls --app web --failed --since 2h -n 5"), R::Calls { filter, page: page(5) });
    let filter = AuditFilter { actor: some("ada"), ..AuditFilter::default() };
    assert_eq!(asked("audit --actor ada"), R::Audit { filter, page: page(50) });
    let filter = LogFilter { process: some("router"), level: some("warn"), text: None };
    assert_eq!(
        deed("logs -f -n 5 --process router --level warn"),
        Deed::Logs { filter, last: 5, follow: true }
    );
    let filter = EventFilter { subject: some("a"), ..EventFilter::default() };
    assert_eq!(deed("events --subject a"), Deed::Events { filter, last: 50, follow: false });
    let R::Meter { query } = asked("usage --since 7d --by app --provider a") else { panic!("no meter") };
    assert_eq!((query.since_ms, query.until_ms), (NOW - 7 * 86_400_000, NOW));
    assert_eq!(query.provider.as_deref(), Some("a"));
}

#[test]
fn a_provider_is_described_by_flags_and_fields() {
    let line = "providers add zhipu --priority 2 --fallback b,c --endpoint anthropic=http://h/a --header x-t=y \
        --memory 1GiB --proxy http://p:1 --set timeouts.idle_ms=2m --key-file k";
    let Deed::AddProvider { name, fields, key } = deed(line) else { panic!("{line}") };
    assert_eq!(key, Some(KeyFrom::File("k".into())));
    let spec: ProviderSpec = fields.applied(json!({ "name": name })).unwrap();
    assert_eq!((spec.preset.as_str(), spec.priority, spec.limits.memory_bytes), ("zhipu", 2, Some(1 << 30)));
    assert_eq!((spec.fallback.len(), spec.timeouts.idle_ms), (2, Some(120_000)));
    assert_eq!(serde_json::to_value(&spec.proxy).unwrap(), json!({ "url": "http://p:1" }));
    let unknown: Result<ProviderSpec, String> = {
        let Deed::AddProvider { name, fields, .. } = deed("providers add a --set limts=1") else { panic!() };
        fields.applied(json!({ "name": name }))
    };
    assert!(unknown.unwrap_err().contains("unknown field `limts`"));
    let offered = |line: &str| matches!(deed(line), Deed::AddProvider { key: Some(KeyFrom::Offered), .. });
    assert!(offered("providers add a"));
    assert!(matches!(deed("providers add a --no-key"), Deed::AddProvider { key: None, .. }));
}

#[test]
fn secrets_are_never_arguments() {
    for line in [
        "providers add a --key sk-1",
        "providers keys add a sk-1",
        "users add ada --password p",
        "users password ada p",
        "providers keys add a --key-stdin --key-env X",
        "providers add a --no-key --key-stdin",
    ] {
        let Err(stop) = parsed(line, &Pretend::default()) else { panic!("{line} is taken") };
        assert_eq!(stop.code, 2, "{line}");
    }
    let from = KeyFrom::Text(SecretFrom::Prompt);
    let asked = Deed::AddProviderKey { provider: "a".into(), label: "x".into(), from };
    assert_eq!(deed("providers keys add a --label x"), asked);
    let act =
        ProviderKeyAct::Edit { label: None, enabled: None, from: Some(KeyFrom::Text(SecretFrom::Stdin)) };
    let edited = Deed::ProviderKey { provider: "a".into(), key: "1".into(), act };
    assert_eq!(deed("providers keys edit a 1 --key-stdin"), edited);
    let act = AppKeyAct::Rotate { overlap_s: 3600 };
    let rotated = Deed::AppKey { app: "web".into(), key: "ci".into(), act };
    assert_eq!(deed("apps keys rotate web ci --overlap 1h"), rotated);
}

#[test]
fn routes_users_and_aliases_are_edited_by_fields() {
    let line =
        "apps route web --rule weighted --to a/m=3,b --fallback c/n --sticky x-session --set hold.ms=500";
    let Deed::Edit { what: Edited::Route(app), fields } = deed(line) else { panic!("{line}") };
    let route: RouteSpec = fields.applied(json!({})).unwrap();
    assert_eq!((app.as_str(), route.candidates.len(), route.candidates[0].weight), ("web", 2, 3));
    assert_eq!((route.candidates[1].model.as_deref(), route.hold.ms), (None, 500));

    let Deed::AddUser { fields, password, .. } = deed("users add ada --may all --password-stdin") else {
        panic!()
    };
    let spec: protocol::control::people::UserSpec = fields.applied(json!({ "name": "ada" })).unwrap();
    assert_eq!((spec.permissions.len(), password), (Permission::ALL.len(), SecretFrom::Stdin));

    let Err(stop) = parsed("aliases set fast --to a", &Pretend::default()) else { panic!("taken") };
    assert!(stop.text.contains("`a` is not of the form PROVIDER/MODEL"), "{}", stop.text);
    let Err(stop) = parsed("calls shwo x", &Pretend::default()) else { panic!("taken") };
    assert_eq!(stop.code, 2);
}

#[test]
fn which_instance_is_said_anywhere() {
    for line in [
        "providers --state-dir /s --json list",
        "providers list --state-dir /s --json",
        "ctl ask {} --state-dir /s --json",
    ] {
        let Command::Operate(operation) = command(line) else { panic!("{line}") };
        assert_eq!(operation.format, Format::Json, "{line}");
        assert_eq!(operation.source.overrides.state_dir.as_deref(), Some("/s"), "{line}");
    }
}

#[test]
fn the_definition_is_sound_and_has_a_page_for_every_command() {
    <arguments::Arguments as CommandFactory>::command().debug_assert();
    let pages = manual::pages().unwrap();
    let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
    for name in ["llm-link.1", "llm-link-providers.1", "llm-link-providers-keys-add.1", "llm-link-serve.1"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("worker") || name.contains("router.")), "{names:?}");
    let page = &pages.iter().find(|(name, _)| name == "llm-link-providers-add.1").unwrap().1;
    let page = String::from_utf8_lossy(page);
    assert!(page.contains("llm\\-link providers add") && page.contains("key\\-stdin"), "{page}");
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&format!("completions {shell}"), &Pretend::default());
        assert!(script.contains("providers") && script.contains("rotate-master-key"), "{shell}");
    }
}
