//! What is known at run time of a (provider, model) pair: calls in flight, pace, breaker, rate limits; and of a
//! provider's account: whether it takes our key. Shared by all threads; lives as long as the pair is configured.
//!
//! Every lock here is held for a few instructions. The time is a parameter.

use super::breaker::{Breaker, Change, Look, Pass, Saved, Terms};
use super::pace::Pace;
use super::standing::Standing;
use super::verdict::Verdict;
use crate::router::limits::RateSet;
use crate::router::notices::{Notices, Severity};
use protocol::ipc::configure::Rates;
use protocol::model::Failure;
use serde_json::json;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A provider's account.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) provider: Arc<str>,
    /// The worker generation whose key was judged.
    generation: AtomicU64,
    key: Mutex<Breaker>,
    /// How fast it may be used.
    rates: Mutex<RateSet>,
    start: Instant,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Vitals {
    pub(crate) account: Arc<Account>,
    /// In the provider's own words; `*` = those that nobody listed and that share one entry.
    pub(crate) model: Arc<str>,
    in_flight: AtomicU32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    pace: Pace,
    breaker: Breaker,
    /// The provider asked for a pause until then.
    held: Option<Instant>,
}

/// How a call was let in to a pair.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    model: Pass,
    key: Pass,
}

impl Account {
    pub(crate) fn new(provider: &str) -> Arc<Self> {
        Arc::new(Self {
            provider: provider.into(),
            generation: AtomicU64::new(0),
            key: Mutex::new(Breaker::new(Terms::KEY)),
            rates: Mutex::default(),
            start: Instant::now(),
        })
    }

    /// It may be used so fast from now on.
    pub(crate) fn bound(&self, rates: &Rates) {
        lock(&self.rates).resize(rates, self.nanos(Instant::now()));
    }

    /// A call of so many tokens goes there.
    pub(crate) fn took(&self, tokens: u64, notices: &Notices) {
        let mut rates = lock(&self.rates);
        if !rates.is_empty() {
            rates.take(tokens, self.nanos(Instant::now()));
            notices.changed();
        }
    }

    /// It took other tokens than were counted.
    pub(crate) fn settled(&self, counted: u64, actual: u64) {
        lock(&self.rates).settle(counted, actual, self.nanos(Instant::now()));
    }

    /// Until when it is used as fast as it may be.
    fn full(&self, now: Instant) -> Option<(Instant, String)> {
        let full = lock(&self.rates).full(1, self.nanos(now))?;
        let limit = full.limit.replace('_', " ");
        Some((now + full.wait, format!("its {} {limit} are used", full.capacity)))
    }

    fn nanos(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX)
    }

    /// Another worker generation may have another key: what was said of the old one is forgotten.
    pub(crate) fn renew(&self, generation: u64) {
        if self.generation.swap(generation, Ordering::Relaxed) != generation {
            lock(&self.key).reset();
        }
    }

    pub(crate) fn save(&self, now: Instant) -> Option<Saved> {
        lock(&self.key).save(now)
    }

    /// Rates that are not empty: which, and until when that lasts.
    pub(crate) fn used_rates(&self, now: Instant) -> Vec<(&'static str, Duration)> {
        let levels = lock(&self.rates).levels(self.nanos(now)).into_iter();
        levels.map(|(limit, level)| (limit, level.resets_in)).filter(|(_, left)| !left.is_zero()).collect()
    }

    pub(crate) fn restore_rate(&self, limit: &str, resets_in: Duration, now: Instant) {
        lock(&self.rates).restore(limit, resets_in, self.nanos(now));
    }

    pub(crate) fn restore(&self, saved: Saved, now: Instant) {
        lock(&self.key).restore(saved, now);
    }
}

impl Vitals {
    pub(crate) fn new(account: &Arc<Account>, model: &str) -> Arc<Self> {
        Arc::new(Self {
            account: Arc::clone(account),
            model: model.into(),
            in_flight: AtomicU32::new(0),
            state: Mutex::new(State {
                pace: Pace::default(),
                breaker: Breaker::new(Terms::MODEL),
                held: None,
            }),
        })
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// See [`Pace::cost`].
    pub(crate) fn cost(&self, now: Instant) -> f64 {
        lock(&self.state).pace.cost(self.in_flight(), now)
    }

    /// See [`Pace::p95`].
    pub(crate) fn p95(&self) -> Option<Duration> {
        lock(&self.state).pace.p95()
    }

    /// What keeps calls away now; `None` = nothing.
    pub(crate) fn standing(&self, now: Instant) -> Option<Standing> {
        let left = |until: Instant| until.saturating_duration_since(now).as_secs_f64();
        match lock(&self.account.key).look(now) {
            Look::Closed | Look::Probe => {}
            Look::Probing => {
                let why = "its key was refused, and another call tries it again now".to_owned();
                return Some(Standing::Open { until: now, why });
            }
            Look::Open { until } => {
                let why = format!("its key was refused; it is tried again in {:.0} s", left(until).ceil());
                return Some(Standing::Open { until, why });
            }
        }
        if let Some((until, why)) = self.account.full(now) {
            return Some(Standing::Held { until, why });
        }
        let state = lock(&self.state);
        if let Some(until) = state.held.filter(|until| *until > now) {
            let why = format!("it is rate limited for {:.1} s", left(until));
            return Some(Standing::Held { until, why });
        }
        match state.breaker.look(now) {
            Look::Closed | Look::Probe => None,
            Look::Probing => {
                let why = "its breaker is half open, and another call tries it now".to_owned();
                Some(Standing::Open { until: now, why })
            }
            Look::Open { until } => {
                let why = format!("its breaker is open for {:.0} s", left(until).ceil());
                Some(Standing::Open { until, why })
            }
        }
    }

    /// Lets a call in and counts it; `force` = it has nowhere else to go. `None` = somebody was faster.
    pub(crate) fn enter(&self, now: Instant, force: bool, notices: &Notices) -> Option<Entry> {
        let (key, _) = lock(&self.account.key).admit(now, force);
        let key = key?;
        let (model, change) = lock(&self.state).breaker.admit(now, force);
        let Some(model) = model else {
            lock(&self.account.key).release(key);
            return None;
        };
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        if let Some(change) = change {
            self.tell(change, "", notices);
        }
        Some(Entry { model, key })
    }

    /// The first token came after `took`.
    pub(crate) fn began(&self, took: Duration, now: Instant) {
        lock(&self.state).pace.sample(took, now);
    }

    /// Nobody waits for the first token any more, which had not come after `took`.
    pub(crate) fn waited(&self, took: Duration, now: Instant) {
        lock(&self.state).pace.at_least(took, now);
    }

    /// A probe's first content came: the probe is over, its call goes on as any other.
    pub(crate) fn proved(&self, entry: &mut Entry, now: Instant, notices: &Notices) {
        if let Pass::Probe(_) = entry.model {
            let change = lock(&self.state).breaker.success(entry.model, now);
            entry.model = Pass::Plain;
            if let Some(change) = change {
                self.tell(change, "", notices);
            }
        }
    }

    /// The call went well.
    pub(crate) fn went_well(&self, entry: Entry, now: Instant, notices: &Notices) {
        if lock(&self.account.key).success(entry.key, now).is_some() {
            self.tell_key(None, "", notices);
        }
        let change = lock(&self.state).breaker.success(entry.model, now);
        if let Some(change) = change {
            self.tell(change, "", notices);
        }
    }

    /// The call failed. `random` is in 0..1.
    pub(crate) fn failed(
        &self,
        entry: Entry,
        failure: &Failure,
        (now, random): (Instant, f64),
        notices: &Notices,
    ) {
        let verdict = super::verdict::of(failure);
        let mut state = lock(&self.state);
        if verdict != Verdict::Nothing {
            state.pace.penalty(now);
        }
        let change = match verdict {
            Verdict::Broken => {
                // Failures in a row are worth knowing before they are too many.
                notices.changed();
                state.breaker.failure(entry.model, now, random)
            }
            Verdict::TooFast(lasts) => {
                let until = now + lasts;
                // The later of two ends counts.
                state.held = Some(state.held.map_or(until, |held| held.max(until)));
                notices.changed();
                match entry.model {
                    Pass::Probe(_) => state.breaker.failure(entry.model, now, random),
                    Pass::Plain => None,
                }
            }
            Verdict::KeyRefused | Verdict::Nothing => {
                state.breaker.release(entry.model);
                None
            }
        };
        drop(state);
        if let Some(change) = change {
            self.tell(change, &failure.message, notices);
        }
        let mut key = lock(&self.account.key);
        match verdict {
            Verdict::KeyRefused => {
                let refused = key.failure(entry.key, now, random);
                drop(key);
                if let Some(Change::Opened { lasts, .. }) = refused {
                    self.tell_key(Some(lasts), &failure.message, notices);
                }
            }
            Verdict::Broken | Verdict::TooFast(_) | Verdict::Nothing => key.release(entry.key),
        }
    }

    /// The call ended and says nothing of the pair.
    pub(crate) fn released(&self, entry: Entry) {
        lock(&self.account.key).release(entry.key);
        lock(&self.state).breaker.release(entry.model);
    }

    /// The call is over, however it went.
    pub(crate) fn left(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// As if it had been repaired.
    #[cfg(test)]
    pub(crate) fn reset_for_test(&self) {
        lock(&self.state).breaker.reset();
    }

    /// What the next router must know: the breaker, and how long the provider wants a pause.
    pub(crate) fn save(&self, now: Instant) -> (Option<Saved>, Option<Duration>) {
        let state = lock(&self.state);
        let held =
            state.held.map(|until| until.saturating_duration_since(now)).filter(|left| !left.is_zero());
        (state.breaker.save(now), held)
    }

    /// Goes on where another router was.
    pub(crate) fn restore(&self, saved: Option<Saved>, held: Option<Duration>, now: Instant) {
        let mut state = lock(&self.state);
        if let Some(saved) = saved {
            state.breaker.restore(saved, now);
        }
        state.held = held.map(|left| now + left).or(state.held);
    }

    fn tell(&self, change: Change, why: &str, notices: &Notices) {
        let (provider, model) = (&self.account.provider, &self.model);
        let detail = json!({ "provider": &**provider, "model": &**model });
        match change {
            Change::Opened { lasts, failures } => {
                let message = format!(
                    "the breaker of {provider}/{model} opened for {:.0} s after {failures} failures in a row: {why}",
                    lasts.as_secs_f64()
                );
                notices.tell(Severity::Warning, "breaker.opened", provider, message, detail);
            }
            Change::HalfOpened => {
                let message = format!("the breaker of {provider}/{model} is half open: one call tries it");
                notices.tell(Severity::Info, "breaker.half-opened", provider, message, detail);
            }
            Change::Closed => {
                let message = format!("the breaker of {provider}/{model} closed: calls go there again");
                notices.tell(Severity::Info, "breaker.closed", provider, message, detail);
            }
        }
        notices.changed();
    }

    fn tell_key(&self, refused_for: Option<Duration>, why: &str, notices: &Notices) {
        let provider = &self.account.provider;
        match refused_for {
            Some(lasts) => {
                let message = format!(
                    "{provider} does not accept its key; it is tried again in {:.0} s, or as soon as it has another one: {why}",
                    lasts.as_secs_f64()
                );
                notices.tell(Severity::Critical, "key.refused", provider, message, json!({}));
            }
            None => {
                let message = format!("{provider} accepts its key again");
                notices.tell(Severity::Info, "key.accepted", provider, message, json!({}));
            }
        }
        notices.changed();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::model::FailureKind;

    const S: Duration = Duration::from_secs(1);

    struct Rig {
        vitals: Arc<Vitals>,
        notices: Notices,
        now: Instant,
    }

    impl Rig {
        fn new() -> Self {
            let vitals = Vitals::new(&Account::new("p"), "m");
            Self { vitals, notices: Notices::default(), now: Instant::now() }
        }

        fn fail(&self, kind: FailureKind, retry_after_ms: Option<u64>) {
            let entry = self.vitals.enter(self.now, true, &self.notices).unwrap();
            let failure = Failure { retry_after_ms, ..Failure::new(kind, "why") };
            self.vitals.failed(entry, &failure, (self.now, 0.5), &self.notices);
            self.vitals.left();
        }

        fn standing(&self, after: Duration) -> Option<Standing> {
            self.vitals.standing(self.now + after)
        }

        fn told(&self) -> Vec<String> {
            self.notices.take().0.into_iter().map(|n| n.kind).collect()
        }
    }

    #[test]
    fn crashes_of_ours_and_bad_requests_open_nothing() {
        let rig = Rig::new();
        for kind in [FailureKind::WorkerLost, FailureKind::InvalidRequest, FailureKind::ContextLength] {
            (0..9).for_each(|_| rig.fail(kind, None));
        }
        assert_eq!(rig.standing(Duration::ZERO), None);
        assert_eq!(rig.vitals.in_flight(), 0);
        (0..5).for_each(|_| rig.fail(FailureKind::Upstream, None));
        assert!(matches!(rig.standing(Duration::ZERO), Some(Standing::Open { .. })));
        assert_eq!(rig.told(), ["breaker.opened"]);
    }

    #[test]
    fn a_rate_limit_has_a_gate_of_its_own_and_the_later_end_counts() {
        let rig = Rig::new();
        rig.fail(FailureKind::RateLimited, Some(60_000));
        rig.fail(FailureKind::RateLimited, Some(2_000));
        assert!(matches!(rig.standing(59 * S), Some(Standing::Held { .. })));
        assert_eq!(rig.standing(60 * S), None);
        (0..9).for_each(|_| rig.fail(FailureKind::RateLimited, None));
        assert_eq!(rig.standing(61 * S), None, "429 never opens the breaker");
    }

    #[test]
    fn a_refused_key_concerns_every_model_and_recovers_by_itself_or_with_another_key() {
        let rig = Rig::new();
        let sibling = Vitals::new(&rig.vitals.account, "n");
        rig.fail(FailureKind::UpstreamAuth, None);
        assert!(matches!(sibling.standing(rig.now), Some(Standing::Open { .. })));
        assert_eq!(sibling.standing(rig.now + 331 * S), None);
        rig.vitals.account.renew(7);
        assert_eq!(sibling.standing(rig.now), None);
        rig.fail(FailureKind::QuotaExhausted, None);
        let entry = sibling.enter(rig.now + 331 * S, false, &rig.notices).unwrap();
        sibling.went_well(entry, rig.now + 331 * S, &rig.notices);
        assert_eq!(rig.told(), ["key.refused", "key.refused", "key.accepted"]);
    }

    #[test]
    fn what_is_saved_is_restored() {
        let (old, new) = (Rig::new(), Rig::new());
        (0..5).for_each(|_| old.fail(FailureKind::Upstream, None));
        old.fail(FailureKind::RateLimited, Some(90_000));
        let (saved, held) = old.vitals.save(old.now + 10 * S);
        new.vitals.restore(saved, held, new.now);
        assert!(matches!(new.standing(79 * S), Some(Standing::Held { .. })));
        assert_eq!(new.standing(80 * S), None, "the breaker became half open meanwhile");
    }
}
