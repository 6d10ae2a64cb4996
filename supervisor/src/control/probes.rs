//! Questions to running processes on an operator's behalf: tests of providers, calls that are not made.

use crate::fleet::Fleet;
use protocol::control::app::LimitLevel;
use protocol::control::provider::{TestReport, TestStep};
use protocol::control::route::DryRun;
use protocol::control::{ControlReply, RefusalKind};
use protocol::ipc::question::{Question, Reply};
use std::time::Duration;

/// A test asks each endpoint in turn, and a provider may be slow.
const TEST: Duration = Duration::from_secs(30);
/// The router answers from memory.
const ROUTER: Duration = Duration::from_secs(5);

/// See the module. Clones share it.
#[derive(Clone)]
pub(crate) struct Probes {
    fleet: Fleet,
}

impl Probes {
    pub(crate) fn new(fleet: Fleet) -> Probes {
        Probes { fleet }
    }

    /// Contacts a provider through its own worker.
    pub(crate) async fn test(&self, provider: &str, model: Option<String>) -> ControlReply {
        match self.fleet.question(provider, Question::Probe { model }, TEST).await {
            Ok(Reply::Probed(report)) => ControlReply::Tested(Box::new(report)),
            Ok(Reply::Unable(why)) | Err(why) => {
                let step =
                    TestStep { name: "worker".to_owned(), ok: false, took_us: 0, detail: why, status: None };
                ControlReply::Tested(Box::new(TestReport {
                    ok: false,
                    steps: vec![step],
                    models: Vec::new(),
                }))
            }
            Ok(Reply::DryRun(_) | Reply::Levels(_)) => unexpected(),
        }
    }

    /// How full the limits of an app are; nothing when the router does not say.
    pub(crate) async fn levels(&self, app: &str) -> Vec<LimitLevel> {
        let question = Question::Levels { app: app.to_owned() };
        match self.fleet.question("router", question, ROUTER).await {
            Ok(Reply::Levels(levels)) => levels,
            Ok(Reply::Probed(_) | Reply::DryRun(_) | Reply::Unable(_)) | Err(_) => Vec::new(),
        }
    }

    /// Where a call would go.
    pub(crate) async fn dry_run(&self, call: DryRun) -> ControlReply {
        match self.fleet.question("router", Question::DryRun { call }, ROUTER).await {
            Ok(Reply::DryRun(report)) => ControlReply::DryRun(report),
            Ok(Reply::Unable(why)) | Err(why) => ControlReply::refused(RefusalKind::Unavailable, why),
            Ok(Reply::Probed(_) | Reply::Levels(_)) => unexpected(),
        }
    }
}

fn unexpected() -> ControlReply {
    ControlReply::refused(RefusalKind::Internal, "the answer is to another question")
}
