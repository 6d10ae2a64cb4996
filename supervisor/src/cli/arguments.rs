//! The flags and subcommands, for clap, and what each of them means.

use super::deed::Deed;
use super::legacy::Flags;
use super::words::{Instance, Word};
use super::{Command, Format, Operation, Report, Source, Stop};
use crate::install::Wish;
use crate::settings::{Account, Mistakes, Origin, Overrides, Secrets};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
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
    /// Show the vendors that can be configured by one line.
    Presets(PresetFlags),
    #[command(flatten)]
    Word(Box<Word>),
    /// The same commands under one name, for scripts; and any request as JSON.
    Ctl(CtlFlags),
    /// Make a service of this executable: copy it, add units, account and configuration, start it.
    Install(InstallFlags),
    /// Undo `install`. Configuration and everything stored stay.
    Uninstall(PlaceFlags),
    /// Print completions for a shell: source <(llm-link completions bash).
    Completions { shell: Shell },
    /// Write the manual pages into a directory.
    Man { directory: PathBuf },
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

#[derive(Args)]
struct PlaceFlags {
    /// Your own service, without root.
    #[arg(long)]
    user: bool,
    /// Below this directory instead of /; nothing is started or stopped.
    #[arg(long, value_name = "DIRECTORY")]
    root: Option<PathBuf>,
}

#[derive(Args)]
struct InstallFlags {
    #[command(flatten)]
    place: PlaceFlags,
    /// Put everything in place, but do not start it.
    #[arg(long)]
    no_start: bool,
}

#[derive(Args)]
struct PresetFlags {
    /// Endpoints, key variables, models and quirks of this preset; without it all presets, one a line.
    name: Option<String>,
    /// For programs.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct CtlFlags {
    #[command(subcommand)]
    task: CtlTask,
}

#[derive(Subcommand)]
enum CtlTask {
    #[command(flatten)]
    Word(Box<Word>),
    /// Send a request of the control vocabulary as JSON and print the reply as JSON.
    Ask {
        /// Such as '{"do":"status"}'; without it, from standard input.
        request: Option<String>,
        #[command(flatten)]
        at: Instance,
    },
}

#[derive(Args, Clone, Default)]
pub(super) struct ConfigFlag {
    /// The configuration file [default: $LLM_LINK_CONFIG, /etc/llm-link/llm-link.toml for root,
    /// ~/.config/llm-link/llm-link.toml for others].
    #[arg(short, long, value_name = "FILE", global = true)]
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

impl Arguments {
    /// What these arguments ask for.
    pub(super) fn command(
        self,
        secrets: &dyn Secrets,
        account: Account,
        now_ms: i64,
    ) -> Result<Command, Stop> {
        let Some(task) = self.task else {
            return Ok(without_task(self.serve, self.legacy, secrets, account)?);
        };
        let operate = |(deed, at): (Deed, Instance)| {
            let format = at.format();
            Command::Operate(Operation { source: at.source(secrets, account), format, deed })
        };
        Ok(match task {
            Task::Serve(flags) => Command::Serve(flags.source(secrets, account)),
            Task::Check(config) => {
                let origin = Origin::find(config.config, secrets, account);
                Command::Report(Report::Check(Source { origin, overrides: Overrides::default() }))
            }
            Task::Presets(PresetFlags { name: None, json }) => {
                Command::Report(Report::ListPresets(format(json)))
            }
            Task::Presets(PresetFlags { name: Some(name), json }) => {
                Command::Report(Report::ShowPreset { name, format: format(json) })
            }
            Task::Word(word) => operate(word.spoken(now_ms).map_err(Stop::usage)?),
            Task::Ctl(CtlFlags { task: CtlTask::Word(word) }) => {
                operate(word.spoken(now_ms).map_err(Stop::usage)?)
            }
            Task::Ctl(CtlFlags { task: CtlTask::Ask { request, at } }) => {
                operate((Deed::AskJson(request), at))
            }
            Task::Install(InstallFlags { place: PlaceFlags { user, root }, no_start }) => {
                Command::Install(Wish { user, root, no_start })
            }
            Task::Uninstall(PlaceFlags { user, root }) => {
                Command::Uninstall(Wish { user, root, no_start: true })
            }
            Task::Completions { shell } => Command::Report(Report::Completions(shell)),
            Task::Man { directory } => Command::Man(directory),
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

impl Instance {
    fn source(self, secrets: &dyn Secrets, account: Account) -> Source {
        let overrides = Overrides { state_dir: self.state_dir.map(text), ..Overrides::default() };
        Source { origin: Origin::find(self.config.config, secrets, account), overrides }
    }
}

fn format(json: bool) -> Format {
    if json { Format::Json } else { Format::Text }
}

fn text(path: PathBuf) -> String {
    path.to_string_lossy().into_owned()
}
