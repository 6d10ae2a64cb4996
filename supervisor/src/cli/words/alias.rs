//! `aliases`: public names and the models behind them.

use super::FieldFlags;
use super::app::step;
use crate::cli::deed::{Deed, Edited};
use crate::cli::patch::Patch;
use clap::{Args, Subcommand};
use protocol::control::ControlRequest;

#[derive(Default, Subcommand)]
pub(in crate::cli) enum Task {
    /// The aliases, one a line.
    #[default]
    List,
    /// Add an alias or change it.
    Set(SetFlags),
    /// Remove an alias.
    Remove { name: String },
}

#[derive(Args)]
pub(in crate::cli) struct SetFlags {
    /// What clients ask for; `*` catches every name that nothing else knows.
    name: String,
    /// PROVIDER/MODEL, or with a weight PROVIDER/MODEL=3. In order; can be repeated.
    #[arg(long, value_name = "PROVIDER/MODEL", value_delimiter = ',')]
    to: Vec<String>,
    /// For people.
    #[arg(long)]
    note: Option<String>,
    #[arg(long, value_name = "true|false")]
    enabled: Option<bool>,
    #[command(flatten)]
    others: FieldFlags,
}

impl Task {
    pub(super) fn deed(self) -> Result<Deed, String> {
        let request = match self {
            Task::List => ControlRequest::Aliases,
            Task::Remove { name } => ControlRequest::DeleteAlias { alias: name, version: None },
            Task::Set(flags) => return flags.deed(),
        };
        Ok(Deed::Ask(Box::new(request)))
    }
}

impl SetFlags {
    fn deed(self) -> Result<Deed, String> {
        let mut patch = Patch::default();
        if let Some(bare) = self.to.iter().find(|text| !text.contains('/')) {
            return Err(format!("--to: `{bare}` is not of the form PROVIDER/MODEL"));
        }
        let steps: Vec<_> = self.to.iter().map(|text| step(text)).collect();
        patch.set_some(&["candidates"], (!steps.is_empty()).then_some(steps));
        patch.set_some(&["note"], self.note);
        patch.set_some(&["enabled"], self.enabled);
        self.others.into(&mut patch);
        Ok(Deed::Edit { what: Edited::Alias(self.name), fields: patch })
    }
}
