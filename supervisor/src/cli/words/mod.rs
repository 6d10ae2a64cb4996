//! The vocabulary of a running instance as commands: one file for each noun, each turning its flags into a
//! [`Deed`]. `llm-link ctl` says the same words.

mod alias;
mod app;
mod config;
mod model;
mod people;
mod process;
mod provider;
mod record;
mod secret;

use super::Format;
use super::arguments::ConfigFlag;
use super::deed::Deed;
use super::patch::Patch;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Everything that is asked of a running instance.
#[derive(Subcommand)]
pub(super) enum Word {
    #[command(flatten)]
    Process(process::Task),
    /// Upstream accounts: each is served by a process of its own.
    Providers(Noun<provider::Task>),
    /// Clients, their keys, limits and routes.
    Apps(Noun<app::Task>),
    /// What can be called: models of providers, and their prices.
    Models(Noun<model::Task>),
    /// Public names and the models behind them.
    Aliases(Noun<alias::Task>),
    /// People who may log in to the console and the admin API.
    Users(Noun<people::Task>),
    /// Logins of a user.
    Sessions(Verbs<people::SessionTask>),
    #[command(flatten)]
    Record(record::Task),
    #[command(flatten)]
    Config(config::Task),
}

/// A noun, its verbs, and which instance is meant. Without a verb it is listed.
#[derive(Args)]
pub(super) struct Noun<T: Subcommand> {
    #[command(subcommand)]
    task: Option<T>,
    #[command(flatten)]
    at: Instance,
}

/// A noun whose verbs all need to know more.
#[derive(Args)]
pub(super) struct Verbs<T: Subcommand> {
    #[command(subcommand)]
    task: T,
    #[command(flatten)]
    at: Instance,
}

/// A verb that needs no noun.
#[derive(Args)]
pub(super) struct Plain<T: Args> {
    #[command(flatten)]
    flags: T,
    #[command(flatten)]
    at: Instance,
}

/// Nothing more to say.
#[derive(Args)]
pub(super) struct Nothing {}

/// Which running instance, and how its answer is wanted.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = "Which instance, and how it is shown")]
pub(super) struct Instance {
    #[command(flatten)]
    pub(super) config: ConfigFlag,
    /// Where the instance keeps its state.
    #[arg(long, value_name = "DIRECTORY", global = true)]
    pub(super) state_dir: Option<PathBuf>,
    /// For programs: the answer as JSON.
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// A deed and where it is to be done.
pub(super) type Spoken = (Deed, Instance);

impl Word {
    pub(super) fn spoken(self, now_ms: i64) -> Result<Spoken, String> {
        Ok(match self {
            Word::Process(task) => task.spoken(),
            Word::Providers(noun) => (noun.task.unwrap_or_default().deed(), noun.at),
            Word::Apps(noun) => (noun.task.unwrap_or_default().deed(now_ms), noun.at),
            Word::Models(noun) => (noun.task.unwrap_or_default().deed(now_ms), noun.at),
            Word::Aliases(noun) => (noun.task.unwrap_or_default().deed()?, noun.at),
            Word::Users(noun) => (noun.task.unwrap_or_default().deed(), noun.at),
            Word::Sessions(noun) => (noun.task.deed(), noun.at),
            Word::Record(task) => task.spoken(now_ms)?,
            Word::Config(task) => task.spoken(),
        })
    }
}

impl Instance {
    pub(super) fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}

/// Any field by its path, for what has no flag of its own.
#[derive(Args, Default)]
pub(super) struct FieldFlags {
    /// Set any field, in JSON or as text: --set limits.max_concurrent=64. Can be repeated.
    #[arg(long, value_name = "FIELD=VALUE", value_parser = super::patch::assignment)]
    set: Vec<super::patch::Assignment>,
    /// Take a field away, so that the default counts. Can be repeated.
    #[arg(long, value_name = "FIELD")]
    unset: Vec<String>,
}

impl FieldFlags {
    fn into(self, patch: &mut Patch) {
        patch.extend(self.set, &self.unset);
    }
}
