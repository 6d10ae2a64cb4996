//! From a place to look at, to a configuration that can be used: find, read, override, resolve.

use super::directories;
use super::host::Account;
use super::mistake::{Findings, Mistakes};
use super::place::{Place, Typed};
use super::raw::{Raw, RawProvider, RawServer};
use super::resolve::{self, Context};
use super::resolved::{Directories, Settings};
use super::secret::Secrets;
use super::stored::Stored;
use std::path::{Path, PathBuf};

/// Where a configuration comes from.
#[derive(Clone)]
pub(crate) enum Origin {
    File(PathBuf),
    /// Nobody configured anything: the demo provider.
    Embedded,
    /// The flags of llm-link 0.7.
    Flags {
        raw: Box<Raw>,
        warnings: Vec<String>,
    },
}

/// What the command line puts in place of the file's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overrides {
    pub(crate) listen: Vec<String>,
    pub(crate) state_dir: Option<String>,
    pub(crate) log_level: Option<String>,
}

/// A configuration, and the files to watch for the next one. The files are known even when it has mistakes,
/// so that mending any of them is noticed.
pub(crate) struct Loaded {
    pub(crate) outcome: Result<(Base, Settings), Mistakes>,
    /// Providers that the file names and does not have: right only if they are stored.
    pub(crate) missing: Option<Mistakes>,
    pub(crate) watch: Vec<PathBuf>,
}

/// The file's side of a configuration, with what the command line puts in its place: read, not yet resolved.
#[derive(Clone)]
pub(crate) struct Base {
    pub(super) origin: Origin,
    pub(super) text: String,
    pub(super) raw: Raw,
    /// Providers where nobody has configured any.
    pub(super) fallback: Vec<RawProvider>,
}

const EMBEDDED: &str = include_str!("default.toml");

impl Origin {
    /// The file that was named, else `$LLM_LINK_CONFIG`, else the first that exists of the usual places, else
    /// the embedded default. A named file that is missing is a mistake later, never a fall-back.
    pub(crate) fn find(named: Option<PathBuf>, secrets: &dyn Secrets, account: Account) -> Origin {
        let variable = || secrets.env("LLM_LINK_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
        if let Some(path) = named.or_else(variable) {
            return Origin::File(path);
        }
        let missing = |path: &PathBuf| {
            secrets.file(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
        };
        let usual = directories::configurations(secrets, account);
        usual.into_iter().find(|path| !missing(path)).map_or(Origin::Embedded, Origin::File)
    }

    /// How messages call it.
    pub(crate) fn name(&self) -> String {
        match self {
            Origin::File(path) => path.display().to_string(),
            Origin::Embedded => "built-in configuration".to_owned(),
            Origin::Flags { .. } => "command line".to_owned(),
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Origin::File(path) => Some(path),
            Origin::Embedded | Origin::Flags { .. } => None,
        }
    }
}

/// Reads and resolves a configuration.
pub(crate) fn load(
    origin: &Origin,
    overrides: &Overrides,
    secrets: &dyn Secrets,
    account: Account,
) -> Loaded {
    let mut findings = Findings::default();
    let watch = || origin.path().map(Path::to_path_buf).into_iter().collect();
    let (text, raw) = match read(origin, &mut findings, secrets) {
        Ok(read) => read,
        Err(mistakes) => return Loaded { outcome: Err(mistakes), missing: None, watch: watch() },
    };
    let raw = overridden(raw, overrides, secrets, &mut findings);
    let base = Base::of(origin.clone(), text, raw);
    let context = Context { secrets, account, base: base.folder(), unusable: &[] };
    let resolution = resolve::resolve(base.merged(&Stored::default(), secrets), context, &mut findings);
    let watch = base.watch(resolution.key_files);
    let mut settings = resolution.settings;
    let missing = findings.take_missing(&origin.name(), &base.text);
    let outcome = findings.into_warnings(&origin.name(), &base.text).map(|warnings| {
        settings.warnings = warnings;
        (base, settings)
    });
    Loaded { outcome, missing, watch }
}

impl Base {
    /// Who configures nothing gets something that answers at once; it goes as soon as anything is configured.
    fn of(origin: Origin, text: String, mut raw: Raw) -> Base {
        let fallback = match origin {
            Origin::Embedded => std::mem::take(&mut raw.providers),
            Origin::File(_) | Origin::Flags { .. } => {
                Raw::read("built-in configuration", EMBEDDED, &mut Findings::default())
                    .map(|embedded| embedded.providers)
                    .unwrap_or_default()
            }
        };
        Base { origin, text, raw, fallback }
    }

    /// Where relative paths start.
    pub(super) fn folder(&self) -> Option<&Path> {
        base(&self.origin)
    }

    /// The files this side is made from, with those its keys came from.
    pub(super) fn watch(&self, key_files: Vec<PathBuf>) -> Vec<PathBuf> {
        self.origin.path().map(Path::to_path_buf).into_iter().chain(key_files).collect()
    }
}

/// Only where a configuration keeps its things; needs no key. For talking to a running instance.
pub(crate) fn find_directories(
    origin: &Origin,
    overrides: &Overrides,
    secrets: &dyn Secrets,
    account: Account,
) -> Result<Directories, Mistakes> {
    let mut findings = Findings::default();
    // Whoever names the directory need not have a readable configuration.
    let (text, raw) = match overrides.state_dir {
        Some(_) => (String::new(), Raw::default()),
        None => read(origin, &mut findings, secrets)?,
    };
    let raw = overridden(raw, overrides, secrets, &mut Findings::default());
    let context = Context { secrets, account, base: base(origin), unusable: &[] };
    let found = resolve::directories(&raw.server, context, &mut findings);
    findings.into_warnings(&origin.name(), &text).map(|_| found)
}

/// The text (for positions) and what it says.
fn read(origin: &Origin, findings: &mut Findings, secrets: &dyn Secrets) -> Result<(String, Raw), Mistakes> {
    let text = match origin {
        Origin::Embedded => EMBEDDED.to_owned(),
        Origin::File(path) => read_file(path, &origin.name(), secrets)?,
        Origin::Flags { raw, warnings } => {
            warnings.iter().for_each(|warning| findings.warn(warning));
            return Ok((String::new(), raw.as_ref().clone()));
        }
    };
    let raw = Raw::read(&origin.name(), &text, findings)?;
    Ok((text, raw))
}

fn read_file(path: &Path, name: &str, secrets: &dyn Secrets) -> Result<String, Mistakes> {
    const EXAMPLE: &str = "llm-link check --config /etc/llm-link/llm-link.toml";
    let yaml = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
    if yaml {
        let what = "this is a YAML file of an early llm-link; the configuration is TOML now";
        return Err(Mistakes::whole(name, what, EXAMPLE));
    }
    let bytes = secrets.file(path).map_err(|error| {
        Mistakes::whole(name, format!("the configuration cannot be read: {error}"), EXAMPLE)
    })?;
    String::from_utf8(bytes)
        .map_err(|_| Mistakes::whole(name, "the configuration is not UTF-8 text", EXAMPLE))
}

fn base(origin: &Origin) -> Option<&Path> {
    origin.path().and_then(Path::parent)
}

/// Flags win over the file. `RUST_LOG` wins over both, as in every earlier llm-link, if it can be used.
fn overridden(mut raw: Raw, overrides: &Overrides, secrets: &dyn Secrets, findings: &mut Findings) -> Raw {
    if !overrides.listen.is_empty() {
        let typed = |text: &String| Typed::named(text.clone(), "--listen");
        raw.server.listen = Some(overrides.listen.iter().map(typed).collect());
    }
    if let Some(dir) = &overrides.state_dir {
        let state_dir = Some(Typed::named(dir.clone(), "--state-dir"));
        raw.server = RawServer { state_dir, runtime_dir: None, ..raw.server };
    }
    if let Some(level) = &overrides.log_level {
        raw.log.level = Some(Typed::named(level.clone(), "--log-level"));
    }
    if let Some(filter) = secrets.env("RUST_LOG").filter(|filter| !filter.is_empty()) {
        match resolve::check_filter(&filter) {
            Ok(()) => raw.log.level = Some(Typed::new(filter, Place::Named("RUST_LOG"))),
            Err(what) => findings.warn(format!("RUST_LOG is ignored: {what}")),
        }
    }
    raw
}
