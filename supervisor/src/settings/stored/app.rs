//! A stored app, its route, and a stored alias as they would stand in the file.

use super::{Standing, StoredApp};
use crate::settings::place::{SpotKind, Typed};
use crate::settings::raw::{
    RawAlias, RawApp, RawBudgets, RawConditions, RawHedge, RawHold, RawLimits, RawRates, RawRetry, RawStep,
    RawTarget,
};
use protocol::control::app::AppLimits;
use protocol::control::model::AliasSpec;
use protocol::control::route::{Condition, RouteSpec, Rule, Step};

/// `currencies`: those that a bound of cost holds for, each by itself.
pub(super) fn raw(stored: &StoredApp, currencies: &[String]) -> RawApp {
    let spec = &stored.spec;
    let at = Standing { kind: SpotKind::App, name: spec.name.clone() };
    let mut app = RawApp {
        enabled: Some(at.typed(spec.enabled, "enabled")),
        strict: Some(at.typed(spec.strict, "strict")),
        models: spec.models.iter().map(|pattern| at.typed(pattern.clone(), "models")).collect(),
        limits: limits(&spec.limits, &at),
        budgets: budgets(&spec.limits, currencies, &at),
        known_keys: stored.keys.clone(),
        ..RawApp::named(at.place("name"), at.typed(spec.name.clone(), "name"))
    };
    if let Some(route) = &stored.route {
        apply(&mut app, route, &at);
    }
    app
}

pub(super) fn alias(spec: &AliasSpec) -> RawAlias {
    let at = Standing { kind: SpotKind::Alias, name: spec.name.clone() };
    let candidate = |(n, candidate): (usize, &protocol::control::model::AliasCandidate)| {
        let field = format!("candidates[{n}]");
        RawStep {
            place: at.place(&field),
            target: RawTarget::Apart {
                provider: Some(at.typed(candidate.provider.clone(), &format!("{field}.provider"))),
                model: Some(at.typed(candidate.model.clone(), &format!("{field}.model"))),
            },
            weight: Some(at.typed(i64::from(candidate.weight), &format!("{field}.weight"))),
            when: RawConditions::default(),
        }
    };
    RawAlias {
        place: at.place("name"),
        name: Some(at.typed(spec.name.clone(), "name")),
        enabled: Some(at.typed(spec.enabled, "enabled")),
        note: None,
        rule: None,
        candidates: spec.candidates.iter().enumerate().map(candidate).collect(),
    }
}

fn apply(app: &mut RawApp, route: &RouteSpec, at: &Standing) {
    app.rule = Some(at.typed(rule(route.rule).to_owned(), "route.rule"));
    app.candidates = steps(&route.candidates, "candidates", at);
    app.fallback = steps(&route.fallback, "fallback", at);
    app.sticky = route.sticky_header.clone().map(|name| at.typed(name, "route.sticky_header"));
    app.retry = RawRetry {
        max_attempts: at.number(route.retry.max_attempts, "route.retry.max_attempts"),
        attempts_per_provider: at
            .number(route.retry.attempts_per_provider, "route.retry.attempts_per_provider"),
        backoff: at.milliseconds(route.retry.backoff_ms, "route.retry.backoff_ms"),
        deadline: at.milliseconds(route.retry.deadline_ms, "route.retry.deadline_ms"),
        after_timeout: route.retry.on_timeout.map(|on| at.typed(on, "route.retry.on_timeout")),
    };
    app.hold = RawHold {
        chunks: at.number(Some(route.hold.chunks), "route.hold.chunks"),
        bytes: at.bytes(Some(u64::from(route.hold.bytes)), "route.hold.bytes"),
        time: at.milliseconds(Some(u64::from(route.hold.ms)), "route.hold.ms"),
    };
    app.continuation = Some(at.typed(route.continuation, "route.continuation"));
    app.hedge = match (route.hedge.enabled, route.hedge.after_ms) {
        (true, after) if after.is_some() => RawHedge::After(at.milliseconds(after, "route.hedge.after_ms")),
        (enabled, _) => RawHedge::Flag(enabled),
    };
}

fn steps(steps: &[Step], list: &str, at: &Standing) -> Vec<RawStep> {
    let step = |(n, step): (usize, &Step)| {
        let field = format!("route.{list}[{n}]");
        RawStep {
            place: at.place(&field),
            target: RawTarget::Apart {
                provider: Some(at.typed(step.provider.clone(), &format!("{field}.provider"))),
                model: step.model.clone().map(|model| at.typed(model, &format!("{field}.model"))),
            },
            weight: Some(at.typed(i64::from(step.weight), &format!("{field}.weight"))),
            when: conditions(&step.when, &format!("{field}.when"), at),
        }
    };
    steps.iter().enumerate().map(step).collect()
}

fn conditions(when: &Condition, field: &str, at: &Standing) -> RawConditions {
    RawConditions {
        models: when.model.iter().map(|pattern| at.typed(pattern.clone(), field)).collect(),
        dialects: when.dialect.iter().map(|dialect| at.typed(dialect.name().to_owned(), field)).collect(),
        tools: when.needs_tools.map(|needs| at.typed(needs, field)),
        vision: when.needs_vision.map(|needs| at.typed(needs, field)),
        min_context: at.number(when.min_context, field),
        max_context: at.number(when.max_context, field),
    }
}

fn limits(limits: &AppLimits, at: &Standing) -> RawLimits {
    RawLimits {
        rates: RawRates {
            requests_per_second: at.number(limits.requests_per_second, "limits.requests_per_second"),
            requests_per_minute: at.number(limits.requests_per_minute, "limits.requests_per_minute"),
            tokens_per_minute: at.number(limits.tokens_per_minute, "limits.tokens_per_minute"),
        },
        concurrent: at.number(limits.concurrent, "limits.concurrent"),
        queue: at.number(limits.queue, "limits.queue"),
        wait: at.milliseconds(limits.queue_wait_ms, "limits.queue_wait_ms"),
    }
}

fn budgets(limits: &AppLimits, currencies: &[String], at: &Standing) -> RawBudgets {
    let cost = |nano: Option<u64>, field: &str| -> Vec<Typed<String>> {
        let Some(nano) = nano else { return Vec::new() };
        let (whole, part) = (nano / 1_000_000_000, nano % 1_000_000_000);
        currencies.iter().map(|currency| at.typed(format!("{whole}.{part:09} {currency}"), field)).collect()
    };
    RawBudgets {
        daily_tokens: at.number(limits.tokens_per_day, "limits.tokens_per_day"),
        monthly_tokens: at.number(limits.tokens_per_month, "limits.tokens_per_month"),
        daily_cost: cost(limits.cost_per_day_nano, "limits.cost_per_day_nano"),
        monthly_cost: cost(limits.cost_per_month_nano, "limits.cost_per_month_nano"),
    }
}

fn rule(rule: Rule) -> &'static str {
    match rule {
        Rule::Priority => "priority",
        Rule::RoundRobin => "round_robin",
        Rule::Weighted => "weighted",
        Rule::LeastConnections => "least_connections",
        Rule::Latency => "latency",
    }
}
