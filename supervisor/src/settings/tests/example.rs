//! The example configuration that is shipped.

use super::*;

const EXAMPLE: &str = include_str!("../../../../systemd/llm-link.toml");

/// Takes the `#` from every line that shows a key or a section.
fn uncommented() -> String {
    let shown = |line: &str| line.starts_with("#[") || line.starts_with('#') && line.get(1..2) != Some(" ");
    let line =
        |line: &str| if shown(line) && line.len() > 1 { line[1..].to_owned() } else { line.to_owned() };
    EXAMPLE.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn as_shipped_it_is_the_demo() {
    let settings = settings(EXAMPLE);
    assert_eq!(settings.warnings, Vec::<String>::new());
    assert_eq!(settings.providers.len(), 1);
    assert_eq!(settings.providers[0].name, "demo");
    assert_eq!(settings.server.listeners[0].address.to_string(), "127.0.0.1:8080");
}

#[test]
fn with_every_commented_key_it_is_still_valid_and_says_the_defaults() {
    let pretend = Pretend::default()
        .with_file("/etc/llm-link/deepseek.key", "sk-1\n")
        .with_file("/etc/llm-link/web.key", "w-1\n")
        .with_file("/etc/llm-link/team.token", "t-1\n")
        .with_env("WEB_KEY", "w-2");
    let full = settings_with(&uncommented(), &pretend);
    let plain = settings(EXAMPLE);
    assert_eq!(full.server.limits, plain.server.limits);
    assert_eq!(full.server.directories, plain.server.directories);
    assert_eq!(full.server.runtime, plain.server.runtime);
    assert_eq!(full.log, plain.log);
    let names: Vec<_> = full.providers.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["demo", "deepseek", "local"]);
    let (demo, deepseek) = (&full.providers[0], &full.providers[1]);
    assert_eq!(deepseek.limits, demo.limits);
    assert_eq!(deepseek.timeouts, demo.timeouts);
    assert_eq!(deepseek.sandbox, demo.sandbox);
    assert_eq!(full.apps[0].keys.len(), 2);
    assert_eq!((full.defaults, full.retention), (plain.defaults, plain.retention));
    assert_eq!(full.server.listeners[0].app.as_deref(), Some("web"));
}

#[test]
fn every_key_is_in_the_example() {
    let text = uncommented();
    let keys = include_str!("../raw/keys.rs");
    let quoted = keys.split("Key::new(").skip(1).filter_map(|rest| rest.split('"').nth(1));
    let missing: Vec<_> = quoted.filter(|key| !text.contains(*key)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}
