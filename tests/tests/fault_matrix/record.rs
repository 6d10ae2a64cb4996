//! What is on record after the faults: every call once, with the tokens of the answer that was delivered.

use anyhow::{Context, Result, ensure};
use protocol::control::record::{CallFilter, CallSummary};
use protocol::model::UsageSource;
use std::collections::HashMap;
use std::time::Duration;
use tests::control;
use tests::heard::Heard;
use tests::scene::Scene;
use tests::script;
use tests::wait;

/// The longest a call may take to be on record.
const SOON: Duration = Duration::from_secs(20);

/// What became of a call. `told`: whether the upstream had said what it took; none = it cannot be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Answered by `b`.
    Saved,
    /// Answered by the first one.
    Complete { told: Option<bool> },
    /// It broke off.
    Broken { told: Option<bool> },
}

/// The calls that were made, by their id.
#[derive(Default)]
pub(crate) struct Ledger {
    calls: HashMap<String, Fate>,
}

impl Ledger {
    pub(crate) fn note(&mut self, heard: &Heard, fate: Fate) -> Result<()> {
        let id = heard.header("x-llm-link-call-id").context("a call's id")?;
        ensure!(self.calls.insert(id.to_owned(), fate).is_none(), "{id} was given twice");
        Ok(())
    }

    /// As many rows as calls, and each says what its client got.
    pub(crate) async fn check(&self, scene: &Scene) -> Result<usize> {
        let rows = wait::until("a row for each call", SOON, async || {
            let rows = control::calls(scene, &CallFilter::default()).await.ok()?;
            (rows.len() >= self.calls.len()).then_some(rows)
        });
        let rows = rows.await?;
        ensure!(rows.len() == self.calls.len(), "{} rows for {} calls", rows.len(), self.calls.len());
        for row in &rows {
            let fate = self.calls.get(&row.id).with_context(|| format!("a row of nobody: {row:?}"))?;
            check(row, *fate).with_context(|| format!("{row:?}"))?;
        }
        Ok(rows.len())
    }
}

fn check(row: &CallSummary, fate: Fate) -> Result<()> {
    let (failed, by_b, told) = match fate {
        Fate::Saved => (false, true, Some(true)),
        Fate::Complete { told } => (false, false, told),
        Fate::Broken { told } => (true, false, told),
    };
    ensure!(row.status == 200 && row.failure.is_some() == failed, "not how it ended");
    ensure!(row.provider.as_deref().is_some_and(|name| (name == "b") == by_b), "not who answered");
    let usage = script::usage();
    let reported = (usage["prompt_tokens"].as_u64(), usage["completion_tokens"].as_u64());
    let recorded = (row.usage.input_fresh, row.usage.output);
    match row.usage_source {
        None => ensure!(recorded == (None, None) && told != Some(true), "its tokens are missing"),
        Some(UsageSource::Reported) => ensure!(recorded == reported && told != Some(false), "other tokens"),
        Some(UsageSource::Estimated) => ensure!(told != Some(true), "estimated although they were told"),
    }
    Ok(())
}
