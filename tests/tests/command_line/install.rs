//! Installation below another root: what is put in place, repeated, and undone.

use super::{code, err, out, run};
use anyhow::Result;
use std::os::unix::fs::PermissionsExt;

#[test]
fn everything_is_put_in_place_and_taken_away_but_for_the_configuration() -> Result<()> {
    let home = tempfile::tempdir()?;
    let root = home.path().join("root");
    let at = root.display().to_string();
    for _ in 0..2 {
        let done = run(home.path(), &["install", "--root", &at], &[])?;
        assert_eq!(code(&done), 0, "{}", err(&done));
        assert!(out(&done).contains("start it with: systemctl enable --now"), "{}", out(&done));
    }
    let mode =
        |path: &str| Ok::<u32, std::io::Error>(root.join(path).metadata()?.permissions().mode() & 0o777);
    assert_eq!(mode("usr/local/bin/llm-link")?, 0o755);
    assert_eq!(mode("etc/llm-link/llm-link.toml")?, 0o640);
    for file in [
        "etc/systemd/system/llm-link.service",
        "etc/systemd/system/llm-link.socket",
        "etc/sysusers.d/llm-link.conf",
        "etc/tmpfiles.d/llm-link.conf",
    ] {
        assert_eq!(mode(file)?, 0o644, "{file}");
    }
    let installed = root.join("usr/local/bin/llm-link");
    let checked = std::process::Command::new(&installed)
        .args(["check", "-c"])
        .arg(root.join("etc/llm-link/llm-link.toml"))
        .env("HOME", home.path())
        .output()?;
    assert_eq!(code(&checked), 0, "{}", out(&checked));
    let undone = run(home.path(), &["uninstall", "--root", &at], &[])?;
    assert_eq!(code(&undone), 0, "{}", err(&undone));
    assert!(!installed.exists() && root.join("etc/llm-link/llm-link.toml").exists());
    Ok(())
}

#[test]
fn a_users_own_service_is_in_their_home() -> Result<()> {
    let home = tempfile::tempdir()?;
    let root = home.path().join("root");
    let at = root.display().to_string();
    let done = run(home.path(), &["install", "--user", "--root", &at], &[("HOME", "/home/ada")])?;
    assert_eq!(code(&done), 0, "{}", err(&done));
    for file in
        [".local/bin/llm-link", ".config/systemd/user/llm-link.service", ".config/llm-link/llm-link.toml"]
    {
        assert!(root.join("home/ada").join(file).exists(), "{file}");
    }
    let nobody = run(home.path(), &["install", "--user", "--root", &at], &[("HOME", "relative")])?;
    assert_eq!(code(&nobody), 6);
    Ok(())
}
