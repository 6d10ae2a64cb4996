//! What would happen to a call that is not made: the plan in words.

use super::candidate::Candidate;
use super::plan::{Plan, Wanted};
use super::standing::Standing;
use super::table::Table;
use protocol::control::route::{DryRunReport, ExcludedStep, PlannedStep};
use protocol::dialect::Dialect;
use protocol::ipc::configure::Rule;
use protocol::model::Failure;

/// The report on a plan, given how fit each candidate is now.
pub(crate) fn report(
    table: &Table,
    wanted: &Wanted<'_>,
    planned: Result<Plan, Box<Failure>>,
    standing: impl Fn(&Candidate) -> Standing,
) -> DryRunReport {
    let plan = match planned {
        Ok(plan) => plan,
        Err(failure) => return DryRunReport::refused(failure.message),
    };
    let excluded = plan.left_out.iter().map(|l| ExcludedStep {
        provider: l.provider.clone(),
        model: l.model.clone(),
        reason: l.reason.clone(),
    });
    let mut excluded: Vec<ExcludedStep> = excluded.collect();
    let mut steps: Vec<PlannedStep> = Vec::new();
    let mut kept_away: Vec<(&Candidate, Standing)> = Vec::new();
    // The call looks for one that is ready before it takes a last resort.
    let mut all: Vec<(&Candidate, Standing)> = plan.route.iter().map(|c| (c, standing(c))).collect();
    all.sort_by_key(|(_, standing)| *standing != Standing::Ready);
    for (candidate, standing) in all {
        let (provider, model) = (candidate.provider.to_string(), candidate.model.to_string());
        if standing.is_fit() {
            let reason = reason(&plan, steps.len(), &standing);
            let dialect = dialect(table, candidate, wanted.dialect);
            steps.push(PlannedStep { provider, model, dialect, reason });
        } else {
            let reason = standing.reason().unwrap_or_default().to_owned();
            excluded.push(ExcludedStep { provider, model, reason });
            kept_away.push((candidate, standing));
        }
    }
    let Some(first) = steps.first() else { return DryRunReport { excluded, ..nobody(&kept_away) } };
    let moved: String = plan.moved.iter().map(|m| format!("; {m}")).collect();
    let verdict =
        format!("this call would go to {}/{} because {}{moved}", first.provider, first.model, first.reason);
    DryRunReport { verdict, plan: steps, excluded, refusal: None }
}

/// Of a call that nobody is fit to take.
fn nobody(kept_away: &[(&Candidate, Standing)]) -> DryRunReport {
    let soon = kept_away.iter().find(|(_, s)| matches!(s, Standing::Soon(_)));
    let open = kept_away.iter().filter_map(|(c, s)| match s {
        Standing::Open { until, .. } => Some((*until, *c)),
        _ => None,
    });
    let nearest = open.min_by_key(|(until, _)| *until).map(|(_, c)| c);
    let say = |verdict: String| DryRunReport { verdict, plan: vec![], excluded: vec![], refusal: None };
    match (soon, nearest) {
        (Some((candidate, _)), _) => say(format!(
            "nobody is fit to take this call now; it would wait a moment for {}",
            candidate.address()
        )),
        (None, Some(candidate)) => say(format!(
            "nobody is fit to take this call now; {} would be tried all the same, as it is the nearest to recovery",
            candidate.address()
        )),
        (None, None) if kept_away.is_empty() => DryRunReport::refused("there is no candidate".to_owned()),
        (None, None) if kept_away.iter().all(|(_, s)| matches!(s, Standing::Held { .. })) => {
            DryRunReport::refused("every provider of this model is rate limited now".to_owned())
        }
        (None, None) => DryRunReport {
            refusal: Some("no provider can take the call now".to_owned()),
            ..say("nobody is fit to take this call now".to_owned())
        },
    }
}

fn reason(plan: &Plan, at: usize, standing: &Standing) -> String {
    if let Standing::LastResort(why) = standing {
        return format!("it is a last resort: {why}");
    }
    if at > 0 {
        return "it follows if those before it fail".to_owned();
    }
    match plan.rule {
        Rule::Priority => "it is the first that is fit".to_owned(),
        Rule::RoundRobin => "it is its turn".to_owned(),
        Rule::Weighted => "it is its turn by weight".to_owned(),
        Rule::LeastConnections => "it has the fewest calls in flight".to_owned(),
        Rule::Latency => "it is the faster one of two at random".to_owned(),
    }
}

/// The dialect the provider would be spoken to in.
fn dialect(table: &Table, candidate: &Candidate, asked: Dialect) -> Option<Dialect> {
    let offered = &table.provider(&candidate.provider)?.dialects;
    if offered.contains(&asked) { Some(asked) } else { offered.first().copied() }
}
