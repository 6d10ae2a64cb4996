//! Who may ask what. Checked by the supervisor on every question; the admin API's documentation is made from it.

use super::ControlRequest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Permission {
    ViewProviders,
    EditProviders,
    ViewMetrics,
    /// Users, settings, configuration as a whole, master key, upgrade.
    SystemConfig,
}

/// What a request asks of its caller. The command line may do everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Nobody need be logged in.
    Open,
    /// Anybody who is logged in.
    Person,
    Needs(Permission),
}

impl Permission {
    pub const ALL: [Permission; 4] =
        [Self::ViewProviders, Self::EditProviders, Self::ViewMetrics, Self::SystemConfig];
}

impl ControlRequest {
    /// What this request asks of its caller.
    pub fn access(&self) -> Access {
        use ControlRequest as R;
        match self {
            R::SetupState | R::Setup { .. } | R::Login { .. } | R::Refresh { .. } => Access::Open,
            // One's own password and sessions; others' are checked where they are executed.
            R::Logout | R::Whoami | R::SetPassword { .. } | R::Sessions { .. } | R::RevokeSession { .. } => {
                Access::Person
            }
            R::Status | R::Why { .. } | R::Presets | R::Providers | R::Provider { .. } => {
                Access::Needs(Permission::ViewProviders)
            }
            R::Models { .. } | R::Aliases | R::Apps | R::App { .. } | R::DryRun { .. } => {
                Access::Needs(Permission::ViewProviders)
            }
            R::Events { .. } => Access::Needs(Permission::ViewProviders),
            R::Restart { .. } | R::Drain { .. } | R::Resume { .. } | R::Enable { .. } => {
                Access::Needs(Permission::EditProviders)
            }
            R::CreateProvider { .. } | R::UpdateProvider { .. } | R::DeleteProvider { .. } => {
                Access::Needs(Permission::EditProviders)
            }
            R::TestProvider { .. } | R::DiscoverModels { .. } => Access::Needs(Permission::EditProviders),
            R::AddProviderKey { .. } | R::UpdateProviderKey { .. } | R::DeleteProviderKey { .. } => {
                Access::Needs(Permission::EditProviders)
            }
            R::SaveModel { .. } | R::DeleteModel { .. } | R::AddPrice { .. } | R::DeletePrice { .. } => {
                Access::Needs(Permission::EditProviders)
            }
            R::SaveAlias { .. } | R::DeleteAlias { .. } => Access::Needs(Permission::EditProviders),
            R::CreateApp { .. } | R::UpdateApp { .. } | R::DeleteApp { .. } | R::SetRoute { .. } => {
                Access::Needs(Permission::EditProviders)
            }
            R::CreateAppKey { .. } | R::RotateAppKey { .. } | R::RevokeAppKey { .. } => {
                Access::Needs(Permission::EditProviders)
            }
            R::Calls { .. } | R::Call { .. } | R::Meter { .. } | R::Logs { .. } => {
                Access::Needs(Permission::ViewMetrics)
            }
            R::Reload | R::Upgrade | R::Shutdown => Access::Needs(Permission::SystemConfig),
            R::SetupLink | R::Users | R::CreateUser { .. } | R::UpdateUser { .. } | R::DeleteUser { .. } => {
                Access::Needs(Permission::SystemConfig)
            }
            R::Audit { .. } | R::Config | R::Export | R::Apply { .. } | R::SetSetting { .. } => {
                Access::Needs(Permission::SystemConfig)
            }
            R::RotateMasterKey => Access::Needs(Permission::SystemConfig),
        }
    }
}
