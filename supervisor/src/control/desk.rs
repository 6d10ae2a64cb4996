//! The desk where every question arrives: who asks and may they, then whose business it is. Questions are
//! answered side by side, a bounded number at once, so that one that waits delays nobody. Executes nothing.

use super::repeat::{Repeats, Turn};
use super::{Apps, Configuration, Means, Models, Probes, Processes, Providers};
use crate::fleet::{ChildId, Fleet};
use crate::people::{Actor, People};
use crate::record::{Record, deeds};
use protocol::control::{Ask, ControlReply, ControlRequest, RefusalKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio_util::task::TaskTracker;

/// Questions answered at once; those of the command line wait, those of the router are refused.
const AT_ONCE: usize = 128;

/// The way a question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// The control socket, whose peer runs as our own user.
    Socket,
    /// The router, which speaks for clients over HTTP and is not trusted to say who they are.
    Router,
}

/// Those who execute.
pub(crate) struct Staff {
    people: People,
    record: Record,
    processes: Processes,
    probes: Probes,
    providers: Providers,
    models: Models,
    apps: Apps,
    configuration: Configuration,
    repeats: Repeats,
}

impl Staff {
    /// Those named, and those who work with the store by the same means.
    pub(crate) fn new(
        people: People,
        record: Record,
        processes: Processes,
        means: &Means,
        fleet: &Fleet,
    ) -> Staff {
        Staff {
            people,
            record,
            processes,
            probes: means.probes.clone(),
            providers: Providers::new(means.clone(), fleet.clone()),
            models: Models::new(means.clone()),
            apps: Apps::new(means.clone()),
            configuration: Configuration::new(means.clone()),
            repeats: Repeats::new(means.store.clone()),
        }
    }
}

/// See the module. Clones share it.
#[derive(Clone)]
pub(crate) struct Desk {
    staff: Arc<Staff>,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
    /// Nothing is answered now but that.
    closed: Arc<watch::Sender<bool>>,
}

impl Desk {
    /// `tasks` are awaited by whoever owns them.
    pub(crate) fn new(staff: Staff, tasks: TaskTracker) -> Desk {
        Desk {
            staff: Arc::new(staff),
            places: Arc::new(Semaphore::new(AT_ONCE)),
            tasks,
            closed: Arc::default(),
        }
    }

    /// Answers no more, and what waits to be answered is refused; returns when that is done, or the time is over.
    pub(crate) async fn close(&self, within: Duration) {
        self.closed.send_replace(true);
        let all = self.places.acquire_many(AT_ONCE as u32);
        // Whoever does not hear that is cut off.
        let _ = tokio::time::timeout(within, all).await;
    }

    /// Answers again.
    pub(crate) fn open(&self) {
        self.closed.send_replace(false);
    }

    /// The answer, or a refusal when the desk closes before.
    async fn respond(&self, ask: Ask, via: Via) -> ControlReply {
        let mut closed = self.closed.subscribe();
        tokio::select! {
            reply = self.staff.answer(ask, via) => reply,
            _ = closed.wait_for(|closed| *closed) => {
                let message = "llm-link is just becoming another version; ask again in a moment";
                ControlReply::refused(RefusalKind::Unavailable, message)
            }
        }
    }

    /// Answers a question, when its turn comes.
    pub(crate) async fn answer(&self, ask: Ask, via: Via) -> ControlReply {
        match self.places.acquire().await {
            Ok(_place) => self.respond(ask, via).await,
            Err(_closed) => ControlReply::refused(RefusalKind::Unavailable, "llm-link is stopping"),
        }
    }

    /// Answers, as a task of its own, what the router of that process passed on.
    pub(crate) fn take(&self, fleet: &Fleet, child: ChildId, seq: u64, body: &[u8]) {
        let (desk, fleet) = (self.clone(), fleet.clone());
        let ask = serde_json::from_slice(body);
        let place = Arc::clone(&self.places).try_acquire_owned();
        self.tasks.spawn(async move {
            let reply = match (ask, place) {
                (Ok(ask), Ok(_place)) => desk.respond(ask, Via::Router).await,
                (Ok(_), Err(_)) => {
                    ControlReply::refused(RefusalKind::Unavailable, "too many questions wait already")
                }
                (Err(error), _) => {
                    let message = format!("the request cannot be read: {error}");
                    ControlReply::refused(RefusalKind::Invalid, message)
                }
            };
            fleet.answer(child, seq, serde_json::to_vec(&reply).unwrap_or_default()).await;
        });
    }
}

impl Staff {
    async fn answer(&self, ask: Ask, via: Via) -> ControlReply {
        let actor = match self.people.caller(&ask, via).await {
            Ok(actor) => actor,
            Err(refusal) => return ControlReply::Refused(refusal),
        };
        let Some(key) = ask.idempotency_key else { return self.execute(&actor, ask.request).await };
        match self.repeats.begin(&actor, key, &ask.request).await {
            Ok(Turn::Again(reply)) => *reply,
            Ok(Turn::First(ticket)) => {
                let reply = self.execute(&actor, ask.request).await;
                self.repeats.finish(ticket, &reply).await;
                reply
            }
            Err(refusal) => ControlReply::Refused(refusal),
        }
    }

    async fn execute(&self, actor: &Actor, request: ControlRequest) -> ControlReply {
        let deed = deeds::of(&request);
        let reply = self.entrust(actor, request).await;
        self.record.note(deed, actor, &reply);
        reply
    }

    async fn entrust(&self, actor: &Actor, request: ControlRequest) -> ControlReply {
        let answered = match business(&request) {
            Business::Processes => return self.processes.answer(request).await,
            Business::People => return self.people.answer(actor, request).await,
            Business::Record => return self.record.answer(request).await,
            Business::Probes => return self.probe(request).await,
            Business::Providers => self.providers.answer(actor, request).await,
            Business::Models => self.models.answer(actor, request).await,
            Business::Apps => self.apps.answer(actor, request).await,
            Business::Configuration => self.configuration.answer(actor, request).await,
        };
        answered.unwrap_or_else(ControlReply::Refused)
    }

    async fn probe(&self, request: ControlRequest) -> ControlReply {
        match request {
            ControlRequest::TestProvider { provider, model } => self.probes.test(&provider, model).await,
            ControlRequest::DryRun { call } => self.probes.dry_run(call).await,
            _other => ControlReply::refused(RefusalKind::Internal, "this is no question to a process"),
        }
    }
}

/// Whose business a question is.
enum Business {
    Processes,
    People,
    Record,
    Probes,
    Providers,
    Models,
    Apps,
    Configuration,
}

fn business(request: &ControlRequest) -> Business {
    use ControlRequest as R;
    match request {
        R::Status | R::Why { .. } | R::Restart { .. } | R::Drain { .. } | R::Resume { .. } => {
            Business::Processes
        }
        R::Reload | R::Upgrade | R::Shutdown => Business::Processes,
        R::SetupState | R::Setup { .. } | R::SetupLink => Business::People,
        R::Login { .. } | R::Refresh { .. } | R::Logout | R::Whoami => Business::People,
        R::Users | R::CreateUser { .. } | R::UpdateUser { .. } | R::DeleteUser { .. } => Business::People,
        R::SetPassword { .. } | R::Sessions { .. } | R::RevokeSession { .. } => Business::People,
        R::Calls { .. } | R::Call { .. } | R::Meter { .. } | R::Events { .. } | R::Logs { .. } => {
            Business::Record
        }
        R::Audit { .. } => Business::Record,
        R::TestProvider { .. } | R::DryRun { .. } => Business::Probes,
        R::Presets | R::Providers | R::Provider { .. } | R::DiscoverModels { .. } => Business::Providers,
        R::CreateProvider { .. } | R::UpdateProvider { .. } | R::DeleteProvider { .. } => Business::Providers,
        R::Enable { .. } | R::AddProviderKey { .. } => Business::Providers,
        R::UpdateProviderKey { .. } | R::DeleteProviderKey { .. } => Business::Providers,
        R::Models { .. } | R::SaveModel { .. } | R::DeleteModel { .. } => Business::Models,
        R::AddPrice { .. } | R::DeletePrice { .. } => Business::Models,
        R::Aliases | R::SaveAlias { .. } | R::DeleteAlias { .. } => Business::Models,
        R::Apps | R::App { .. } | R::CreateApp { .. } | R::UpdateApp { .. } => Business::Apps,
        R::DeleteApp { .. } | R::SetRoute { .. } => Business::Apps,
        R::CreateAppKey { .. } | R::RotateAppKey { .. } | R::RevokeAppKey { .. } => Business::Apps,
        R::Config | R::Export | R::Apply { .. } | R::SetSetting { .. } | R::RotateMasterKey => {
            Business::Configuration
        }
    }
}
