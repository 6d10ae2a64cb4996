//! Laws of the rules over arbitrary pools.

use super::*;
use proptest::prelude::*;

fn head(weight: u32) -> Head {
    Head { weight, fit: true, in_flight: 0, cost: 0.0 }
}

fn firsts(rule: Rule, heads: &[Head], rounds: usize) -> Vec<usize> {
    let mut turns = Turns::default();
    (0..rounds).map(|_| order(rule, heads, &mut turns, None, [0.0, 0.0])[0]).collect()
}

#[test]
fn turns_are_spread_evenly() {
    assert_eq!(firsts(Rule::RoundRobin, &[head(1), head(9), head(1)], 6), [0, 1, 2, 0, 1, 2]);
    let weighted = firsts(Rule::Weighted, &[head(5), head(1), head(1)], 7);
    assert_eq!(weighted, [0, 0, 1, 0, 2, 0, 0], "smooth, as nginx does it");
    let idle = firsts(Rule::LeastConnections, &[head(1), head(1)], 4);
    assert_eq!(idle, [0, 1, 0, 1], "idle ones take turns");
}

#[test]
fn the_least_loaded_for_its_weight_is_first() {
    let heads = [Head { in_flight: 4, ..head(1) }, Head { in_flight: 6, ..head(3) }];
    assert_eq!(firsts(Rule::LeastConnections, &heads, 2), [1, 1]);
}

#[test]
fn of_two_at_random_the_better_one() {
    let heads = [0.9, 0.1, 0.5].map(|cost| Head { cost, ..head(1) });
    let mut turns = Turns::default();
    let mut first = |a: f64, b: f64| order(Rule::Latency, &heads, &mut turns, None, [a, b]);
    assert_eq!(first(0.0, 0.0), [1, 2, 0], "0 and 1");
    assert_eq!(first(0.99, 0.0), [2, 1, 0], "2 and 0; the others by their cost");
    let alone = [Head { fit: false, ..head(1) }, head(1)];
    assert_eq!(order(Rule::Latency, &alone, &mut turns, None, [0.5, 0.5]), [1, 0]);
}

fn pool() -> impl Strategy<Value = Vec<Head>> {
    let head = (1u32..20, any::<bool>(), 0u32..50, 0.0..10.0f64)
        .prop_map(|(weight, fit, in_flight, cost)| Head { weight, fit, in_flight, cost });
    prop::collection::vec(head, 1..8)
}

fn rule() -> impl Strategy<Value = Rule> {
    prop::sample::select(vec![
        Rule::Priority,
        Rule::RoundRobin,
        Rule::Weighted,
        Rule::LeastConnections,
        Rule::Latency,
    ])
}

proptest! {
    #[test]
    fn every_candidate_once_and_the_fit_ones_first(
        rule in rule(), heads in pool(), sticky in prop::option::of(0usize..8), a in 0.0..1.0f64, b in 0.0..1.0f64
    ) {
        let order = order(rule, &heads, &mut Turns::default(), sticky, [a, b]);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (0..heads.len()).collect::<Vec<_>>());
        let fit: Vec<bool> = order.iter().map(|at| heads[*at].fit).collect();
        prop_assert!(fit.is_sorted_by(|a, b| a >= b));
        if let Some(sticky) = sticky.filter(|at| heads.get(*at).is_some_and(|h| h.fit)) {
            prop_assert_eq!(order[0], sticky);
        }
    }

    #[test]
    fn shares_are_exact_over_a_whole_round(weights in prop::collection::vec(1u32..12, 1..6)) {
        let heads: Vec<Head> = weights.iter().map(|w| head(*w)).collect();
        let total: u32 = weights.iter().sum();
        let firsts = firsts(Rule::Weighted, &heads, total as usize * 3);
        for (at, weight) in weights.iter().enumerate() {
            let share = firsts.iter().filter(|f| **f == at).count();
            prop_assert_eq!(share, *weight as usize * 3);
        }
    }

    #[test]
    fn a_session_stays_and_moves_only_if_its_candidate_goes(
        session in prop::collection::vec(any::<u8>(), 0..20), count in 2usize..8, gone in 0usize..8
    ) {
        let names: Vec<String> = (0..count).map(|n| format!("p{n}")).collect();
        let all = || names.iter().map(|n| (n.as_str(), "m", 1));
        let before = sticky(&session, all()).unwrap();
        prop_assert_eq!(sticky(&session, all()), Some(before));
        let gone = gone % count;
        let after = sticky(&session, all().enumerate().filter(|(at, _)| *at != gone).map(|(_, n)| n)).unwrap();
        if gone != before {
            let kept = if before > gone { before - 1 } else { before };
            prop_assert_eq!(after, kept);
        }
    }
}

#[test]
fn sessions_spread_by_weight() {
    let names = [("a", "m", 1), ("b", "m", 3)];
    let to_b = (0..4000u32).filter(|s| sticky(&s.to_le_bytes(), names.into_iter()) == Some(1)).count();
    assert!((2800..3200).contains(&to_b), "{to_b} of 4000");
}
