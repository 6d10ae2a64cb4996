//! Where everything goes: the machine's own places, or those of one user.

use std::path::{Path, PathBuf};

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) kind: Kind,
    pub(super) executable: PathBuf,
    /// Service and socket.
    pub(super) units: PathBuf,
    pub(super) configuration: PathBuf,
    pub(super) state: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Machine,
    User,
}

impl Place {
    pub(super) fn of_machine() -> Place {
        Place {
            kind: Kind::Machine,
            executable: "/usr/local/bin/llm-link".into(),
            units: "/etc/systemd/system".into(),
            configuration: "/etc/llm-link/llm-link.toml".into(),
            state: "/var/lib/llm-link".into(),
        }
    }

    /// By the XDG base directories, as the program looks for them.
    pub(super) fn of_user(env: &dyn Fn(&str) -> Option<String>) -> Option<Place> {
        let absolute = |name: &str| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = absolute("HOME")?;
        let config = absolute("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
        let state = absolute("XDG_STATE_HOME").unwrap_or_else(|| home.join(".local/state"));
        Some(Place {
            kind: Kind::User,
            executable: home.join(".local/bin/llm-link"),
            units: config.join("systemd/user"),
            configuration: config.join("llm-link/llm-link.toml"),
            state: state.join("llm-link"),
        })
    }

    /// The service manager of this place runs.
    pub(super) fn manager_runs(&self) -> bool {
        // sd_booted(3)
        Path::new("/run/systemd/system").is_dir()
    }

    /// A `systemctl` command of this place, for people.
    pub(super) fn command(&self, words: &str) -> String {
        match self.kind {
            Kind::Machine => format!("systemctl {words}"),
            Kind::User => format!("systemctl --user {words}"),
        }
    }

    /// What an uninstallation leaves.
    pub(super) fn left(&self) -> Vec<String> {
        let configuration = self.configuration.parent().unwrap_or(&self.configuration);
        let mut left = vec![
            format!("{} (configuration and keys)", configuration.display()),
            format!("{} (everything stored)", self.state.display()),
        ];
        if self.kind == Kind::Machine {
            left.push("the account llm-link".to_owned());
        }
        left
    }
}
