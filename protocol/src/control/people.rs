//! People who may log in, and what a login gives them.

use super::SecretText;
use super::access::Permission;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A user's name; compared without regard to case.
pub type UserText = String;

/// What an operator says about a user, the password excepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserSpec {
    pub name: UserText,
    pub permissions: Vec<Permission>,
    #[serde(default = "yes")]
    pub enabled: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserView {
    pub spec: UserSpec,
    pub version: i64,
    pub failed_logins: i64,
    pub locked_until_ms: Option<i64>,
    pub last_login_ms: Option<i64>,
    pub created_ms: i64,
}

/// Who is logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Person {
    pub name: UserText,
    pub permissions: Vec<Permission>,
    /// Absent for the command line.
    pub session: Option<String>,
}

/// Tokens of a session. The access token is a JWT for minutes, the refresh token is opaque, for days, and good once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Grant {
    pub person: Person,
    pub access: SecretText,
    pub access_expires_ms: i64,
    pub refresh: SecretText,
    pub refresh_expires_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionView {
    pub id: String,
    pub user: UserText,
    pub agent: String,
    pub address: String,
    pub created_ms: i64,
    pub seen_ms: i64,
    pub expires_ms: i64,
    /// The one that asks.
    pub current: bool,
}

/// Whether somebody has to be made who can log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetupState {
    /// True until the first user is made.
    pub needed: bool,
}

/// Where the first user is made. The token is in the fragment or query of the address, and good once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetupLink {
    pub url: SecretText,
    pub expires_ms: i64,
}

fn yes() -> bool {
    true
}
