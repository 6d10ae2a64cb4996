//! `users` and `sessions`: people who may log in.

use super::secret::PasswordFlags;
use crate::cli::deed::{Deed, Edited};
use crate::cli::patch::Patch;
use clap::{Args, Subcommand, ValueEnum};
use protocol::control::{ControlRequest, Permission};

#[derive(Default, Subcommand)]
pub(in crate::cli) enum Task {
    /// The users, one a line.
    #[default]
    List,
    /// Add a user. The password is asked for.
    Add {
        name: String,
        #[command(flatten)]
        fields: Fields,
        #[command(flatten)]
        password: PasswordFlags,
    },
    /// Change what a user may do, or lock the user out.
    Edit {
        name: String,
        #[arg(long, value_name = "true|false")]
        enabled: Option<bool>,
        #[command(flatten)]
        fields: Fields,
    },
    /// Remove a user; its sessions end.
    Remove { name: String },
    /// Give a user another password; its sessions end.
    Password {
        name: String,
        #[command(flatten)]
        password: PasswordFlags,
    },
}

#[derive(Subcommand)]
pub(in crate::cli) enum SessionTask {
    /// A user's sessions, one a line.
    List { user: String },
    /// End a session by its id.
    Revoke { session: String },
}

#[derive(Args)]
pub(in crate::cli) struct Fields {
    /// What the user may do; can be repeated.
    #[arg(long = "may", value_name = "PERMISSION", value_delimiter = ',', value_enum)]
    may: Vec<May>,
}

/// A permission as it is typed.
#[derive(Clone, Copy, ValueEnum)]
enum May {
    ViewProviders,
    EditProviders,
    ViewMetrics,
    SystemConfig,
    All,
}

impl May {
    fn permissions(self) -> &'static [Permission] {
        match self {
            May::ViewProviders => &[Permission::ViewProviders],
            May::EditProviders => &[Permission::EditProviders],
            May::ViewMetrics => &[Permission::ViewMetrics],
            May::SystemConfig => &[Permission::SystemConfig],
            May::All => &Permission::ALL,
        }
    }
}

impl Fields {
    fn patch(self) -> Patch {
        let mut patch = Patch::default();
        if !self.may.is_empty() {
            let mut named: Vec<Permission> =
                self.may.iter().flat_map(|may| may.permissions().iter().copied()).collect();
            named.sort_unstable();
            named.dedup();
            let names: Vec<String> = named.iter().map(|permission| format!("{permission:?}")).collect();
            patch.set(&["permissions"], names);
        }
        patch
    }
}

impl Task {
    pub(super) fn deed(self) -> Deed {
        let request = match self {
            Task::List => ControlRequest::Users,
            Task::Add { name, fields, password } => {
                return Deed::AddUser { name, fields: fields.patch(), password: password.from() };
            }
            Task::Edit { name, enabled, fields } => {
                let mut fields = fields.patch();
                fields.set_some(&["enabled"], enabled);
                return Deed::Edit { what: Edited::User(name), fields };
            }
            Task::Remove { name } => ControlRequest::DeleteUser { user: name, version: None },
            Task::Password { name, password } => {
                return Deed::SetPassword { user: name, password: password.from() };
            }
        };
        Deed::Ask(Box::new(request))
    }
}

impl SessionTask {
    pub(super) fn deed(self) -> Deed {
        let request = match self {
            SessionTask::List { user } => ControlRequest::Sessions { user },
            SessionTask::Revoke { session } => ControlRequest::RevokeSession { session },
        };
        Deed::Ask(Box::new(request))
    }
}
