//! A measurement: what deciding costs a call. Everything of routing that is not waiting: the plan, who is fit, the
//! limits, the next step, a stay at a provider.

use super::course::{Course, Replay, Rules, Step};
use crate::router::limits::Use;
use crate::router::notices::Notices;
use crate::router::routing::{Moment, Standing, Traits, Turnstile, Wanted, plan};
use crate::router::tests::{plain_provider, rig_shared};
use protocol::dialect::Dialect;
use protocol::ipc::configure::{App, Budget, Conditions, RouteStep, Rule};
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: u32 = 20_000;

fn app(rule: Rule, candidates: usize, limited: bool) -> App {
    let mut app = App::named("x");
    app.route.rule = Some(rule);
    app.route.candidates = (0..candidates)
        .map(|n| RouteStep {
            provider: format!("p{n}"),
            model: None,
            weight: 1 + n as u32,
            when: Conditions::default(),
        })
        .collect();
    if limited {
        app.limits.rates.requests_per_minute = Some(u64::MAX / 1000);
        app.limits.rates.tokens_per_minute = Some(u64::MAX / 1000);
        app.budgets.daily = Budget { tokens: Some(u64::MAX / 2), cost: vec![] };
    }
    app
}

/// The time of one call's decisions, and of its limits.
async fn measure(rule: Rule, candidates: usize) -> (Duration, Duration) {
    let shared = rig_shared(|config| {
        config.providers = (0..candidates).map(|n| plain_provider(&format!("p{n}"))).collect();
        config.apps = vec![app(rule, candidates, true)];
    });
    let (snapshot, notices, turns) = (shared.snapshot(), Notices::default(), Turnstile::default());
    let app = app(rule, candidates, false);
    let wanted =
        Wanted { model: "m", dialect: Dialect::OpenAiChat, traits: Traits::default(), session: None };
    let rules = Rules {
        max_attempts: 3,
        per_provider: 2,
        backoff: Duration::from_millis(100),
        after_timeout: true,
        replay: Replay::Allowed,
    };
    let began = Instant::now();
    for round in 0..ROUNDS {
        let now = Instant::now();
        let standing =
            |c: &crate::router::routing::Candidate| c.vitals.standing(now).unwrap_or(Standing::Ready);
        let fit = |c: &crate::router::routing::Candidate| standing(c).is_fit();
        let random = [f64::from(round % 97) / 97.0, f64::from(round % 89) / 89.0];
        let moment = Moment { now, now_ms: 1_800_000_000_000, random, turns: &turns, fit: &fit };
        let plan = plan(&snapshot.table, &app, &wanted, &moment).unwrap();
        assert_eq!(plan.route.len(), candidates);
        let mut course = Course::new(plan.route, rules);
        let Step::Go { at, .. } = course.next(standing) else { panic!("nobody is fit") };
        course.handed_over(at);
        let vitals = Arc::clone(&course.candidate(at).vitals);
        let entry = vitals.enter(now, false, &notices).unwrap();
        vitals.began(Duration::from_millis(1 + u64::from(round % 7)), now);
        vitals.went_well(entry, now, &notices);
        vitals.left();
    }
    let decided = began.elapsed() / ROUNDS;
    let meter = snapshot.meters.app("x").unwrap();
    let began = Instant::now();
    for _ in 0..ROUNDS {
        let estimate = Use { tokens: 300, cost: None };
        let admission = meter.admit(&"x".into(), None, estimate, 1_800_000_000_000).await.ok().unwrap();
        let actual = Use { tokens: 21, cost: None };
        let _counted = admission.counted(&actual);
        admission.settle(&actual);
    }
    (decided, began.elapsed() / ROUNDS)
}

/// The times are shown, not judged: builds and machines differ too much.
#[tokio::test]
#[ignore = "a measurement"]
async fn deciding_takes_microseconds() {
    println!("rule              |  1 candidate |  3 |  20 | limits and budget");
    for rule in [Rule::Priority, Rule::RoundRobin, Rule::Weighted, Rule::LeastConnections, Rule::Latency] {
        let mut row = format!("{rule:?}");
        let mut limits = Duration::ZERO;
        for candidates in [1, 3, 20] {
            let (decided, limited) = measure(rule, candidates).await;
            assert!(decided < Duration::from_millis(5) && limited < Duration::from_millis(5));
            row.push_str(&format!(" | {:.2} us", decided.as_nanos() as f64 / 1000.0));
            limits = limited;
        }
        println!("{row} | {:.2} us", limits.as_nanos() as f64 / 1000.0);
    }
}
