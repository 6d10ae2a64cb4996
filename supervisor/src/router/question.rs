//! What the supervisor asks the router, and the answers.

use super::crew::Crew;
use super::dry_run;
use super::notices::now_ms;
use super::shared::Shared;
use protocol::ipc::question::{Question, Reply};

/// The reply to a question in its wire form, in its wire form.
pub(super) fn answer(body: &[u8], shared: &Shared, crew: &Crew) -> Vec<u8> {
    let reply = match serde_json::from_slice(body) {
        Ok(question) => reply(question, shared, crew),
        Err(error) => Reply::Unable(format!("the question cannot be read: {error}")),
    };
    serde_json::to_vec(&reply).unwrap_or_default()
}

fn reply(question: Question, shared: &Shared, crew: &Crew) -> Reply {
    match question {
        Question::DryRun { call } => Reply::DryRun(Box::new(dry_run::run(shared, crew, &call))),
        Question::Levels { app } => Reply::Levels(shared.snapshot().meters.levels(&app, now_ms())),
        Question::Probe { .. } => Reply::Unable("the router has no provider to contact".to_owned()),
    }
}
