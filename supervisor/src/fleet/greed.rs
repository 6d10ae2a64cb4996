//! Whether a worker takes more of the processors than its calls explain, and when such a one may run. Pure.
//!
//! A loop that does not end, or a leak that fills memory, takes a whole processor and lets every other process wait for
//! the end of its turns. A worker with much to do may take as much; but then the router, through which all of it goes,
//! has much to do as well.
//!
//! To stand behind all others is not enough where calls are short: the scheduler gives whoever runs next to such a one
//! now and then a place behind it for the rest of a tick, and it keeps processors from resting. One whose calls explain
//! nothing, by what it has moved to and from the router, is therefore held, and runs in short turns only; but only while
//! there are calls to protect.

use protocol::ipc::control::Moved;
use std::time::{Duration, Instant};

/// Processor time after which a modest worker is looked at again.
pub(super) const STEP: Duration = Duration::from_millis(4);

/// After so long a greedy one is.
pub(super) const REST: Duration = Duration::from_millis(100);

/// Of a processor, in hundredths, from which on a worker may be greedy.
const MUCH: u32 = 60;

/// Below which it is modest again.
const LITTLE: u32 = 30;

/// How many times what the router spends its calls explain. Translating takes a worker some three times as long as
/// passing on takes the router.
const EXPLAINED: u32 = 6;

/// What a call, a frame of it and a byte may take of a processor: more than ten times what was measured for translating.
const PER_CALL: Duration = Duration::from_millis(5);
const PER_FRAME: Duration = Duration::from_micros(300);
const PER_MEGABYTE: Duration = Duration::from_millis(100);

/// What moved explains what comes after it, up to so much: a body is there before it is translated.
const CREDIT: Duration = Duration::from_secs(5);

/// Accounts that come sooner after one another say nothing: one that did not answer for long answers all at once.
const APART: Duration = Duration::from_millis(500);

/// So much between two accounts that nothing explains makes one senseless; so little is enough to stay so for one that
/// is held, and gets no more than its turns.
const DEFICIT: Duration = Duration::from_millis(200);
const STILL: Duration = Duration::from_millis(2);

/// One that was held not so long ago is held again at once.
const MEMORY: Duration = Duration::from_secs(30);

/// Of a processor, in hundredths, from which on the router has calls to protect.
const BUSY: u32 = 1;

/// One that is held rests so long, and then runs so long.
const PAUSE: Duration = Duration::from_millis(95);
const TURN: Duration = Duration::from_millis(5);

/// Processor time spent until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) at: Instant,
    pub(super) worker: Duration,
    pub(super) router: Duration,
    /// It takes calls and answers. One that finishes its last ones, or has to show that it lives, is not held.
    pub(super) serves: bool,
}

/// What a worker is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing is known of it until then, unless it shows greed before: what one that is started again and again does
    /// would otherwise be seen too late each time.
    New {
        until: Instant,
    },
    Modest,
    Greedy,
    /// Greedy and senseless, and stopped.
    Held,
    /// The same, and let run for a moment.
    Turn,
}

impl Standing {
    /// When it is to be looked at by the clock on the wall.
    pub(super) fn again(self) -> Option<Duration> {
        match self {
            Self::New { .. } | Self::Modest => None,
            Self::Greedy => Some(REST),
            Self::Held => Some(PAUSE),
            Self::Turn => Some(TURN),
        }
    }

    /// Whether it runs in turns.
    pub(super) fn is_held(self) -> bool {
        matches!(self, Self::Held | Self::Turn)
    }
}

/// What is known of one worker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Greed {
    since: Reading,
    standing: Standing,
    /// When it, or the process before it, was held last.
    held: Option<Instant>,
    account: Option<Account>,
    /// What it spent before its last account is not explained.
    senseless: bool,
}

/// What it has done, as it says itself, and spent until then. One that lies only keeps its place behind the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    at: Instant,
    calls: u64,
    moved: Moved,
    worker: Duration,
    /// What was moved and nothing spent on yet.
    credit: Duration,
}

impl Account {
    pub(super) fn new(at: Instant, calls: u64, moved: Moved, worker: Duration) -> Self {
        Self { at, calls, moved, worker, credit: Duration::ZERO }
    }

    /// What the calls since that one may take.
    fn explains(&self, before: &Self) -> Duration {
        let times = |each: Duration, n: u64| each.saturating_mul(u32::try_from(n).unwrap_or(u32::MAX));
        let bytes = self.moved.bytes.saturating_sub(before.moved.bytes);
        times(PER_CALL, self.calls.saturating_sub(before.calls))
            .saturating_add(times(PER_FRAME, self.moved.frames.saturating_sub(before.moved.frames)))
            .saturating_add(times(PER_MEGABYTE, bytes) / 1_000_000)
    }
}

impl Greed {
    /// One that has begun to work; the process before it was held last at `held`.
    pub(super) fn new(now: Reading, held: Option<Instant>) -> Self {
        Self {
            since: now,
            standing: Standing::New { until: now.at + REST },
            held,
            account: None,
            senseless: false,
        }
    }

    pub(super) fn standing(&self) -> Standing {
        self.standing
    }

    pub(super) fn held(&self) -> Option<Instant> {
        self.held
    }

    /// Takes its account of what it does.
    pub(super) fn weigh(&mut self, mut now: Account) {
        if let Some(before) = self.account {
            if now.at.saturating_duration_since(before.at) < APART {
                return;
            }
            let spent = now.worker.saturating_sub(before.worker);
            let explained = before.credit.saturating_add(now.explains(&before));
            now.credit = explained.saturating_sub(spent).min(CREDIT);
            let enough = if self.standing.is_held() { STILL } else { DEFICIT };
            self.senseless = spent.saturating_sub(explained) >= enough;
        }
        self.account = Some(now);
    }

    /// Judges it by what it has spent since the last judgement; false: that is not enough to tell.
    pub(super) fn look(&mut self, now: Reading) -> bool {
        let spell = Spell::between(&self.since, &now);
        let enough = match self.standing {
            Standing::New { until } => spell.worker >= STEP || now.at >= until,
            Standing::Modest => spell.worker >= STEP,
            Standing::Greedy => spell.passed >= REST,
            Standing::Held if !self.senseless => true,
            Standing::Held => spell.passed >= PAUSE || !now.serves,
            Standing::Turn => spell.passed >= TURN || !now.serves,
        };
        if enough {
            self.standing = self.judge(&now, &spell);
            self.since = now;
            if self.standing.is_held() {
                self.held = Some(now.at);
                // One that was so not so long ago is taken for it until its next account.
                self.senseless = true;
            }
        }
        enough
    }

    /// It took that share of a processor, in hundredths, and its calls do not explain that.
    fn is_greedy(&self, spell: &Spell, share: u32) -> bool {
        let unexplained = self.senseless || spell.worker > spell.router * EXPLAINED;
        unexplained && spell.worker * 100 >= spell.passed * share
    }

    fn judge(&self, now: &Reading, spell: &Spell) -> Standing {
        let is_known = self.held.is_some_and(|held| now.at.saturating_duration_since(held) < MEMORY);
        match self.standing {
            Standing::New { .. } | Standing::Modest if self.is_greedy(spell, MUCH) => {
                if (is_known || self.senseless) && now.serves { Standing::Held } else { Standing::Greedy }
            }
            Standing::New { until } if now.at < until => self.standing,
            Standing::New { .. } | Standing::Modest => Standing::Modest,
            Standing::Greedy | Standing::Turn if !self.is_greedy(spell, LITTLE) => Standing::Modest,
            Standing::Held | Standing::Turn if !now.serves || !self.senseless => Standing::Greedy,
            // There is nobody to protect from it.
            Standing::Held if !spell.has_calls() => Standing::Greedy,
            Standing::Held => Standing::Turn,
            Standing::Turn => Standing::Held,
            Standing::Greedy => {
                if self.senseless && now.serves && spell.has_calls() {
                    Standing::Held
                } else {
                    self.standing
                }
            }
        }
    }
}

/// What was spent between two readings.
struct Spell {
    passed: Duration,
    worker: Duration,
    router: Duration,
}

impl Spell {
    fn between(since: &Reading, now: &Reading) -> Self {
        Self {
            passed: now.at.saturating_duration_since(since.at),
            worker: now.worker.saturating_sub(since.worker),
            // A router that is another one by now has spent nothing yet.
            router: now.router.saturating_sub(since.router),
        }
    }

    fn has_calls(&self) -> bool {
        self.router * 100 >= self.passed * BUSY
    }
}

#[cfg(test)]
mod tests;
