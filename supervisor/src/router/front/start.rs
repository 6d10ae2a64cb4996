//! A call that was read and understood begins: its plan, its share of the limits, its way to an answer.

use super::call::Call;
use super::course::Course;
use super::dispatch::{Running, dispatch, overloaded};
use super::late::{Late, SILENCE, has_comments};
use super::poison::quarantined;
use super::quota;
use super::random;
use super::reply::{Reply, ReplyBody};
use super::respond;
use super::traits;
use crate::router::limits::AppMeter;
use crate::router::notices::now_ms;
use crate::router::routing::{self, Moment, Plan, Traits, Wanted};
use crate::router::shard::Shard;
use crate::router::snapshot::Snapshot;
use crate::router::trace::{Beginning, Record};
use protocol::dialect::{Dialect, Operation};
use protocol::ipc::configure::ModelEntry;
use protocol::model::{Failure, FailureKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Chooses the provider of a raw path that names no model.
const PROVIDER: &str = "x-llm-link-provider";
/// A runtime that is later than this takes nothing new, however short that lasts; see `shed` for what lasts longer.
const STUCK: Duration = Duration::from_millis(1500);

/// Sends a call on its course. A stream that stays silent for long begins without its answer.
pub(super) async fn start(
    shard: &Arc<Shard>,
    snapshot: &Snapshot,
    call: Call,
    excess: Option<Box<Failure>>,
) -> Reply {
    let (id, dialect) = (call.id, call.dialect);
    let mut record = begin(shard, &call);
    if excess.is_some() {
        let late = shard.shared.pressure.late().as_millis();
        record.note(|t| t.notes.push(format!("turned away: LLM Link was {late} ms late with what it had")));
        shard.shared.pressure.refused();
    }
    let turned_away = excess.or_else(|| poisonous(shard, &call));
    let planned = turned_away.map_or_else(|| plan(shard, snapshot, &call), Err);
    let plan = match planned {
        Ok(plan) => plan,
        Err(failure) => return refuse(record, dialect, id, &failure),
    };
    record.planned(&plan);
    let meter = snapshot.meters.app(&call.caller.app);
    match meter {
        None => record.present(snapshot.meters.present(&call.caller.app, label(&call))),
        Some(meter) => {
            if let Err(failure) = admit(meter, &call, &plan, &mut record).await {
                let reply = refuse(record, dialect, id, &failure);
                return finished(Some(meter), None, dialect, reply);
            }
        }
    }
    let aged = plan.aged;
    if let Some(entry) = &aged {
        shard.shared.warn_of_age(&call.caller.app, entry);
    }
    let patient = !(call.asked.stream && has_comments(dialect));
    let course = Course::new(plan.route, call.rules);
    let mut running: Running = Box::pin(dispatch(Arc::clone(shard), call, course, record));
    let reply = if patient {
        respond::outcome(id, dialect, running.await)
    } else {
        match timeout(SILENCE, &mut running).await {
            Ok(outcome) => respond::outcome(id, dialect, outcome),
            Err(_) => respond::begun(id, ReplyBody::late(Late::new(dialect, running))),
        }
    };
    finished(meter, aged, dialect, reply)
}

fn begin(shard: &Arc<Shard>, call: &Call) -> Record {
    let beginning = Beginning {
        call: call.id,
        app: Arc::clone(&call.caller.app),
        key: call.caller.key.clone(),
        dialect: call.dialect,
        operation: call.operation,
        model: call.asked.model.clone(),
        stream: call.asked.stream,
        request_bytes: call.body.len() as u64,
    };
    Record::begin(Arc::clone(&shard.shared), beginning)
}

fn refuse(record: Record, dialect: Dialect, id: uuid::Uuid, failure: &Failure) -> Reply {
    let mut reply = respond::failure(dialect, failure);
    record.refuse(failure.kind, reply.status().as_u16());
    respond::identify(&mut reply, id);
    reply
}

/// A call that is turned away, as there is too much to do already.
pub(super) struct Excess {
    pub(super) failure: Box<Failure>,
    /// There were few of them in this second: each has a record.
    pub(super) recorded: bool,
}

/// Looked at first of all: what costs as much as a call saves nothing.
pub(super) fn excess(shard: &Shard) -> Option<Excess> {
    if !shard.sheds(random) && shard.lag() <= STUCK {
        return None;
    }
    let pressure = &shard.shared.pressure;
    let failure = Box::new(overloaded("LLM Link has more to do than it can".to_owned()));
    Some(Excess { failure, recorded: pressure.may_record(shard.shared.age().as_secs()) })
}

/// The failure of a request that has ended two workers.
fn poisonous(shard: &Shard, call: &Call) -> Option<Box<Failure>> {
    let poison = &shard.shared.poison;
    if poison.is_empty() {
        return None;
    }
    let left = poison.quarantined(call.fingerprint(), now_ms())?;
    Some(Box::new(quarantined().with_retry_after_ms(left)))
}

/// The candidates of a call: as its app says, or for raw paths without a model by their dialect.
fn plan(shard: &Shard, snapshot: &Snapshot, call: &Call) -> Result<Plan, Box<Failure>> {
    if call.operation == Operation::Raw && call.asked.model.is_empty() {
        let provider = call.headers.get(PROVIDER).and_then(|name| name.to_str().ok());
        let way = snapshot.table.speaking(call.dialect, provider)?;
        return Ok(Plan::of(&way));
    }
    let route = &call.caller.policy.route;
    let session = route.sticky.as_ref().and_then(|name| call.headers.get(name)).map(|v| v.as_bytes());
    let conditional = !route.candidates.is_empty() || !route.fallback.is_empty();
    let wanted = Wanted {
        model: &call.asked.model,
        dialect: call.dialect,
        traits: if conditional { traits::read(&call.body) } else { Traits::default() },
        session,
    };
    let moment = Moment {
        now: std::time::Instant::now(),
        now_ms: now_ms(),
        random: [random(), random()],
        turns: &shard.shared.turns,
        fit: &|candidate| shard.standing(&snapshot.table, candidate).is_fit(),
    };
    routing::plan(&snapshot.table, &call.caller.policy, &wanted, &moment)
}

/// Of the key that was shown.
fn label(call: &Call) -> Option<&str> {
    call.caller.key.as_ref().map(|key| key.label.as_str())
}

/// Takes the call's share of its app's limits, at once or when there is room.
async fn admit(
    meter: &Arc<AppMeter>,
    call: &Call,
    plan: &Plan,
    record: &mut Record,
) -> Result<(), Box<Failure>> {
    let now_ms = now_ms();
    let estimate = match meter.counts_tokens() {
        true => quota::estimate(&call.body, plan.route.first(), now_ms),
        false => Default::default(),
    };
    let admitting = meter.admit(&call.caller.app, label(call), estimate, now_ms);
    let admitted = match call.deadline {
        None => admitting.await,
        Some(deadline) => tokio::time::timeout_at(deadline, admitting).await.map_err(|_| {
            Box::new(Failure::new(FailureKind::Timeout, "no place came before the call's deadline"))
        })?,
    };
    let admission = admitted.map_err(|over| Box::new(over.failure()))?;
    record.admitted(admission);
    Ok(())
}

/// What every reply says of limits and of a model on its way out.
fn finished(
    meter: Option<&Arc<AppMeter>>,
    aged: Option<Arc<ModelEntry>>,
    dialect: Dialect,
    mut reply: Reply,
) -> Reply {
    if let Some(meter) = meter {
        quota::show(&meter.levels(), dialect, now_ms(), reply.headers_mut());
    }
    if let Some(entry) = aged {
        respond::age(&mut reply, entry.sunset_ms);
    }
    reply
}
