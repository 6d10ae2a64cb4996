//! Logging in and out. Every try is counted before the password is looked at and is in the audit log after;
//! a wrong name and a wrong password look the same and take the same time.

use super::access_token::AccessToken;
use super::actor::Actor;
use super::refusals::{refused, throttled, unhashed, unsealed};
use super::throttle::Wait;
use super::{People, shortened};
use crate::control::now;
use crate::store::audit::Entry;
use crate::store::config::Reserve;
use crate::store::edit::{ActorKind, Note, Verb};
use crate::store::error::Object;
use crate::store::sessions::{Session, TokenHash};
use crate::store::users::{LoginOutcome, User};
use crate::store::{Stamp, StoreError, UnixMs};
use crate::vault::password::Verdict;
use crate::vault::token::{Token, TokenKind};
use protocol::control::people::{Grant, Person, UserText};
use protocol::control::{ControlReply, Refusal, RefusalKind, SecretText};
use serde_json::json;
use uuid::Uuid;

/// How long a session lasts, refreshed or not.
pub(super) const SESSION_MS: i64 = 14 * 24 * 60 * 60 * 1000;
/// What is kept of a client's name for itself, and of a user's name that does not exist.
const LONGEST: usize = 200;
const WRONG: &str = "wrong name or password";

impl People {
    pub(super) async fn log_in(
        &self,
        actor: &Actor,
        name: UserText,
        password: &SecretText,
    ) -> Result<ControlReply, Refusal> {
        let at = now();
        let tried = self.throttle().begin(&name, &actor.origin.address, at);
        let tried = match tried {
            Ok(tried) => tried,
            Err(wait) => return Err(self.turn_away(actor, &name, wait, "logins").await),
        };
        let asked = name.clone();
        let user = self.store.read(move |view| view.user_named(&asked)).await.map_err(refused)?;
        let hash = user.as_ref().map(|user| user.password.clone());
        let verdict = self.hashing.verify(password, hash).await.map_err(unhashed)?;
        match (verdict, user) {
            (Verdict::Right | Verdict::RightButOld, Some(user)) if user.spec.enabled => {
                self.throttle().right(tried);
                if verdict == Verdict::RightButOld {
                    self.rehash(&user, password).await?;
                }
                self.begin(actor, &user).await
            }
            (_, user) => {
                let locked_until = tried.locked_until;
                self.note_refused(actor, &name, user, LoginOutcome::Refused { locked_until }, at).await?;
                Err(Refusal::new(RefusalKind::Unauthenticated, WRONG))
            }
        }
    }

    /// A new session for a user who has shown who they are.
    pub(super) async fn begin(&self, actor: &Actor, user: &User) -> Result<ControlReply, Refusal> {
        let at = now();
        let token = Token::random(TokenKind::Refresh).map_err(unsealed)?;
        let session = Session {
            id: Uuid::new_v4().to_string(),
            user_id: user.id,
            agent: shortened(&actor.origin.user_agent, LONGEST),
            address: actor.origin.address.clone(),
            created_at: at,
            expires_at: at.plus_ms(SESSION_MS),
            seen_at: at,
            revoked_at: None,
        };
        let (kept, hash) = (session.clone(), TokenHash(token.hash()));
        let entry = login_entry(Verb::Login, user.id.to_string(), user.spec.name.clone());
        let by = stamp_of(actor, &user.spec.name, at);
        let noted = self.store.note(Reserve::Spend, move |note| {
            note.begin_session(&kept, hash)?;
            note.note_login(kept.user_id, LoginOutcome::Accepted, at)?;
            note.add_audit(&by, &entry)
        });
        noted.await.map_err(refused)?;
        self.grant(user, &session, &token, at)
    }

    /// The tokens of a session.
    pub(super) fn grant(
        &self,
        user: &User,
        session: &Session,
        refresh: &Token,
        at: UnixMs,
    ) -> Result<ControlReply, Refusal> {
        let signed = self.signer.sign(&session.id, &user.spec.name, at);
        let AccessToken { text, expires } =
            signed.map_err(|error| Refusal::new(RefusalKind::Internal, error.to_string()))?;
        Ok(ControlReply::Granted(Box::new(Grant {
            person: Person {
                name: user.spec.name.clone(),
                permissions: user.spec.permissions.iter().map(|p| super::users::shown(*p)).collect(),
                session: Some(session.id.clone()),
            },
            access: text,
            access_expires_ms: expires.0.min(session.expires_at.0),
            refresh: SecretText::new(refresh.expose().to_owned()),
            refresh_expires_ms: session.expires_at.0,
        })))
    }

    /// Ends the session that asks.
    pub(super) async fn log_out(&self, actor: &Actor) -> Result<ControlReply, Refusal> {
        let Some(login) = actor.login.clone() else {
            return Err(Refusal::new(RefusalKind::Conflict, "there is no session to end"));
        };
        let at = now();
        let (by, entry) =
            (actor.stamp(at), login_entry(Verb::Logout, login.user.to_string(), actor.name.clone()));
        let noted = self.store.note(Reserve::Spend, move |note| {
            note.end_session(&login.session, at)?;
            note.add_audit(&by, &entry)
        });
        noted.await.map_err(refused)?;
        Ok(ControlReply::Done("logged out".to_owned()))
    }

    /// The refusal of a try that came too soon. A row of them is in the audit log, with how many there were.
    pub(super) async fn turn_away(&self, actor: &Actor, name: &str, wait: Wait, tries: &str) -> Refusal {
        let Wait { ms, away } = wait;
        if wait.is_noted() {
            let mut entry = login_entry(Verb::LoginRefused, String::new(), shortened(name, LONGEST));
            entry.after = Some(json!({ "turned_away": away, "wait_ms": ms }));
            tracing::warn!(
                user = entry.name,
                address = actor.origin.address,
                away,
                "{tries} are turned away"
            );
            let by = actor.stamp(now());
            let noted =
                self.store.note(Reserve::Keep, move |note: &mut Note<'_>| note.add_audit(&by, &entry));
            if let Err(error) = noted.await {
                tracing::warn!("a login that was turned away is not in the audit log: {error}");
            }
        }
        let why = format!("too many {tries} were tried; the next one is possible in {} s", ms.div_ceil(1000));
        throttled(why, ms)
    }

    pub(super) async fn note_refused(
        &self,
        actor: &Actor,
        name: &str,
        user: Option<User>,
        outcome: LoginOutcome,
        at: UnixMs,
    ) -> Result<(), Refusal> {
        let id = user.map(|user| user.id);
        let object_id = id.map(|id| id.to_string()).unwrap_or_default();
        let (by, entry) =
            (actor.stamp(at), login_entry(Verb::LoginRefused, object_id, shortened(name, LONGEST)));
        tracing::warn!(user = entry.name, address = actor.origin.address, "a login was refused");
        let noted = self.store.note(Reserve::Keep, move |note: &mut Note<'_>| {
            if let Some(id) = id {
                note.note_login(id, outcome, at)?;
            }
            note.add_audit(&by, &entry)
        });
        match noted.await {
            // A full disk is no reason to say anything else than that it was wrong.
            Ok(()) | Err(StoreError::DiskFull(_)) => Ok(()),
            Err(error) => Err(refused(error)),
        }
    }

    /// The costs of hashing were raised since: the password is kept under the new ones.
    async fn rehash(&self, user: &User, password: &SecretText) -> Result<(), Refusal> {
        let (id, before) = (user.id, user.password.clone());
        let after = self.hashing.hash(password).await.map_err(unhashed)?;
        let noted = self.store.note(Reserve::Keep, move |note| note.rehash(id, &before, &after));
        noted.await.map_err(refused)
    }
}

/// The user is the actor of their own login.
fn stamp_of(actor: &Actor, name: &str, at: UnixMs) -> Stamp {
    Stamp { actor_kind: ActorKind::User, actor: name.to_owned(), ..actor.stamp(at) }
}

fn login_entry(verb: Verb, id: String, name: String) -> Entry {
    Entry { verb, object: Object::User, id, name, before: None, after: None }
}
