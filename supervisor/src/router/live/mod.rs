//! What the router shows of itself as it happens: the live page's stream, log lines as they come, and figures for
//! Prometheus.
//!
//! * [`meter`]: rates and percentiles of the last seconds; [`metrics`]: counters since the start
//! * [`ring`]: frames of the live stream, numbered and kept for a while; [`tick`]: the one a second
//! * [`socket`]: the WebSocket; [`lines`]: the stream of log lines; [`answer`]: who gets which;
//!   [`sees`]: what of the stream
//!
//! Everything here is fed by calls that are over and by what the supervisor answers; it never delays a call. Who may
//! see it is the supervisor's to say, at the beginning and again while it goes on.

mod answer;
mod lines;
mod meter;
mod metrics;
mod ring;
mod sees;
mod socket;
mod tick;

pub(crate) use answer::{METRICS, live, metrics};
pub(crate) use tick::run;

use super::shared::Shared;
use meter::Meters;
use metrics::Metrics;
use protocol::control::ask::Caller;
use protocol::control::live::LiveFrame;
use protocol::control::record::CallSummary;
use protocol::control::{Ask, ControlReply, ControlRequest, SystemStatus};
use ring::Ring;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;

/// Live pages and log streams at once.
const WATCHERS: usize = 64;

/// See the module.
pub(crate) struct Live {
    meters: Meters,
    metrics: Metrics,
    ring: Ring,
    /// For those who watch.
    places: Arc<Semaphore>,
}

impl Live {
    pub(crate) fn new() -> Live {
        // Numbers of a later router are larger than all of an earlier one, and exact in JavaScript.
        let ring = Ring::new(now_ms().unsigned_abs() * 1000);
        let places = Arc::new(Semaphore::new(WATCHERS));
        Live { meters: Meters::default(), metrics: Metrics::new(), ring, places }
    }

    /// A call is over.
    pub(crate) fn over(&self, call: &CallSummary) {
        self.meters.add(now_ms() / 1000, call);
        self.metrics.add(call);
        if self.ring.is_watched() {
            let call = Box::new(call.clone());
            self.ring.push(|seq, at| LiveFrame::Call { seq, at, call });
        }
    }
}

/// Figures in the text format of Prometheus.
async fn prometheus(shared: &Shared) -> String {
    let status = status(shared).await;
    shared.live.metrics.text(shared, status.as_deref())
}

/// How the processes are, as the supervisor tells its router.
async fn status(shared: &Shared) -> Option<Box<SystemStatus>> {
    match ask(shared, ControlRequest::Status).await {
        ControlReply::Status(status) => Some(status),
        _other => None,
    }
}

/// Asks for the router itself.
async fn ask(shared: &Shared, request: ControlRequest) -> ControlReply {
    shared.asker.ask(&Ask { caller: Caller::Router, request, idempotency_key: None }).await
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
