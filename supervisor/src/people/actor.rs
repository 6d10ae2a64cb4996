//! Whoever asks for something, as far as executing and recording it needs to know.

use crate::store::edit::ActorKind;
use crate::store::{Stamp, UnixMs};
use protocol::control::Permission;
use protocol::control::ask::Origin;

/// See the module. Made by [`super::People::caller`] alone.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    pub(crate) kind: ActorKind,
    /// The user's name, `uid N` for the command line, empty for nobody.
    pub(crate) name: String,
    /// Where the question came from: address and request id.
    pub(crate) origin: String,
    #[expect(dead_code, reason = "only the command line asks, and it may do everything")]
    pub(crate) permissions: Vec<Permission>,
}

impl Actor {
    /// The command line, which may do everything.
    pub(super) fn local(uid: u32) -> Actor {
        Actor {
            kind: ActorKind::CommandLine,
            name: format!("uid {uid}"),
            origin: String::new(),
            permissions: Permission::ALL.to_vec(),
        }
    }

    /// Somebody who has not logged in.
    pub(super) fn anonymous(origin: &Origin) -> Actor {
        Actor {
            kind: ActorKind::Anonymous,
            name: String::new(),
            origin: origin.address.clone(),
            permissions: Vec::new(),
        }
    }

    /// The program itself.
    pub(crate) fn system() -> Actor {
        Actor {
            kind: ActorKind::System,
            name: "llm-link".to_owned(),
            origin: String::new(),
            permissions: Permission::ALL.to_vec(),
        }
    }

    /// What is written beside a change it makes.
    pub(crate) fn stamp(&self, at: UnixMs) -> Stamp {
        Stamp { at, actor_kind: self.kind, actor: self.name.clone(), origin: self.origin.clone() }
    }
}
