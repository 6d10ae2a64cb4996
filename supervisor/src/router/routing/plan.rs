//! The way of one call: which candidates, in which order, and which were left out and why.
//!
//! Pure but for the turns it takes: fitness, time and randomness are parameters.

use super::candidate::{Candidate, Route};
use super::pattern;
use super::rule::{self, Head, Turns};
use super::table::{AppWay, Table, lists};
use super::way::Way;
use protocol::dialect::Dialect;
use protocol::ipc::configure::{App, Conditions, ModelEntry, RouteStep, Rule};
use protocol::model::{Failure, FailureKind};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Alternatives of alternatives are followed this far.
const DEEPEST: usize = 4;
/// Pools of candidates whose turns are remembered; one more and all begin anew.
const POOLS: usize = 4096;

/// What a call is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) model: &'a str,
    pub(crate) dialect: Dialect,
    pub(crate) traits: Traits,
    /// The value of the header that keeps a session together.
    pub(crate) session: Option<&'a [u8]>,
}

/// What conditions look at, beside the model and the dialect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traits {
    pub(crate) tools: bool,
    pub(crate) vision: bool,
    /// Estimated.
    pub(crate) input_tokens: u64,
}

/// What a plan is made against.
pub(crate) struct Moment<'a> {
    pub(crate) now: Instant,
    /// The same moment in milliseconds since 1970.
    pub(crate) now_ms: u64,
    /// In 0..1.
    pub(crate) random: [f64; 2],
    pub(crate) turns: &'a Turnstile,
    /// A call may be sent there now.
    pub(crate) fit: &'a dyn Fn(&Candidate) -> bool,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) route: Route,
    pub(crate) rule: Rule,
    pub(crate) left_out: Vec<LeftOut>,
    /// The model that was asked for is deprecated.
    pub(crate) aged: Option<Arc<ModelEntry>>,
    /// Candidates past their sunset that others stand for: what and why.
    pub(crate) moved: Vec<String>,
}

impl Plan {
    /// All candidates of a way as they stand.
    pub(crate) fn of(way: &Way) -> Self {
        let (route, rule) = (Arc::clone(&way.route), Rule::Priority);
        Self { route, rule, left_out: Vec::new(), aged: None, moved: Vec::new() }
    }
}

/// A place that this call does not go to, whatever happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeftOut {
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) reason: String,
}

/// Turns of all pools, by app and public name.
#[derive(Debug, Default)]
pub(crate) struct Turnstile(Mutex<HashMap<(String, String), Turns>>);

impl Turnstile {
    /// The same turns, taken apart from those of real calls.
    pub(crate) fn copy(other: &Turnstile) -> Self {
        Self(Mutex::new(other.0.lock().unwrap_or_else(PoisonError::into_inner).clone()))
    }

    fn with<T>(&self, app: &str, pool: &str, turn: impl FnOnce(&mut Turns) -> T) -> T {
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pools.len() >= POOLS {
            pools.clear();
        }
        turn(pools.entry((app.to_owned(), pool.to_owned())).or_default())
    }
}

/// The plan of a call of this app.
///
/// # Errors
/// The failure that says why there is no candidate at all.
pub(crate) fn plan(
    table: &Table,
    app: &App,
    wanted: &Wanted<'_>,
    moment: &Moment<'_>,
) -> Result<Plan, Box<Failure>> {
    if !pattern::any(&app.models, wanted.model) {
        let message = format!("the app `{}` may not ask for the model `{}`", app.name, short(wanted.model));
        return Err(Box::new(Failure::new(FailureKind::Forbidden, message).with_param("model")));
    }
    let own = table.app(&app.name);
    match own.filter(|way| !way.candidates.is_empty()) {
        Some(own) => by_steps(table, app, own, wanted, moment),
        None => {
            let way = table.resolve(wanted.model)?;
            Ok(by_name(table, app, own, &way, wanted, moment))
        }
    }
}

/// Along the candidates of the model that was asked for.
fn by_name(
    table: &Table,
    app: &App,
    own: Option<&AppWay>,
    way: &Way,
    wanted: &Wanted<'_>,
    moment: &Moment<'_>,
) -> Plan {
    let rule = app.route.rule.unwrap_or(way.rule);
    let aged = way.route.first().and_then(|c| c.entry.clone()).filter(|entry| entry.deprecated);
    let plain = rule == Rule::Priority && !way.ages && wanted.session.is_none();
    if plain && own.is_none_or(|own| own.fallback.is_empty()) {
        return Plan { route: Arc::clone(&way.route), rule, left_out: Vec::new(), aged, moved: Vec::new() };
    }
    let heads = way.heads().map(|(c, weight)| (c.clone(), weight)).collect();
    let mut draft = Draft { table, wanted, moment, left_out: Vec::new(), moved: Vec::new() };
    let heads = draft.renew(heads);
    let mut route = draft.ordered(app, wanted.model, rule, heads);
    route
        .extend(draft.renew(way.tail().iter().map(|c| (c.clone(), 1)).collect()).into_iter().map(|(c, _)| c));
    draft.finish(own, route, rule, aged)
}

/// Along the steps of the app.
fn by_steps(
    table: &Table,
    app: &App,
    own: &AppWay,
    wanted: &Wanted<'_>,
    moment: &Moment<'_>,
) -> Result<Plan, Box<Failure>> {
    let mut draft = Draft { table, wanted, moment, left_out: Vec::new(), moved: Vec::new() };
    let heads: Vec<_> = own.candidates.iter().filter_map(|step| draft.step(step)).collect();
    let aged = heads.first().and_then(|(c, _)| c.entry.clone()).filter(|entry| entry.deprecated);
    let rule = app.route.rule.unwrap_or_default();
    let heads = draft.renew(heads);
    let route = draft.ordered(app, "", rule, heads);
    let plan = draft.finish(Some(own), route, rule, aged);
    if plan.route.is_empty() {
        let reasons: Vec<String> =
            plan.left_out.iter().map(|l| format!("{}: {}", l.provider, l.reason)).collect();
        let message = format!(
            "no candidate of the app `{}` takes this call for the model `{}` ({})",
            app.name,
            short(wanted.model),
            reasons.join("; ")
        );
        return Err(Box::new(Failure::new(FailureKind::ModelNotFound, message).with_param("model")));
    }
    Ok(plan)
}

/// A plan in the making.
struct Draft<'a> {
    table: &'a Table,
    wanted: &'a Wanted<'a>,
    moment: &'a Moment<'a>,
    left_out: Vec<LeftOut>,
    moved: Vec<String>,
}

impl Draft<'_> {
    /// The candidate of a step, if the step takes this call.
    fn step(&mut self, (step, candidate): &(RouteStep, Option<Candidate>)) -> Option<(Candidate, u32)> {
        let found = match unmet(&step.when, self.wanted) {
            Some(reason) => Err(reason),
            None => match candidate {
                Some(candidate) => Ok(candidate.clone()),
                None => self.as_asked(&step.provider),
            },
        };
        match found {
            Ok(candidate) => Some((candidate, step.weight)),
            Err(reason) => {
                let model = step.model.clone().unwrap_or_else(|| short(self.wanted.model));
                self.left_out.push(LeftOut { provider: step.provider.clone(), model, reason });
                None
            }
        }
    }

    /// The model that was asked for, at this provider.
    fn as_asked(&self, provider: &str) -> Result<Candidate, String> {
        let asked = self.wanted.model;
        if let Ok(way) = self.table.resolve(asked)
            && let Some(candidate) = way.route.iter().find(|c| &*c.provider == provider)
        {
            return Ok(candidate.clone());
        }
        let provider = self.table.provider(provider).ok_or("it is no longer configured")?;
        // Who lists nothing may have anything.
        if provider.models.is_empty() || lists(provider, asked) {
            return Ok(self.table.candidate(provider, asked));
        }
        Err(format!("it does not list the model `{}`", short(asked)))
    }

    /// Puts the alternatives in the place of what is past its sunset. What has none stays: its provider may
    /// still serve it.
    fn renew(&mut self, candidates: Vec<(Candidate, u32)>) -> Vec<(Candidate, u32)> {
        let now_ms = self.moment.now_ms;
        if !candidates.iter().any(|(c, _)| c.is_past(now_ms)) {
            return candidates;
        }
        let mut renewed = Vec::with_capacity(candidates.len());
        for (candidate, weight) in candidates {
            let mut successors = Vec::new();
            if candidate.is_past(now_ms) {
                stand_ins(self.table, &candidate, now_ms, &mut Followed::default(), &mut successors);
            }
            if successors.is_empty() {
                renewed.push((candidate, weight));
                continue;
            }
            let names: Vec<String> = successors.iter().map(Candidate::address).collect();
            self.moved.push(format!(
                "{} is past its sunset: {} instead",
                candidate.address(),
                names.join(", ")
            ));
            renewed.extend(successors.into_iter().map(|c| (c, weight)));
        }
        renewed
    }

    /// The candidates in the order the rule gives them.
    fn ordered(&self, app: &App, pool: &str, rule: Rule, heads: Vec<(Candidate, u32)>) -> Vec<Candidate> {
        let moment = self.moment;
        let measured: Vec<Head> = heads
            .iter()
            .map(|(c, weight)| Head {
                weight: *weight,
                fit: (moment.fit)(c),
                in_flight: c.vitals.in_flight(),
                cost: c.vitals.cost(moment.now),
            })
            .collect();
        let names = || heads.iter().map(|(c, weight)| (&*c.provider, &*c.model, *weight));
        let sticky = self.wanted.session.and_then(|session| {
            let fit = names().enumerate().filter(|(at, _)| measured[*at].fit);
            let (places, fit): (Vec<usize>, Vec<_>) = fit.unzip();
            rule::sticky(session, fit.into_iter()).and_then(|at| places.get(at).copied())
        });
        let order = moment
            .turns
            .with(&app.name, pool, |turns| rule::order(rule, &measured, turns, sticky, moment.random));
        order.into_iter().map(|at| heads[at].0.clone()).collect()
    }

    /// Adds the app's fallback; every pair stands there once.
    fn finish(
        mut self,
        own: Option<&AppWay>,
        mut route: Vec<Candidate>,
        rule: Rule,
        aged: Option<Arc<ModelEntry>>,
    ) -> Plan {
        let fallback: Vec<_> =
            own.into_iter().flat_map(|own| &own.fallback).filter_map(|step| self.step(step)).collect();
        route.extend(self.renew(fallback).into_iter().map(|(c, _)| c));
        let mut each: Vec<Candidate> = Vec::with_capacity(route.len());
        for candidate in route {
            if !each.contains(&candidate) {
                each.push(candidate);
            }
        }
        Plan { route: each.into(), rule, left_out: self.left_out, aged, moved: self.moved }
    }
}

/// Whose alternatives were looked at, and how deep this is.
#[derive(Default)]
struct Followed {
    seen: Vec<Candidate>,
    depth: usize,
}

/// What stands for a candidate after its sunset: of its alternatives those that are not past theirs, the same
/// provider's first. Each is looked at once, so that models that stand in for each other end somewhere.
fn stand_ins(
    table: &Table,
    candidate: &Candidate,
    now_ms: u64,
    followed: &mut Followed,
    found: &mut Vec<Candidate>,
) {
    let Some(entry) = candidate.entry.as_ref().filter(|_| followed.depth < DEEPEST) else { return };
    if followed.seen.contains(candidate) {
        return;
    }
    followed.seen.push(candidate.clone());
    followed.depth += 1;
    for name in &entry.alternatives {
        let Ok(way) = table.resolve(name) else { continue };
        let mut heads: Vec<&Candidate> = way.heads().map(|(c, _)| c).collect();
        heads.sort_by_key(|c| c.provider != candidate.provider);
        for head in heads {
            if head.is_past(now_ms) {
                stand_ins(table, head, now_ms, followed, found);
            } else if !found.contains(head) {
                found.push(head.clone());
            }
        }
    }
    followed.depth -= 1;
}

/// Why a step does not take the call; `None` = it does.
fn unmet(when: &Conditions, wanted: &Wanted<'_>) -> Option<String> {
    let Traits { tools, vision, input_tokens } = wanted.traits;
    if !pattern::any(&when.models, wanted.model) {
        return Some(format!("it takes {} only", when.models.join(", ")));
    }
    if !when.dialects.is_empty() && !when.dialects.contains(&wanted.dialect) {
        return Some(format!("it does not take calls of the {} dialect", wanted.dialect));
    }
    let has = |what: &str, needed: Option<bool>, is: bool| match needed {
        Some(true) if !is => Some(format!("it takes only calls with {what}")),
        Some(false) if is => Some(format!("it takes no calls with {what}")),
        Some(_) | None => None,
    };
    has("tools", when.tools, tools).or_else(|| has("images", when.vision, vision)).or_else(|| {
        match (when.min_context, when.max_context) {
            (Some(least), _) if input_tokens < least => {
                Some(format!("about {input_tokens} input tokens are fewer than its {least}"))
            }
            (_, Some(most)) if input_tokens > most => {
                Some(format!("about {input_tokens} input tokens are more than its {most}"))
            }
            _ => None,
        }
    })
}

fn short(model: &str) -> String {
    model.chars().take(100).collect()
}

#[cfg(test)]
mod tests;
