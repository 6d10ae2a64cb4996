//! What a router tells unasked: events worth keeping, and its memory, so that the next router goes on where it
//! was. JSON in the bodies of [`super::control::FromChild::Notices`], [`super::control::FromChild::Memory`] and
//! [`super::control::ToChild::Recall`].

use super::spool::Counted;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that happened, as [`crate::control::record::EventView`] shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Milliseconds since 1970.
    pub at: i64,
    /// `info`, `warning`, `critical`.
    pub severity: String,
    /// In one dotted word: `breaker.opened`.
    pub kind: String,
    /// A provider's or an app's name.
    pub subject: String,
    /// One sentence: what, why, until when.
    pub message: String,
    pub detail: Value,
}

/// What a router remembers beyond its configuration. Counters only grow within their period, so that of two
/// memories the larger count is the newer one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// When it was written; milliseconds since 1970.
    pub at_ms: u64,
    /// The router that wrote it, as in [`Counted::origin`]: a larger number is a younger one.
    pub writer: u64,
    pub breakers: Vec<SavedBreaker>,
    pub rates: Vec<SavedRate>,
    pub spent: Vec<Spent>,
    /// Requests that must not be sent again, by fingerprint; hexadecimal.
    pub poison: Vec<SavedPoison>,
    /// Which calls are in the counts above.
    pub tickets: Vec<SavedTickets>,
    /// Places that are taken: for routers beside the writer.
    pub places: Vec<SavedPlaces>,
    /// From the supervisor; absent = nothing is said of it.
    pub beside: Option<Beside>,
    /// Calls that were found on spools, for whoever does not have them in its counts yet. From the supervisor.
    pub settled: Vec<Counted>,
    /// No other router runs: what is under way by the tickets will never be settled. From the supervisor.
    pub alone: bool,
}

/// How many calls at once somebody has in a router.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPlaces {
    /// As in [`SavedRate::of`].
    pub of: String,
    pub taken: u32,
}

/// The other routers that run: who begins while the one before it finishes has no places that calls there have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Beside {
    pub routers: u32,
    /// Of all of them.
    pub places: Vec<SavedPlaces>,
}

impl Beside {
    /// How many places somebody has there.
    pub fn taken(&self, of: &str) -> u32 {
        self.places.iter().find(|places| places.of == of).map_or(0, |places| places.taken)
    }
}

/// The calls of one app and one router that are in the counts of a memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedTickets {
    pub app: String,
    /// See [`Counted::origin`].
    pub origin: u64,
    /// Smaller numbers were seen.
    pub next: u64,
    /// Those among them that were not settled.
    pub open: Vec<SavedTicket>,
}

/// A call under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedTicket {
    pub number: u64,
    /// What is reserved for it; absent = it was never seen, only a later one was.
    pub held: Option<SavedHold>,
}

/// A reservation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedHold {
    pub key: Option<String>,
    pub tokens: u64,
    pub cost: Option<(u64, String)>,
    pub day: i64,
    pub month: i64,
}

/// A breaker that is not simply closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedBreaker {
    pub provider: String,
    /// Absent = that of the provider's key.
    pub model: Option<String>,
    /// Until it may be tried, or until the rate limit ends; milliseconds since 1970.
    pub until_ms: u64,
    pub trips: u32,
    pub failures: u32,
    pub closed: bool,
    /// The end of a rate limit of the provider.
    pub held_until_ms: Option<u64>,
}

/// How full a rate is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedRate {
    /// `app:NAME`, `key:NAME/LABEL`, `provider:NAME`.
    pub of: String,
    /// A field of the limits: `tokens_per_minute`.
    pub limit: String,
    /// When it is empty again; milliseconds since 1970.
    pub empty_ms: u64,
}

/// What an app has used up in one period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    pub app: String,
    pub period: Period,
    /// Number of the period since 1970.
    pub number: i64,
    /// Tokens, or billionths of the currency's unit.
    pub amount: u64,
    /// Reserved for calls under way, on top; the tickets say by whom.
    pub reserved: u64,
    /// Absent = tokens.
    pub currency: Option<String>,
}

/// How long a budget lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Period {
    Day,
    Month,
}

/// A request that ended a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPoison {
    pub fingerprint: String,
    pub crashes: u8,
    /// Milliseconds since 1970.
    pub at_ms: u64,
}
