//! The configuration file of a test: providers, apps, aliases and server lines, written as TOML.

use anyhow::Result;
use std::path::Path;
use toml::{Table, Value};

/// A file in the making.
#[derive(Clone, Debug, Default)]
pub struct Config {
    server: Table,
    log: Table,
    providers: Vec<Provider>,
    apps: Vec<Table>,
    aliases: Vec<Table>,
    /// Any others.
    sections: Table,
}

impl Config {
    pub fn new() -> Self {
        Self::default()
    }

    /// A line of `[server]`.
    pub fn server(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.server.insert(name.to_owned(), value.into());
        self
    }

    /// `[log] level`.
    pub fn log_level(mut self, level: &str) -> Self {
        self.log.insert("level".to_owned(), level.into());
        self
    }

    pub fn provider(mut self, provider: Provider) -> Self {
        self.providers.retain(|p| p.name != provider.name);
        self.providers.push(provider);
        self
    }

    pub fn without_provider(mut self, name: &str) -> Self {
        self.providers.retain(|p| p.name != name);
        self
    }

    /// How many providers it has.
    pub fn provider_count(&self) -> usize {
        self.providers.len()
    }

    /// An app whose key stands in that file.
    pub fn app(mut self, name: &str, key: &Path) -> Self {
        let mut reference = Table::new();
        reference.insert("file".to_owned(), key.to_string_lossy().into_owned().into());
        let mut app = Table::new();
        app.insert("name".to_owned(), name.into());
        app.insert("keys".to_owned(), Value::Array(vec![reference.into()]));
        self.apps.push(app);
        self
    }

    /// An app without a key.
    pub fn keyless_app(mut self, name: &str) -> Self {
        let mut app = Table::new();
        app.insert("name".to_owned(), name.into());
        self.apps.push(app);
        self
    }

    /// Another section of the file, with these lines.
    pub fn section(mut self, name: &str, lines: &str) -> Result<Self> {
        self.sections.insert(name.to_owned(), Value::Table(toml::from_str(lines)?));
        Ok(self)
    }

    /// The app of callers without a key, with these lines.
    pub fn default_app(self, lines: &str) -> Result<Self> {
        self.app_with("default", lines)
    }

    /// An app with these lines.
    pub fn app_with(mut self, name: &str, lines: &str) -> Result<Self> {
        let mut app: Table = toml::from_str(lines)?;
        app.insert("name".to_owned(), name.into());
        self.apps.push(app);
        Ok(self)
    }

    /// A public name for candidates `provider/model`.
    pub fn alias(mut self, name: &str, candidates: &[&str]) -> Self {
        let mut alias = Table::new();
        alias.insert("name".to_owned(), name.into());
        alias.insert("candidates".to_owned(), strings(candidates));
        self.aliases.push(alias);
        self
    }

    /// The file's text.
    pub fn text(&self) -> Result<String> {
        let mut file = Table::new();
        let list = |tables: Vec<Table>| Value::Array(tables.into_iter().map(Value::Table).collect());
        file.insert("server".to_owned(), Value::Table(self.server.clone()));
        file.insert("log".to_owned(), Value::Table(self.log.clone()));
        file.insert("providers".to_owned(), list(self.providers.iter().map(Provider::table).collect()));
        if !self.apps.is_empty() {
            file.insert("apps".to_owned(), list(self.apps.clone()));
        }
        if !self.aliases.is_empty() {
            file.insert("aliases".to_owned(), list(self.aliases.clone()));
        }
        file.extend(self.sections.clone());
        Ok(toml::to_string(&file)?)
    }
}

/// One `[[providers]]`.
#[derive(Clone, Debug)]
pub struct Provider {
    name: String,
    lines: Table,
    timeouts: Table,
}

impl Provider {
    /// The offline provider.
    pub fn demo(name: &str) -> Self {
        Self::bare(name, "demo")
    }

    /// A provider of that preset.
    pub fn bare(name: &str, preset: &str) -> Self {
        Self { name: name.to_owned(), lines: Table::new(), timeouts: Table::new() }.set("preset", preset)
    }

    /// An OpenAI-dialect provider at that base URL; `key` is the file of its key.
    pub fn openai(name: &str, base_url: &str, key: &Path) -> Self {
        let mut reference = Table::new();
        reference.insert("file".to_owned(), key.to_string_lossy().into_owned().into());
        Self { name: name.to_owned(), lines: Table::new(), timeouts: Table::new() }
            .set("dialect", "openai-chat")
            .set("base_url", base_url)
            .set("key", reference)
            .set("proxy", "direct")
            .models(&["m1"])
    }

    pub fn models(self, models: &[&str]) -> Self {
        self.set("models", strings(models))
    }

    pub fn fallback(self, providers: &[&str]) -> Self {
        self.set("fallback", strings(providers))
    }

    pub fn priority(self, priority: i64) -> Self {
        self.set("priority", priority)
    }

    /// One of `connect`, `first_token`, `idle`, `total`, `total_stream`, as in `"2s"`.
    pub fn timeout(mut self, which: &str, value: &str) -> Self {
        self.timeouts.insert(which.to_owned(), value.into());
        self
    }

    /// Any other line.
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.lines.insert(name.to_owned(), value.into());
        self
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.insert("name".to_owned(), self.name.clone().into());
        table.extend(self.lines.clone());
        if !self.timeouts.is_empty() {
            table.insert("timeouts".to_owned(), Value::Table(self.timeouts.clone()));
        }
        table
    }
}

fn strings(all: &[&str]) -> Value {
    Value::Array(all.iter().map(|s| Value::from(*s)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_reads_back() -> Result<()> {
        let provider = Provider::openai("a", "http://127.0.0.1:1/v1", Path::new("/k")).fallback(&["b"]);
        let config = Config::new()
            .server("listen", "127.0.0.1:0")
            .provider(provider.timeout("idle", "2s"))
            .provider(Provider::demo("b"))
            .alias("fast", &["a/m1"]);
        let back: Table = toml::from_str(&config.text()?)?;
        assert_eq!(back["providers"][0]["timeouts"]["idle"].as_str(), Some("2s"));
        assert_eq!(back["providers"][1]["preset"].as_str(), Some("demo"));
        assert_eq!(back["aliases"][0]["candidates"][0].as_str(), Some("a/m1"));
        assert_eq!(back["server"]["listen"].as_str(), Some("127.0.0.1:0"));
        Ok(())
    }
}
