//! How the service gets onto a machine and off it again, without touching what is stored.

use crate::PROMPT;
use crate::nested::{Nested, has_program};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;
use tests::stack::{executable, limit, say};
use tests::wait;

#[tokio::test]
async fn it_installs_itself_and_takes_itself_away() -> Result<()> {
    let Some(nested) = Nested::boot()? else { return Ok(()) };
    let program = nested.executable()?;
    let program = program.display();
    // Somebody ran it as root before.
    nested
        .run("install -d -m 700 /var/lib/llm-link && install -m 600 /dev/null /var/lib/llm-link/earlier")?;
    let said = nested.run(&format!("{program} install"))?;
    say(&said);
    assert!(said.contains("llm-link runs."), "{said}");
    nested.answers()?;
    assert_eq!(nested.run("stat -c %U:%G:%a /etc/llm-link/llm-link.toml")?.trim(), "root:llm-link:640");
    assert_eq!(nested.run("stat -c %U:%G:%a /var/lib/llm-link/earlier")?.trim(), "llm-link:llm-link:600");
    assert_eq!(nested.run("systemctl is-enabled llm-link.socket llm-link.service")?, "enabled\nenabled\n");
    let main = nested.main_pid()?;
    // The same again replaces the executable that runs, and keeps the configuration.
    nested.run("echo '# mine' >> /etc/llm-link/llm-link.toml")?;
    nested.run(&format!("{program} install"))?;
    assert_ne!(nested.main_pid()?, main);
    assert!(nested.run("cat /etc/llm-link/llm-link.toml")?.ends_with("# mine\n"));
    // Stopped, the socket wakes it.
    nested.run("systemctl stop llm-link.service")?;
    nested.answers()?;
    nested.run("/usr/local/bin/llm-link status")?;
    nested.run("systemctl reload llm-link")?;
    let main = nested.main_pid()?;
    // A warning is one for the journal, too.
    nested.run("echo 'nonsense =' > /etc/llm-link/llm-link.toml && systemctl reload llm-link")?;
    let rejected =
        || nested.run("journalctl --no-pager -u llm-link -p err").is_ok_and(|log| log.contains("rejected"));
    wait::holds("the error in the journal", limit(PROMPT), rejected).await?;
    let tree = nested.run(&format!("cat /proc/{main}/task/{main}/children"))?;
    let said = nested.run(&format!("{program} uninstall"))?;
    say(&said);
    let gone = || nested.left(&tree).is_ok_and(|left| left.is_empty());
    wait::holds("the end of every process", limit(PROMPT), gone).await?;
    nested.run("! test -e /etc/systemd/system/llm-link.service && ! test -e /usr/local/bin/llm-link")?;
    nested.run("test -s /etc/llm-link/llm-link.toml && test -d /var/lib/llm-link")?;
    ensure!(nested.get("/health").is_err(), "somebody still listens");
    Ok(())
}

#[tokio::test]
async fn the_master_key_can_be_a_credential() -> Result<()> {
    let Some(nested) = Nested::boot()? else { return Ok(()) };
    nested.run(
        "mkdir -p /etc/credstore && head -c 32 /dev/zero | tr '\\0' k > /etc/credstore/llm-link.master-key",
    )?;
    nested.install("")?;
    nested.run("systemctl start llm-link.socket llm-link.service")?;
    nested.answers()?;
    nested.run("! test -e /var/lib/llm-link/master.key").context("it made a key of its own")?;
    Ok(())
}

#[tokio::test]
async fn the_debian_package_installs_and_removes_cleanly() -> Result<()> {
    if !has_program("dpkg-deb") {
        say("skipped: there is no dpkg-deb");
        return Ok(());
    }
    let Some(nested) = Nested::boot()? else { return Ok(()) };
    let target = nested.path().join("target");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/deb.sh");
    let built = Command::new("sh")
        .arg(script)
        .arg(executable()?)
        .env("CARGO_TARGET_DIR", &target)
        .env("COMPRESSION", "none")
        .output()?;
    ensure!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let package = String::from_utf8(built.stdout)?;
    let package = package.trim();
    nested.run(&format!("dpkg -i {package}"))?;
    nested.answers()?;
    let listed = nested.run("dpkg -L llm-link")?;
    for file in [
        "/usr/bin/llm-link",
        "/usr/lib/systemd/system/llm-link.service",
        "/usr/share/man/man1/llm-link.1.gz",
        "/usr/share/bash-completion/completions/llm-link",
        "/etc/llm-link/llm-link.toml",
    ] {
        assert!(listed.lines().any(|line| line == file), "{file} in {listed}");
    }
    assert_eq!(nested.run("dpkg --verify llm-link")?, "");
    let packaged = nested.run("/usr/bin/llm-link install; echo $?")?;
    assert!(packaged.ends_with("5\n"), "{packaged}");
    let main = nested.main_pid()?;
    let tree = nested.run(&format!("cat /proc/{main}/task/{main}/children"))?;
    nested.run("dpkg -r llm-link")?;
    let gone = || nested.left(&tree).is_ok_and(|left| left.is_empty());
    wait::holds("the end of every process", limit(PROMPT), gone).await?;
    nested.run(
        "! test -e /usr/bin/llm-link && test -s /etc/llm-link/llm-link.toml && test -d /var/lib/llm-link",
    )?;
    nested.run("dpkg -P llm-link")?;
    nested.run("! test -e /var/lib/llm-link && ! test -e /etc/llm-link")?;
    Ok(())
}
