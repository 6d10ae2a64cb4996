//! Users, their sessions, and the link to the page where the first one is made.

use super::sheet::{Cell, Sheet, Tone};
use crate::cli::when::relative;
use protocol::control::Permission;
use protocol::control::people::{Person, SessionView, SetupLink, UserView};

pub(super) fn users(users: &[UserView], sheet: &mut Sheet<'_>) {
    let now = sheet.view.now_ms;
    let row = |user: &UserView| {
        let state = match (user.spec.enabled, user.locked_until_ms) {
            (false, _) => Cell::in_tone("locked out", Tone::Faint),
            (true, Some(at)) if at > now => {
                Cell::in_tone(format!("locked, free {}", relative(at, now)), Tone::Warn)
            }
            (true, _) => Cell::in_tone("active", Tone::Good),
        };
        let last = user.last_login_ms.map(|at| relative(at, now));
        vec![Cell::from(&user.spec.name), state, last.into(), permissions(&user.spec.permissions).into()]
    };
    let empty = "no user yet: llm-link setup-link";
    sheet.table(&["USER", "STATE", "LOGGED IN", "MAY"], users.iter().map(row).collect(), empty);
}

fn permissions(permissions: &[Permission]) -> Option<String> {
    let names: Vec<String> = permissions.iter().map(|permission| format!("{permission:?}")).collect();
    (!names.is_empty()).then(|| names.join(" "))
}

pub(super) fn person(person: &Person, sheet: &mut Sheet<'_>) {
    sheet.pairs([("user", Cell::from(&person.name)), ("may", permissions(&person.permissions).into())]);
}

pub(super) fn sessions(sessions: &[SessionView], sheet: &mut Sheet<'_>) {
    let now = sheet.view.now_ms;
    let row = |session: &SessionView| {
        vec![
            Cell::from(&session.id),
            Cell::from(&session.address),
            relative(session.seen_ms, now).into(),
            relative(session.expires_ms, now).into(),
            Cell::from(&session.agent),
        ]
    };
    let rows = sessions.iter().map(row).collect();
    sheet.table(&["SESSION", "ADDRESS", "SEEN", "EXPIRES", "CLIENT"], rows, "no sessions");
}

pub(super) fn setup_link(link: &SetupLink, sheet: &mut Sheet<'_>) {
    sheet.say("Open this link in a browser to make the first user. It is good once:");
    sheet.line([Cell::in_tone(link.url.expose(), Tone::Head)]);
    sheet.say(format!("It expires {}.", relative(link.expires_ms, sheet.view.now_ms)));
}
