//! The flags and subcommands, for clap, and what each of them means.

use super::legacy::Flags;
use super::{Command, Format, Report, Source, Verb};
use crate::settings::{Account, Mistakes, Origin, Overrides, Secrets};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// One local endpoint in front of every LLM provider, each provider in its own supervised process.
///
/// Without a command: serve. Without a configuration file: a demo provider on http://127.0.0.1:8080.
#[derive(Parser)]
#[command(
    name = "llm-link",
    version,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    max_term_width = 110
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    task: Option<Task>,
    #[command(flatten)]
    serve: ServeFlags,
    #[command(flatten)]
    legacy: Flags,
}

#[derive(Subcommand)]
enum Task {
    /// Serve until told to stop (SIGTERM drains first, SIGHUP reads the configuration again).
    Serve(ServeFlags),
    /// Tell every mistake in the configuration, or what it means. Exit code 78 if there are mistakes.
    Check(ConfigFlag),
    /// Show the providers that can be configured by one line.
    #[command(subcommand)]
    Providers(ProvidersTask),
    /// Show how a running instance and its providers are doing.
    Status {
        /// For programs.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        instance: InstanceFlags,
    },
    /// Replace a provider's process by a new one; calls in flight are finished.
    Restart(OneProvider),
    /// Send a provider no new calls.
    Drain(OneProvider),
    /// Send a drained provider calls again.
    Resume(OneProvider),
    #[command(hide = true)]
    Router(RouterFlags),
    #[command(hide = true)]
    Worker(WorkerFlags),
}

/// What the supervisor tells a router by its command line; nothing secret, it stands in the process list.
#[derive(Args, Debug)]
pub(crate) struct RouterFlags {
    #[arg(long)]
    pub(crate) generation: u64,
    #[arg(long)]
    pub(crate) log: String,
}

/// What the supervisor tells a worker by its command line; nothing secret either.
#[derive(Args, Debug)]
pub(crate) struct WorkerFlags {
    pub(crate) provider: String,
    #[arg(long)]
    pub(crate) generation: u64,
    #[arg(long)]
    pub(crate) log: String,
}

#[derive(Subcommand)]
enum ProvidersTask {
    /// All presets, one a line.
    List {
        /// For programs.
        #[arg(long)]
        json: bool,
    },
    /// Endpoints, key variables, models and quirks of one preset.
    Show {
        /// A preset, or another word for it.
        name: String,
        /// For programs.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
struct ConfigFlag {
    /// The configuration file [default: $LLM_LINK_CONFIG, /etc/llm-link/llm-link.toml for root,
    /// ~/.config/llm-link/llm-link.toml for others].
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Args)]
struct ServeFlags {
    #[command(flatten)]
    config: ConfigFlag,
    /// Listen here instead of where the file says. Can be repeated; port 0 takes any free port.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Vec<String>,
    /// Keep state here, and sockets below it.
    #[arg(long, value_name = "DIRECTORY")]
    state_dir: Option<PathBuf>,
    /// error, warn, info, debug, trace, off, or directives such as `info,llm_link=debug`. RUST_LOG wins.
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
}

#[derive(Args)]
struct InstanceFlags {
    #[command(flatten)]
    config: ConfigFlag,
    /// Where the instance keeps its state.
    #[arg(long, value_name = "DIRECTORY")]
    state_dir: Option<PathBuf>,
}

#[derive(Args)]
struct OneProvider {
    /// Its name in the configuration.
    provider: String,
    #[command(flatten)]
    instance: InstanceFlags,
}

impl Arguments {
    /// What these arguments ask for.
    pub(super) fn command(self, secrets: &dyn Secrets, account: Account) -> Result<Command, Mistakes> {
        let Some(task) = self.task else { return without_task(self.serve, self.legacy, secrets, account) };
        Ok(match task {
            Task::Serve(flags) => Command::Serve(flags.source(secrets, account)),
            Task::Check(config) => {
                let origin = Origin::find(config.config, secrets, account);
                Command::Report(Report::Check(Source { origin, overrides: Overrides::default() }))
            }
            Task::Providers(ProvidersTask::List { json }) => {
                Command::Report(Report::ListProviders(format(json)))
            }
            Task::Providers(ProvidersTask::Show { name, json }) => {
                Command::Report(Report::ShowProvider { name, format: format(json) })
            }
            Task::Status { json, instance } => {
                Command::Status { source: instance.source(secrets, account), format: format(json) }
            }
            Task::Restart(one) => one.control(Verb::Restart, secrets, account),
            Task::Drain(one) => one.control(Verb::Drain, secrets, account),
            Task::Resume(one) => one.control(Verb::Resume, secrets, account),
            Task::Router(flags) => Command::Router(flags),
            Task::Worker(flags) => Command::Worker(flags),
        })
    }
}

fn without_task(
    serve: ServeFlags,
    legacy: Flags,
    secrets: &dyn Secrets,
    account: Account,
) -> Result<Command, Mistakes> {
    if let Some(report) = legacy.report() {
        return Ok(Command::Report(report));
    }
    let named = serve.config.config.is_some();
    let mut source = serve.source(secrets, account);
    if legacy.describe_a_provider() {
        legacy.refuse_config(named)?;
        source.origin = legacy.origin(secrets)?;
    } else {
        legacy.listen(&mut source.overrides);
    }
    Ok(Command::Serve(source))
}

impl ServeFlags {
    fn source(self, secrets: &dyn Secrets, account: Account) -> Source {
        let overrides =
            Overrides { listen: self.listen, state_dir: self.state_dir.map(text), log_level: self.log_level };
        Source { origin: Origin::find(self.config.config, secrets, account), overrides }
    }
}

impl InstanceFlags {
    fn source(self, secrets: &dyn Secrets, account: Account) -> Source {
        let overrides = Overrides { state_dir: self.state_dir.map(text), ..Overrides::default() };
        Source { origin: Origin::find(self.config.config, secrets, account), overrides }
    }
}

impl OneProvider {
    fn control(self, verb: Verb, secrets: &dyn Secrets, account: Account) -> Command {
        Command::Control { source: self.instance.source(secrets, account), verb, provider: self.provider }
    }
}

fn format(json: bool) -> Format {
    if json { Format::Json } else { Format::Text }
}

fn text(path: PathBuf) -> String {
    path.to_string_lossy().into_owned()
}
