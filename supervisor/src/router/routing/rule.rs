//! Which of several candidates is first, by a rule. Pure: fitness, load, turns taken and randomness go in, an
//! order comes out. Candidates that are not fit now stand behind those that are.

use protocol::ipc::configure::Rule;

/// What a rule looks at of one candidate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    /// 1 or more.
    pub(crate) weight: u32,
    pub(crate) fit: bool,
    pub(crate) in_flight: u32,
    /// Of one more call; see [`super::pace::Pace::cost`].
    pub(crate) cost: f64,
}

/// Turns taken in one pool of candidates: what smooth weighted round robin remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Turns(Vec<i64>);

impl Turns {
    /// The next one of those that are fit, each as often as its weight says and spread evenly.
    fn next(&mut self, heads: &[Head], weight: impl Fn(&Head) -> u32) -> Option<usize> {
        // A pool of another size is another pool.
        if self.0.len() != heads.len() {
            self.0 = vec![0; heads.len()];
        }
        let fit = || heads.iter().enumerate().filter(|(_, h)| h.fit);
        let total: i64 = fit().map(|(_, h)| i64::from(weight(h))).sum();
        for (at, head) in fit() {
            self.0[at] += i64::from(weight(head));
        }
        let best = fit().map(|(at, _)| at).max_by_key(|at| (self.0[*at], std::cmp::Reverse(*at)))?;
        self.0[best] -= total;
        Some(best)
    }
}

/// The order in which candidates are tried. `sticky` moves one to the front while it is fit; `random` is two
/// numbers in 0..1.
pub(crate) fn order(
    rule: Rule,
    heads: &[Head],
    turns: &mut Turns,
    sticky: Option<usize>,
    random: [f64; 2],
) -> Vec<usize> {
    let mut order: Vec<usize> = (0..heads.len()).collect();
    let first = match (sticky.filter(|at| heads.get(*at).is_some_and(|h| h.fit)), rule) {
        (Some(sticky), _) => Some(sticky),
        (None, Rule::Priority) => None,
        (None, Rule::RoundRobin) => turns.next(heads, |_| 1),
        (None, Rule::Weighted) => turns.next(heads, |h| h.weight),
        (None, Rule::LeastConnections) => {
            // Among equals those take turns that have waited longest.
            let turn = turns.next(heads, |h| h.weight);
            let load = |h: &Head| f64::from(h.in_flight) / f64::from(h.weight.max(1));
            let least = heads.iter().filter(|h| h.fit).map(load).fold(f64::INFINITY, f64::min);
            let idle = |at: &usize| heads[*at].fit && load(&heads[*at]) <= least;
            order.sort_by(|a, b| load(&heads[*a]).total_cmp(&load(&heads[*b])));
            turn.filter(idle).or_else(|| order.iter().copied().find(idle))
        }
        (None, Rule::Latency) => {
            let cost = |at: usize| heads[at].cost / f64::from(heads[at].weight.max(1));
            order.sort_by(|a, b| cost(*a).total_cmp(&cost(*b)));
            better_of_two(heads, cost, random)
        }
    };
    // Stable: those that are fit keep their order, and so do the others.
    order.sort_by_key(|at| (!heads[*at].fit, Some(*at) != first));
    order
}

/// Two at random, and the better one of them: what is best in everybody's eyes is not overrun.
fn better_of_two(heads: &[Head], cost: impl Fn(usize) -> f64, random: [f64; 2]) -> Option<usize> {
    let fit: Vec<usize> = (0..heads.len()).filter(|at| heads[*at].fit).collect();
    let pick = |r: f64, of: usize| ((r * of as f64) as usize).min(of.saturating_sub(1));
    let one = pick(random[0], fit.len());
    let other = pick(random[1], fit.len().saturating_sub(1));
    // Never the same one twice.
    let other = if other >= one { other + 1 } else { other };
    let one = *fit.get(one)?;
    let Some(other) = fit.get(other).copied() else { return Some(one) };
    Some(if cost(other) < cost(one) { other } else { one })
}

/// The candidate that calls of one session keep to: the highest weighted hash of session and candidate, so that
/// a candidate that comes or goes moves only its own sessions (rendezvous hashing).
pub(crate) fn sticky<'a>(
    session: &[u8],
    names: impl Iterator<Item = (&'a str, &'a str, u32)>,
) -> Option<usize> {
    let score = |(at, (provider, model, weight)): (usize, (&str, &str, u32))| {
        let hash =
            [provider.as_bytes(), b"/", model.as_bytes()].iter().fold(fnv(BASIS, session), |h, b| fnv(h, b));
        // In 0..1 without its ends; the logarithm makes the weights exact.
        let unit = ((mix(hash) >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        (f64::from(weight) / -unit.ln(), at)
    };
    names.enumerate().map(score).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, at)| at)
}

const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv(basis: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(basis, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

/// Spreads what differs in the last bytes only over all bits (splitmix64's finish).
fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests;
