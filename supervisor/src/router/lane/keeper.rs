//! The task that keeps one lane: connects, replaces, reconnects, and lets old connections run out.

use super::pause::Pause;
use super::{Context, Slot, Way};
use protocol::ipc::call::DataHello;
use protocol::ipc::configure::Lane;
use protocol::ipc::{PROTOCOL_MAX, PROTOCOL_MIN};
use protocol::transport::link::{self, LinkEnd, LinkError, Opener};
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often an old connection is asked whether its last call is over.
const RUN_OUT_POLL: Duration = Duration::from_millis(100);

/// A connection that runs.
struct Live {
    lane: Lane,
    opener: Opener,
    task: JoinHandle<LinkEnd>,
}

/// Keeps the lane of `slot` until the slot is gone or everything is cut.
pub(super) async fn keep(
    provider: String,
    slot: Weak<Slot>,
    mut wanted: watch::Receiver<Option<Lane>>,
    context: Context,
) {
    let mut live: Option<Live> = None;
    let mut pause = Pause::new();
    loop {
        let target = wanted.borrow_and_update().clone();
        let go_on = match (target, live.take()) {
            (Some(lane), Some(old)) if old.lane == lane && !old.task.is_finished() => {
                live = Some(old);
                watch_over(&provider, &mut live, &mut wanted, &context).await
            }
            (Some(lane), old) => {
                live = old;
                connect(&provider, lane, &slot, &mut live, &context, &mut pause, &mut wanted).await
            }
            (None, old) => {
                publish(&slot, None);
                retire(old, &context);
                context.news.announce();
                changed(&mut wanted, &context).await
            }
        };
        if !go_on {
            break;
        }
    }
    publish(&slot, None);
    match live {
        Some(live) if context.cut.is_cancelled() => live.task.abort(),
        live => retire(live, &context),
    }
}

/// Waits until the wanted lane changes or the connection ends. False = stop keeping.
async fn watch_over(
    provider: &str,
    live: &mut Option<Live>,
    wanted: &mut watch::Receiver<Option<Lane>>,
    context: &Context,
) -> bool {
    let Some(current) = live else { return true };
    let end = tokio::select! {
        go_on = changed(wanted, context) => return go_on,
        end = &mut current.task => end,
    };
    match end {
        Ok(LinkEnd::Closed) => {
            tracing::info!(provider, generation = current.lane.generation, "worker closed its lane")
        }
        Ok(LinkEnd::Failed(error)) => {
            tracing::warn!(provider, generation = current.lane.generation, %error, "lane failed");
        }
        Err(error) => tracing::error!(provider, %error, "lane task ended"),
    }
    *live = None;
    context.news.announce();
    true
}

/// One try to connect; on success the new connection takes the old one's place. False = stop keeping.
async fn connect(
    provider: &str,
    lane: Lane,
    slot: &Weak<Slot>,
    live: &mut Option<Live>,
    context: &Context,
    pause: &mut Pause,
    wanted: &mut watch::Receiver<Option<Lane>>,
) -> bool {
    let tried = tokio::select! {
        tried = open(&lane) => tried,
        () = context.cut.cancelled() => return false,
    };
    match tried {
        Ok((opener, driver)) => {
            pause.reset();
            let way = Way { opener: opener.clone(), generation: lane.generation };
            let new = Live { lane, opener, task: context.tasks.spawn(driver) };
            publish(slot, Some(way));
            tracing::info!(provider, generation = new.lane.generation, "lane is connected");
            retire(live.replace(new), context);
            context.news.announce();
            true
        }
        Err(error) => {
            tracing::debug!(provider, generation = lane.generation, %error, "lane cannot be connected yet");
            tokio::select! {
                () = tokio::time::sleep(pause.next()) => true,
                go_on = changed(wanted, context) => go_on,
            }
        }
    }
}

async fn open(lane: &Lane) -> Result<(Opener, link::Driver), LinkError> {
    let hello = DataHello {
        protocol_min: PROTOCOL_MIN,
        protocol_max: PROTOCOL_MAX,
        build: env!("CARGO_PKG_VERSION").to_owned(),
        generation: lane.generation,
        token: lane.token.clone(),
    };
    link::connect(Path::new(&lane.socket), &hello).await
}

/// Waits for another target. False = nobody wants this lane any more, or everything is cut.
async fn changed(wanted: &mut watch::Receiver<Option<Lane>>, context: &Context) -> bool {
    tokio::select! {
        changed = wanted.changed() => changed.is_ok(),
        () = context.cut.cancelled() => false,
    }
}

fn publish(slot: &Weak<Slot>, way: Option<Way>) {
    if let Some(slot) = slot.upgrade() {
        slot.current.store(way.map(Arc::new));
    }
}

/// Lets the calls on a connection finish, then closes it.
fn retire(live: Option<Live>, context: &Context) {
    let Some(Live { opener, task, .. }) = live else { return };
    let cut = context.cut.clone();
    context.tasks.spawn(async move {
        while opener.in_flight() > 0 && !opener.is_closed() {
            tokio::select! {
                () = tokio::time::sleep(RUN_OUT_POLL) => {}
                () = cut.cancelled() => break,
            }
        }
        task.abort();
    });
}
