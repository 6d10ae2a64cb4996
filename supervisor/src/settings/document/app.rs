//! `[[apps]]` of a document.

use super::provider::dialect;
use super::value::{amount, moment, named, number, size, text, time, word, yes};
use super::{Context, plain};
use crate::settings::cursor::Key;
use crate::settings::mistake::Findings;
use crate::settings::place::Typed;
use crate::settings::raw::keys::{self, app as own};
use crate::settings::raw::{
    KeySource, RawApp, RawAppKey, RawBudgets, RawConditions, RawHedge, RawHold, RawKey, RawLimits, RawRates,
    RawRetry, RawStep, RawTarget,
};
use crate::settings::resolve::is_sha256;
use crate::settings::secret::Secret;
use protocol::control::app::{AppLimits, AppSpec};
use protocol::control::document::{AppEntry, AppKeyEntry};
use protocol::control::route::{Condition, Hedge, Hold, RetryRule, RouteSpec, Step};

/// Billionths.
const NANO: u32 = 9;

pub(super) fn entry(mut raw: RawApp, context: Context<'_>, findings: &mut Findings) -> Option<AppEntry> {
    let name = named(raw.name.take(), &raw.place, "app", own::NAME, findings)?;
    let typed_keys = std::mem::take(&mut raw.keys);
    let keys = typed_keys.into_iter().filter_map(|raw| key(raw, context, findings)).collect();
    let spec = AppSpec {
        name,
        enabled: yes(raw.enabled.take()),
        strict: plain(raw.strict.take()).unwrap_or_default(),
        note: text(raw.note.take()),
        limits: limits(std::mem::take(&mut raw.limits), std::mem::take(&mut raw.budgets), findings),
        models: std::mem::take(&mut raw.models).into_iter().map(|typed| typed.value).collect(),
    };
    let route = route(raw, findings);
    Some(AppEntry { spec, route: (route != RouteSpec::default()).then_some(route), keys })
}

fn limits(raw: RawLimits, budgets: RawBudgets, findings: &mut Findings) -> AppLimits {
    use keys::{budgets as of_budgets, limits as own, rates};
    AppLimits {
        requests_per_second: number(raw.rates.requests_per_second, rates::REQUESTS_PER_SECOND, findings),
        requests_per_minute: number(raw.rates.requests_per_minute, rates::REQUESTS_PER_MINUTE, findings),
        tokens_per_minute: number(raw.rates.tokens_per_minute, rates::TOKENS_PER_MINUTE, findings),
        concurrent: number(raw.concurrent, own::CONCURRENT, findings),
        queue: number(raw.queue, own::QUEUE, findings),
        queue_wait_ms: time(raw.wait, own::WAIT, findings),
        tokens_per_day: number(budgets.daily_tokens, of_budgets::DAILY_TOKENS, findings),
        tokens_per_month: number(budgets.monthly_tokens, of_budgets::MONTHLY_TOKENS, findings),
        cost_per_day_nano: cost(budgets.daily_cost, of_budgets::DAILY_COST, findings),
        cost_per_month_nano: cost(budgets.monthly_cost, of_budgets::MONTHLY_COST, findings),
    }
}

/// The store counts in the currency of the prices, whichever it is.
fn cost(typed: Vec<Typed<String>>, key: Key, findings: &mut Findings) -> Option<u64> {
    let mut typed = typed.into_iter();
    let first = typed.next();
    if let Some(second) = typed.next() {
        let what = format!("the store keeps one amount for `{}`", key.name);
        findings.mistake(&second.place, what, format!(r#"{} = "10""#, key.name));
    }
    if let Some(one) = first.as_ref().filter(|one| one.value.trim().contains(' ')) {
        let what =
            format!("the store counts `{}` in the currency of the prices: say the amount alone", key.name);
        findings.mistake(&one.place, what, format!(r#"{} = "10""#, key.name));
        return None;
    }
    amount(first, NANO, key, findings)
}

fn route(raw: RawApp, findings: &mut Findings) -> RouteSpec {
    RouteSpec {
        rule: word(raw.rule, own::RULE, findings).unwrap_or_default(),
        candidates: steps(raw.candidates, own::CANDIDATES, findings),
        fallback: steps(raw.fallback, own::FALLBACK, findings),
        retry: retry(raw.retry, findings),
        sticky_header: plain(raw.sticky),
        hedge: hedge(raw.hedge, findings),
        continuation: plain(raw.continuation).unwrap_or_default(),
        hold: hold(raw.hold, findings),
    }
}

fn retry(raw: RawRetry, findings: &mut Findings) -> RetryRule {
    use keys::retry as own;
    RetryRule {
        max_attempts: number(raw.max_attempts, own::MAX_ATTEMPTS, findings),
        attempts_per_provider: number(raw.attempts_per_provider, own::ATTEMPTS_PER_PROVIDER, findings),
        backoff_ms: time(raw.backoff, own::BACKOFF, findings),
        deadline_ms: time(raw.deadline, own::DEADLINE, findings),
        on_timeout: plain(raw.after_timeout),
    }
}

fn hedge(raw: RawHedge, findings: &mut Findings) -> Hedge {
    match raw {
        RawHedge::Unsaid => Hedge::default(),
        RawHedge::Flag(enabled) => Hedge { enabled, after_ms: None },
        RawHedge::After(after) => Hedge { enabled: true, after_ms: time(after, own::HEDGE, findings) },
    }
}

fn hold(raw: RawHold, findings: &mut Findings) -> Hold {
    use keys::hold as own;
    let small = |n: Option<u64>| n.and_then(|n| u32::try_from(n).ok()).unwrap_or_default();
    Hold {
        chunks: number(raw.chunks, own::CHUNKS, findings).unwrap_or_default(),
        bytes: small(size(raw.bytes, own::BYTES, findings)),
        ms: small(time(raw.time, own::TIME, findings)),
    }
}

fn steps(raw: Vec<RawStep>, key: Key, findings: &mut Findings) -> Vec<Step> {
    raw.into_iter().filter_map(|raw| step(raw, key, findings)).collect()
}

pub(super) fn step(raw: RawStep, key: Key, findings: &mut Findings) -> Option<Step> {
    let (provider, model) = match raw.target {
        RawTarget::Text(text) => match text.value.split_once('/') {
            Some((provider, model)) => (provider.to_owned(), Some(model.to_owned())),
            None => (text.value, None),
        },
        RawTarget::Apart { provider, model } => {
            (named(provider, &raw.place, "candidate", keys::step::PROVIDER, findings)?, plain(model))
        }
    };
    let weight = number(raw.weight, keys::step::WEIGHT, findings).unwrap_or(1);
    Some(Step { provider, model, weight, when: condition(raw.when, key, findings) })
}

fn condition(raw: RawConditions, key: Key, findings: &mut Findings) -> Condition {
    use keys::when as own;
    let model = single(raw.models, own::MODELS, findings).map(|typed| typed.value);
    let spoken = single(raw.dialects, own::DIALECTS, findings);
    Condition {
        model,
        dialect: spoken.and_then(|typed| dialect(typed, key, findings)),
        needs_tools: plain(raw.tools),
        needs_vision: plain(raw.vision),
        min_context: number(raw.min_context, own::MIN_CONTEXT, findings),
        max_context: number(raw.max_context, own::MAX_CONTEXT, findings),
    }
}

/// A stored condition has one value where the file may have several.
fn single(typed: Vec<Typed<String>>, key: Key, findings: &mut Findings) -> Option<Typed<String>> {
    let mut typed = typed.into_iter();
    let first = typed.next();
    if let Some(second) = typed.next() {
        let what = format!("a stored condition has one value for `{}`: make a candidate for each", key.name);
        findings.mistake(&second.place, what, key.example);
    }
    first
}

fn key(raw: RawAppKey, context: Context<'_>, findings: &mut Findings) -> Option<AppKeyEntry> {
    let RawRates { requests_per_second, requests_per_minute, tokens_per_minute } = &raw.limits.rates;
    let numbers = [
        requests_per_second,
        requests_per_minute,
        tokens_per_minute,
        &raw.limits.concurrent,
        &raw.limits.queue,
    ];
    if numbers.into_iter().any(Option::is_some) || raw.limits.wait.is_some() {
        let what = "a stored key has no limits of its own; those of its app count";
        findings.mistake(&raw.key.place, what, keys::app_key::SHA256.example);
    }
    let hash = hash(raw.key, context, findings)?;
    Some(AppKeyEntry {
        label: text(raw.label),
        sha256: hash,
        prefix: text(raw.prefix),
        expires_ms: moment(raw.expires),
    })
}

/// Only the hash of a key is stored; who has the key itself can name it instead.
fn hash(raw: RawKey, context: Context<'_>, findings: &mut Findings) -> Option<String> {
    let key = match raw.source {
        KeySource::Hash(hash) if is_sha256(&hash) => return Some(hash.to_ascii_lowercase()),
        KeySource::Hash(_) => Err("`sha256` must be 64 hexadecimal digits".to_owned()),
        KeySource::Unsaid => Err("this key needs one of `file`, `env` and `sha256`".to_owned()),
        KeySource::Refused => return None,
        KeySource::Given(secret) => Ok(secret),
        KeySource::Env(name) => {
            let value = context
                .secrets
                .env(&name)
                .ok_or_else(|| format!("the environment variable `{name}` is not set"));
            value.and_then(|value| {
                Secret::new(value.into_bytes()).map_err(|error| format!("the key in `{name}` {error}"))
            })
        }
        KeySource::File(path) => {
            let content = context.secrets.file(&context.base.join(&path));
            let content = content.map_err(|error| format!("the key file `{path}` cannot be read: {error}"));
            content.and_then(|content| {
                Secret::new(content).map_err(|error| format!("the key in `{path}` {error}"))
            })
        }
    };
    match key {
        Ok(key) => Some(key.hash()),
        Err(what) => {
            findings.mistake(&raw.place, what, keys::app_key::SHA256.example);
            None
        }
    }
}
