//! The configuration as a whole: `config`, `apply`, `diff`, `export`.

use super::{Noun, Plain, Spoken};
use crate::cli::deed::Deed;
use clap::{Args, Subcommand};
use protocol::control::ControlRequest;
use serde_json::Value;
use std::path::PathBuf;

#[derive(Subcommand)]
pub(in crate::cli) enum Task {
    /// Values in force and where each comes from; single settings.
    Config(Noun<ConfigTask>),
    /// Make what is stored equal to a file (TOML as in the configuration file, or JSON). Doing it twice changes
    /// nothing the second time.
    Apply(Plain<ApplyFlags>),
    /// Say what `apply` would change. Exit code 9 if there is anything.
    Diff(Plain<DiffFlags>),
    /// Take over files of earlier versions (YAML, TOML, model-overrides.yaml, llm_link.db) or of LiteLLM, with a
    /// report of every setting. All of it in one change, or none.
    Import(Plain<ImportFlags>),
    /// Write what is stored in the form that `apply` takes. No secrets.
    Export(Plain<ExportFlags>),
}

#[derive(Default, Subcommand)]
pub(in crate::cli) enum ConfigTask {
    /// Every value in force and where it comes from.
    #[default]
    Show,
    /// Values whose path begins so.
    Get { path: String },
    /// Store a setting; the value is JSON or text.
    Set { name: String, value: String },
    /// Forget a stored setting.
    Unset { name: String },
}

#[derive(Args)]
pub(in crate::cli) struct ApplyFlags {
    /// `-` = standard input.
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Also remove what is not in the file.
    #[arg(long)]
    prune: bool,
    /// Only if the configuration is still that one.
    #[arg(long, value_name = "NUMBER")]
    epoch: Option<u64>,
    /// Change nothing, as `diff`.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args)]
pub(in crate::cli) struct DiffFlags {
    /// `-` = standard input.
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// As if what is not in the file were removed.
    #[arg(long)]
    prune: bool,
}

#[derive(Args)]
pub(in crate::cli) struct ExportFlags {
    /// Write it there instead of showing it.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Args)]
pub(in crate::cli) struct ImportFlags {
    /// Several files are taken over together.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only say what would become of every setting.
    #[arg(long)]
    dry_run: bool,
    /// Replace what is stored already under the same names.
    #[arg(long)]
    replace: bool,
    /// Write a document for `llm-link apply` there, without provider keys, instead of applying it.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Task {
    pub(super) fn spoken(self) -> Spoken {
        match self {
            Task::Config(it) => (it.task.unwrap_or_default().deed(), it.at),
            Task::Apply(it) => {
                let ApplyFlags { file, prune, epoch, dry_run } = it.flags;
                (Deed::Apply { file, prune, dry_run, epoch }, it.at)
            }
            Task::Diff(it) => {
                let DiffFlags { file, prune } = it.flags;
                (Deed::Apply { file, prune, dry_run: true, epoch: None }, it.at)
            }
            Task::Import(it) => {
                let ImportFlags { files, dry_run, replace, output } = it.flags;
                (Deed::Import { files, dry_run, replace, output }, it.at)
            }
            Task::Export(it) => (Deed::Export { to: it.flags.output }, it.at),
        }
    }
}

impl ConfigTask {
    fn deed(self) -> Deed {
        let set =
            |name, value| Deed::Ask(Box::new(ControlRequest::SetSetting { name, value, version: None }));
        match self {
            ConfigTask::Show => Deed::Config { under: None },
            ConfigTask::Get { path } => Deed::Config { under: Some(path) },
            ConfigTask::Set { name, value } => {
                set(name, serde_json::from_str(&value).unwrap_or(Value::String(value)))
            }
            ConfigTask::Unset { name } => set(name, Value::Null),
        }
    }
}
