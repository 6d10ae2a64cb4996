//! Where the master key of the stored secrets is kept: beside them in the state directory, unless whoever runs the
//! program keeps it elsewhere. A credential of the service manager comes before all of this.

use super::secret::Secrets;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// The key itself, or the file it is in; and the file of the one before, for the start that exchanges them.
const VALUE: &str = "LLM_LINK_MASTER_KEY";
const FILE: &str = "LLM_LINK_MASTER_KEY_FILE";
const PREVIOUS: &str = "LLM_LINK_MASTER_KEY_PREVIOUS_FILE";

/// See the module.
pub(crate) enum MasterKeyAt {
    StateDir,
    File {
        current: PathBuf,
        previous: Option<PathBuf>,
    },
    /// The text of a variable.
    Variable {
        name: &'static str,
        text: Zeroizing<String>,
    },
}

/// What the environment says; a file that is named but missing is a mistake later, never a reason to make one.
pub(crate) fn master_key(secrets: &dyn Secrets) -> MasterKeyAt {
    let set = |name: &str| secrets.env(name).filter(|value| !value.is_empty());
    let previous = set(PREVIOUS).map(PathBuf::from);
    if let Some(path) = set(FILE) {
        return MasterKeyAt::File { current: path.into(), previous };
    }
    if let Some(text) = set(VALUE) {
        return MasterKeyAt::Variable { name: VALUE, text: Zeroizing::new(text) };
    }
    MasterKeyAt::StateDir
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::testing::Pretend;

    fn found(pretend: &Pretend) -> String {
        match master_key(pretend) {
            MasterKeyAt::StateDir => "state".to_owned(),
            MasterKeyAt::File { current, previous } => format!("{} {previous:?}", current.display()),
            MasterKeyAt::Variable { name, text } => format!("{name} {}", text.as_str()),
        }
    }

    #[test]
    fn what_is_said_wins_over_what_is_found() {
        let none = Pretend::default();
        assert_eq!(found(&none), "state");
        let variable = none.with_env("LLM_LINK_MASTER_KEY", "abc");
        assert_eq!(found(&variable), "LLM_LINK_MASTER_KEY abc");
        let file = variable.with_env("LLM_LINK_MASTER_KEY_FILE", "/etc/new");
        assert_eq!(found(&file), "/etc/new None");
        let both = file.with_env("LLM_LINK_MASTER_KEY_PREVIOUS_FILE", "/etc/old");
        assert_eq!(found(&both), r#"/etc/new Some("/etc/old")"#);
    }
}
