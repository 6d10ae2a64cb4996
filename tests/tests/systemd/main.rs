//! LLM Link as a systemd service, with the real units and a real systemd (252 or later) in namespaces of its own:
//! F3, F4, F5, F8 and F27, and how it gets there: by its own installation, and as a Debian package. Where that is not
//! possible (no root, no systemd) each test says so and passes.

mod handover;
mod inside;
mod installation;
mod nested;
mod of_a_user;

use anyhow::{Context, Result, ensure};
use nested::{Nested, units};
use std::process::Command;
use std::time::{Duration, Instant};
use tests::stack::{count, limit, say};
use tests::wait;

/// Ten times the exposure that `systemd-analyze security` may find: 1.2.
const EXPOSURE: &str = "--threshold=12";
const UNIT: &str = "llm-link.service";

/// The time from asking to stop until the unit file would kill: far more than an idle system needs.
const PROMPT: Duration = Duration::from_secs(5);

#[test]
fn f27_the_units_are_valid_and_tight() -> Result<()> {
    if !nested::has_program("systemd-analyze") {
        say("F27: skipped, there is no systemd-analyze");
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    for (name, text) in units()? {
        // The executable need not be installed for the check.
        let text = text.replace("/usr/local/bin/llm-link", "/bin/true");
        std::fs::write(dir.path().join(name), text)?;
    }
    let analyze = |arguments: &[&str]| {
        Command::new("systemd-analyze")
            .args(arguments)
            .current_dir(dir.path())
            .output()
            .context("systemd-analyze")
    };
    let verified = analyze(&["verify", "--man=no", "./llm-link.service", "./llm-link.socket"])?;
    // Its exit code is 0 even for unknown keys: only silence is success.
    let said = [verified.stdout, verified.stderr].concat();
    assert_eq!(String::from_utf8_lossy(&said), "");
    let rated = analyze(&["security", "--offline=true", EXPOSURE, "./llm-link.service"])?;
    let rating = String::from_utf8_lossy(&rated.stdout);
    say(&format!("F27: {}", rating.lines().last().unwrap_or_default().trim()));
    assert!(rated.status.success(), "{rating}");
    Ok(())
}

#[tokio::test]
async fn f27_the_service_starts_reloads_and_stops() -> Result<()> {
    let Some(nested) = Nested::boot()? else { return Ok(()) };
    nested.install("sandbox = \"required\"")?;
    nested.run("systemctl start llm-link.socket llm-link.service")?;
    nested.answers()?;
    let main = nested.main_pid()?;
    let tree = nested.run(&format!("cat /proc/{main}/task/{main}/children"))?;
    assert_eq!(tree.split_whitespace().count(), 2, "a router and a worker");
    let bounded = nested.run(&format!("grep -E 'NoNewPrivs|CapBnd|Seccomp:' /proc/{main}/status"))?;
    let bounded: Vec<&str> = bounded.split_whitespace().collect();
    assert_eq!(bounded, ["CapBnd:", "0000000000000000", "NoNewPrivs:", "1", "Seccomp:", "2"]);
    nested.run("systemctl reload llm-link")?;
    wait::holds("the reload", PROMPT, || nested.journal().contains(" is in force")).await?;
    assert_eq!(nested.main_pid()?, main);
    let begin = Instant::now();
    nested.run("systemctl stop llm-link.service")?;
    say(&format!("F27: start, reload, stop in the real unit; the stop took {:?}", begin.elapsed()));
    assert!(begin.elapsed() < PROMPT);
    assert_eq!(nested.property("Result")?, "success");
    ensure!(nested.left(&tree)?.is_empty(), "processes are left");
    Ok(())
}

#[tokio::test]
async fn f4_a_killed_supervisor_refuses_nobody_and_leaves_nobody() -> Result<()> {
    let Some(nested) = Nested::boot()? else { return Ok(()) };
    nested.install("")?;
    nested.run("systemctl start llm-link.socket llm-link.service")?;
    let load = nested.load(inside::Work::Health)?;
    let mut slowest = Duration::ZERO;
    let kills = count(3, 20);
    for _ in 0..kills {
        let main = nested.main_pid()?;
        let children = nested.run(&format!("cat /proc/{main}/task/{main}/children"))?;
        let begin = Instant::now();
        nested.run(&format!("kill -KILL {main}"))?;
        wait::holds("another supervisor", limit(Duration::from_secs(3)), || nested.is_up_after(main)).await?;
        slowest = slowest.max(begin.elapsed());
        let gone = || nested.left(&children).is_ok_and(|left| left.is_empty());
        wait::holds("the end of its children", limit(Duration::from_secs(1)), gone).await?;
    }
    let before = nested.main_pid()?;
    nested.run("systemctl restart llm-link.service")?;
    assert_ne!(nested.main_pid()?, before);
    let counts = load.finish()?;
    say(&format!("F4: {kills} kills and a restart, up again in at most {slowest:?}: {counts:?}"));
    assert_eq!(counts.refused, 0);
    assert!(counts.answered > 20, "{counts:?}");
    // What was in flight at a kill is lost, and nothing else.
    assert!(counts.lost <= inside::CLIENTS * (kills as u64 + 1), "{counts:?}");
    Ok(())
}

#[tokio::test]
async fn f8_a_stopped_supervisor_is_replaced_by_the_watchdog() -> Result<()> {
    let Some(nested) = Nested::boot()? else { return Ok(()) };
    nested.install("")?;
    // The real times would take 20 s and prove the same.
    let dir = format!("/etc/systemd/system/{UNIT}.d");
    let lines = "[Service]\\nWatchdogSec=2s\\nTimeoutAbortSec=1s\\n";
    nested
        .run(&format!("mkdir -p {dir} && printf '{lines}' > {dir}/short.conf && systemctl daemon-reload"))?;
    nested.run("systemctl start llm-link.socket llm-link.service")?;
    let main = nested.main_pid()?;
    // It lives on while it is fed.
    wait::stays("the first supervisor", Duration::from_secs(3), || {
        nested.main_pid().is_ok_and(|now| now == main)
    })
    .await?;
    let begin = Instant::now();
    nested.run(&format!("kill -STOP {main}"))?;
    wait::holds("another supervisor", limit(Duration::from_secs(6)), || nested.is_up_after(main)).await?;
    say(&format!("F8: stopped, and replaced after {:?} (WatchdogSec=2s)", begin.elapsed()));
    nested.answers()?;
    Ok(())
}
