//! Questions asked twice with the same key: the first does the work, the second gets its answer. What is shown once
//! is not shown again.

use super::{now, refused};
use crate::people::Actor;
use crate::store::ConfigStore;
use crate::store::config::Reserve;
use crate::store::idempotency::Repeat;
use protocol::control::answer::Now;
use protocol::control::{ControlReply, ControlRequest, Refusal, RefusalKind, SecretText};
use sha2::{Digest, Sha256};

/// Longest key.
const LONGEST: usize = 200;
/// Of every answer that is kept.
const OK: u16 = 200;

/// What is to be done with a question that bears a key.
pub(super) enum Turn {
    /// Do it, then [`Repeats::finish`].
    First(Ticket),
    /// It was done.
    Again(Box<ControlReply>),
}

/// The right to answer a question for the first time.
pub(super) struct Ticket {
    actor: String,
    key: String,
}

/// See the module.
pub(super) struct Repeats {
    store: ConfigStore,
}

impl Repeats {
    pub(super) fn new(store: ConfigStore) -> Repeats {
        Repeats { store }
    }

    pub(super) async fn begin(
        &self,
        actor: &Actor,
        key: String,
        request: &ControlRequest,
    ) -> Result<Turn, Refusal> {
        if key.is_empty() || key.len() > LONGEST || !key.bytes().all(|b| b.is_ascii_graphic()) {
            let why = format!("an idempotency key is 1 to {LONGEST} visible ASCII characters");
            return Err(Refusal::new(RefusalKind::Invalid, why));
        }
        let whole = serde_json::to_vec(request).map(zeroize::Zeroizing::new).unwrap_or_default();
        let digest: [u8; 32] = Sha256::digest(whole.as_slice()).into();
        let who = format!("{}/{}", actor.kind, actor.name);
        let (by, name, at) = (who.clone(), key.clone(), now());
        let begun = self.store.note(Reserve::Spend, move |note| note.begin_once(&by, &name, &digest, at));
        match begun.await.map_err(refused)? {
            Repeat::First => Ok(Turn::First(Ticket { actor: who, key })),
            Repeat::Underway => {
                let why = "the first request with this idempotency key is not answered yet";
                Err(Refusal::new(RefusalKind::Conflict, why))
            }
            Repeat::Mismatch => {
                let why = "this idempotency key came with another request before";
                Err(Refusal::new(RefusalKind::Conflict, why))
            }
            Repeat::Done { status: _, reply } => match serde_json::from_str(&reply) {
                Ok(reply) => Ok(Turn::Again(Box::new(reply))),
                Err(_) => Err(Refusal::new(RefusalKind::Internal, "the first answer cannot be read")),
            },
        }
    }

    /// Keeps the answer; a refusal is forgotten, so that the question can be asked again.
    pub(super) async fn finish(&self, ticket: Ticket, reply: &ControlReply) {
        let Ticket { actor, key } = ticket;
        let kept = match reply {
            ControlReply::Refused(_) => None,
            reply => serde_json::to_string(&without_secrets(reply.clone())).ok(),
        };
        let noted = self.store.note(Reserve::Spend, move |note| match &kept {
            Some(reply) => note.finish_once(&actor, &key, OK, reply),
            None => note.abandon_once(&actor, &key),
        });
        if let Err(error) = noted.await {
            tracing::warn!("the answer to a request with an idempotency key was not kept: {error}");
        }
    }
}

fn without_secrets(mut reply: ControlReply) -> ControlReply {
    if let ControlReply::Changed(changed) = &mut reply
        && let Some(Now::AppKey(made)) = &mut changed.now
    {
        made.key = SecretText::new(String::new());
    }
    reply
}
