//! `check`: every mistake, or what the configuration means.

use super::{EXIT_CONFIGURATION, Source, out};
use crate::settings::{Account, Enabled, Listener, Loaded, Provider, Secrets, Settings, load};
use protocol::ipc::configure::{App, Upstream};
use std::io::{self, Write};
use std::process::ExitCode;

pub(super) fn check(
    source: &Source,
    to: &mut dyn Write,
    secrets: &dyn Secrets,
    account: Account,
) -> io::Result<ExitCode> {
    let Loaded { outcome, missing, .. } = load(&source.origin, &source.overrides, secrets, account);
    let code = match outcome {
        Ok((_, settings)) => {
            writeln!(to, "{}: no mistakes\n", source.origin.name())?;
            summarise(&settings, to)?;
            if let Some(missing) = missing {
                writeln!(to, "\nnot in this file, so it is right only if it is stored:\n{missing}")?;
            }
            ExitCode::SUCCESS
        }
        Err(mistakes) => {
            let plural = if mistakes.count() == 1 { "" } else { "s" };
            writeln!(to, "{mistakes}\n\n{} mistake{plural}", mistakes.count())?;
            ExitCode::from(EXIT_CONFIGURATION)
        }
    };
    to.flush()?;
    Ok(code)
}

fn summarise(settings: &Settings, to: &mut dyn Write) -> io::Result<()> {
    let mut rows = Vec::new();
    let mut row = |what: &str, is: String| rows.push(vec![what.to_owned(), is]);
    settings.server.listeners.iter().for_each(|listener| row("listen", listener_text(listener)));
    row("state", settings.server.directories.state.display().to_string());
    row("sockets", settings.server.directories.runtime.display().to_string());
    settings.providers.iter().for_each(|provider| row("provider", provider_text(provider)));
    for alias in &settings.aliases {
        let candidates: Vec<_> =
            alias.candidates.iter().map(|c| format!("{}/{}", c.provider, c.model)).collect();
        row("alias", format!("{} = {}", alias.name, candidates.join(", ")));
    }
    settings.apps.iter().for_each(|app| row("app", app_text(app)));
    settings.warnings.iter().for_each(|warning| row("warning", warning.clone()));
    out::table(&rows, to)
}

fn listener_text(listener: &Listener) -> String {
    let open = if listener.open { ", no key needed" } else { ", with an app's key" };
    format!("http://{}{open}", listener.address)
}

fn provider_text(provider: &Provider) -> String {
    let reach = match &provider.upstream {
        Upstream::Demo => "answers by itself".to_owned(),
        Upstream::Http(http) => {
            let endpoints: Vec<_> =
                http.endpoints.iter().map(|e| format!("{} {}", e.dialect, e.base_url)).collect();
            endpoints.join(", ")
        }
    };
    let key = if provider.key.is_some() { "with a key" } else { "without a key" };
    let enabled = match provider.enabled {
        Enabled::Yes => "",
        Enabled::No => ", disabled",
    };
    let models = match provider.models.len() {
        1 => "1 model".to_owned(),
        many => format!("{many} models"),
    };
    format!("{} ({}): {reach}; {models}, {key}{enabled}", provider.name, provider.preset)
}

fn app_text(app: &App) -> String {
    let strict = if app.strict { ", strict" } else { "" };
    match app.keys.len() {
        0 => format!("{}: callers without a key{strict}", app.name),
        1 => format!("{}: 1 key{strict}", app.name),
        many => format!("{}: {many} keys{strict}", app.name),
    }
}
