//! Which calls of an app are in its counts, and which of them are still under way: by the router that counted and a
//! number. A call counts once, whoever counts it: the router that had it, or the next one, which finds on the spool
//! what the last memory of the one before does not have. Pure.

use super::book::{Today, Use};
use protocol::ipc::notice::{SavedHold, SavedTicket, SavedTickets};
use std::collections::BTreeMap;

/// Routers that are remembered; the oldest are forgotten.
const MOST: usize = 64;
/// Numbers that were passed over at once; more is a mistake.
const GAP: u64 = 100_000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Tickets {
    origin: u64,
    own: Roll,
    others: BTreeMap<u64, Roll>,
}

/// The calls of one router.
#[derive(Clone, Debug, Default)]
struct Roll {
    /// Smaller numbers were seen.
    next: u64,
    /// `None` = only a later one was.
    open: BTreeMap<u64, Option<Hold>>,
}

/// What is reserved for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) key: Option<String>,
    pub(super) used: Use,
    pub(super) today: Today,
}

/// A call of another router that is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is in the counts.
    Counted,
    /// It is not, and nothing was reserved for it.
    New,
    /// This was reserved for it.
    Held(Hold),
}

impl Tickets {
    pub(super) fn new(origin: u64) -> Self {
        Self { origin, ..Self::default() }
    }

    /// No other router is known.
    pub(super) fn is_new(&self) -> bool {
        self.others.is_empty()
    }

    pub(super) fn origin(&self) -> u64 {
        self.origin
    }

    /// A call begins.
    pub(super) fn take(&mut self, hold: Hold) -> u64 {
        let number = self.own.next;
        self.own.next += 1;
        self.own.open.insert(number, Some(hold));
        number
    }

    /// It is over, and in the counts.
    pub(super) fn close(&mut self, number: u64) {
        self.own.open.remove(&number);
    }

    /// A call of another router was found to be over: is it in the counts? From here on it is.
    pub(super) fn found(&mut self, origin: u64, number: u64) -> Found {
        let oldest = self.others.keys().next().copied();
        let forgotten = self.others.len() >= MOST && oldest.is_some_and(|oldest| origin < oldest);
        if origin == self.origin || forgotten {
            return Found::Counted;
        }
        let roll = self.others.entry(origin).or_default();
        let found = roll.found(number);
        self.shorten();
        found
    }

    /// No other router runs: what their calls had reserved.
    pub(super) fn release(&mut self) -> Vec<Hold> {
        let open = self.others.values_mut().map(|roll| std::mem::take(&mut roll.open));
        open.flat_map(BTreeMap::into_values).flatten().collect()
    }

    pub(super) fn save(&self, app: &str) -> Vec<SavedTickets> {
        let own = std::iter::once((&self.origin, &self.own));
        own.chain(&self.others).map(|(origin, roll)| roll.save(app, *origin)).collect()
    }

    /// Goes on where another router was: what is reserved for its calls, as far as they were not known. `counted`: what
    /// that router counted is in the counts here. Else the calls that were not known are found later.
    pub(super) fn restore(&mut self, saved: &SavedTickets, counted: bool) -> Vec<Hold> {
        if saved.origin == self.origin {
            return Vec::new();
        }
        let roll = self.others.entry(saved.origin).or_default();
        let open = saved.open.iter().filter(|one| one.number >= roll.next);
        let open: Vec<(u64, Option<Hold>)> =
            open.map(|one| (one.number, one.held.as_ref().map(Hold::from_saved))).collect();
        if !counted && saved.next.saturating_sub(roll.next) <= GAP {
            roll.open.extend((roll.next..saved.next).map(|passed| (passed, None)));
        }
        roll.next = roll.next.max(saved.next);
        let holds = open.iter().filter_map(|(_, hold)| hold.clone()).collect();
        roll.open.extend(open);
        self.shorten();
        holds
    }

    fn shorten(&mut self) {
        while self.others.len() > MOST {
            self.others.pop_first();
        }
    }
}

impl Roll {
    fn found(&mut self, number: u64) -> Found {
        if number >= self.next {
            if number - self.next <= GAP {
                self.open.extend((self.next..number).map(|passed| (passed, None)));
            }
            self.next = number + 1;
            return Found::New;
        }
        match self.open.remove(&number) {
            None => Found::Counted,
            Some(None) => Found::New,
            Some(Some(hold)) => Found::Held(hold),
        }
    }

    fn save(&self, app: &str, origin: u64) -> SavedTickets {
        let open = self
            .open
            .iter()
            .map(|(number, hold)| SavedTicket { number: *number, held: hold.as_ref().map(Hold::saved) });
        SavedTickets { app: app.to_owned(), origin, next: self.next, open: open.collect() }
    }
}

impl Hold {
    fn saved(&self) -> SavedHold {
        let Use { tokens, cost } = self.used.clone();
        let Today { day, month } = self.today;
        SavedHold { key: self.key.clone(), tokens, cost, day, month }
    }

    fn from_saved(saved: &SavedHold) -> Self {
        Self {
            key: saved.key.clone(),
            used: Use { tokens: saved.tokens, cost: saved.cost.clone() },
            today: Today { day: saved.day, month: saved.month },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hold(tokens: u64) -> Hold {
        Hold { key: None, used: Use { tokens, cost: None }, today: Today { day: 1, month: 1 } }
    }

    #[test]
    fn each_call_counts_once_whoever_counts_it() {
        let mut old = Tickets::new(1);
        let numbers: Vec<u64> = (0..3).map(|n| old.take(hold(n))).collect();
        old.close(numbers[0]);
        let mut next = Tickets::new(2);
        assert_eq!(next.restore(&old.save("x")[0], true), [hold(1), hold(2)]);
        assert_eq!(next.restore(&old.save("x")[0], false), [], "it is known");
        assert_eq!(next.found(1, 0), Found::Counted);
        assert_eq!(next.found(1, 1), Found::Held(hold(1)));
        assert_eq!(next.found(1, 1), Found::Counted);
        assert_eq!(next.found(1, 4), Found::New, "begun after the memory");
        assert_eq!(next.found(1, 3), Found::New, "and this one, later");
        assert_eq!(next.found(1, 3), Found::Counted);
        assert_eq!(next.found(2, 9), Found::Counted, "its own");
        assert_eq!(next.release(), [hold(2)]);
        assert_eq!(next.found(1, 2), Found::Counted, "the others are gone");
    }

    proptest! {
        /// Whenever the memory was written and whatever was settled after it, the next router has each settled call once;
        /// also if it hears another one later.
        #[test]
        fn nothing_is_lost_and_nothing_counts_twice(
            calls in prop::collection::vec((any::<bool>(), any::<bool>()), 0..60),
            cut in 0usize..60,
            again in 0usize..60,
        ) {
            let (mut old, mut memory, mut counted, mut spool) = (Tickets::new(1), None, 0, vec![]);
            let mut later = None;
            let mut open = vec![];
            for (at, (settles, first)) in calls.iter().enumerate() {
                open.push(old.take(hold(1)));
                if *settles {
                    let number = if *first { open.remove(0) } else { open.pop().unwrap() };
                    spool.push(number);
                    old.close(number);
                    counted += usize::from(memory.is_none());
                }
                if at == cut {
                    memory = old.save("x").pop();
                }
                if at == again && at > cut {
                    later = old.save("x").pop();
                }
            }
            let mut next = Tickets::new(2);
            let base = memory.map_or(0, |memory| { next.restore(&memory, true); counted });
            if let Some(later) = later {
                next.restore(&later, false);
                let under_way = |t: &Tickets| t.others[&1].open.values().flatten().count();
                prop_assert!(under_way(&next) >= later.open.len(), "each is reserved for");
            }
            let found = spool.iter().chain(&spool).filter(|n| next.found(1, **n) != Found::Counted).count();
            prop_assert_eq!(base + found, spool.len());
        }
    }
}
