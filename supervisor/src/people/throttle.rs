//! How many logins may be tried, by user and by address (pure). A few wrong tries are free, then each one costs
//! a wait that doubles. A try counts as wrong from its beginning until it turns out right, so that many at once
//! gain nothing.
//!
//! The wait for a user stays short: whoever knows a name must not be able to lock its owner out for long.

use crate::store::UnixMs;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

/// What wrong tries cost.
#[derive(Clone, Copy, Debug)]
struct Rate {
    /// Tries that cost nothing.
    free: u32,
    /// The longest wait.
    most_ms: i64,
}

const USER: Rate = Rate { free: 5, most_ms: 60_000 };
const ADDRESS: Rate = Rate { free: 20, most_ms: 300_000 };
/// The first wait.
const FIRST_MS: i64 = 1_000;
/// Without a try for so long everything is forgotten.
const FORGET_MS: i64 = 30 * 60 * 1000;
/// Names and addresses remembered; beyond it the one that was quiet for longest is forgotten.
const REMEMBERED: usize = 4096;

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    User(String),
    Address(String),
}

#[derive(Clone, Copy, Debug)]
struct Count {
    wrong: u32,
    last: UnixMs,
    /// Tries turned away since the last one that was let in.
    away: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    counts: HashMap<Key, Count>,
}

/// A try that was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    /// Milliseconds until the next try may be made.
    pub(crate) ms: u64,
    /// The how manieth since the last one that was let in.
    pub(crate) away: u64,
}

impl Wait {
    /// Whether it is written down: the 1st, 2nd, 4th, 8th, ... of a row, so that a flood of tries is in the log and
    /// does not fill it.
    pub(crate) fn is_noted(self) -> bool {
        self.away.is_power_of_two()
    }
}

/// A try that was let in. Give it back to [`Throttle::right`] if the password was right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Try {
    keys: [Key; 2],
    /// The user's wait after this try, should it be wrong.
    pub(crate) locked_until: Option<UnixMs>,
}

impl Throttle {
    /// Lets a try in, or says how long to wait. `user` in the spelling names are compared in.
    ///
    /// # Errors
    /// How long to wait until the next try.
    pub(crate) fn begin(&mut self, user: &str, address: &str, now: UnixMs) -> Result<Try, Wait> {
        let keys = [Key::User(user.to_lowercase()), Key::Address(network(address))];
        let waits = [self.wait(&keys[0], now), self.wait(&keys[1], now)];
        // Whoever has the longer wait turns it away.
        let longest = usize::from(waits[1] > waits[0]);
        if waits[longest] > 0 {
            let away = self.turn_away(&keys[longest]);
            return Err(Wait { ms: waits[longest].unsigned_abs(), away });
        }
        for key in &keys {
            self.count(key.clone(), now);
        }
        let lock = self.wait(&keys[0], now);
        Ok(Try { locked_until: (lock > 0).then(|| now.plus_ms(lock)), keys })
    }

    /// The password was right: the user is clean again, and the try was none.
    pub(crate) fn right(&mut self, was: Try) {
        let [user, address] = was.keys;
        self.counts.remove(&user);
        if let Some(count) = self.counts.get_mut(&address) {
            count.wrong = count.wrong.saturating_sub(1);
        }
    }

    /// Milliseconds until this one may try.
    fn wait(&self, key: &Key, now: UnixMs) -> i64 {
        let Some(count) = self.counts.get(key).filter(|c| c.last.plus_ms(FORGET_MS) > now) else { return 0 };
        let rate = key.rate();
        let Some(beyond) = count.wrong.checked_sub(rate.free) else { return 0 };
        let cost = FIRST_MS.saturating_mul(1 << beyond.min(20)).min(rate.most_ms);
        (count.last.0 + cost - now.0).clamp(0, rate.most_ms)
    }

    fn turn_away(&mut self, key: &Key) -> u64 {
        let Some(count) = self.counts.get_mut(key) else { return 1 };
        count.away = count.away.saturating_add(1);
        count.away
    }

    fn count(&mut self, key: Key, now: UnixMs) {
        if self.counts.len() >= REMEMBERED && !self.counts.contains_key(&key) {
            self.make_room(now);
        }
        let count = self.counts.entry(key).or_insert(Count { wrong: 0, last: now, away: 0 });
        let forgotten = count.last.plus_ms(FORGET_MS) <= now;
        let wrong = if forgotten { 1 } else { count.wrong.saturating_add(1) };
        *count = Count { wrong, last: now, away: 0 };
    }

    fn make_room(&mut self, now: UnixMs) {
        self.counts.retain(|_, count| count.last.plus_ms(FORGET_MS) > now);
        if self.counts.len() >= REMEMBERED {
            let quietest = self.counts.iter().min_by_key(|(_, count)| count.last).map(|(key, _)| key.clone());
            quietest.map(|key| self.counts.remove(&key));
        }
    }
}

impl Key {
    fn rate(&self) -> Rate {
        match self {
            Key::User(_) => USER,
            Key::Address(_) => ADDRESS,
        }
    }
}

/// The address as it is counted: a customer of IPv6 has 2^64 of them.
fn network(address: &str) -> String {
    match address.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(IpAddr::V6(ip)) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        Ok(IpAddr::V4(ip)) => ip.to_string(),
        Err(_) => address.chars().take(64).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: UnixMs = UnixMs(1_800_000_000_000);

    fn wrong(throttle: &mut Throttle, user: &str, address: &str, times: u32) {
        for _ in 0..times {
            assert!(throttle.begin(user, address, NOW).is_ok());
        }
    }

    #[test]
    fn a_few_tries_are_free_then_the_wait_doubles() {
        let mut throttle = Throttle::default();
        wrong(&mut throttle, "ann", "10.0.0.1", 5);
        let mut now = NOW;
        for expected in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            let turned_away = |ms, away| Err(Wait { ms, away });
            assert_eq!(
                throttle.begin("ANN", "10.0.0.1", now),
                turned_away(expected, 1),
                "names know no case"
            );
            assert_eq!(throttle.begin("ann", "10.9.9.9", now.plus_ms(1)), turned_away(expected - 1, 2));
            now = now.plus_ms(expected as i64);
            let tried = throttle.begin("ann", "10.0.0.1", now).unwrap();
            assert!(tried.locked_until.unwrap() > now);
        }
    }

    #[test]
    fn a_right_password_forgives_the_user_but_not_the_address() {
        let mut throttle = Throttle::default();
        for user in 0..19 {
            wrong(&mut throttle, &format!("user{user}"), "10.0.0.1", 1);
        }
        let tried = throttle.begin("ann", "10.0.0.1", NOW).unwrap();
        throttle.right(tried);
        wrong(&mut throttle, "bob", "10.0.0.1", 1);
        assert_eq!(throttle.begin("ann", "10.0.0.1", NOW), Err(Wait { ms: 1_000, away: 1 }));
        assert!(throttle.begin("ann", "10.0.0.2", NOW).is_ok());
    }

    #[test]
    fn a_flood_of_tries_is_noted_and_fills_no_log() {
        let mut throttle = Throttle::default();
        wrong(&mut throttle, "ann", "10.0.0.1", 5);
        let tries = (0..10_000).map(|_| throttle.begin("ann", "10.0.0.1", NOW).unwrap_err());
        let noted: Vec<u64> = tries.filter(|wait| wait.is_noted()).map(|wait| wait.away).collect();
        assert_eq!(noted, (0..14).map(|n| 1 << n).collect::<Vec<u64>>());
    }

    #[test]
    fn a_network_counts_as_one() {
        assert_eq!(network("2001:db8:1:2:3::1"), network("2001:db8:1:2:ffff::"));
        assert_eq!(network("::ffff:10.0.0.1"), "10.0.0.1");
        assert_ne!(network("2001:db8:1:3::1"), network("2001:db8:1:2::1"));
    }

    #[test]
    fn everything_is_forgotten_after_a_quiet_time_and_nothing_grows_for_ever() {
        let mut throttle = Throttle::default();
        wrong(&mut throttle, "ann", "10.0.0.1", 5);
        assert!(throttle.begin("ann", "10.0.0.1", NOW.plus_ms(FORGET_MS)).is_ok());
        for n in 0..20_000_i64 {
            let address = format!("10.{}.{}.1", n / 200, n % 200);
            assert!(throttle.begin(&format!("u{n}"), &address, NOW.plus_ms(n)).is_ok());
        }
        assert!(throttle.counts.len() <= REMEMBERED);
    }

    proptest! {
        /// Whatever an attacker does with one name, an hour holds a bounded number of tries.
        #[test]
        fn tries_in_an_hour_are_bounded(steps in prop::collection::vec((0i64..5_000, 0u8..50), 1..3000)) {
            let mut throttle = Throttle::default();
            let (mut now, mut tries) = (NOW, 0);
            for (pause, address) in steps {
                now = now.plus_ms(pause);
                if now.0 - NOW.0 > 3_600_000 {
                    break;
                }
                tries += u32::from(throttle.begin("ann", &format!("10.0.0.{address}"), now).is_ok());
            }
            prop_assert!(tries <= 5 + 7 + 61, "{} tries", tries);
        }
    }
}
