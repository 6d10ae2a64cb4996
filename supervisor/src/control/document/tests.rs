//! What two documents differ in.

use super::*;
use protocol::control::SecretText;

fn document(text: &str) -> Document {
    serde_json::from_str(text).unwrap()
}

fn said(before: &str, after: &str, prune: bool) -> Vec<String> {
    let same =
        |_: &str, key: &KeyEntry| key.value == Some(KeyValue::Text(SecretText::new("same".to_owned())));
    let found = differences(&document(before), &document(after), prune, &same);
    let line = |d: Difference| {
        let fields = d.fields.iter().map(|(path, old, new)| format!(" {path}: {old} -> {new}"));
        format!("{} {} {}{}", d.verb, d.object, d.name, fields.collect::<String>())
    };
    found.into_iter().map(line).collect()
}

const BOTH: &str = r#"{"settings":{"server.deadline":"5s"},
    "providers":[{"spec":{"name":"a","preset":"demo","priority":1},"keys":[{"label":"main"}],
        "models":[{"spec":{"name":"m"},"prices":[{"since_ms":1,"currency":"USD","output":5}]}]}],
    "aliases":[{"name":"fast","candidates":[{"provider":"a","model":"m"}]}],
    "apps":[{"spec":{"name":"web"},"route":{"candidates":[{"provider":"a"}]},
        "keys":[{"label":"k","sha256":"00"}]}]}"#;

#[test]
fn the_same_document_changes_nothing() {
    assert_eq!(said(BOTH, BOTH, true), [""; 0]);
}

#[test]
fn things_are_made_before_what_belongs_to_them() {
    assert_eq!(
        said("{}", BOTH, false),
        [
            "create setting server.deadline",
            "create provider a",
            "create provider_key a/main",
            "create model a/m",
            "create price a/m since 1",
            "create alias fast",
            "create app web",
            "create route web",
            "create app_key web/k",
        ]
    );
}

#[test]
fn what_is_not_named_goes_only_when_that_is_asked_for() {
    assert_eq!(said(BOTH, "{}", false), [""; 0]);
    assert_eq!(
        said(BOTH, "{}", true),
        ["delete setting server.deadline", "delete provider a", "delete alias fast", "delete app web"]
    );
    let bare = r#"{"settings":{"server.deadline":"5s"},"providers":[{"spec":{"name":"a","preset":"demo","priority":1}}],
        "aliases":[{"name":"fast","candidates":[{"provider":"a","model":"m"}]}],"apps":[{"spec":{"name":"web"}}]}"#;
    assert_eq!(
        said(BOTH, bare, true),
        ["delete provider_key a/main", "delete model a/m", "delete route web", "delete app_key web/k"]
    );
}

#[test]
fn fields_are_told_by_their_paths_and_keys_by_nothing() {
    let other = BOTH
        .replace(r#""priority":1"#, r#""priority":2,"limits":{"files":9}"#)
        .replace(r#"{"label":"main"}"#, r#"{"label":"main","value":{"text":"other"}}"#);
    assert_eq!(
        said(BOTH, &other, true),
        [
            "update provider a priority: 1 -> 2 limits.files: null -> 9",
            r#"update provider_key a/main value: "sealed" -> "sealed""#,
        ]
    );
    let same = BOTH.replace(r#"{"label":"main"}"#, r#"{"label":"main","value":{"text":"same"}}"#);
    assert_eq!(said(BOTH, &same, true), [""; 0]);
}
