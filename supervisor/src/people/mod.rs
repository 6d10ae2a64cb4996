//! People and their rights: who asks, whether they may, and everything an operator can ask about users, sessions
//! and themselves. Owns authentication and the permission check; never executes what is not about people.

mod actor;

pub(crate) use actor::Actor;

use crate::control::{Force, Via};
use crate::store::ConfigStore;
use crate::vault::Vault;
use protocol::control::people::Person;
use protocol::control::{
    Access, Ask, Caller, ControlReply, ControlRequest, Permission, Refusal, RefusalKind,
};

/// See the module.
#[expect(dead_code, reason = "users and sessions are kept in the store")]
pub(crate) struct People {
    store: ConfigStore,
    vault: Vault,
    force: Force,
}

impl People {
    pub(crate) fn new(store: ConfigStore, vault: Vault, force: Force) -> People {
        People { store, vault, force }
    }

    /// Who asks, if they may ask this.
    pub(crate) async fn caller(&self, ask: &Ask, via: Via) -> Result<Actor, Refusal> {
        match (&ask.caller, via) {
            (Caller::Local { uid }, Via::Socket) => Ok(Actor::local(*uid)),
            (Caller::Local { .. }, Via::Router) => {
                Err(Refusal::new(RefusalKind::Forbidden, "only the command line speaks for the machine"))
            }
            (Caller::Anonymous { origin }, _) if ask.request.access() == Access::Open => {
                Ok(Actor::anonymous(origin))
            }
            (Caller::Anonymous { .. } | Caller::Token { .. }, _) => {
                Err(Refusal::new(RefusalKind::Unauthenticated, "log in first"))
            }
        }
    }

    /// Answers what is about people.
    pub(crate) async fn answer(&self, actor: &Actor, request: ControlRequest) -> ControlReply {
        match request {
            ControlRequest::Whoami => ControlReply::Person(Box::new(Person {
                name: actor.name.clone(),
                permissions: Permission::ALL.to_vec(),
                session: None,
            })),
            _other => ControlReply::refused(RefusalKind::Unavailable, "this system keeps no users yet"),
        }
    }
}
