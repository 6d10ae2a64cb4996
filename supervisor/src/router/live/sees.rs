//! Who sees what of the live stream: events with the right to see providers, calls and rates with the right to see
//! metrics. How the processes are is for both: `/metrics` and the status say the same to each.

use protocol::control::Permission;
use protocol::control::live::{LiveFrame, LiveMeter, LiveTick};
use std::sync::Arc;

/// What of the stream somebody may see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sees {
    pub(super) providers: bool,
    pub(super) metrics: bool,
}

impl Sees {
    pub(super) fn of(permissions: &[Permission]) -> Sees {
        let has = |p| permissions.contains(&p);
        Sees { providers: has(Permission::ViewProviders), metrics: has(Permission::ViewMetrics) }
    }

    pub(super) fn is_nothing(self) -> bool {
        self == Sees::default()
    }
}

/// A frame as it is sent, to each who may see it.
pub(super) struct Frame {
    pub(super) seq: u64,
    with_metrics: Option<Arc<str>>,
    with_providers: Option<Arc<str>>,
    /// For those who have one of both rights, the text of that one; for those who have both, this.
    with_both: Arc<str>,
}

impl Frame {
    /// None for one that cannot be written down.
    pub(super) fn new(seq: u64, frame: LiveFrame) -> Option<Frame> {
        let text = text(&frame)?;
        let whole = || Some(Arc::clone(&text));
        let (with_metrics, with_providers) = match frame {
            LiveFrame::Event { .. } => (None, whole()),
            LiveFrame::Call { .. } => (whole(), None),
            LiveFrame::Gap { .. } => (whole(), whole()),
            LiveFrame::Tick(tick) => (whole(), self::text(&LiveFrame::Tick(Box::new(without_rates(*tick))))),
        };
        Some(Frame { seq, with_metrics, with_providers, with_both: text })
    }

    pub(super) fn shown(&self, sees: Sees) -> Option<Arc<str>> {
        match (sees.providers, sees.metrics) {
            (true, true) => Some(Arc::clone(&self.with_both)),
            (true, false) => self.with_providers.clone(),
            (false, true) => self.with_metrics.clone(),
            (false, false) => None,
        }
    }
}

fn text(frame: &LiveFrame) -> Option<Arc<str>> {
    serde_json::to_string(frame).ok().map(Arc::from)
}

/// Calls that are running belong to how a process is; what became of those that are over does not.
fn without_rates(mut tick: LiveTick) -> LiveTick {
    let bare = |m: LiveMeter| LiveMeter { in_flight: m.in_flight, queued: m.queued, ..LiveMeter::default() };
    tick.total = bare(tick.total);
    for provider in tick.providers.values_mut() {
        provider.meter = bare(provider.meter);
    }
    tick
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::control::live::LiveProcess;
    use std::collections::BTreeMap;

    const METRICS: Sees = Sees { providers: false, metrics: true };
    const PROVIDERS: Sees = Sees { providers: true, metrics: false };

    #[test]
    fn rates_are_for_those_who_may_see_metrics() {
        let tick = LiveTick {
            seq: 1,
            at: 1,
            epoch: 1,
            total: LiveMeter { in_flight: 3, calls_per_s: 7.5, ..LiveMeter::default() },
            providers: BTreeMap::new(),
            router: LiveProcess::default(),
            supervisor: LiveProcess::default(),
        };
        let frame = Frame::new(1, LiveFrame::Tick(Box::new(tick))).unwrap();
        let of = |sees| frame.shown(sees).unwrap();
        assert!(of(METRICS).contains("7.5"));
        assert!(!of(PROVIDERS).contains("7.5") && of(PROVIDERS).contains("\"in_flight\":3"));
        assert_eq!(frame.shown(Sees::default()), None);
    }

    #[test]
    fn rights_are_read_from_permissions() {
        assert_eq!(Sees::of(&[Permission::ViewMetrics]), METRICS);
        assert_eq!(Sees::of(&[Permission::ViewProviders, Permission::EditProviders]), PROVIDERS);
        assert!(Sees::of(&[Permission::SystemConfig]).is_nothing());
    }
}
