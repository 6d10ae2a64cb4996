//! The retry budget: retries are a share of the traffic plus a small constant, so that a failing upstream is
//! never hit by more than a little more than the load itself. Pure; the time is a parameter.

/// Seconds looked back.
const WINDOW: usize = 10;
/// Retries per call.
const SHARE: f64 = 0.2;
/// Retries per second that are always allowed.
const ALWAYS_PER_SECOND: f64 = 10.0;

/// Calls and retries of the last ten seconds, second by second.
#[derive(Debug, Default)]
pub(crate) struct RetryBudget {
    seconds: [Second; WINDOW],
}

#[derive(Clone, Copy, Debug, Default)]
struct Second {
    /// Which second this slot counts; slots are reused round and round.
    number: u64,
    calls: u32,
    retries: u32,
}

impl RetryBudget {
    /// A call came in. `now` is any monotonic count of seconds.
    pub(crate) fn deposit(&mut self, now: u64) {
        self.slot(now).calls += 1;
    }

    /// Takes one retry, if there is one left.
    pub(crate) fn withdraw(&mut self, now: u64) -> bool {
        let oldest = now.saturating_sub(WINDOW as u64 - 1);
        let recent = self.seconds.iter().filter(|s| s.number >= oldest);
        let (calls, retries) = recent.fold((0u32, 0u32), |(c, r), s| (c + s.calls, r + s.retries));
        let allowed = f64::from(calls) * SHARE + ALWAYS_PER_SECOND * WINDOW as f64;
        let granted = f64::from(retries) + 1.0 <= allowed;
        if granted {
            self.slot(now).retries += 1;
        }
        granted
    }

    fn slot(&mut self, now: u64) -> &mut Second {
        let slot = &mut self.seconds[now as usize % WINDOW];
        if slot.number != now {
            *slot = Second { number: now, ..Second::default() };
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn withdrawn(budget: &mut RetryBudget, now: u64, wanted: usize) -> usize {
        (0..wanted).filter(|_| budget.withdraw(now)).count()
    }

    #[test]
    fn without_traffic_a_constant_is_left() {
        let mut budget = RetryBudget::default();
        assert_eq!(withdrawn(&mut budget, 5, 1000), 100);
        assert_eq!(withdrawn(&mut budget, 14, 1000), 0, "still inside the window");
        assert_eq!(withdrawn(&mut budget, 15, 1000), 100, "the window moved on");
    }

    #[test]
    fn a_share_of_the_calls_is_added() {
        let mut budget = RetryBudget::default();
        (0..10_000).for_each(|i| budget.deposit(i / 1000));
        assert_eq!(withdrawn(&mut budget, 9, 100_000), 2_100);
        assert_eq!(
            withdrawn(&mut budget, 18, 10),
            0,
            "the retries of second 9 still count, most calls do not"
        );
        assert_eq!(withdrawn(&mut budget, 19, 1000), 100);
    }

    #[test]
    fn a_long_pause_forgets_everything() {
        let mut budget = RetryBudget::default();
        (0..1000).for_each(|_| budget.deposit(1));
        assert_eq!(withdrawn(&mut budget, 1_000_001, 1000), 100);
    }
}
