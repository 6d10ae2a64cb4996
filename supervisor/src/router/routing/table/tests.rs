//! Routes of small configurations, as `provider/model` lists.

use super::*;
use crate::router::tests::empty_config;
use protocol::ipc::configure::{Alias, Lane, ModelEntry, ModelFacts, Rates, Rule, WorkerState};

fn provider(name: &str, priority: i32, models: &[&str], fallback: &[&str]) -> Provider {
    Provider {
        name: name.into(),
        preset: "openai-compatible".into(),
        priority,
        models: models.iter().map(|m| ModelEntry::new(*m, ModelFacts::default())).collect(),
        fallback: fallback.iter().map(|f| (*f).into()).collect(),
        dialects: vec![],
        lane: Some(Lane { generation: 1, socket: "/s".into(), token: vec![0; 32] }),
        state: WorkerState::Ready,
        reason: String::new(),
        max_concurrent: 10,
        max_queue: 10,
        max_wait_ms: 0,
        rates: Rates::default(),
    }
}

fn table(providers: Vec<Provider>, aliases: &[(&str, &[&str])]) -> Table {
    let aliases = aliases
        .iter()
        .map(|(name, candidates)| Alias {
            name: (*name).into(),
            rule: Rule::Priority,
            candidates: candidates
                .iter()
                .filter_map(|c| c.split_once('/'))
                .map(|(provider, model)| protocol::ipc::configure::Candidate {
                    provider: provider.into(),
                    model: model.into(),
                    weight: 1,
                })
                .collect(),
        })
        .collect();
    Table::new(&RouterConfig { providers, aliases, ..empty_config() }, None)
}

fn route(table: &Table, name: &str) -> Vec<String> {
    let route = table.resolve(name).unwrap_or_else(|f| panic!("{name}: {}", f.message));
    route.route.iter().map(Candidate::address).collect()
}

#[test]
fn a_plain_model_goes_to_all_that_list_it_by_priority_then_order() {
    let t = table(
        vec![
            provider("late", 5, &["m"], &[]),
            provider("b", 0, &["m"], &[]),
            provider("a", 0, &["m", "n"], &[]),
        ],
        &[],
    );
    assert_eq!(route(&t, "m"), ["b/m", "a/m", "late/m"]);
    assert_eq!(route(&t, "n"), ["a/n"]);
}

#[test]
fn a_qualified_name_reaches_unlisted_models_and_keeps_later_slashes() {
    let t = table(vec![provider("a", 0, &["m"], &[])], &[]);
    assert_eq!(route(&t, "a/org/other"), ["a/org/other"]);
    assert!(t.resolve("a/").is_err());
    assert!(t.resolve("nobody/m").is_err());
}

#[test]
fn a_listed_id_with_a_slash_wins_over_the_provider_of_that_name() {
    let t = table(vec![provider("openai", 0, &["x"], &[]), provider("broker", 0, &["openai/x"], &[])], &[]);
    assert_eq!(route(&t, "openai/x"), ["broker/openai/x"]);
}

#[test]
fn fallbacks_follow_all_candidates_with_the_same_model_or_their_first() {
    let t = table(
        vec![
            provider("a", 0, &["m"], &["same", "other", "nothing", "gone"]),
            provider("b", 1, &["m"], &["a"]),
            provider("same", 9, &["z", "m2"], &[]),
            provider("other", 9, &["o"], &["a"]),
            provider("nothing", 9, &[], &[]),
        ],
        &[],
    );
    assert_eq!(route(&t, "m"), ["a/m", "b/m", "same/z", "other/o"]);
    assert_eq!(route(&t, "a/m2"), ["a/m2", "same/m2", "other/o"]);
}

#[test]
fn an_alias_wins_over_a_listed_id_and_the_star_takes_the_rest() {
    let t = table(
        vec![provider("a", 0, &["m"], &[]), provider("b", 0, &["m"], &[])],
        &[("m", &["b/m", "b/m", "gone/m"]), ("*", &["a/m"])],
    );
    assert_eq!(route(&t, "m"), ["b/m"]);
    assert_eq!(route(&t, "anything"), ["a/m"]);
    assert_eq!(route(&t, ""), ["a/m"]);
    let ids: Vec<_> = t.public_models().iter().map(|m| m.id.as_str()).collect();
    assert_eq!(ids, ["m", "a/m", "b/m"], "the star is not a name of its own");
}

#[test]
fn the_demo_takes_every_name_that_starts_with_it() {
    let mut demo = provider("d", 0, &["demo"], &[]);
    demo.preset = "demo".into();
    let t = table(vec![demo, provider("a", 0, &["m"], &[])], &[]);
    assert_eq!(route(&t, "demo-chunks=5"), ["d/demo-chunks=5"]);
    assert!(t.resolve("other").is_err());
}

#[test]
fn an_unknown_model_is_told_what_exists_nearest_first_and_bounded() {
    let many: Vec<String> = (0..40).map(|i| format!("model-{i}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let t = table(vec![provider("a", 0, &many, &[])], &[]);
    let failure = t.resolve("model-3x").unwrap_err();
    assert_eq!(failure.kind, FailureKind::ModelNotFound);
    assert_eq!(failure.param.as_deref(), Some("model"));
    assert!(
        failure.message.starts_with("the model `model-3x` does not exist; there is: model-3"),
        "{}",
        failure.message
    );
    assert!(failure.message.ends_with("and 70 more"), "{}", failure.message);
    let empty = table(vec![], &[]).resolve(&"y".repeat(5000)).unwrap_err();
    assert!(empty.message.len() < 200);
}

#[test]
fn standing_follows_the_worker() {
    let mut p = provider("a", 0, &[], &[]);
    assert_eq!(Standing::of(&p), Standing::Ready);
    p.state = WorkerState::Degraded;
    assert!(Standing::of(&p).is_fit());
    p.lane = None;
    assert!(matches!(Standing::of(&p), Standing::Soon(_)));
    p.state = WorkerState::Failed;
    p.reason = "exit code 78".into();
    assert_eq!(Standing::of(&p), Standing::Out("its worker has failed: exit code 78".into()));
    assert!(matches!(table(vec![], &[]).standing("x"), Standing::Out(_)));
}

#[test]
fn names_that_headers_cannot_hold_are_made_fit() {
    let t = table(vec![provider("a", 0, &[], &[])], &[]);
    let route = t.resolve("a/模型\n").unwrap();
    assert_eq!(route.route[0].model_header, "???");
}
