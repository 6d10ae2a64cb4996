//! Exchanging refresh tokens. Each is good once; one that comes a second time was copied, and its session ends.

use super::People;
use super::actor::Actor;
use super::refusals::{refused, throttled, unsealed};
use crate::control::now;
use crate::store::audit::Entry;
use crate::store::config::Reserve;
use crate::store::edit::Verb;
use crate::store::error::Object;
use crate::store::sessions::{Refreshed, Session, TokenHash};
use crate::vault::token::{Token, TokenKind, hash_token};
use protocol::control::{ControlReply, Refusal, RefusalKind, SecretText};

impl People {
    pub(super) async fn refresh(&self, actor: &Actor, token: &SecretText) -> Result<ControlReply, Refusal> {
        let at = now();
        let next = Token::random(TokenKind::Refresh).map_err(unsealed)?;
        let (shown, hash) = (TokenHash(hash_token(token.expose().as_bytes())), TokenHash(next.hash()));
        let exchanged = self.store.note(Reserve::Spend, move |note| note.refresh(shown, hash, at));
        match exchanged.await.map_err(refused)? {
            Refreshed::Next(session) => {
                let id = session.user_id;
                let user = self.store.read(move |view| view.user(id)).await.map_err(refused)?;
                self.grant(&user, &session, &next, at)
            }
            Refreshed::JustUsed => {
                let message = "this refresh token was exchanged a moment ago; use the one that came of it";
                Err(throttled(message, 1000))
            }
            Refreshed::Replayed(session) => {
                self.note_theft(actor, session).await?;
                let message = "this refresh token was used before: its session is over; log in again";
                Err(Refusal::new(RefusalKind::Unauthenticated, message))
            }
            Refreshed::Refused => Err(Refusal::new(
                RefusalKind::Unauthenticated,
                "the refresh token is not valid; log in again",
            )),
        }
    }

    async fn note_theft(&self, actor: &Actor, session: Session) -> Result<(), Refusal> {
        let by = actor.stamp(now());
        tracing::warn!(
            session = session.id,
            address = actor.origin.address,
            "a refresh token was shown twice: somebody has a copy; the session was ended"
        );
        let noted = self.store.note(Reserve::Spend, move |note| {
            let name = note.user(session.user_id)?.spec.name;
            let (verb, object, id) = (Verb::Revoke, Object::Session, session.id.clone());
            let after = Some(serde_json::json!({ "reason": "its refresh token was shown twice" }));
            note.add_audit(&by, &Entry { verb, object, id, name, before: None, after })
        });
        noted.await.map_err(refused)
    }
}
