//! What the tests share: a store in a temporary directory and usual values.

use crate::store::calls::{CallId, CallRow, CallTimings, Cost};
use crate::store::edit::ActorKind;
use crate::store::models::{ModelSource, ModelSpec};
use crate::store::provider_keys::{KeyReference, ProviderKeySpec};
use crate::store::{ConfigStore, Stamp, StateDir, UnixMs, UsageStore};
use protocol::control::app::{AppLimits, AppSpec};
use protocol::control::model::{AliasCandidate, AliasSpec};
use protocol::control::provider::{ProviderLimits, ProviderSpec, ProviderTimeouts};
use protocol::dialect::{Dialect, Operation};
use protocol::ipc::configure::ModelFacts;
use protocol::model::{Usage, UsageSource};
use std::collections::BTreeMap;

/// 2026-01-01T00:00:00Z
pub(super) const NOW: UnixMs = UnixMs(1_767_225_600_000);

pub(super) fn dir() -> (tempfile::TempDir, StateDir) {
    let temp = tempfile::tempdir().unwrap();
    let dir = StateDir::prepare(&temp.path().join("state")).unwrap();
    (temp, dir)
}

pub(super) async fn config() -> (tempfile::TempDir, ConfigStore) {
    let (temp, dir) = dir();
    let (store, _opened) = ConfigStore::open(&dir, NOW).await.unwrap();
    (temp, store)
}

pub(super) async fn usage() -> (tempfile::TempDir, UsageStore) {
    let (temp, dir) = dir();
    let (store, _opened) = UsageStore::open(&dir, NOW).await.unwrap();
    (temp, store)
}

pub(super) fn stamp() -> Stamp {
    stamp_at(NOW)
}

pub(super) fn stamp_at(at: UnixMs) -> Stamp {
    Stamp { at, actor_kind: ActorKind::User, actor: "ada".to_owned(), origin: "127.0.0.1".to_owned() }
}

pub(super) fn provider(name: &str) -> ProviderSpec {
    ProviderSpec {
        name: name.to_owned(),
        preset: "openai-compatible".to_owned(),
        dialect: Some(Dialect::OpenAiChat),
        base_url: Some("https://api.example.com/v1".to_owned()),
        endpoints: BTreeMap::new(),
        enabled: true,
        priority: 0,
        fallback: Vec::new(),
        limits: ProviderLimits { max_concurrent: Some(64), ..ProviderLimits::default() },
        timeouts: ProviderTimeouts::default(),
        sandbox: None,
        proxy: None,
        proxy_login: None,
        secret_headers: BTreeMap::new(),
        headers: BTreeMap::new(),
        quirks: BTreeMap::new(),
    }
}

/// A key found in the environment: needs no vault.
pub(super) fn env_key(label: &str) -> ProviderKeySpec {
    ProviderKeySpec {
        label: label.to_owned(),
        tail: String::new(),
        reference: Some(KeyReference::Env("A_KEY".to_owned())),
        enabled: true,
    }
}

pub(super) fn model(name: &str) -> ModelSpec {
    ModelSpec {
        name: name.to_owned(),
        model_version: None,
        source: ModelSource::Manual,
        enabled: true,
        facts: ModelFacts { context: Some(128_000), ..ModelFacts::default() },
        deprecated: false,
        sunset: None,
        alternatives: Vec::new(),
    }
}

pub(super) fn alias(name: &str, providers: &[&str]) -> AliasSpec {
    let candidate =
        |name: &&str| AliasCandidate { provider: (*name).to_owned(), model: "m1".to_owned(), weight: 1 };
    AliasSpec {
        name: name.to_owned(),
        enabled: true,
        note: String::new(),
        candidates: providers.iter().map(candidate).collect(),
    }
}

pub(super) fn app(name: &str) -> AppSpec {
    AppSpec {
        name: name.to_owned(),
        enabled: true,
        strict: false,
        note: String::new(),
        limits: AppLimits::default(),
        models: Vec::new(),
    }
}

/// The n-th call of a test: one a second, ids in order.
pub(super) fn call(n: u64) -> CallRow {
    let at = NOW.plus_ms(i64::try_from(n).unwrap() * 1000);
    let id =
        CallId(uuid::Uuid::from_u128((u128::from(at.0.unsigned_abs()) << 80) | (7 << 76) | u128::from(n)));
    CallRow {
        id,
        at,
        app: "web".to_owned(),
        provider: Some("a".to_owned()),
        model: "fast".to_owned(),
        upstream_model: Some("m1".to_owned()),
        dialect: Dialect::Anthropic,
        operation: Operation::Chat,
        status: 200,
        failure: None,
        attempts: 1,
        stream: true,
        request_bytes: 321,
        usage: Usage { input_fresh: Some(100), output: Some(20), ..Usage::default() },
        usage_source: Some(UsageSource::Reported),
        cost: Some(Cost { nano: 5_000, currency: "USD".to_owned() }),
        timings: CallTimings {
            first_token_us: Some(200_000),
            upstream_us: Some(900_000),
            total_us: 900_150,
            ..CallTimings::default()
        },
        trace: None,
    }
}
