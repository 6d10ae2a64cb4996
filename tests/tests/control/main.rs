//! The store in force: what operators change over the control socket, and what becomes of it.

mod apps;
mod callers;
mod crash;
mod edits;
mod full;
mod keys;
mod load;

use anyhow::Result;
use protocol::control::ControlRequest;
use protocol::control::SecretText;
use protocol::control::provider::{KeyValue, ProviderSpec, ProxyRule};
use protocol::dialect::Dialect;
use std::time::Duration;
use tests::config::Config;
use tests::control::Control;
use tests::stack::{Place, Stack};
use tests::wait;

/// A system whose file names no provider.
async fn bare() -> Result<(Stack, Control)> {
    let stack = Stack::launch(Place::new()?, Config::new(), &[]).await?;
    let ready = async || (stack.client().get("/ready").await.ok()?.status == 200).then_some(());
    wait::until("readiness", Duration::from_secs(30), ready).await?;
    let control = Control::of(&stack.place().state());
    Ok((stack, control))
}

/// A provider in OpenAI's dialect at that address.
fn spec(name: &str, url: &str) -> ProviderSpec {
    ProviderSpec {
        name: name.to_owned(),
        preset: "openai-compatible".to_owned(),
        dialect: Some(Dialect::OpenAiChat),
        base_url: Some(url.to_owned()),
        endpoints: Default::default(),
        enabled: true,
        priority: 0,
        fallback: Vec::new(),
        limits: Default::default(),
        timeouts: Default::default(),
        sandbox: None,
        proxy_login: None,
        secret_headers: Default::default(),
        proxy: Some(ProxyRule::Direct),
        headers: Default::default(),
        quirks: Default::default(),
    }
}

fn create(name: &str, url: &str, key: &str) -> ControlRequest {
    ControlRequest::CreateProvider { spec: Box::new(spec(name, url)), key: Some(text(key)) }
}

fn text(key: &str) -> KeyValue {
    KeyValue::Text(SecretText::new(key.to_owned()))
}
