//! A call that is not made: where it would go now, and why.

use super::crew::Crew;
use super::front::supposed;
use super::notices::now_ms;
use super::routing::{self, Candidate, Moment, Standing, Traits, Turnstile, Wanted};
use super::shared::Shared;
use protocol::control::route::{DryRun, DryRunReport};
use protocol::dialect::Dialect;
use std::time::Instant;

/// The report. Takes nobody's turn: the next real call goes where it would have gone.
pub(crate) fn run(shared: &Shared, crew: &Crew, call: &DryRun) -> DryRunReport {
    let snapshot = shared.snapshot();
    let app = snapshot.callers.policy(&call.app);
    // A header that the app does not look at keeps nothing together.
    let looks = app.as_ref().is_some_and(|app| app.route.sticky.is_some());
    let session = call.sticky.as_ref().filter(|_| looks);
    let wanted = Wanted {
        model: &call.model,
        dialect: call.dialect.unwrap_or(Dialect::OpenAiChat),
        traits: Traits {
            tools: call.needs_tools,
            vision: call.needs_vision,
            input_tokens: call.input_tokens.unwrap_or_default(),
        },
        session: session.map(|text| text.as_bytes()),
    };
    let now = Instant::now();
    let standing = |candidate: &Candidate| -> Standing {
        let standing = crew.reach(&snapshot.table, &candidate.provider);
        let crowded = || snapshot.gate(&candidate.provider).is_some_and(|gate| gate.is_full());
        match standing.is_fit() {
            true => candidate.vitals.standing(now).unwrap_or_else(|| match crowded() {
                true => Standing::Soon("it has as many calls as it takes, and its queue is full".to_owned()),
                false => standing,
            }),
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
    if let (Ok(plan), Some(meter)) = (&planned, snapshot.meters.app(&call.app)) {
        let estimate = supposed(wanted.traits.input_tokens, plan.route.first(), moment.now_ms);
        if let Some(over) = meter.over(&estimate, moment.now_ms) {
            return DryRunReport::refused(over.message);
        }
    }
    routing::dry_run(&snapshot.table, &wanted, planned, standing)
}
