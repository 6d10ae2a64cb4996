//! What an app may use up in a day and in a month: reserved before a call, settled after it. Check and reservation
//! are one step, so that calls side by side never use up more than there is. Pure: periods are parameters.

use protocol::ipc::configure::{Budget, Budgets};
use protocol::ipc::notice::{Period, Spent};

/// The account book of one app.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    day: Page,
    month: Page,
}

/// The current periods, numbered since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Today {
    pub(crate) day: i64,
    pub(crate) month: i64,
}

/// What one call uses up, or may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) tokens: u64,
    /// In billionths of a currency's unit.
    pub(crate) cost: Option<(u64, String)>,
}

/// A reservation. It must be settled, or released by settling nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reserved {
    today: Today,
    used: Use,
}

impl Reserved {
    pub(crate) fn new(today: Today, used: Use) -> Self {
        Self { today, used }
    }
}

/// A budget that has no room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spend {
    pub(crate) period: Period,
    /// Absent = tokens.
    pub(crate) currency: Option<String>,
    pub(crate) of: u64,
}

/// One period.
#[derive(Clone, Debug, Default)]
struct Page {
    number: i64,
    tokens: Count,
    costs: Vec<(String, Count)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    spent: u64,
    reserved: u64,
}

impl Count {
    fn has_room(self, more: u64, of: u64) -> bool {
        self.spent.saturating_add(self.reserved).saturating_add(more) <= of
    }
}

impl Page {
    fn turn(&mut self, number: i64) {
        if self.number != number {
            *self = Self { number, ..Self::default() };
        }
    }

    /// The first bound that has no room for this.
    fn over(&self, budget: &Budget, used: &Use, period: Period) -> Option<Spend> {
        // What is used up already has no room for anything, not even for what is estimated at nothing.
        let tokens = budget.tokens.filter(|of| !self.tokens.has_room(used.tokens.max(1), *of));
        if let Some(of) = tokens {
            return Some(Spend { period, currency: None, of });
        }
        budget.cost.iter().find_map(|money| {
            let count = self.cost(&money.currency);
            let more = used.cost.as_ref().filter(|(_, c)| money.currency.is_empty() || *c == money.currency);
            let more = more.map_or(1, |(nano, _)| (*nano).max(1));
            let currency = Some(money.currency.clone());
            (!count.has_room(more, money.nano)).then_some(Spend { period, currency, of: money.nano })
        })
    }

    /// Of one currency, or of all taken together.
    fn cost(&self, currency: &str) -> Count {
        let of = self.costs.iter().filter(|(c, _)| currency.is_empty() || c == currency);
        of.fold(Count::default(), |sum, (_, count)| Count {
            spent: sum.spent.saturating_add(count.spent),
            reserved: sum.reserved.saturating_add(count.reserved),
        })
    }

    fn each(&mut self, used: &Use, change: impl Fn(&mut Count, u64)) {
        change(&mut self.tokens, used.tokens);
        let Some((nano, currency)) = &used.cost else { return };
        let at = self.costs.iter().position(|(c, _)| c == currency).unwrap_or_else(|| {
            self.costs.push((currency.clone(), Count::default()));
            self.costs.len() - 1
        });
        change(&mut self.costs[at].1, *nano);
    }
}

impl Book {
    /// Reserves what a call may use up, if every budget has room for it.
    pub(crate) fn reserve(&mut self, budgets: &Budgets, today: Today, used: Use) -> Result<Reserved, Spend> {
        self.day.turn(today.day);
        self.month.turn(today.month);
        let over = self
            .day
            .over(&budgets.daily, &used, Period::Day)
            .or_else(|| self.month.over(&budgets.monthly, &used, Period::Month));
        if let Some(over) = over {
            return Err(over);
        }
        for page in [&mut self.day, &mut self.month] {
            page.each(&used, |count, n| count.reserved = count.reserved.saturating_add(n));
        }
        Ok(Reserved { today, used })
    }

    /// A call is over and used up that much. It counts in the period in which it was reserved, if that still runs.
    pub(crate) fn settle(&mut self, reserved: Reserved, actual: &Use) {
        let Reserved { today, used } = reserved;
        for (page, number) in [(&mut self.day, today.day), (&mut self.month, today.month)] {
            if page.number == number {
                page.each(&used, |count, n| count.reserved = count.reserved.saturating_sub(n));
                page.each(actual, |count, n| count.spent = count.spent.saturating_add(n));
            }
        }
    }

    /// Everything, in a form that can be handed on.
    pub(crate) fn save(&self, app: &str) -> Vec<Spent> {
        let mut all = Vec::new();
        for (page, period) in [(&self.day, Period::Day), (&self.month, Period::Month)] {
            let mut add = |count: Count, currency: Option<String>| {
                if count.spent > 0 || count.reserved > 0 {
                    let (amount, reserved) = (count.spent, count.reserved);
                    let (app, number) = (app.to_owned(), page.number);
                    all.push(Spent { app, period, number, amount, reserved, currency });
                }
            };
            add(page.tokens, None);
            page.costs.iter().for_each(|(currency, count)| add(*count, Some(currency.clone())));
        }
        all
    }

    /// A call counts that another process reserved nothing for here.
    pub(crate) fn add(&mut self, today: Today, actual: &Use) {
        self.at(today, |page| page.each(actual, |count, n| count.spent = count.spent.saturating_add(n)));
    }

    /// Reserves what another process had reserved, whether there is room or not.
    pub(crate) fn hold(&mut self, today: Today, used: &Use) {
        self.at(today, |page| page.each(used, |count, n| count.reserved = count.reserved.saturating_add(n)));
    }

    fn at(&mut self, today: Today, change: impl Fn(&mut Page)) {
        for (page, number) in [(&mut self.day, today.day), (&mut self.month, today.month)] {
            if number > page.number {
                page.turn(number);
            }
            if number == page.number {
                change(page);
            }
        }
    }

    /// Goes on where another process was. What was reserved there is not among it: it is settled by its ticket.
    pub(crate) fn restore(&mut self, spent: &Spent) {
        let page = match spent.period {
            Period::Day => &mut self.day,
            Period::Month => &mut self.month,
        };
        if spent.number < page.number {
            return;
        }
        page.turn(spent.number);
        match &spent.currency {
            None => page.tokens.spent = page.tokens.spent.max(spent.amount),
            Some(currency) => {
                let used = Use { tokens: 0, cost: Some((spent.amount, currency.clone())) };
                // Not the tokens, which are another entry's.
                let tokens = page.tokens;
                page.each(&used, |count, amount| count.spent = count.spent.max(amount));
                page.tokens = tokens;
            }
        }
    }

    /// Used and bound of every budget, by the name of its limit.
    pub(crate) fn levels(&self, budgets: &Budgets, today: Today) -> Vec<(&'static str, u64, u64)> {
        let mut all = Vec::new();
        let pages = [
            (&self.day, &budgets.daily, today.day, ["tokens_per_day", "cost_per_day_nano"]),
            (&self.month, &budgets.monthly, today.month, ["tokens_per_month", "cost_per_month_nano"]),
        ];
        for (page, budget, number, [tokens, cost]) in pages {
            let used = |count: Count| if page.number == number { count.spent + count.reserved } else { 0 };
            if let Some(of) = budget.tokens {
                all.push((tokens, used(page.tokens), of));
            }
            for money in &budget.cost {
                all.push((cost, used(page.cost(&money.currency)), money.nano));
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use protocol::ipc::configure::Money;

    const TODAY: Today = Today { day: 20_000, month: 657 };

    fn tokens(n: u64) -> Use {
        Use { tokens: n, cost: None }
    }

    fn usd(nano: u64) -> Use {
        Use { tokens: 0, cost: Some((nano, "USD".to_owned())) }
    }

    fn daily(of: u64) -> Budgets {
        Budgets { daily: Budget { tokens: Some(of), cost: vec![] }, ..Budgets::default() }
    }

    #[test]
    fn a_budget_is_never_overdrawn_by_what_was_estimated() {
        let mut book = Book::default();
        let first = book.reserve(&daily(100), TODAY, tokens(60)).unwrap();
        let over = book.reserve(&daily(100), TODAY, tokens(60)).unwrap_err();
        assert_eq!(over, Spend { period: Period::Day, currency: None, of: 100 });
        book.settle(first, &tokens(10));
        let second = book.reserve(&daily(100), TODAY, tokens(90)).unwrap();
        book.settle(second, &tokens(150));
        assert!(book.reserve(&daily(100), TODAY, tokens(0)).is_err(), "used up is used up");
        let tomorrow = Today { day: TODAY.day + 1, ..TODAY };
        assert!(book.reserve(&daily(100), tomorrow, tokens(100)).is_ok());
    }

    #[test]
    fn each_currency_has_a_budget_of_its_own_and_the_nameless_one_takes_all() {
        let money = |currency: &str, nano| Money { nano, currency: currency.to_owned() };
        let monthly = |cost| Budgets { monthly: Budget { tokens: None, cost }, ..Budgets::default() };
        let mut book = Book::default();
        let budgets = monthly(vec![money("USD", 10), money("CNY", 100)]);
        book.reserve(&budgets, TODAY, usd(10)).unwrap();
        assert_eq!(book.reserve(&budgets, TODAY, usd(1)).unwrap_err().currency.as_deref(), Some("USD"));
        let yuan = Use { tokens: 0, cost: Some((50, "CNY".to_owned())) };
        assert!(book.reserve(&monthly(vec![money("CNY", 100)]), TODAY, yuan).is_ok());
        assert!(book.reserve(&monthly(vec![money("", 61)]), TODAY, usd(1)).is_ok());
        assert!(book.reserve(&monthly(vec![money("", 61)]), TODAY, usd(1)).is_err());
    }

    #[test]
    fn a_call_across_midnight_counts_where_it_was_reserved() {
        let mut book = Book::default();
        let late = book.reserve(&daily(100), TODAY, tokens(100)).unwrap();
        let tomorrow = Today { day: TODAY.day + 1, ..TODAY };
        let early = book.reserve(&daily(100), tomorrow, tokens(100)).unwrap();
        book.settle(late, &tokens(100));
        book.settle(early, &tokens(40));
        assert!(book.reserve(&daily(100), tomorrow, tokens(60)).is_ok());
    }

    #[test]
    fn the_next_process_has_no_more_than_this_one_left() {
        let mut book = Book::default();
        let done = book.reserve(&daily(100), TODAY, tokens(30)).unwrap();
        book.settle(done, &Use { tokens: 30, cost: Some((7, "USD".to_owned())) });
        book.reserve(&daily(100), TODAY, tokens(40)).unwrap();
        let mut next = Book::default();
        let saved = book.save("x");
        saved.iter().chain(&saved).for_each(|spent| next.restore(spent));
        next.hold(TODAY, &tokens(40));
        assert!(next.reserve(&daily(100), TODAY, tokens(31)).is_err());
        assert!(next.reserve(&daily(100), TODAY, tokens(30)).is_ok());
        assert!(next.save("x").iter().any(|s| s.currency.is_some() && s.amount == 7));
        assert_eq!(next.levels(&daily(100), TODAY), [("tokens_per_day", 100, 100)]);
        next.settle(Reserved::new(TODAY, tokens(40)), &tokens(5));
        next.add(TODAY, &tokens(7));
        next.add(Today { day: TODAY.day - 1, month: TODAY.month - 1 }, &tokens(50));
        assert_eq!(next.levels(&daily(100), TODAY), [("tokens_per_day", 30 + 30 + 5 + 7, 100)]);
    }

    #[test]
    fn sixty_four_callers_at_once_get_exactly_what_there_is() {
        let book = std::sync::Mutex::new(Book::default());
        let admitted: usize = std::thread::scope(|scope| {
            let call = || {
                let ask = |_: &usize| book.lock().unwrap().reserve(&daily(10), TODAY, tokens(1)).is_ok();
                (0..16).filter(ask).count()
            };
            let callers: Vec<_> = (0..64).map(|_| scope.spawn(call)).collect();
            callers.into_iter().map(|c| c.join().unwrap()).sum()
        });
        assert_eq!(admitted, 10, "of a thousand and twenty-four");
    }

    proptest! {
        #[test]
        fn spent_and_reserved_never_pass_the_bound_while_estimates_hold(
            of in 1u64..1000, calls in prop::collection::vec((1u64..100, 0u64..100, any::<bool>()), 0..100)
        ) {
            let mut book = Book::default();
            let mut open = vec![];
            let mut spent = 0;
            for (estimate, actual, now) in calls {
                if let Ok(reserved) = book.reserve(&daily(of), TODAY, tokens(estimate)) {
                    open.push((reserved, actual.min(estimate)));
                }
                if now && let Some((reserved, actual)) = open.pop() {
                    book.settle(reserved, &tokens(actual));
                    spent += actual;
                }
                prop_assert!(book.day.tokens.spent == spent && book.day.tokens.has_room(0, of));
            }
        }
    }
}
