//! The usual cast: the executable in front of scripted upstreams, one per provider.

use crate::client::Client;
use crate::config::{Config, Provider};
use crate::stack::{Place, Stack};
use crate::upstream::Upstream;
use anyhow::{Context, Result};
use protocol::dialect::Dialect;
use std::ops::Deref;

/// A stack and the upstreams behind it. Each provider's key is `sk-NAME-secret`.
pub struct Scene {
    // Dropped first: the executable ends before its upstreams do.
    stack: Stack,
    upstreams: Vec<(String, Upstream)>,
    config: Config,
}

impl Deref for Scene {
    type Target = Stack;

    fn deref(&self) -> &Stack {
        &self.stack
    }
}

/// A scene in the making.
pub struct Cast {
    place: Place,
    config: Config,
    upstreams: Vec<(String, Upstream)>,
    environment: Vec<(String, String)>,
}

impl Cast {
    pub fn new() -> Result<Self> {
        let config = Config::new().server("drain_timeout", "5s");
        Ok(Self { place: Place::new()?, config, upstreams: Vec::new(), environment: Vec::new() })
    }

    /// The place of the scene, before it starts.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The executable is started by another command.
    pub fn started_by(mut self, starter: &[&str]) -> Self {
        self.place = self.place.started_by(starter);
        self
    }

    /// A provider with an upstream of its own, and model `m1`.
    pub async fn provider(self, name: &str) -> Result<Self> {
        self.provider_with(name, |p| p).await
    }

    /// The same, changed.
    pub async fn provider_with(self, name: &str, change: impl FnOnce(Provider) -> Provider) -> Result<Self> {
        let upstream = Upstream::start().await?;
        let url = upstream.url();
        let mut cast = self.provider_at(name, &url, change)?;
        cast.upstreams.push((name.to_owned(), upstream));
        Ok(cast)
    }

    /// A provider of that dialect and name, whose upstream plays it from the fixtures.
    pub async fn player(mut self, dialect: Dialect, models: &[&str]) -> Result<Self> {
        let upstream = Upstream::playing(dialect).await?;
        let base = match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiResponses => upstream.url(),
            Dialect::Gemini => format!("http://{}/v1beta", upstream.address()),
            Dialect::Anthropic | Dialect::Ollama => format!("http://{}", upstream.address()),
        };
        let name = dialect.name();
        self = self.provider_at(name, &base, |p| p.set("dialect", name).models(models))?;
        self.upstreams.push((name.to_owned(), upstream));
        Ok(self)
    }

    /// A provider at some other place.
    pub fn provider_at(
        mut self,
        name: &str,
        base_url: &str,
        change: impl FnOnce(Provider) -> Provider,
    ) -> Result<Self> {
        let key = self.place.key(name, &key_of(name))?;
        self.config = self.config.provider(change(Provider::openai(name, base_url, &key)));
        Ok(self)
    }

    /// Anything else of the configuration.
    pub fn configure(mut self, change: impl FnOnce(Config, &Place) -> Result<Config>) -> Result<Self> {
        self.config = change(self.config, &self.place)?;
        Ok(self)
    }

    /// A variable in the executable's otherwise clean environment.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the executable and waits until it is ready.
    pub async fn start(self) -> Result<Scene> {
        let scene = self.launch().await?;
        scene.stack.ready().await?;
        Ok(scene)
    }

    /// Starts the executable and waits for its address only.
    pub async fn launch(self) -> Result<Scene> {
        let environment: Vec<(&str, &str)> =
            self.environment.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let stack = Stack::launch(self.place, self.config.clone(), &environment).await?;
        Ok(Scene { stack, upstreams: self.upstreams, config: self.config })
    }
}

/// The key of a provider of a scene.
pub fn key_of(provider: &str) -> String {
    format!("sk-{provider}-secret")
}

impl Scene {
    /// One provider `a`.
    pub async fn one() -> Result<Self> {
        Cast::new()?.provider("a").await?.start().await
    }

    /// Provider `a`, and `b` that takes over for it.
    pub async fn two() -> Result<Self> {
        let cast = Cast::new()?.provider_with("a", |p| p.fallback(&["b"])).await?;
        cast.provider_with("b", |p| p.priority(10)).await?.start().await
    }

    pub fn upstream(&self, provider: &str) -> Result<&Upstream> {
        let mine = self.upstreams.iter().find(|(name, _)| name == provider);
        mine.map(|(_, u)| u).with_context(|| format!("the upstream of {provider}"))
    }

    /// The configuration it was started with.
    pub fn config(&self) -> Config {
        self.config.clone()
    }

    pub fn stack(&mut self) -> &mut Stack {
        &mut self.stack
    }

    pub fn client(&self) -> Client {
        self.stack.client()
    }
}
