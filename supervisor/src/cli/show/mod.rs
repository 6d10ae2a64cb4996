//! Answers for people: one file for each noun, each a pure function from what was answered to a [`Sheet`].

mod app;
mod change;
mod figure;
mod import;
mod meter;
mod model;
mod people;
mod provider;
mod record;
mod sheet;
mod status;
#[cfg(test)]
mod tests;

pub(crate) use import::import;
pub(crate) use record::{event_line, log_line};
pub(in crate::cli) use sheet::columns_of;
pub(crate) use sheet::{Sheet, View};

use protocol::control::{ControlReply, Refusal};

/// The whole answer as text.
pub(crate) fn reply(reply: &ControlReply, view: &View) -> String {
    let mut sheet = Sheet::new(view);
    write(reply, &mut sheet);
    sheet.finish()
}

/// A refusal, with the fields at fault below it.
pub(crate) fn refusal(refusal: &Refusal, view: &View) -> String {
    let mut sheet = Sheet::new(view);
    change::refusal(refusal, &mut sheet);
    sheet.finish()
}

fn write(reply: &ControlReply, sheet: &mut Sheet<'_>) {
    use ControlReply as R;
    match reply {
        R::Done(text) => sheet.lines(text, 0),
        R::Refused(refusal) => change::refusal(refusal, sheet),
        R::Changed(changed) => change::changed(changed, sheet),
        R::Status(system) => status::system(system, sheet),
        R::Presets(presets) => provider::presets(presets, sheet),
        R::Providers(providers) => provider::list(providers, sheet),
        R::Provider(one) => provider::one(one, sheet),
        R::Tested(report) => provider::tested(report, sheet),
        R::Models(models) => model::list(models, sheet),
        R::Aliases(aliases) => model::aliases(aliases, sheet),
        R::Apps(apps) => app::list(apps, sheet),
        R::App(one) => app::one(one, sheet),
        R::DryRun(report) => app::dry_run(report, sheet),
        R::SetupState(state) => sheet.say(match state.needed {
            true => "nobody can log in yet: `llm-link setup-link` shows how",
            false => "somebody can log in",
        }),
        R::SetupLink(link) => people::setup_link(link, sheet),
        // Only logins over HTTP are granted anything.
        R::Granted(grant) => people::person(&grant.person, sheet),
        R::Person(person) => people::person(person, sheet),
        R::Users(users) => people::users(users, sheet),
        R::Sessions(sessions) => people::sessions(sessions, sheet),
        R::Calls(calls) => record::calls(calls, sheet),
        R::Call(call) => record::call(call, sheet),
        R::Meter(report) => meter::report(report, sheet),
        R::Events(events) => record::events(events, sheet),
        R::Logs(lines) => record::logs(lines, sheet),
        R::Audit(entries) => record::audit(entries, sheet),
        R::Config(values) => change::effective(values, sheet),
        R::Document(_) => sheet.say("a document is written by `llm-link export`"),
        R::Differences(differences) => change::differences(differences, sheet),
    }
}
