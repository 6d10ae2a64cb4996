//! Who asks, and whether they may: the one place where a question is let through or not. A token is only the name
//! of a session; user, permissions and whether the session is still on are looked up each time, so that taking
//! any of them away works at once.

use super::People;
use super::actor::{Actor, Login};
use super::refusals::refused;
use crate::control::{Via, now};
use crate::store::edit::ActorKind;
use protocol::control::ask::Origin;
use protocol::control::{Access, Ask, Caller, ControlRequest, Permission, Refusal, RefusalKind, SecretText};

impl People {
    /// Who asks, if they may ask this.
    pub(crate) async fn caller(&self, ask: &Ask, via: Via) -> Result<Actor, Refusal> {
        let actor = match (&ask.caller, via) {
            (Caller::Local { uid }, Via::Socket) => return Ok(Actor::local(*uid)),
            // What the router shows of its own: its figures and the live page, whose viewers were let in one by one.
            (Caller::Router, Via::Router) if is_the_routers_own(&ask.request) => return Ok(Actor::system()),
            (Caller::Router, _) => {
                return Err(Refusal::new(
                    RefusalKind::Forbidden,
                    "the router asks for itself only how the processes are and what happened to them",
                ));
            }
            (Caller::Local { .. }, Via::Router) => {
                return Err(Refusal::new(
                    RefusalKind::Forbidden,
                    "only the command line speaks for the machine",
                ));
            }
            (Caller::Anonymous { origin }, _) => Actor::anonymous(origin.clone()),
            (Caller::Token { token, origin }, _) => self.bearer(token, origin).await?,
        };
        match ask.request.access() {
            Access::Open => Ok(actor),
            Access::Person | Access::Needs(_) if actor.login.is_none() => Err(log_in_first()),
            Access::Person => Ok(actor),
            Access::Needs(permission) if actor.may(permission) => Ok(actor),
            Access::Needs(permission) => {
                tracing::info!(
                    user = actor.name,
                    address = actor.origin.address,
                    "refused: no {permission:?}"
                );
                Err(forbidden(permission))
            }
        }
    }

    /// The user whose session a token names.
    async fn bearer(&self, token: &SecretText, origin: &Origin) -> Result<Actor, Refusal> {
        let at = now();
        let session = self.signer.session(token, at);
        let session = session.map_err(|bad| Refusal::new(RefusalKind::Unauthenticated, bad.to_string()))?;
        let found = self.store.read(move |view| match view.live_session(&session, at)? {
            Some(session) => Ok(Some((view.user(session.user_id)?, session.id))),
            None => Ok(None),
        });
        let Some((user, session)) = found.await.map_err(refused)? else {
            return Err(Refusal::new(RefusalKind::Unauthenticated, "this session is over; log in again"));
        };
        Ok(Actor {
            kind: ActorKind::User,
            permissions: user.spec.permissions.iter().map(|p| super::users::shown(*p)).collect(),
            login: Some(Login { user: user.id, session }),
            name: user.spec.name,
            origin: origin.clone(),
        })
    }
}

fn log_in_first() -> Refusal {
    Refusal::new(RefusalKind::Unauthenticated, "log in first")
}

pub(super) fn forbidden(permission: Permission) -> Refusal {
    Refusal::new(RefusalKind::Forbidden, format!("this needs the permission {permission:?}"))
}

/// How the processes are and what happened to them: nothing that a router could not tell by itself, and no change.
fn is_the_routers_own(request: &ControlRequest) -> bool {
    matches!(request, ControlRequest::Status | ControlRequest::Events { .. })
}
