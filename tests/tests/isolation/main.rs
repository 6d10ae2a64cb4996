//! The isolation promise in one script: whatever happens to provider A, calls to providers B and C show no error, and
//! what LLM Link adds to their time stays what it was. Prints a table.

mod mischief;
mod neighbours;

use anyhow::{Result, ensure};
use mischief::{Mischief, Trouble};
use neighbours::{Seen, watch};
use std::time::Duration;
use tests::stack::{full_counts, say};

/// How long B and C are watched, before the trouble and in it.
fn period() -> Duration {
    Duration::from_millis(if full_counts() { 15_000 } else { 1_500 })
}

fn show(name: &str, calm: &Seen, troubled: &Seen) {
    let change = (troubled.added_p99().as_secs_f64() / calm.added_p99().as_secs_f64() - 1.0) * 100.0;
    say(&format!(
        "| {name:<29} | {:>6} | {:>6} | {:>9.1?} | {:>9.1?} | {:>9.1?} | {:>9.1?} | {change:>+5.0} % |",
        troubled.calls,
        troubled.errors,
        calm.added_p50(),
        troubled.added_p50(),
        calm.added_p99(),
        troubled.added_p99(),
    ));
}

/// No error; and no more than ten times the change that is promised, for other work runs on this machine, and so do
/// both ends of every call and the trouble itself.
fn judge(name: &str, calm: &Seen, troubled: &Seen) -> Result<()> {
    ensure!(calm.errors + troubled.errors == 0, "{name}: {} errors", troubled.errors);
    ensure!(calm.calls > 20 && troubled.calls > 20, "{name}: only {} calls", troubled.calls);
    let room = Duration::from_millis(if full_counts() { 10 } else { 250 });
    let most = calm.added_p99() * 2 + room;
    ensure!(troubled.added_p99() <= most, "{name}: {:?} of {most:?}", troubled.added_p99());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neighbours_of_a_provider_in_trouble_notice_nothing() -> Result<()> {
    say(
        "| what happens to A             |  calls | errors | added p50 |    during | added p99 |    during |  change |",
    );
    say(
        "|-------------------------------|--------|--------|-----------|-----------|-----------|-----------|---------|",
    );
    for mischief in Mischief::ALL {
        // A stack for each: what is done to a worker stays done.
        let mut scene = mischief.scene().await?;
        scene.stack().hush();
        let calm = watch(&scene, period()).await?;
        let trouble = Trouble::begin(&scene, mischief).await?;
        let troubled = tokio::select! {
            seen = watch(&scene, period()) => seen?,
            ended = trouble.goes_on(&scene) => anyhow::bail!("{}: the trouble ended: {ended:?}", mischief.name()),
        };
        let note = trouble.end(&scene)?;
        show(mischief.name(), &calm, &troubled);
        judge(mischief.name(), &calm, &troubled)?;
        ensure!(note.was_real, "{}: nothing happened: {}", mischief.name(), note.text);
    }
    say(
        "(added: the time of a call through LLM Link less that of one to its upstream, measured side by side)",
    );
    Ok(())
}
