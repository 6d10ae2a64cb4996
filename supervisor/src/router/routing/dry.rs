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
    for candidate in plan.route.iter() {
        let standing = standing(candidate);
        let (provider, model) = (candidate.provider.to_string(), candidate.model.to_string());
        if standing.is_fit() {
            let reason = reason(&plan, steps.len(), &standing);
            let dialect = dialect(table, candidate, wanted.dialect);
            steps.push(PlannedStep { provider, model, dialect, reason });
        } else {
            let reason = standing.reason().unwrap_or_default().to_owned();
            excluded.push(ExcludedStep { provider, model, reason });
        }
    }
    let verdict = match (steps.first(), plan.route.first()) {
        (Some(first), _) => {
            let moved: String = plan.moved.iter().map(|m| format!("; {m}")).collect();
            format!(
                "this call would go to {}/{} because {}{moved}",
                first.provider, first.model, first.reason
            )
        }
        (None, Some(last)) => format!(
            "nobody is fit to take this call now; {} would be tried all the same if it is the nearest to recovery",
            last.address()
        ),
        (None, None) => return DryRunReport::refused("there is no candidate".to_owned()),
    };
    DryRunReport { verdict, plan: steps, excluded, refusal: None }
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
