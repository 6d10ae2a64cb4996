//! How much something changed between quiet and troubled windows, and how sure that is. Pure.

use crate::neighbours::Seen;
use std::fmt;

/// Draws of the windows.
const DRAWS: usize = 1000;

/// A change in percent, and the range that holds nine of ten draws of as many pairs of windows (a bootstrap).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Change {
    all: f64,
    least: f64,
    most: f64,
}

impl Change {
    /// Of what is added, at that quantile.
    pub(crate) fn of(pairs: &[(Seen, Seen)], share: f64) -> Self {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut drawn: Vec<f64> = (0..DRAWS)
            .map(|_| {
                let draw: Vec<&(Seen, Seen)> =
                    pairs.iter().map(|_| &pairs[next(&mut random, pairs.len())]).collect();
                change(&draw, share)
            })
            .collect();
        drawn.sort_by(f64::total_cmp);
        let all: Vec<&(Seen, Seen)> = pairs.iter().collect();
        Self { all: change(&all, share), least: drawn[DRAWS / 20], most: drawn[DRAWS - 1 - DRAWS / 20] }
    }
}

fn change(pairs: &[&(Seen, Seen)], share: f64) -> f64 {
    let calm = Seen::pooled(pairs.iter().map(|(calm, _)| calm)).added(share);
    let troubled = Seen::pooled(pairs.iter().map(|(_, troubled)| troubled)).added(share);
    (troubled.as_secs_f64() / calm.as_secs_f64() - 1.0) * 100.0
}

/// One of so many, the same ones in each run (xorshift).
fn next(random: &mut u64, of: usize) -> usize {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    (*random % of.max(1) as u64) as usize
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:+.0} % ({:+.0} to {:+.0})", self.all, self.least, self.most)
    }
}
