//! Whoever asks for something, as far as executing and recording it needs to know.

use crate::store::edit::ActorKind;
use crate::store::words::UserId;
use crate::store::{Stamp, UnixMs};
use protocol::control::Permission;
use protocol::control::ask::Origin;
use protocol::control::people::Person;

/// See the module. Made by [`super::People::caller`] alone.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    pub(crate) kind: ActorKind,
    /// The user's name, `uid N` for the command line, empty for nobody.
    pub(crate) name: String,
    /// Where the question came from.
    pub(crate) origin: Origin,
    pub(crate) permissions: Vec<Permission>,
    /// Of a user who is logged in.
    pub(super) login: Option<Login>,
}

/// Who exactly is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: UserId,
    pub(super) session: String,
}

impl Actor {
    /// The command line, which may do everything.
    pub(super) fn local(uid: u32) -> Actor {
        Actor {
            kind: ActorKind::CommandLine,
            name: format!("uid {uid}"),
            origin: Origin { address: "local".to_owned(), ..Origin::default() },
            permissions: Permission::ALL.to_vec(),
            login: None,
        }
    }

    /// Somebody who has not logged in.
    pub(super) fn anonymous(origin: Origin) -> Actor {
        Actor {
            kind: ActorKind::Anonymous,
            name: String::new(),
            origin,
            permissions: Vec::new(),
            login: None,
        }
    }

    /// The program itself.
    pub(crate) fn system() -> Actor {
        Actor {
            kind: ActorKind::System,
            name: "llm-link".to_owned(),
            origin: Origin::default(),
            permissions: Permission::ALL.to_vec(),
            login: None,
        }
    }

    /// A configuration file.
    pub(crate) fn file(origin: &str) -> Actor {
        Actor { kind: ActorKind::File, name: origin.to_owned(), ..Actor::system() }
    }

    /// What is written beside a change it makes.
    pub(crate) fn stamp(&self, at: UnixMs) -> Stamp {
        let Origin { address, request_id, .. } = &self.origin;
        let origin = match (address.as_str(), request_id.as_str()) {
            (address, "") => address.to_owned(),
            (address, id) => format!("{address} {id}"),
        };
        Stamp { at, actor_kind: self.kind, actor: self.name.clone(), origin }
    }

    /// Whether it may do everything to everybody.
    pub(super) fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    pub(super) fn person(&self) -> Person {
        Person {
            name: self.name.clone(),
            permissions: self.permissions.clone(),
            session: self.login.as_ref().map(|login| login.session.clone()),
        }
    }
}
