//! One frame a second while somebody watches: how everything is, put together from what the supervisor knows of the
//! processes and what this router knows of the calls. Events are told as they happen, each with such a frame at once,
//! so that nobody waits for the effect of what was done.

use super::{Live, ask, now_ms, status};
use crate::router::shared::Shared;
use crate::router::snapshot::Snapshot;
use protocol::control::live::{BreakerView, LiveFrame, LiveMeter, LiveProcess, LiveProvider, LiveTick};
use protocol::control::record::{EventFilter, EventView, Page};
use protocol::control::{ChildStatus, ControlReply, ControlRequest, ProviderStatus, SystemStatus};
use protocol::ipc::control::Pulse;
use protocol::ipc::notice::SavedBreaker;
use protocol::transport::pulse;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep_until;

const SECOND: Duration = Duration::from_secs(1);
/// Between two frames, whatever happens.
const BREATH: Duration = Duration::from_millis(100);
/// Events told at once.
const EVENTS: u32 = 100;

/// Ticks until everything is cut; does nothing while nobody watches.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut before = Before::default();
    loop {
        tokio::select! {
            () = turn(&shared, &mut before) => {}
            () = shared.cut.cancelled() => return,
        }
    }
}

/// A second, or less when something happens.
async fn turn(shared: &Shared, before: &mut Before) {
    let began = Instant::now();
    if shared.live.ring.is_watched() {
        let happened = events(shared).await;
        tick(shared, before).await;
        let pause = if happened { BREATH } else { SECOND };
        sleep_until((began + pause).into()).await;
    } else {
        // Since when a breaker stands is known to whoever looks later.
        before.breakers(shared);
        sleep_until((began + SECOND).into()).await;
    }
}

async fn tick(shared: &Shared, before: &mut Before) {
    let Some(status) = status(shared).await else { return };
    let snapshot = shared.snapshot();
    let breakers = before.breakers(shared);
    let live = &shared.live;
    live.ring.push(|seq, at| {
        LiveFrame::Tick(Box::new(LiveTick {
            seq,
            at,
            epoch: status.epoch,
            total: total(shared, live, at),
            providers: status
                .providers
                .iter()
                .map(|p| (p.name.clone(), provider(p, live, &snapshot, &breakers, at, before)))
                .collect(),
            router: before.process("router", &status.router),
            supervisor: before.supervisor(&status),
        }))
    });
}

/// Waits a second for events since the last time, and tells them; whether there were any. The first look only finds
/// where the end is.
async fn events(shared: &Shared) -> bool {
    let ring = &shared.live.ring;
    let page = match ring.last_event() {
        Some(last) => Page {
            after: Some(last.to_string()),
            limit: EVENTS,
            wait_ms: SECOND.as_millis() as u64,
            ..Page::default()
        },
        None => Page { limit: 1, ..Page::default() },
    };
    let first = page.after.is_none();
    let ControlReply::Events(events) =
        ask(shared, ControlRequest::Events { filter: EventFilter::default(), page }).await
    else {
        return false;
    };
    if first {
        ring.told_event(events.first().map_or(0, |event| event.id));
        return false;
    }
    let happened = !events.is_empty();
    for event in events {
        ring.told_event(event.id);
        let event: Box<EventView> = Box::new(event);
        ring.push(|seq, at| LiveFrame::Event { seq, at, event });
    }
    happened
}

fn total(shared: &Shared, live: &Live, at: i64) -> LiveMeter {
    LiveMeter { in_flight: shared.counts().0, ..live.meters.total(at / 1000) }
}

fn provider(
    status: &ProviderStatus,
    live: &Live,
    snapshot: &Snapshot,
    breakers: &[(String, BreakerView)],
    at: i64,
    before: &mut Before,
) -> LiveProvider {
    let (in_flight, queued) = snapshot.gate(&status.name).map(|gate| gate.load()).unwrap_or_default();
    let meter = LiveMeter { in_flight, queued, ..live.meters.provider(&status.name, at / 1000) };
    let process = status.current.as_ref().map(|child| before.process(&status.name, child));
    LiveProvider {
        state: status.state,
        reason: status.reason.clone(),
        since_ms: status.since_ms,
        meter,
        process: process.unwrap_or_default(),
        restarts: status.restarts,
        breakers: breakers.iter().filter(|(of, _)| *of == status.name).map(|(_, b)| b.clone()).collect(),
    }
}

/// A breaker as it is shown; none for one that is closed and only counts.
pub(super) fn breaker(saved: &SavedBreaker, now: i64) -> Option<BreakerView> {
    let ms = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    let held = saved.held_until_ms.map(ms).filter(|until| *until > now);
    let until = ms(saved.until_ms);
    let (state, reason, until_ms) = match (saved.model.is_none(), held, saved.closed) {
        (_, Some(until), _) => ("rate-limited", "the provider asks for a pause".to_owned(), Some(until)),
        (_, None, true) => return None,
        (true, None, false) => ("key-refused", "the provider refuses the key".to_owned(), Some(until)),
        (false, None, false) if until > now => (
            "open",
            match saved.trips {
                0 => "too many of its calls failed".to_owned(),
                n => format!("too many of its calls failed, and so did {n} that tried again"),
            },
            Some(until),
        ),
        (false, None, false) => ("half-open", "the next call tries whether it works again".to_owned(), None),
    };
    let model = saved.model.clone().unwrap_or_default();
    Some(BreakerView { model, state: state.to_owned(), reason, since_ms: now, until_ms })
}

/// What earlier looks found.
#[derive(Default)]
struct Before {
    /// CPU time of each process when it was last looked at.
    cpu: HashMap<String, (Option<u32>, Instant, u64)>,
    /// Since when each breaker is in its state, by provider, model and state.
    stand: HashMap<(String, String, String), i64>,
}

impl Before {
    /// The breakers that are not closed, each with its provider.
    fn breakers(&mut self, shared: &Shared) -> Vec<(String, BreakerView)> {
        let now = now_ms();
        let saved = shared.snapshot().table.register().save(Instant::now(), now.unsigned_abs());
        let mut stand = HashMap::new();
        let mut views = Vec::new();
        for one in &saved {
            let Some(mut view) = breaker(one, now) else { continue };
            let key = (one.provider.clone(), view.model.clone(), view.state.clone());
            view.since_ms = self.stand.get(&key).copied().unwrap_or(now);
            stand.insert(key, view.since_ms);
            views.push((one.provider.clone(), view));
        }
        self.stand = stand;
        views
    }

    fn process(&mut self, name: &str, child: &ChildStatus) -> LiveProcess {
        let pulse = child.pulse.unwrap_or_default();
        LiveProcess {
            generation: child.generation,
            memory_limit_bytes: child.memory_limit_bytes,
            ..self.figures(name, child.pid, &pulse)
        }
    }

    fn supervisor(&mut self, status: &SystemStatus) -> LiveProcess {
        self.figures("", Some(status.pid), &pulse::of(status.pid))
    }

    fn figures(&mut self, name: &str, pid: Option<u32>, pulse: &Pulse) -> LiveProcess {
        let now = Instant::now();
        let former = self.cpu.insert(name.to_owned(), (pid, now, pulse.cpu_us));
        let percent = former.filter(|(of, ..)| *of == pid).map(|(_, at, cpu_us)| {
            let passed = now.saturating_duration_since(at).as_micros().max(1) as f64;
            pulse.cpu_us.saturating_sub(cpu_us) as f64 / passed * 100.0
        });
        LiveProcess {
            pid,
            generation: 0,
            rss_bytes: pulse.rss_bytes,
            memory_limit_bytes: 0,
            cpu_percent: percent.unwrap_or(0.0),
            open_files: pulse.open_files,
            loop_lag_us: pulse.loop_lag_us,
        }
    }
}
