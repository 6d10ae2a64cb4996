//! What the service lives through with its socket open: routers and workers that are killed (F3), and upgrades under
//! load (F5, F6).

use crate::inside::Work;
use crate::nested::Nested;
use anyhow::{Context, Result, ensure};
use std::time::{Duration, Instant};
use tests::stack::{count, limit, say};
use tests::wait;

/// The old generations finish within the drain timeout; this is more.
const SETTLED: Duration = Duration::from_secs(60);

/// The pids of the supervisor's children of one kind.
fn children(nested: &Nested, kind: &str) -> Result<Vec<String>> {
    let main = nested.main_pid()?;
    let line = format!(
        "for p in $(cat /proc/{main}/task/{main}/children); do \
         tr '\\0' ' ' < /proc/$p/cmdline | grep -q '^[^ ]* {kind} ' && echo $p; done; true"
    );
    Ok(nested.run(&line)?.split_whitespace().map(str::to_owned).collect())
}

/// The one child of a kind, once there is one only and it is none of these.
async fn next(nested: &Nested, kind: &str, former: &str) -> Result<String> {
    let one =
        || children(nested, kind).ok().and_then(|pids| <[String; 1]>::try_from(pids).ok().map(|[pid]| pid));
    let other = || one().is_some_and(|pid| pid != former);
    wait::holds(&format!("another {kind}"), limit(Duration::from_secs(5)), other).await?;
    one().context("it is gone again")
}

#[tokio::test]
async fn f3_killed_routers_and_workers_are_replaced_behind_the_open_socket() -> Result<()> {
    let Some(nested) = Nested::boot()? else { return Ok(()) };
    nested.install("")?;
    nested.run("systemctl start llm-link.socket llm-link.service")?;
    let main = nested.main_pid()?;
    let load = nested.load(Work::Health)?;
    let kills = count(3, 20);
    for kind in ["router", "worker"] {
        let mut pid = next(&nested, kind, "").await?;
        for _ in 0..kills {
            nested.run(&format!("kill -KILL {pid}"))?;
            pid = next(&nested, kind, &pid).await?;
        }
    }
    assert_eq!(nested.main_pid()?, main, "the supervisor stays");
    let counts = load.finish()?;
    say(&format!("F3 in the unit: {kills} routers and {kills} workers killed: {counts:?}"));
    assert_eq!(counts.refused, 0);
    assert!(counts.lost <= crate::inside::CLIENTS * kills as u64, "{counts:?}");
    Ok(())
}

#[tokio::test]
async fn f5_upgrades_of_the_unit_lose_nothing() -> Result<()> {
    let Some(nested) = Nested::boot()? else { return Ok(()) };
    nested.install("")?;
    nested.run("systemctl start llm-link.socket llm-link.service")?;
    let main = nested.main_pid()?;
    let load = nested.load(Work::Calls)?;
    let (upgrades, began) = (count(2, 20), Instant::now());
    let install = format!("install -m755 {}/llm-link /usr/local/bin/llm-link", nested.path().display());
    for n in 1..=upgrades {
        nested.run(&install)?;
        let said = nested.run("/usr/local/bin/llm-link upgrade")?;
        let taken = || {
            let count = "journalctl --no-pager -u llm-link | grep -c 'taken over name=router' || true";
            nested.run(count).is_ok_and(|text| text.trim().parse().is_ok_and(|seen: usize| seen >= n))
        };
        wait::holds(&format!("upgrade {n} ({said})"), SETTLED, taken).await?;
        for kind in ["router", "worker"] {
            wait::holds("one generation", SETTLED, || children(&nested, kind).is_ok_and(|c| c.len() == 1))
                .await?;
        }
    }
    // One that is no LLM Link at all changes nothing (F6).
    nested.run("cp /bin/false /usr/local/bin/new && mv /usr/local/bin/new /usr/local/bin/llm-link")?;
    let bad = nested.run(&format!("{}/llm-link upgrade && echo done || true", nested.path().display()))?;
    ensure!(!bad.contains("done"), "{bad}");
    nested.run(&install)?;
    wait::holds("one router", SETTLED, || children(&nested, "router").is_ok_and(|c| c.len() == 1)).await?;
    let wanted = count(0, 100_000) as u64;
    wait::holds("enough calls", Duration::from_secs(1500), || load.answered() >= wanted).await?;
    let counts = load.finish()?;
    say(&format!("F5 in the unit: {upgrades} upgrades and a bad one in {:?}: {counts:?}", began.elapsed()));
    assert_eq!((counts.refused, counts.lost), (0, 0), "{counts:?}");
    assert!(counts.answered > 20, "{counts:?}");
    assert_eq!(nested.main_pid()?, main, "systemd sees the same process");
    assert_eq!(nested.property("NRestarts")?, "0");
    Ok(())
}
