//! The isolation promise in one script: whatever happens to provider A, calls to providers B and C show no error, and
//! what LLM Link adds to their time stays what it was. Prints a table.
//!
//! The machine itself changes from second to second by more than is promised. So quiet and troubled windows take turns,
//! many short ones, and the row "nothing", which has no trouble, shows how much of a change is chance.

mod awake;
mod change;
mod mischief;
mod neighbours;

use anyhow::{Result, ensure};
use awake::awake;
use change::Change;
use mischief::{Mischief, Trouble};
use neighbours::{Neighbours, Seen};
use std::time::Duration;
use tests::scene::Scene;
use tests::stack::{count, count_of_pairs, full_counts, say, wants_row};

/// How long B and C are watched at a time.
fn window() -> Duration {
    Duration::from_millis(if full_counts() { 2_000 } else { 400 })
}

/// A quiet window and a troubled one.
type Pair = (Seen, Seen);

fn show(name: &str, pairs: &[Pair]) {
    let calm = Seen::pooled(pairs.iter().map(|(calm, _)| calm));
    let troubled = Seen::pooled(pairs.iter().map(|(_, troubled)| troubled));
    let (p50, p99) = (Change::of(pairs, 0.5), Change::of(pairs, 0.99));
    say(&format!(
        "| {name:<27} | {:>6} | {:>6} | {:>9.1?} | {:>9.1?} | {:>20} | {:>9.1?} | {:>9.1?} | {:>20} |",
        troubled.calls(),
        troubled.errors + calm.errors,
        calm.added(0.5),
        troubled.added(0.5),
        p50.to_string(),
        calm.added(0.99),
        troubled.added(0.99),
        p99.to_string(),
    ));
}

/// No error; and no more than ten times the change that is promised, for other work runs on this machine, and so do
/// both ends of every call and the trouble itself.
fn judge(name: &str, pairs: &[Pair]) -> Result<()> {
    let calm = Seen::pooled(pairs.iter().map(|(calm, _)| calm));
    let troubled = Seen::pooled(pairs.iter().map(|(_, troubled)| troubled));
    ensure!(calm.errors + troubled.errors == 0, "{name}: {} errors", troubled.errors);
    ensure!(calm.calls() > 20 && troubled.calls() > 20, "{name}: only {} calls", troubled.calls());
    let room = Duration::from_millis(if full_counts() { 10 } else { 250 });
    let most = calm.added(0.99) * 2 + room;
    ensure!(troubled.added(0.99) <= most, "{name}: {:?} of {most:?}", troubled.added(0.99));
    Ok(())
}

/// A window without trouble. What looks after a trouble looks here too: it costs time of the machine itself.
async fn in_peace(scene: &Scene, neighbours: &Neighbours) -> Result<Seen> {
    let peace = Trouble::begin(scene, Mischief::Nothing).await?;
    tokio::select! {
        seen = neighbours.watch(scene, window()) => seen,
        ended = peace.goes_on(scene) => anyhow::bail!("the peace ended: {ended:?}"),
    }
}

/// A window with the trouble in it, and proof that there was some.
async fn in_trouble(scene: &Scene, neighbours: &Neighbours, mischief: Mischief) -> Result<Seen> {
    let trouble = Trouble::begin(scene, mischief).await?;
    let watching = async {
        let seen = neighbours.watch(scene, window()).await?;
        // On a busy machine it may take longer to show.
        trouble.is_real(scene).await?;
        anyhow::Ok(seen)
    };
    let seen = tokio::select! {
        seen = watching => seen?,
        ended = trouble.goes_on(scene) => anyhow::bail!("{}: the trouble ended: {ended:?}", mischief.name()),
    };
    trouble.end(scene).await?;
    Ok(seen)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neighbours_of_a_provider_in_trouble_notice_nothing() -> Result<()> {
    let head = [
        "what happens to A",
        "calls",
        "errors",
        "added p50",
        "during",
        "change",
        "added p99",
        "during",
        "change",
    ];
    let widths = [27, 6, 6, 9, 9, 20, 9, 9, 20];
    let cells: Vec<String> =
        head.iter().zip(widths).map(|(cell, width)| format!(" {cell:<width$} ")).collect();
    say(&format!("|{}|", cells.join("|")));
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
    say(&format!("|{}|", rule.join("|")));
    // Only where figures are to be had.
    let _awake = if full_counts() { awake() } else { None };
    let mut judged = Vec::new();
    for mischief in Mischief::ALL.into_iter().filter(|mischief| wants_row(mischief.name())) {
        let neighbours = Neighbours::new()?;
        // A stack for each: what is done to a worker may stay done.
        let mut scene = mischief.scene(&neighbours).await?;
        scene.stack().hush();
        neighbours.watch(&scene, window()).await?;
        let mut pairs = Vec::new();
        for n in 0..count_of_pairs().unwrap_or(count(2, 12)) {
            // Neither is always the first.
            pairs.push(if n % 2 == 0 {
                let calm = in_peace(&scene, &neighbours).await?;
                (calm, in_trouble(&scene, &neighbours, mischief).await?)
            } else {
                let troubled = in_trouble(&scene, &neighbours, mischief).await?;
                (in_peace(&scene, &neighbours).await?, troubled)
            });
        }
        show(mischief.name(), &pairs);
        judged.push(judge(mischief.name(), &pairs));
    }
    say("added: the time of a call through LLM Link less that of one to its upstream, all windows together;");
    say("change: of that, with the range in which nine of ten draws of the windows are");
    // The whole table is worth seeing, whatever a row says.
    judged.into_iter().collect()
}
