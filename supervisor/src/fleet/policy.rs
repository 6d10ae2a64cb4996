//! When a child that died is started again, and when we stop trying. Pure arithmetic over instants; the
//! machine asks, this answers.
//!
//! Where the numbers come from: s6 (a child that had become ready is restarted at once), Erlang/OTP
//! (5 in 30 s is a burst of five and a sustained one per 6 s), capped exponential backoff with jitter.

use super::exit::Cause;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// More starts than any window counts need not be remembered.
const REMEMBERED: usize = 32;

/// The numbers for one kind of child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Ready for this long = the next start is immediate. So it is for one that was killed from outside as
    /// soon as it had been ready.
    settle: Duration,
    /// Ready for this long = earlier crashes are forgotten.
    stable: Duration,
    first_delay: Duration,
    max_delay: Duration,
    patience: Patience,
}

/// What happens when it keeps dying.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Patience {
    /// No more than `starts` unplanned or first starts in `window`; then give up for `retry`.
    GiveUp { starts: usize, window: Duration, retry: Duration },
    /// Never give up, but after `crashes` in `window` the whole tree is to be started afresh.
    Escalate { crashes: usize, window: Duration },
}

impl Policy {
    /// One provider's worker: its trouble is its own.
    pub(crate) fn worker() -> Self {
        Self {
            settle: Duration::from_secs(1),
            stable: Duration::from_secs(60),
            first_delay: Duration::from_millis(250),
            max_delay: Duration::from_secs(30),
            patience: Patience::GiveUp {
                starts: 5,
                window: Duration::from_secs(30),
                retry: Duration::from_secs(300),
            },
        }
    }

    /// The router: without it there is no service, so it is always tried again.
    pub(crate) fn router() -> Self {
        Self {
            settle: Duration::from_secs(1),
            stable: Duration::from_secs(60),
            first_delay: Duration::from_millis(250),
            max_delay: Duration::from_secs(1),
            patience: Patience::Escalate { crashes: 10, window: Duration::from_secs(60) },
        }
    }
}

/// What to do about a crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Start again after this long; zero = at once.
    Restart(Duration),
    /// Do not, for the reason given; try again by ourselves after `retry`, if at all.
    GiveUp { reason: String, retry: Option<Duration> },
    /// Start again after this long, and tell the owner that a fresh start of everything is needed.
    Escalate { reason: String, after: Duration },
}

/// The history of one child's starts and crashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Restarts {
    starts: VecDeque<Instant>,
    crashes: VecDeque<Instant>,
    /// Crashes in a row, for the backoff.
    row: u32,
    /// Started by the automatic retry after giving up: one crash before it settles is enough.
    probation: bool,
    total: u64,
}

impl Restarts {
    /// A process was started.
    pub(crate) fn started(&mut self, now: Instant) {
        self.starts.push_back(now);
        if self.starts.len() > REMEMBERED {
            self.starts.pop_front();
        }
    }

    /// Someone asked for a start, or the configuration changed: the past does not count.
    pub(crate) fn forgive(&mut self) {
        *self = Self { total: self.total, ..Self::default() };
    }

    /// The automatic retry after giving up.
    pub(crate) fn retry(&mut self) {
        self.forgive();
        self.probation = true;
    }

    /// Unplanned restarts so far.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The child died although it was wanted. `ready_for`: how long it had been ready, if it ever was.
    /// `chance`: uniformly random in 0..1, for the jitter.
    pub(crate) fn crashed(
        &mut self,
        policy: &Policy,
        cause: &Cause,
        ready_for: Option<Duration>,
        now: Instant,
        chance: f64,
    ) -> Verdict {
        if ready_for.is_some_and(|time| time >= policy.stable) {
            self.row = 0;
        }
        // A kill from outside is no sign that it would die again.
        let settled = ready_for.is_some_and(|time| time >= policy.settle || cause.is_foreign_kill());
        let verdict = match &policy.patience {
            Patience::GiveUp { starts, window, retry } => {
                prune(&mut self.starts, *window, now);
                let tried = self.starts.len();
                if cause.is_permanent() {
                    return Verdict::GiveUp { reason: cause.to_string(), retry: None };
                }
                if tried >= *starts || (self.probation && !settled) {
                    let reason = format!("{cause}; {}, so no more for now", times(tried, *window));
                    return Verdict::GiveUp { reason, retry: Some(*retry) };
                }
                Verdict::Restart(self.delay(policy, settled, chance))
            }
            Patience::Escalate { crashes, window } => {
                let own = !cause.is_foreign_kill();
                if own {
                    self.crashes.push_back(now);
                }
                prune(&mut self.crashes, *window, now);
                let after = self.delay(policy, settled, chance);
                if own && self.crashes.len() >= *crashes {
                    let reason = format!("{cause}; {} crashes in {} s", self.crashes.len(), window.as_secs());
                    return Verdict::Escalate { reason, after };
                }
                Verdict::Restart(after)
            }
        };
        self.probation = false;
        self.total += 1;
        verdict
    }

    /// Zero for a child that had settled, else between half and all of the first delay doubled per crash.
    fn delay(&mut self, policy: &Policy, settled: bool, chance: f64) -> Duration {
        if settled {
            return Duration::ZERO;
        }
        let doubled = policy.first_delay.saturating_mul(2u32.saturating_pow(self.row.min(16)));
        self.row = self.row.saturating_add(1);
        doubled.min(policy.max_delay).mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
    }
}

fn prune(times: &mut VecDeque<Instant>, window: Duration, now: Instant) {
    while times.front().is_some_and(|at| now.duration_since(*at) >= window) {
        times.pop_front();
    }
}

fn times(starts: usize, window: Duration) -> String {
    match starts {
        1 => format!("1 start in {} s", window.as_secs()),
        n => format!("{n} starts in {} s", window.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::exit::Exit;

    const CRASH: Cause = Cause::Exit(Exit::Code(1));

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn delays_double_with_jitter_until_the_fifth_start() {
        let policy = Policy::worker();
        let (mut restarts, mut now) = (Restarts::default(), Instant::now());
        let mut delays = Vec::new();
        loop {
            restarts.started(now);
            match restarts.crashed(&policy, &CRASH, None, now, 1.0) {
                Verdict::Restart(delay) => {
                    delays.push(delay.as_millis());
                    now += delay;
                }
                Verdict::GiveUp { reason, retry } => {
                    assert_eq!(reason, "exit code 1; 5 starts in 30 s, so no more for now");
                    assert_eq!(retry, Some(secs(300)));
                    break;
                }
                Verdict::Escalate { .. } => panic!("a worker never escalates"),
            }
        }
        assert_eq!(delays, [250, 500, 1000, 2000]);
        restarts.retry();
        restarts.started(now);
        let again = restarts.crashed(&policy, &CRASH, None, now, 0.0);
        assert!(
            matches!(again, Verdict::GiveUp { retry: Some(_), .. }),
            "one try after giving up: {again:?}"
        );
    }

    #[test]
    fn a_child_that_had_settled_is_restarted_at_once() {
        let mut restarts = Restarts::default();
        let now = Instant::now();
        let verdict = restarts.crashed(&Policy::worker(), &CRASH, Some(secs(1)), now, 0.5);
        assert_eq!(verdict, Verdict::Restart(Duration::ZERO));
        let quick = restarts.crashed(&Policy::worker(), &CRASH, Some(Duration::from_millis(999)), now, 0.0);
        assert_eq!(quick, Verdict::Restart(Duration::from_millis(125)));
    }

    #[test]
    fn a_kill_from_outside_costs_no_delay_once_it_was_ready() {
        let (policy, killed, now) = (Policy::worker(), Cause::Exit(Exit::Signal(9)), Instant::now());
        let was_ready = Restarts::default().crashed(&policy, &killed, Some(Duration::ZERO), now, 0.5);
        assert_eq!(was_ready, Verdict::Restart(Duration::ZERO));
        let never = Restarts::default().crashed(&policy, &killed, None, now, 1.0);
        assert_eq!(never, Verdict::Restart(Duration::from_millis(250)));
    }

    #[test]
    fn one_crash_every_six_seconds_is_borne_forever() {
        let (mut restarts, mut now) = (Restarts::default(), Instant::now());
        for _ in 0..1000 {
            restarts.started(now);
            now += secs(6) + Duration::from_millis(1);
            let verdict = restarts.crashed(&Policy::worker(), &CRASH, Some(secs(6)), now, 0.5);
            assert_eq!(verdict, Verdict::Restart(Duration::ZERO));
        }
    }

    #[test]
    fn a_permanent_cause_is_final_at_once() {
        let exit = Cause::Exit(Exit::Code(78));
        let verdict = Restarts::default().crashed(&Policy::worker(), &exit, None, Instant::now(), 0.5);
        assert!(matches!(verdict, Verdict::GiveUp { retry: None, .. }));
    }

    #[test]
    fn the_router_is_never_given_up_and_escalates_after_ten_own_crashes() {
        let policy = Policy::router();
        let (mut restarts, now) = (Restarts::default(), Instant::now());
        let killed = Cause::Exit(Exit::Signal(9));
        for _ in 0..100 {
            let verdict = restarts.crashed(&policy, &killed, Some(secs(2)), now, 0.5);
            assert_eq!(verdict, Verdict::Restart(Duration::ZERO));
        }
        for _ in 0..9 {
            let verdict = restarts.crashed(&policy, &Cause::Exit(Exit::Code(78)), None, now, 1.0);
            assert!(matches!(verdict, Verdict::Restart(d) if d <= secs(1)), "{verdict:?}");
        }
        let tenth = restarts.crashed(&policy, &CRASH, None, now, 1.0);
        assert_eq!(
            tenth,
            Verdict::Escalate { reason: "exit code 1; 10 crashes in 60 s".into(), after: secs(1) }
        );
    }
}
