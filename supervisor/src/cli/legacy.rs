//! The flags of llm-link 0.7 and earlier: one provider, described on the command line.
//!
//! They become the same [`Raw`] that a file becomes, so that the same rules check them. Differences that are
//! deliberate: addresses are loopback unless `--host` says otherwise, every API is served on every port, and
//! `--auth-key` guards all of them.

use super::Report;
use super::apps;
use crate::settings::raw::{
    KeySource, Raw, RawAlias, RawApp, RawBase, RawKey, RawModel, RawProvider, RawServer, RawStep,
};
use crate::settings::{Findings, Mistakes, Origin, Overrides, Place, Secret, Secrets, Typed, did_you_mean};
use clap::Args;
use protocol::preset::{self, KeyNeed, Preset};

const PROTOCOLS: [&str; 3] = ["openai", "ollama", "anthropic"];
const PROTOCOLS_PORT: u16 = 11434;
const PLAIN_PORT: u16 = 8080;
const EXAMPLE: &str = "llm-link --app codex-cli --provider zhipu --api-key KEY";

/// As spelled by llm-link 0.1 to 0.7.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = "One provider without a configuration file, as in llm-link 0.7")]
pub(super) struct Flags {
    /// Listen where this client expects it: codex-cli, zed, aider, openhands, claude-code, agent-zero.
    #[arg(short, long)]
    app: Option<String>,
    /// Listen on port 11434 for openai, ollama, anthropic (a comma-separated list).
    #[arg(long)]
    protocols: Option<String>,
    /// A preset; see `llm-link presets`.
    #[arg(long)]
    provider: Option<String>,
    /// The model for calls that name none, or one that nobody knows.
    #[arg(long)]
    model: Option<String>,
    /// The provider's key. Others can see it in `ps`: better use the provider's environment variable.
    #[arg(long, value_name = "KEY")]
    api_key: Option<String>,
    /// The key that clients must present.
    #[arg(long, value_name = "KEY")]
    auth_key: Option<String>,
    /// The provider's address.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// The address to listen on [default: 127.0.0.1].
    #[arg(long)]
    host: Option<String>,
    /// The port to listen on [default: the app's, 11434 with --protocols, else 8080].
    #[arg(short, long)]
    port: Option<u16>,
    /// List the apps.
    #[arg(long)]
    list_apps: bool,
    /// Show how to set up an app.
    #[arg(long, value_name = "APP")]
    app_info: Option<String>,
    /// List the known models, of --provider if it is given.
    #[arg(long)]
    list_models: bool,
    /// The provider's key, as llm-link up to 0.5 called it. `--api-key` is then the clients' key.
    #[arg(long, value_name = "KEY", hide = true)]
    llm_api_key: Option<String>,
    /// Has no effect: there is only one mode.
    #[arg(long, hide = true)]
    mode: Option<String>,
    /// One more port to listen on.
    #[arg(long, value_name = "PORT", hide = true)]
    admin_port: Option<u16>,
}

/// Whose key is whose, after the two meanings that `--api-key` had.
#[derive(Default)]
struct GivenKeys<'f> {
    provider: Option<(&'static str, &'f str)>,
    clients: Option<(&'static str, &'f str)>,
}

impl Flags {
    /// What to print instead of serving.
    pub(super) fn report(&self) -> Option<Report> {
        if self.list_apps {
            return Some(Report::ListApps);
        }
        if let Some(name) = &self.app_info {
            return Some(Report::AppInfo(name.clone()));
        }
        self.list_models.then(|| Report::ListModels { provider: self.provider.clone() })
    }

    /// There is more here than where to listen.
    pub(super) fn describe_a_provider(&self) -> bool {
        let said = [&self.app, &self.protocols, &self.provider, &self.model];
        let keys = [&self.api_key, &self.auth_key, &self.llm_api_key, &self.base_url];
        said.into_iter().chain(keys).any(Option::is_some)
    }

    /// `--host` and `--port` in front of a configuration file, as they always were.
    pub(super) fn listen(&self, overrides: &mut Overrides) {
        if self.host.is_some() || self.port.is_some() || self.admin_port.is_some() {
            let typed = self.addresses(PLAIN_PORT).into_iter().map(|typed| typed.value);
            overrides.listen.extend(typed);
        }
    }

    /// A file and these flags would be two answers to one question.
    pub(super) fn refuse_config(&self, named: bool) -> Result<(), Mistakes> {
        if !named {
            return Ok(());
        }
        let what = "a configuration file and flags that describe a provider cannot be used together";
        Err(Mistakes::whole("--config", what, "llm-link --config /etc/llm-link/llm-link.toml"))
    }

    /// The configuration that these flags describe.
    pub(super) fn origin(&self, secrets: &dyn Secrets) -> Result<Origin, Mistakes> {
        let mut findings = Findings::default();
        let keys = self.keys(&mut findings);
        let (port, client) = self.port_and_client(&mut findings);
        if self.protocols_hold("openai") && keys.clients.is_none() {
            let what = "the protocol `openai` needs `--auth-key`";
            findings.mistake(&Place::Named("--protocols"), what, "--protocols openai --auth-key KEY");
        }
        let mut raw = Raw { server: self.server(port, &keys), ..Raw::default() };
        if let Some(given) = keys.clients {
            raw.apps.extend(app(client, given, &mut findings));
        }
        if let Some(preset) = self.preset(&mut findings) {
            raw.providers.push(self.raw_provider(preset, &keys, secrets, &mut findings));
            if let Some(model) = self.default_model(preset, &mut findings) {
                raw.aliases = aliases(preset, model);
            }
        }
        self.note(&keys, &mut findings);
        let warnings = findings.into_warnings("command line", "")?;
        Ok(Origin::Flags { raw: Box::new(raw), warnings })
    }

    /// Since 0.5.1 `--api-key` is the provider's; next to `--llm-api-key` it can only be the clients'.
    fn keys(&self, findings: &mut Findings) -> GivenKeys<'_> {
        let api = given("--api-key", &self.api_key);
        let auth = given("--auth-key", &self.auth_key);
        let Some(llm) = given("--llm-api-key", &self.llm_api_key) else {
            return GivenKeys { provider: api, clients: auth };
        };
        if api.is_some() {
            findings.warn("`--api-key` next to `--llm-api-key` is taken for the key of the clients, as up to llm-link 0.5; say `--auth-key`");
        }
        GivenKeys { provider: Some(llm), clients: auth.or(api) }
    }

    fn port_and_client(&self, findings: &mut Findings) -> (u16, &'static str) {
        let app = self.app.as_deref().and_then(|name| {
            let found = apps::find(name);
            if found.is_none() {
                let name = name.escape_debug().to_string();
                let what = format!("there is no app `{name}`{}", did_you_mean(&name, apps::names()));
                findings.mistake(&Place::Named("--app"), what, "--app codex-cli");
            }
            found
        });
        let Some(protocols) = &self.protocols else {
            return app.map_or((PLAIN_PORT, "clients"), |app| (app.port, app.id));
        };
        for protocol in words(protocols).filter(|word| !PROTOCOLS.contains(&word.as_str())) {
            let protocol = protocol.escape_debug().to_string();
            let what = format!("there is no protocol `{protocol}`{}", did_you_mean(&protocol, PROTOCOLS));
            findings.mistake(
                &Place::Named("--protocols"),
                what,
                "--protocols openai,ollama,anthropic --auth-key KEY",
            );
        }
        (PROTOCOLS_PORT, app.map_or("clients", |app| app.id))
    }

    fn protocols_hold(&self, protocol: &str) -> bool {
        self.protocols.as_deref().is_some_and(|list| words(list).any(|word| word == protocol))
    }

    fn server(&self, port: u16, keys: &GivenKeys<'_>) -> RawServer {
        // Whoever names an address has been told what it means; a key for clients closes it.
        let open = self.host.is_some() && keys.clients.is_none();
        RawServer {
            listen: Some(self.addresses(port)),
            open: Some(Typed::named(open, "--host")),
            ..RawServer::default()
        }
    }

    fn addresses(&self, port: u16) -> Vec<Typed<String>> {
        let host = self.host.as_deref().unwrap_or("127.0.0.1").trim();
        let host =
            if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
        let place = if self.host.is_some() { "--host" } else { "--port" };
        let main = Typed::named(format!("{host}:{}", self.port.unwrap_or(port)), place);
        let admin = self.admin_port.map(|port| Typed::named(format!("{host}:{port}"), "--admin-port"));
        std::iter::once(main).chain(admin).collect()
    }

    fn preset(&self, findings: &mut Findings) -> Option<&'static Preset> {
        let Some(name) = &self.provider else {
            findings.mistake(&Place::Named("--provider"), "no provider is given", EXAMPLE);
            return None;
        };
        let found = preset::find(name);
        if found.is_none() {
            let name = name.escape_debug().to_string();
            let what = format!("there is no provider `{name}`{}", did_you_mean(&name, preset::names()));
            findings.mistake(&Place::Named("--provider"), what, EXAMPLE);
        }
        found
    }

    fn raw_provider(
        &self,
        preset: &Preset,
        keys: &GivenKeys<'_>,
        secrets: &dyn Secrets,
        findings: &mut Findings,
    ) -> RawProvider {
        let named = |value: &str| Some(Typed::named(value.to_owned(), "--provider"));
        let in_environment =
            preset.env.iter().any(|name| secrets.env(name).is_some_and(|v| !v.trim().is_empty()));
        if preset.key == KeyNeed::Required && keys.provider.is_none() && !in_environment {
            let variable = preset.canonical_env().unwrap_or_default();
            let what = format!(
                "provider `{}` needs a key: neither `--api-key` nor `{variable}` gives one",
                preset.id
            );
            findings.mistake(
                &Place::Named("--provider"),
                what,
                format!("{variable}=KEY llm-link --provider {}", preset.id),
            );
        }
        // A key for what takes none, such as the demo, was always accepted.
        let key = keys.provider.filter(|_| preset.key != KeyNeed::None);
        RawProvider {
            name: named(&preset.id),
            preset: named(&preset.id),
            key: key.and_then(|given| secret(given, findings)),
            base_url: self.base_url.clone().map(|url| RawBase::One(Typed::named(url, "--base-url"))),
            models: Some(models(preset, self.model.as_deref())),
            ..RawProvider::at(Place::Named("--provider"))
        }
    }

    fn default_model<'m>(&'m self, preset: &'m Preset, findings: &mut Findings) -> Option<&'m str> {
        let own = || preset.default_model.as_deref().or(preset.models.first().map(|model| model.id.as_str()));
        let model = self.model.as_deref().filter(|model| !model.is_empty()).or_else(own);
        if model.is_none() {
            let what = format!("no model is given, and none of provider `{}` is known", preset.id);
            findings.mistake(&Place::Named("--model"), what, "--model MODEL");
        }
        model
    }

    fn note(&self, keys: &GivenKeys<'_>, findings: &mut Findings) {
        for (flag, _) in [keys.provider, keys.clients].into_iter().flatten() {
            findings.warn(format!(
                "the key given by `{flag}` can be seen by everyone on this machine (in `ps`); a configuration file names a file or variable instead"
            ));
        }
        if self.mode.is_some() {
            findings.warn("`--mode` has no effect: clients and administration are always served");
        }
        if self.protocols.is_some() {
            findings.warn("`--protocols` only chooses the port: all protocols are served");
        }
        if keys.clients.is_some() && self.protocols_hold("ollama") {
            findings.warn("the clients' key now guards every API, the one of Ollama too");
        }
    }
}

/// A flag's key; an empty one is as good as none.
fn given<'f>(name: &'static str, flag: &'f Option<String>) -> Option<(&'static str, &'f str)> {
    flag.as_deref().filter(|key| !key.is_empty()).map(|key| (name, key))
}

fn words(list: &str) -> impl Iterator<Item = String> {
    list.split(',').map(|word| word.trim().to_ascii_lowercase()).filter(|word| !word.is_empty())
}

fn secret((flag, key): (&'static str, &str), findings: &mut Findings) -> Option<RawKey> {
    match Secret::new(key.as_bytes().to_vec()) {
        Ok(secret) => Some(RawKey { place: Place::Named(flag), source: KeySource::Given(secret) }),
        Err(error) => {
            findings.mistake(&Place::Named(flag), format!("this key {error}"), format!("{flag} KEY"));
            None
        }
    }
}

fn app(client: &str, given: (&'static str, &str), findings: &mut Findings) -> Option<RawApp> {
    let key = secret(given, findings)?;
    let name = Typed::named(client.to_owned(), "--app");
    Some(RawApp::with_key(Place::Named("--app"), name, key))
}

/// The default model first, then what else the preset knows.
fn models(preset: &Preset, default: Option<&str>) -> Vec<RawModel> {
    let default = default.filter(|model| !model.is_empty()).or(preset.default_model.as_deref());
    let others = preset.models.iter().map(|model| model.id.as_str()).filter(|id| Some(*id) != default);
    let ids = default.into_iter().chain(others);
    ids.map(|id| RawModel::named(Typed::named(id.to_owned(), "--model"))).collect()
}

/// Any name that nobody knows, `default` and no name at all lead to the default model, so that clients which
/// insist on the names of their own vendor work.
fn aliases(preset: &Preset, model: &str) -> Vec<RawAlias> {
    let alias = |name: &str| RawAlias {
        place: Place::Named("--model"),
        name: Some(Typed::named(name.to_owned(), "--model")),
        enabled: None,
        note: None,
        rule: None,
        candidates: vec![RawStep::text(Typed::named(format!("{}/{model}", preset.id), "--model"))],
    };
    ["*", "default", ""].map(alias).into()
}
