//! A call that is not made: where it would go now, and why.

use super::notices::now_ms;
use super::routing::{self, Candidate, Moment, Standing, Traits, Turnstile, Wanted};
use super::shared::Shared;
use protocol::control::route::{DryRun, DryRunReport};
use protocol::dialect::Dialect;
use std::time::Instant;

/// The report. Takes nobody's turn: the next real call goes where it would have gone.
pub(crate) fn run(shared: &Shared, call: &DryRun) -> DryRunReport {
    let snapshot = shared.snapshot();
    let app = snapshot.callers.policy(&call.app);
    let wanted = Wanted {
        model: &call.model,
        dialect: call.dialect.unwrap_or(Dialect::OpenAiChat),
        traits: Traits {
            tools: call.needs_tools,
            vision: call.needs_vision,
            input_tokens: call.input_tokens.unwrap_or_default(),
        },
        session: call.sticky.as_ref().map(|text| text.as_bytes()),
    };
    let now = Instant::now();
    let standing = |candidate: &Candidate| -> Standing {
        let standing = snapshot.table.standing(&candidate.provider);
        match standing.is_fit() {
            true => candidate.vitals.standing(now).unwrap_or(standing),
            false => standing,
        }
    };
    let turns = Turnstile::copy(&shared.turns);
    let fit = |candidate: &Candidate| standing(candidate).is_fit();
    let moment = Moment { now, now_ms: now_ms(), random: [0.5, 0.5], turns: &turns, fit: &fit };
    let planned = match app {
        Some(app) => routing::plan(&snapshot.table, &app, &wanted, &moment),
        None => return DryRunReport::refused(format!("there is no app `{}`", call.app)),
    };
    routing::dry_run(&snapshot.table, &wanted, planned, standing)
}
