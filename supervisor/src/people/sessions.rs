//! Who is logged in where, and ending it. One's own sessions are one's own business; those of others need
//! `SystemConfig`, and without it do not exist.

use super::People;
use super::actor::Actor;
use super::caller::forbidden;
use super::refusals::refused;
use crate::control::now;
use crate::store::StoreError;
use crate::store::audit::Entry;
use crate::store::config::Reserve;
use crate::store::edit::Verb;
use crate::store::error::Object;
use crate::store::words::UserId;
use protocol::control::people::{SessionView, UserText};
use protocol::control::{ControlReply, Permission, Refusal, RefusalKind};

impl People {
    /// The sessions of a user; no name = one's own.
    pub(super) async fn sessions(&self, actor: &Actor, user: UserText) -> Result<ControlReply, Refusal> {
        let at = now();
        let (own, everybody) = (actor.login.clone(), actor.may(Permission::SystemConfig));
        let read = self.store.read(move |view| {
            let user = match (&own, user.is_empty()) {
                (Some(own), true) => view.user(own.user)?,
                _ => view.user_named(&user)?.ok_or_else(|| no_user(&user))?,
            };
            let mine = own.as_ref().is_some_and(|own| own.user == user.id);
            if !mine && !everybody {
                return Ok(None);
            }
            let current = own.map(|own| own.session);
            let view_of = |s: crate::store::sessions::Session| SessionView {
                current: current.as_ref() == Some(&s.id),
                id: s.id,
                user: user.spec.name.clone(),
                agent: s.agent,
                address: s.address,
                created_ms: s.created_at.0,
                seen_ms: s.seen_at.0,
                expires_ms: s.expires_at.0,
            };
            Ok(Some(view.sessions(user.id, at)?.into_iter().map(view_of).collect()))
        });
        match read.await {
            Ok(Some(sessions)) => Ok(ControlReply::Sessions(sessions)),
            Ok(None) => Err(forbidden(Permission::SystemConfig)),
            // Names of others are not to be guessed.
            Err(StoreError::NotFound { .. }) if !actor.may(Permission::SystemConfig) => {
                Err(forbidden(Permission::SystemConfig))
            }
            Err(error) => Err(refused(error)),
        }
    }

    /// Ends a session at once.
    pub(super) async fn revoke(&self, actor: &Actor, session: String) -> Result<ControlReply, Refusal> {
        let at = now();
        let allowed: Option<UserId> = match actor.may(Permission::SystemConfig) {
            true => None,
            false => actor.login.as_ref().map(|login| login.user),
        };
        let by = actor.stamp(at);
        let ended = self.store.note(Reserve::Spend, move |note| {
            let Some(found) = note.live_session(&session, at)? else { return Ok(false) };
            if allowed.is_some_and(|user| user != found.user_id) {
                return Ok(false);
            }
            note.end_session(&found.id, at)?;
            let name = note.user(found.user_id)?.spec.name;
            let (verb, object, id) = (Verb::Revoke, Object::Session, found.id);
            note.add_audit(&by, &Entry { verb, object, id, name, before: None, after: None })?;
            Ok(true)
        });
        match ended.await.map_err(refused)? {
            true => Ok(ControlReply::Done("the session is over".to_owned())),
            false => Err(Refusal::new(RefusalKind::NotFound, "there is no such session")),
        }
    }
}

pub(super) fn no_user(name: &str) -> StoreError {
    StoreError::NotFound { object: Object::User, name: super::shortened(name, 100) }
}
