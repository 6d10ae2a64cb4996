//! Where the configuration, the state and the sockets are when nobody says so.
//!
//! Follows the XDG base directories for people and systemd.exec(5) (`$STATE_DIRECTORY`, ...) for the service,
//! whose account is not root either.

use super::host::Account;
use super::secret::Secrets;
use std::path::{Path, PathBuf};

const NAME: &str = "llm-link";

/// The directory for state, if one can be named.
pub(super) fn state(secrets: &dyn Secrets, account: Account) -> Option<PathBuf> {
    if let Some(given) = service_directory(secrets, "STATE_DIRECTORY") {
        return Some(given);
    }
    match account {
        Account::Root => Some(PathBuf::from("/var/lib").join(NAME)),
        Account::User => absolute(secrets, "XDG_STATE_HOME")
            .or_else(|| absolute(secrets, "HOME").map(|home| home.join(".local/state")))
            .map(|base| base.join(NAME)),
    }
}

/// The directory for sockets, when the state directory was not chosen by hand.
pub(super) fn runtime(secrets: &dyn Secrets, account: Account) -> Option<PathBuf> {
    if let Some(given) = service_directory(secrets, "RUNTIME_DIRECTORY") {
        return Some(given);
    }
    match account {
        Account::Root => Some(PathBuf::from("/run").join(NAME)),
        Account::User => absolute(secrets, "XDG_RUNTIME_DIR").map(|base| base.join(NAME)),
    }
}

/// Sockets below a state directory that was chosen by hand: two instances never share them.
pub(super) fn runtime_below(state: &Path) -> PathBuf {
    state.join("run")
}

/// Configuration files to look for, in order, when none was named.
pub(super) fn configurations(secrets: &dyn Secrets, account: Account) -> Vec<PathBuf> {
    const FILE: &str = "llm-link.toml";
    let mut candidates = Vec::new();
    candidates.extend(service_directory(secrets, "CONFIGURATION_DIRECTORY").map(|dir| dir.join(FILE)));
    match account {
        Account::Root => candidates.push(PathBuf::from("/etc").join(NAME).join(FILE)),
        Account::User => {
            let base = absolute(secrets, "XDG_CONFIG_HOME")
                .or_else(|| absolute(secrets, "HOME").map(|home| home.join(".config")));
            candidates.extend(base.map(|base| base.join(NAME).join(FILE)));
        }
    }
    candidates
}

/// The first of the colon-separated directories that systemd made for the service.
fn service_directory(secrets: &dyn Secrets, variable: &str) -> Option<PathBuf> {
    let value = secrets.env(variable)?;
    let first = PathBuf::from(value.split(':').next()?);
    first.is_absolute().then_some(first)
}

/// A variable that holds an absolute path; XDG says that others are to be ignored.
fn absolute(secrets: &dyn Secrets, variable: &str) -> Option<PathBuf> {
    secrets.env(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::testing::Pretend;

    fn paths(pretend: &Pretend, account: Account) -> [Option<String>; 3] {
        let text = |path: Option<PathBuf>| path.map(|p| p.display().to_string());
        let configuration = configurations(pretend, account).into_iter().next();
        [text(state(pretend, account)), text(runtime(pretend, account)), text(configuration)]
    }

    #[test]
    fn root_and_people_and_the_service_have_their_own() {
        let some = |text: &str| Some(text.to_owned());
        let nothing = Pretend::default();
        assert_eq!(
            paths(&nothing, Account::Root),
            [some("/var/lib/llm-link"), some("/run/llm-link"), some("/etc/llm-link/llm-link.toml")]
        );
        assert_eq!(paths(&nothing, Account::User), [None, None, None]);

        let home = Pretend::default().with_env("HOME", "/home/ada").with_env("XDG_STATE_HOME", "relative");
        assert_eq!(
            paths(&home, Account::User),
            [some("/home/ada/.local/state/llm-link"), None, some("/home/ada/.config/llm-link/llm-link.toml")]
        );

        let xdg = home
            .with_env("XDG_STATE_HOME", "/s")
            .with_env("XDG_RUNTIME_DIR", "/r")
            .with_env("XDG_CONFIG_HOME", "/c");
        assert_eq!(
            paths(&xdg, Account::User),
            [some("/s/llm-link"), some("/r/llm-link"), some("/c/llm-link/llm-link.toml")]
        );

        let service = xdg
            .with_env("STATE_DIRECTORY", "/var/lib/llm-link:/var/lib/other")
            .with_env("RUNTIME_DIRECTORY", "/run/llm-link")
            .with_env("CONFIGURATION_DIRECTORY", "/etc/llm-link");
        assert_eq!(
            paths(&service, Account::User),
            [some("/var/lib/llm-link"), some("/run/llm-link"), some("/etc/llm-link/llm-link.toml")]
        );
    }
}
