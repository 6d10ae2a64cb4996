//! The meter of one app: its own bounds, those of its keys, its budgets.

use super::book::{Book, Reserved, Spend, Today, Use};
use super::bucket::Level;
use super::rates::{Full, RateSet};
use super::tickets::{Found, Hold, Tickets};
use super::{calendar, millis, nanos};
use crate::router::front::{Gate, Permit};
use protocol::control::app::LimitLevel;
use protocol::ipc::configure::{App, Budgets, Limits};
use protocol::ipc::notice::{Beside, Memory, Period, SavedPlaces, SavedRate};
use protocol::ipc::spool::Counted;
use protocol::model::{Failure, FailureKind};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How old what is known of the places in other routers may be: it is told ten times a second.
pub(crate) const SHARED: Duration = Duration::from_millis(150);

/// What a client is told to wait for a place.
const COME_BACK: Duration = Duration::from_secs(1);

/// Bounds of an app or of one of its keys, and what is counted under them.
#[derive(Clone)]
pub(super) struct Scope {
    /// `app:NAME` or `key:NAME/LABEL`.
    name: String,
    limits: Limits,
    rates: Arc<Mutex<RateSet>>,
    /// Also where any number may go through: a bound that comes later counts the calls that run then.
    gate: Arc<Gate>,
}

/// See the module.
pub(crate) struct AppMeter {
    start: Instant,
    offset_min: i32,
    own: Scope,
    keys: HashMap<String, Scope>,
    budgets: Budgets,
    book: Arc<Mutex<Book>>,
    /// Locked before the rates and the book: what is saved fits together.
    tickets: Arc<Mutex<Tickets>>,
}

/// Those of its key and of its app.
pub(crate) type Places = [Option<Permit>; 2];

/// Why a call is not admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Over {
    pub(crate) message: String,
    pub(crate) wait: Duration,
}

impl Over {
    /// As the client is told.
    pub(crate) fn failure(&self) -> Failure {
        Failure::new(FailureKind::RateLimited, self.message.clone())
            .with_retry_after_ms(millis(self.wait).max(1))
    }
}

/// An admitted call. Its places are free when it is dropped; what was reserved must be settled, else it counts as
/// not used.
pub(crate) struct Admission {
    meter: Arc<AppMeter>,
    key: Option<Scope>,
    reserved: Option<Reserved>,
    ticket: u64,
    /// The periods it counts in.
    today: Today,
    /// Reserved of the token rates.
    tokens: u64,
    /// Not settled yet.
    open: bool,
    places: Vec<Permit>,
}

impl Scope {
    fn new(name: String, limits: &Limits, old: Option<&Scope>, now: u64) -> Self {
        let rates = old.map_or_else(Arc::default, |old| Arc::clone(&old.rates));
        lock(&rates).resize(&limits.rates, now);
        let most = limits.concurrent.unwrap_or(u32::MAX);
        let gate = match old {
            Some(old) => Arc::clone(&old.gate),
            None => Gate::new(most, limits.queue),
        };
        gate.resize(most, limits.queue);
        Self { name, limits: *limits, rates, gate }
    }

    fn concurrent(&self) -> u32 {
        self.limits.concurrent.unwrap_or(u32::MAX)
    }

    /// Where only so many calls may be at once.
    fn bounded(&self) -> Option<&Arc<Gate>> {
        self.limits.concurrent.map(|_| &self.gate)
    }

    fn counts(&self) -> bool {
        self.bounded().is_some() || !lock(&self.rates).is_empty()
    }

    /// A place, after waiting for it as long as it may.
    async fn enter(&self, app: &Arc<str>) -> Result<Permit, Over> {
        let entering = self.gate.enter_shared(app, SHARED);
        let entered = match self.limits.wait_ms {
            0 => Ok(entering.await),
            ms => tokio::time::timeout(Duration::from_millis(ms), entering).await,
        };
        match entered {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(self.crowded()),
        }
    }

    fn crowded(&self) -> Over {
        let message = format!("{} has {} calls at once already", self.who(), self.concurrent());
        Over { message, wait: COME_BACK }
    }

    fn full(&self, full: Full) -> Over {
        let limit = full.limit.replace('_', " ");
        Over { message: format!("{} has used its {} {limit}", self.who(), full.capacity), wait: full.wait }
    }

    fn who(&self) -> String {
        match self.name.split_once(':') {
            Some(("key", key)) => format!("the key `{key}`"),
            Some((_, app)) => format!("the app `{app}`"),
            None => self.name.clone(),
        }
    }
}

impl AppMeter {
    pub(super) fn new(
        app: &App,
        offset_min: i32,
        old: Option<&AppMeter>,
        (start, now, origin): (Instant, u64, u64),
    ) -> Self {
        let own = Scope::new(format!("app:{}", app.name), &app.limits, old.map(|o| &o.own), now);
        let key = |key: &protocol::ipc::configure::AppKey| {
            let old = old.and_then(|old| old.keys.get(&key.label));
            let name = format!("key:{}/{}", app.name, key.label);
            (key.label.clone(), Scope::new(name, &key.limits, old, now))
        };
        Self {
            start,
            offset_min,
            own,
            keys: app.keys.iter().map(key).collect(),
            budgets: app.budgets.clone(),
            book: old.map_or_else(Arc::default, |old| Arc::clone(&old.book)),
            tickets: old
                .map_or_else(|| Arc::new(Mutex::new(Tickets::new(origin))), |old| Arc::clone(&old.tickets)),
        }
    }

    /// Anything is limited.
    pub(super) fn counts(&self) -> bool {
        self.own.counts() || self.keys.values().any(Scope::counts) || self.has_budget()
    }

    fn has_budget(&self) -> bool {
        self.budgets != Budgets::default()
    }

    /// What a call will use up is worth estimating.
    pub(crate) fn counts_tokens(&self) -> bool {
        let scopes = std::iter::once(&self.own).chain(self.keys.values());
        self.has_budget() || scopes.into_iter().any(|scope| lock(&scope.rates).counts_tokens())
    }

    /// Lets a call in, at once or when it has a place. What it is estimated to use up is reserved until it is
    /// settled.
    ///
    /// # Errors
    /// The limit that says no.
    pub(crate) async fn admit(
        self: &Arc<Self>,
        app: &Arc<str>,
        key: Option<&str>,
        estimate: Use,
        now_ms: u64,
    ) -> Result<Admission, Over> {
        let of_key = key.and_then(|label| Some((label, self.keys.get(label)?)));
        let key = of_key.map(|(_, scope)| scope.clone());
        let label = of_key.filter(|(_, scope)| scope.counts()).map(|(label, _)| label);
        let (tokens, today) = (estimate.tokens, calendar::today(now_ms, self.offset_min));
        let hold = Hold { key: label.map(str::to_owned), used: estimate, today };
        let (ticket, reserved) = self.reserve(key.as_ref(), hold, now_ms)?;
        let mut admission = Admission {
            meter: Arc::clone(self),
            key,
            reserved,
            ticket,
            today,
            tokens,
            open: true,
            places: Vec::new(),
        };
        let scopes = admission.key.clone().into_iter().chain([self.own.clone()]);
        for scope in scopes {
            match scope.enter(app).await {
                Ok(place) => admission.places.push(place),
                Err(over) => {
                    admission.undo();
                    return Err(over);
                }
            }
        }
        Ok(admission)
    }

    /// Places of a call that nothing bounds, for a bound that may come.
    pub(super) fn present(&self, key: Option<&str>) -> Places {
        let key = key.and_then(|label| self.keys.get(label));
        [key.and_then(|scope| scope.gate.enter_now()), self.own.gate.enter_now()]
    }

    /// Rates and budgets, all or nothing: the locks are held until every one of them has agreed.
    fn reserve(&self, key: Option<&Scope>, hold: Hold, now_ms: u64) -> Result<(u64, Option<Reserved>), Over> {
        let mut tickets = lock(&self.tickets);
        let now = nanos(self.start.elapsed());
        let tokens = hold.used.tokens;
        let mut of_key = key.map(|scope| (scope, lock(&scope.rates)));
        let mut own = lock(&self.own.rates);
        if let Some((scope, rates)) = &of_key
            && let Some(full) = rates.full(tokens, now)
        {
            return Err(scope.full(full));
        }
        if let Some(full) = own.full(tokens, now) {
            return Err(self.own.full(full));
        }
        let reserved = match self.has_budget() {
            true => {
                let reserved = lock(&self.book).reserve(&self.budgets, hold.today, hold.used.clone());
                Some(reserved.map_err(|spend| self.spent_up(spend, now_ms))?)
            }
            false => None,
        };
        own.take(tokens, now);
        if let Some((_, rates)) = &mut of_key {
            rates.take(tokens, now);
        }
        Ok((tickets.take(hold), reserved))
    }

    /// The limit of the app that says no to such a call now, if one does. Takes nothing.
    pub(crate) fn over(&self, estimate: &Use, now_ms: u64) -> Option<Over> {
        let now = nanos(self.start.elapsed());
        if let Some(full) = lock(&self.own.rates).full(estimate.tokens, now) {
            return Some(self.own.full(full));
        }
        if self.has_budget() {
            let today = calendar::today(now_ms, self.offset_min);
            let mut book = lock(&self.book).clone();
            if let Err(spend) = book.reserve(&self.budgets, today, estimate.clone()) {
                return Some(self.spent_up(spend, now_ms));
            }
        }
        self.own.bounded().filter(|gate| gate.is_full()).map(|_| self.own.crowded())
    }

    fn spent_up(&self, spend: Spend, now_ms: u64) -> Over {
        let (period, wait) = match spend.period {
            Period::Day => ("day", calendar::rest_of_day(now_ms, self.offset_min)),
            Period::Month => ("month", calendar::rest_of_month(now_ms, self.offset_min)),
        };
        let of = match spend.currency {
            None => format!("{} tokens", spend.of),
            Some(currency) => {
                format!("{}.{:02} {currency}", spend.of / 1_000_000_000, spend.of / 10_000_000 % 100)
            }
        };
        let message =
            format!("{} has no room left in its budget of {} a {period}", self.own.who(), of.trim_end());
        Over { message, wait }
    }

    /// Calls of the app and of its keys that have a place here.
    pub(super) fn places(&self) -> impl Iterator<Item = SavedPlaces> {
        let scopes = std::iter::once(&self.own).chain(self.keys.values());
        scopes.filter_map(|scope| {
            let taken = scope.bounded()?.taken();
            (taken > 0).then(|| SavedPlaces { of: scope.name.clone(), taken })
        })
    }

    /// Other routers have so many of its places. What is not bounded hears it, too: a bound that comes later is not to
    /// count calls that are long over.
    pub(super) fn share(&self, beside: &Beside) {
        for scope in std::iter::once(&self.own).chain(self.keys.values()) {
            scope.gate.share(beside.taken(&scope.name));
        }
    }

    /// How full the rates of the app are, for its clients.
    pub(crate) fn levels(&self) -> Vec<(&'static str, Level)> {
        lock(&self.own.rates).levels(nanos(self.start.elapsed()))
    }

    pub(super) fn limit_levels(&self, now_ms: u64) -> Vec<LimitLevel> {
        let mut all: Vec<LimitLevel> = self
            .levels()
            .into_iter()
            .map(|(limit, level)| LimitLevel {
                limit: limit.to_owned(),
                used: level.capacity - level.left,
                of: level.capacity,
                resets_in_ms: millis(level.resets_in),
            })
            .collect();
        if let Some(gate) = self.own.bounded() {
            let (used, _) = gate.load();
            let (limit, of) = ("concurrent".to_owned(), u64::from(self.own.concurrent()));
            all.push(LimitLevel { limit, used: u64::from(used), of, resets_in_ms: 0 });
        }
        let today = calendar::today(now_ms, self.offset_min);
        for (limit, used, of) in lock(&self.book).levels(&self.budgets, today) {
            let rest = match limit.contains("day") {
                true => calendar::rest_of_day(now_ms, self.offset_min),
                false => calendar::rest_of_month(now_ms, self.offset_min),
            };
            all.push(LimitLevel { limit: limit.to_owned(), used, of, resets_in_ms: millis(rest) });
        }
        all
    }

    /// Adds what the next router must know, all of one moment.
    pub(super) fn save(&self, memory: &mut Memory) {
        let app = self.own.name.trim_start_matches("app:");
        let tickets = lock(&self.tickets);
        if self.has_budget() {
            memory.spent.extend(lock(&self.book).save(app));
        }
        memory.rates.extend(self.used_rates().into_iter().map(|(of, limit, resets_in)| SavedRate {
            of,
            limit: limit.to_owned(),
            empty_ms: memory.at_ms + millis(resets_in),
        }));
        memory.tickets.extend(tickets.save(app));
    }

    /// Goes on where another router was; see [`Memory`].
    pub(super) fn recall(&self, app: &str, memory: &Memory, now_ms: u64) {
        let mut tickets = lock(&self.tickets);
        // Counts are taken as they stand once; what came to them since is counted call by call.
        let first = tickets.is_new() && memory.writer != tickets.origin();
        if first {
            memory.rates.iter().for_each(|rate| self.recall_rate(rate, now_ms));
            memory.spent.iter().filter(|s| s.app == app).for_each(|spent| lock(&self.book).restore(spent));
        }
        let saved = memory.tickets.iter().filter(|t| t.app == app);
        for hold in saved.flat_map(|saved| tickets.restore(saved, first)) {
            lock(&self.book).hold(hold.today, &hold.used);
            if !first {
                self.take(hold.key.as_deref(), hold.used.tokens);
            }
        }
        for call in memory.settled.iter().filter(|c| c.app == app) {
            let (today, actual) = of(call);
            match tickets.found(call.origin, call.ticket) {
                Found::Counted => {}
                Found::New => {
                    self.take(call.key.as_deref(), actual.tokens);
                    lock(&self.book).add(today, &actual);
                }
                Found::Held(hold) => self.settle(hold, &actual),
            }
        }
        if memory.alone {
            // What was under way elsewhere is no more.
            tickets.release().into_iter().for_each(|hold| self.settle(hold, &Use::default()));
        }
    }

    /// A call of another router that is not in the rates here.
    fn take(&self, key: Option<&str>, tokens: u64) {
        let now = nanos(self.start.elapsed());
        for scope in self.scopes(key) {
            lock(&scope.rates).take(tokens, now);
        }
    }

    /// A call of another router is over, or will never be.
    fn settle(&self, hold: Hold, actual: &Use) {
        let now = nanos(self.start.elapsed());
        for scope in self.scopes(hold.key.as_deref()) {
            lock(&scope.rates).settle(hold.used.tokens, actual.tokens, now);
        }
        lock(&self.book).settle(Reserved::new(hold.today, hold.used), actual);
    }

    fn scopes(&self, key: Option<&str>) -> impl Iterator<Item = &Scope> {
        key.and_then(|label| self.keys.get(label)).into_iter().chain([&self.own])
    }

    /// Rates that are not empty: of whom, which, for how long.
    fn used_rates(&self) -> Vec<(String, &'static str, Duration)> {
        let now = nanos(self.start.elapsed());
        let scopes = std::iter::once(&self.own).chain(self.keys.values());
        let of = |scope: &Scope| {
            let levels = lock(&scope.rates).levels(now);
            let name = scope.name.clone();
            levels.into_iter().map(move |(limit, level)| (name.clone(), limit, level.resets_in))
        };
        scopes.flat_map(of).filter(|(_, _, resets_in)| !resets_in.is_zero()).collect()
    }

    fn recall_rate(&self, saved: &SavedRate, now_ms: u64) {
        let resets_in = Duration::from_millis(saved.empty_ms.saturating_sub(now_ms));
        let mut scopes = std::iter::once(&self.own).chain(self.keys.values());
        if let Some(scope) = scopes.find(|scope| scope.name == saved.of) {
            lock(&scope.rates).restore(&saved.limit, resets_in, nanos(self.start.elapsed()));
        }
    }
}

/// When a call of another router counts, and for how much.
fn of(call: &Counted) -> (Today, Use) {
    let today = Today { day: call.day, month: call.month };
    (today, Use { tokens: call.tokens, cost: call.cost.clone() })
}

impl Admission {
    /// The call is over and used up that much: as it is recorded, which must be done before it is settled. A router
    /// that is killed between the two has it on its spool, under a number that no memory has as settled.
    pub(crate) fn counted(&self, actual: &Use) -> Counted {
        let tickets = lock(&self.meter.tickets);
        Counted {
            app: self.meter.own.name.trim_start_matches("app:").to_owned(),
            key: self
                .key
                .as_ref()
                .filter(|key| key.counts())
                .and_then(|key| key.name.split_once('/'))
                .map(|(_, label)| label.to_owned()),
            origin: tickets.origin(),
            ticket: self.ticket,
            tokens: actual.tokens,
            cost: actual.cost.clone(),
            day: self.today.day,
            month: self.today.month,
        }
    }

    /// See [`Self::counted`].
    pub(crate) fn settle(mut self, actual: &Use) {
        self.correct(actual);
    }

    fn correct(&mut self, actual: &Use) {
        let mut tickets = lock(&self.meter.tickets);
        let now = nanos(self.meter.start.elapsed());
        for scope in self.key.iter().chain([&self.meter.own]) {
            lock(&scope.rates).settle(self.tokens, actual.tokens, now);
        }
        self.open = false;
        if let Some(reserved) = self.reserved.take() {
            lock(&self.meter.book).settle(reserved, actual);
        }
        tickets.close(self.ticket);
    }

    /// It was never let in: nothing counts.
    fn undo(&mut self) {
        let mut tickets = lock(&self.meter.tickets);
        for scope in self.key.iter().chain([&self.meter.own]) {
            lock(&scope.rates).give_back(self.tokens);
        }
        self.open = false;
        if let Some(reserved) = self.reserved.take() {
            lock(&self.meter.book).settle(reserved, &Use::default());
        }
        tickets.close(self.ticket);
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if self.open {
            self.correct(&Use::default());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
