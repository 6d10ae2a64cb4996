//! Plans of small configurations, as `provider/model` lists, and what a dry run says of them.

use super::*;
use crate::router::routing::{Standing, dry_run};
use crate::router::tests::{empty_config, plain_provider};
use protocol::control::route::DryRunReport;
use protocol::ipc::configure::{ModelEntry, ModelFacts, RouterConfig};
use std::cell::RefCell;
use std::collections::HashSet;

struct World {
    table: Table,
    app: App,
    turns: Turnstile,
    /// Providers that cannot take calls.
    down: RefCell<HashSet<&'static str>>,
    now_ms: u64,
}

fn step(provider: &str, model: Option<&str>, weight: u32, when: Conditions) -> RouteStep {
    RouteStep { provider: provider.into(), model: model.map(str::to_owned), weight, when }
}

fn any(provider: &str, model: Option<&str>) -> RouteStep {
    step(provider, model, 1, Conditions::default())
}

impl World {
    /// Three providers that list `m`; `c` takes over for `a`.
    fn new(change: impl FnOnce(&mut App, &mut RouterConfig)) -> Self {
        let mut config = empty_config();
        config.providers = ["a", "b", "c"].map(plain_provider).to_vec();
        config.providers[0].fallback = vec!["c".into()];
        config.providers[2].models = vec![ModelEntry::new("z", ModelFacts::default())];
        let mut app = App::named("x");
        change(&mut app, &mut config);
        config.apps = vec![app.clone()];
        let turns = Turnstile::default();
        Self { table: Table::new(&config, None), app, turns, down: RefCell::default(), now_ms: 1000 }
    }

    fn wanted<'a>(&self, model: &'a str) -> Wanted<'a> {
        Wanted { model, dialect: Dialect::OpenAiChat, traits: Traits::default(), session: None }
    }

    fn standing(&self, candidate: &Candidate) -> Standing {
        match self.down.borrow().contains(&*candidate.provider) {
            true => Standing::Out("it is down".to_owned()),
            false => Standing::Ready,
        }
    }

    fn plan(&self, wanted: &Wanted<'_>) -> Result<Plan, Box<Failure>> {
        let fit = |candidate: &Candidate| self.standing(candidate).is_fit();
        let (now, random) = (Instant::now(), [0.0, 0.0]);
        let moment = Moment { now, now_ms: self.now_ms, random, turns: &self.turns, fit: &fit };
        plan(&self.table, &self.app, wanted, &moment)
    }

    fn way(&self, wanted: &Wanted<'_>) -> Vec<String> {
        self.plan(wanted).map(|p| p.route.iter().map(Candidate::address).collect()).unwrap_or_default()
    }

    fn dry(&self, wanted: &Wanted<'_>) -> DryRunReport {
        dry_run(&self.table, wanted, self.plan(wanted), |c| self.standing(c))
    }
}

#[test]
fn an_app_without_a_route_uses_the_models_own_candidates() {
    let world = World::new(|_, _| {});
    assert_eq!(world.way(&world.wanted("m")), ["a/m", "b/m", "c/z"]);
    let tail = World::new(|app, _| app.route.fallback = vec![any("c", Some("q")), any("b", None)]);
    assert_eq!(tail.way(&tail.wanted("m")), ["a/m", "b/m", "c/z", "c/q"], "each pair once");
}

#[test]
fn a_rule_chooses_among_those_that_are_fit() {
    let world = World::new(|app, _| app.route.rule = Some(Rule::RoundRobin));
    let wanted = world.wanted("m");
    let first = || world.way(&wanted)[0].clone();
    assert_eq!([first(), first(), first()], ["a/m", "b/m", "a/m"]);
    world.down.borrow_mut().insert("a");
    assert_eq!(world.way(&wanted), ["b/m", "a/m", "c/z"]);
    assert_eq!(first(), "b/m");
}

#[test]
fn steps_with_conditions_and_a_fallback_bound_an_app() {
    let world = World::new(|app, _| {
        let tools = Conditions { tools: Some(true), ..Conditions::default() };
        let claude = Conditions { models: vec!["claude-*".into()], ..Conditions::default() };
        let long = Conditions { min_context: Some(1000), ..Conditions::default() };
        app.route.candidates = vec![
            step("b", Some("tooled"), 1, tools),
            step("a", Some("sonnet"), 1, claude),
            step("b", None, 1, long),
        ];
        app.route.fallback = vec![any("c", Some("z"))];
    });
    let claude = world.wanted("claude-4");
    assert_eq!(world.way(&claude), ["a/sonnet", "c/z"]);
    let traits = Traits { tools: true, input_tokens: 2000, ..Traits::default() };
    let tooled = Wanted { traits, ..world.wanted("m") };
    assert_eq!(world.way(&tooled), ["b/tooled", "b/m", "c/z"]);
    assert_eq!(world.way(&world.wanted("m")), ["c/z"], "and nowhere else");
    let plan = world.plan(&world.wanted("m")).unwrap();
    let reasons: Vec<&str> = plan.left_out.iter().map(|l| l.reason.as_str()).collect();
    let short = "about 0 input tokens are fewer than its 1000";
    assert_eq!(reasons, ["it takes only calls with tools", "it takes claude-* only", short]);
}

#[test]
fn an_app_whose_steps_take_nothing_is_refused_with_reasons() {
    let world = World::new(|app, _| app.route.candidates = vec![any("c", None)]);
    let failure = world.plan(&world.wanted("unheard-of")).unwrap_err();
    assert_eq!(failure.kind, FailureKind::ModelNotFound);
    assert!(failure.message.contains("c: it does not list the model `unheard-of`"), "{}", failure.message);
    let narrow = World::new(|app, _| app.models = vec!["gpt-*".into()]);
    assert_eq!(narrow.plan(&narrow.wanted("m")).unwrap_err().kind, FailureKind::Forbidden);
}

#[test]
fn a_session_keeps_to_its_candidate_while_it_is_fit() {
    let world = World::new(|app, _| app.route.rule = Some(Rule::RoundRobin));
    let of = |session: &'static [u8]| Wanted { session: Some(session), ..world.wanted("m") };
    let places: HashSet<String> = (0..10).map(|_| world.way(&of(b"s1"))[0].clone()).collect();
    assert_eq!(places.len(), 1);
    let place = places.into_iter().next().unwrap();
    let (own, other) = if place == "a/m" { ("a", "b/m") } else { ("b", "a/m") };
    world.down.borrow_mut().insert(own);
    assert_eq!(world.way(&of(b"s1"))[0], other);
    world.down.borrow_mut().clear();
    assert_eq!(world.way(&of(b"s1"))[0], place);
}

fn aging(world: &mut RouterConfig, alternatives: &[&str]) {
    let alternatives = alternatives.iter().map(|a| (*a).to_owned()).collect();
    world.providers[0].models.push(ModelEntry {
        deprecated: true,
        sunset_ms: Some(2000),
        alternatives,
        ..ModelEntry::new("old", ModelFacts::default())
    });
}

#[test]
fn after_its_sunset_a_model_moves_to_its_alternatives() {
    let mut world = World::new(|_, config| aging(config, &["m", "c/z"]));
    let plan = world.plan(&world.wanted("old")).unwrap();
    assert!(plan.aged.is_some() && plan.moved.is_empty());
    assert_eq!(world.way(&world.wanted("old")), ["a/old", "c/z"], "before it, calls are served");
    world.now_ms = 2000;
    assert_eq!(world.way(&world.wanted("old")), ["a/m", "b/m", "c/z"], "the same provider's first");
    let plan = world.plan(&world.wanted("old")).unwrap();
    assert_eq!(plan.moved, ["a/old is past its sunset: a/m, b/m, c/z instead"]);
    assert!(plan.aged.is_some());
    let mut stuck = World::new(|_, config| aging(config, &["unheard-of"]));
    stuck.now_ms = 3000;
    assert_eq!(stuck.way(&stuck.wanted("old"))[0], "a/old", "its provider may still serve it");
}

#[test]
fn alternatives_in_a_circle_end() {
    let mut world = World::new(|_, config| aging(config, &["a/old", "old"]));
    world.now_ms = 3000;
    assert_eq!(world.way(&world.wanted("old")), ["a/old", "c/z"]);
}

#[test]
fn many_that_stand_in_for_each_other_are_looked_at_once_each() {
    let names: Vec<String> = (0..60).map(|n| format!("old-{n}")).collect();
    let mut world = World::new(|_, config| {
        let old = |id: &String| ModelEntry {
            sunset_ms: Some(2000),
            alternatives: [&names[..], &["m".to_owned(), "a/m".to_owned()]].concat(),
            ..ModelEntry::new(id.clone(), ModelFacts::default())
        };
        config.providers[0].models.extend(names.iter().map(old));
    });
    world.now_ms = 3000;
    let began = Instant::now();
    assert_eq!(world.way(&world.wanted("old-7")), ["a/m", "b/m", "c/z"]);
    let plan = world.plan(&world.wanted("old-7")).unwrap();
    assert_eq!(plan.moved[0], "a/old-7 is past its sunset: a/m, b/m instead");
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn a_dry_run_says_where_and_why() {
    let world = World::new(|app, _| app.route.candidates = vec![any("a", None), any("b", None)]);
    world.down.borrow_mut().insert("a");
    let report = world.dry(&world.wanted("m"));
    assert_eq!(report.verdict, "this call would go to b/m because it is the first that is fit");
    assert_eq!(report.plan.len(), 1);
    assert_eq!(
        (report.excluded[0].provider.as_str(), report.excluded[0].reason.as_str()),
        ("a", "it is down")
    );
    let refused = world.dry(&world.wanted("unheard-of"));
    assert!(refused.refusal.is_some() && refused.plan.is_empty());
    world.down.borrow_mut().insert("b");
    assert!(world.dry(&world.wanted("m")).verdict.starts_with("nobody is fit"));
}
