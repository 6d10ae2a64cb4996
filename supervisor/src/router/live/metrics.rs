//! Figures for Prometheus: counters of calls since this router began, and how the processes are now. The names are
//! described in `docs/metrics.md`; a test keeps that page complete.

use super::{now_ms, tick};
use crate::router::shared::Shared;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use protocol::control::record::CallSummary;
use protocol::control::{ChildStatus, SystemStatus};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// From 0.1 ms to 7 minutes.
const BUCKETS: [f64; 18] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
    120.0, 420.0,
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Served {
    app: String,
    provider: String,
    dialect: String,
    outcome: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Failed {
    provider: String,
    kind: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Of {
    provider: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Tokens {
    provider: String,
    kind: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Cost {
    provider: String,
    currency: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct State {
    provider: String,
    state: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Shut {
    provider: String,
    model: String,
    state: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Process {
    process: String,
}

type Histograms = Family<Of, Histogram, fn() -> Histogram>;
/// A counter that somebody else counts.
type Reading = Counter<f64, AtomicU64>;

/// See the module.
pub(super) struct Metrics {
    registry: Registry,
    calls: Family<Served, Counter>,
    errors: Family<Failed, Counter>,
    attempts: Family<Of, Counter>,
    tokens: Family<Tokens, Counter>,
    cost: Family<Cost, Counter>,
    duration: Histograms,
    upstream: Histograms,
    overhead: Histograms,
    first_token: Histograms,
    now: Now,
    /// One reading at a time: the gauges are shared.
    reading: Mutex<()>,
}

/// What is read when it is asked for.
#[derive(Default)]
struct Now {
    in_flight: Gauge,
    provider_in_flight: Family<Of, Gauge>,
    queued: Family<Of, Gauge>,
    unrecorded: Counter,
    turned_away: Counter,
    state: Family<State, Gauge>,
    restarts: Family<Of, Counter>,
    breakers: Family<Shut, Gauge>,
    memory: Family<Process, Gauge>,
    cpu: Family<Process, Reading>,
    files: Family<Process, Gauge>,
    epoch: Gauge,
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

impl Metrics {
    pub(super) fn new() -> Metrics {
        let times = || Histograms::new_with_constructor(histogram);
        let mut metrics = Metrics {
            registry: Registry::with_prefix("llm_link"),
            calls: Family::default(),
            errors: Family::default(),
            attempts: Family::default(),
            tokens: Family::default(),
            cost: Family::default(),
            duration: times(),
            upstream: times(),
            overhead: times(),
            first_token: times(),
            now: Now::default(),
            reading: Mutex::new(()),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("calls", "Calls that are over, by how they ended", self.calls.clone());
        r.register("call_errors", "Calls that failed, by kind", self.errors.clone());
        r.register("attempts", "Attempts made for calls that are over", self.attempts.clone());
        r.register("tokens", "Tokens of calls that are over, as far as they are known", self.tokens.clone());
        r.register(
            "cost_nano",
            "Billionths of the currency that calls cost, as far as it is known",
            self.cost.clone(),
        );
        let s = || Unit::Seconds;
        r.register_with_unit("call_duration", "From a call's head to its end", s(), self.duration.clone());
        r.register_with_unit("upstream_duration", "The providers' part of it", s(), self.upstream.clone());
        r.register_with_unit("overhead", "Our part of it", s(), self.overhead.clone());
        r.register_with_unit("first_token", "Until a stream's first content", s(), self.first_token.clone());
        self.now.register(r);
    }

    /// A call is over.
    pub(super) fn add(&self, call: &CallSummary) {
        let provider = call.provider.clone().unwrap_or_default();
        let of = Of { provider: provider.clone() };
        let kind = call.failure.map(|kind| format!("{kind:?}"));
        let outcome = if kind.is_some() { "failed" } else { "served" }.to_owned();
        let dialect = call.dialect.name().to_owned();
        self.calls
            .get_or_create(&Served { app: call.app.clone(), provider: provider.clone(), dialect, outcome })
            .inc();
        if let Some(kind) = kind {
            self.errors.get_or_create(&Failed { provider: provider.clone(), kind }).inc();
        }
        self.attempts.get_or_create(&of).inc_by(u64::from(call.attempts));
        for (kind, tokens) in [
            ("input", call.usage.input_fresh),
            ("cache-read", call.usage.cache_read),
            ("cache-write", call.usage.cache_write),
            ("output", call.usage.output),
        ] {
            let Some(tokens) = tokens else { continue };
            self.tokens
                .get_or_create(&Tokens { provider: provider.clone(), kind: kind.to_owned() })
                .inc_by(tokens);
        }
        if let (Some(nano), Some(currency)) = (call.cost_nano, call.currency.clone()) {
            self.cost.get_or_create(&Cost { provider, currency }).inc_by(nano.unsigned_abs());
        }
        let seconds = |us: u64| us as f64 / 1_000_000.0;
        let timings = &call.timings;
        self.duration.get_or_create(&of).observe(seconds(timings.total_us));
        if let Some(us) = timings.upstream_us {
            self.upstream.get_or_create(&of).observe(seconds(us));
            self.overhead.get_or_create(&of).observe(seconds(timings.total_us.saturating_sub(us)));
        }
        if let Some(us) = timings.first_token_us {
            self.first_token.get_or_create(&of).observe(seconds(us));
        }
    }

    /// Everything, in Prometheus' text format.
    pub(super) fn text(&self, shared: &Shared, status: Option<&SystemStatus>) -> String {
        let _one = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        self.now.read(shared, status);
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            // Only a writer that fails makes it fail, and a string does not.
            Err(_) => String::new(),
        }
    }
}

impl Now {
    fn register(&self, r: &mut Registry) {
        r.register("calls_in_flight", "Calls under way", self.in_flight.clone());
        r.register("provider_calls_in_flight", "Calls at a provider", self.provider_in_flight.clone());
        r.register("provider_calls_queued", "Calls that wait for a place at a provider", self.queued.clone());
        r.register(
            "calls_unrecorded",
            "Calls that could not be written to the spool",
            self.unrecorded.clone(),
        );
        r.register(
            "calls_turned_away",
            "Calls refused because there was too much to do",
            self.turned_away.clone(),
        );
        r.register("worker_state", "1 for the state a provider's worker is in", self.state.clone());
        r.register("worker_restarts", "Unplanned restarts of a worker", self.restarts.clone());
        r.register("breaker", "1 for each breaker that keeps calls away", self.breakers.clone());
        r.register("process_resident_memory_bytes", "Memory of a process", self.memory.clone());
        r.register("process_cpu_seconds", "CPU time of a process", self.cpu.clone());
        r.register("process_open_files", "Open files of a process", self.files.clone());
        r.register("config_epoch", "Number of the configuration in force", self.epoch.clone());
    }

    fn read(&self, shared: &Shared, status: Option<&SystemStatus>) {
        self.in_flight.set(i64::from(shared.counts().0));
        self.unrecorded.inner().store(shared.spool.lost(), Ordering::Relaxed);
        self.turned_away.inner().store(shared.pressure.turned_away(), Ordering::Relaxed);
        let snapshot = shared.snapshot();
        for provider in snapshot.table.providers() {
            let of = Of { provider: provider.name.clone() };
            let (in_flight, queued) = snapshot.gate(&provider.name).map(|g| g.load()).unwrap_or_default();
            self.provider_in_flight.get_or_create(&of).set(i64::from(in_flight));
            self.queued.get_or_create(&of).set(i64::from(queued));
        }
        let now = now_ms();
        self.breakers.clear();
        for saved in snapshot.table.register().save(Instant::now(), now.unsigned_abs()) {
            let Some(view) = tick::breaker(&saved, now) else { continue };
            let shut = Shut { provider: saved.provider, model: view.model, state: view.state };
            self.breakers.get_or_create(&shut).set(1);
        }
        // Of processes that are gone, nothing is said any more.
        self.state.clear();
        self.memory.clear();
        self.files.clear();
        if let Some(status) = status {
            self.processes(status);
        }
    }

    fn processes(&self, status: &SystemStatus) {
        self.epoch.set(i64::try_from(status.epoch).unwrap_or(i64::MAX));
        self.process("router", &status.router);
        for provider in &status.providers {
            let state = format!("{:?}", provider.state).to_lowercase();
            self.state.get_or_create(&State { provider: provider.name.clone(), state }).set(1);
            let of = Of { provider: provider.name.clone() };
            self.restarts.get_or_create(&of).inner().store(provider.restarts, Ordering::Relaxed);
            if let Some(child) = &provider.current {
                self.process(&format!("worker:{}", provider.name), child);
            }
        }
    }

    fn process(&self, name: &str, child: &ChildStatus) {
        let Some(pulse) = child.pulse else { return };
        let process = Process { process: name.to_owned() };
        self.memory.get_or_create(&process).set(i64::try_from(pulse.rss_bytes).unwrap_or(i64::MAX));
        self.files.get_or_create(&process).set(i64::from(pulse.open_files));
        let seconds = pulse.cpu_us as f64 / 1_000_000.0;
        self.cpu.get_or_create(&process).inner().store(seconds.to_bits(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::settled::tests::detail;

    const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md"));

    /// Every family holds something: an empty one is not written.
    fn filled() -> Metrics {
        let metrics = Metrics::new();
        metrics.add(&detail().call);
        let mut failed = detail().call;
        failed.failure = Some(protocol::model::FailureKind::Timeout);
        metrics.add(&failed);
        let (now, text) = (&metrics.now, String::new);
        let of = Of { provider: text() };
        now.provider_in_flight.get_or_create(&of).set(1);
        now.queued.get_or_create(&of).set(1);
        now.restarts.get_or_create(&of).inc();
        now.state.get_or_create(&State { provider: text(), state: text() }).set(1);
        now.breakers.get_or_create(&Shut { provider: text(), model: text(), state: text() }).set(1);
        let process = Process { process: text() };
        now.memory.get_or_create(&process).set(1);
        now.files.get_or_create(&process).set(1);
        now.cpu.get_or_create(&process).inc_by(1.0);
        metrics
    }

    #[test]
    fn every_name_is_described_and_every_described_name_exists() {
        let metrics = filled();
        let mut text = String::new();
        encode(&mut text, &metrics.registry).unwrap();
        let mut named: Vec<&str> =
            text.lines().filter_map(|l| l.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        let mut described: Vec<&str> =
            PAGE.lines().filter_map(|l| l.strip_prefix("| `")?.split('`').next()).collect();
        named.sort_unstable();
        described.sort_unstable();
        assert_eq!(named, described);
    }

    #[test]
    fn a_call_is_counted_with_our_time_apart() {
        let metrics = Metrics::new();
        metrics.add(&detail().call);
        let mut text = String::new();
        encode(&mut text, &metrics.registry).unwrap();
        for line in [
            "llm_link_calls_total{app=\"web\",provider=\"b\",dialect=\"openai-chat\",outcome=\"served\"} 1",
            "llm_link_attempts_total{provider=\"b\"} 2",
            "llm_link_tokens_total{provider=\"b\",kind=\"output\"} 7",
            "llm_link_call_duration_seconds_sum{provider=\"b\"} 0.4",
            "llm_link_upstream_duration_seconds_sum{provider=\"b\"} 0.32",
            "llm_link_overhead_seconds_sum{provider=\"b\"} 0.08",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
