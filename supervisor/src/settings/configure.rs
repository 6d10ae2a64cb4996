//! A configuration as its children are told it: the messages of [`protocol::ipc::configure`].
//!
//! Owns the translation only; what the fleet alone knows (lanes, states, reasons) is a parameter.

use super::resolved::{Enabled, Provider, Settings};
use super::secret::{Secret, hex};
use protocol::ipc::configure as ipc;
use protocol::ipc::configure::{Lane, RouterConfig, RouterRuntime, Upstream, WorkerConfig, WorkerState};
use protocol::ipc::credentials::Credentials;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// How a provider's worker is doing, as the fleet knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) lane: Option<Lane>,
    pub(crate) state: WorkerState,
    /// For people.
    pub(crate) reason: String,
}

impl Settings {
    /// What the router is told in this epoch. Listeners stand in the order of `server.listeners`.
    pub(crate) fn router_config(&self, epoch: u64, standing: impl Fn(&Provider) -> Standing) -> RouterConfig {
        let listener = |(index, listener): (usize, &super::resolved::Listener)| ipc::Listener {
            index: u32::try_from(index).unwrap_or(u32::MAX),
            address: listener.address.to_string(),
            open: listener.open,
            app: listener.app.clone(),
            admin: listener.admin,
        };
        RouterConfig {
            epoch,
            listeners: self.server.listeners.iter().enumerate().map(listener).collect(),
            apps: self.apps.clone(),
            providers: self.providers.iter().map(|p| p.router_entry(standing(p))).collect(),
            aliases: self.aliases.clone(),
            limits: self.server.limits,
            utc_offset_min: self.server.utc_offset_min,
            runtime: match self.server.runtime {
                super::resolved::Runtime::Multi => RouterRuntime::Multi,
                super::resolved::Runtime::PerCore => RouterRuntime::PerCore,
            },
            threads: self.server.threads.map_or(0, u32::from),
        }
    }
}

impl Provider {
    /// What its worker is told.
    pub(crate) fn worker_config(&self, generation: u64, token: &[u8]) -> WorkerConfig {
        WorkerConfig {
            provider: self.name.clone(),
            generation,
            token: token.to_vec(),
            upstream: self.upstream.clone(),
            limits: self.limits,
            sandbox: self.sandbox,
            timeouts: self.timeouts,
        }
    }

    /// A value that differs exactly when a running worker must be replaced: its key, endpoints, auth, headers,
    /// proxy, quirks, sandbox, limits or timeouts changed. Models, priority, fallbacks, queue and whether it
    /// is enabled are not part of it. SHA-256 in hex; nothing can be read out of it.
    pub(crate) fn fingerprint(&self) -> String {
        let mut config = self.worker_config(0, &[]);
        if let Upstream::Http(http) = &mut config.upstream {
            http.models.clear();
        }
        let mut digest = Sha256::new();
        // A type of strings, numbers and string maps always has a JSON form.
        digest.update(serde_json::to_vec(&config).unwrap_or_default());
        digest.update([0]);
        digest.update(self.key.as_ref().map(|key| key.hash()).unwrap_or_default());
        digest.update(self.proxy_login.as_ref().map(|login| login.hash()).unwrap_or_default());
        for (name, value) in &self.secret_headers {
            digest.update(name.as_bytes());
            digest.update(value.hash());
        }
        hex(&digest.finalize())
    }

    /// Everything secret that its worker is given; nothing if there is nothing.
    pub(crate) fn credentials(&self) -> Option<Zeroizing<Vec<u8>>> {
        let key = self.key.as_ref().map(Secret::expose);
        let login = self.proxy_login.as_ref().map(Secret::expose);
        let headers: Vec<_> =
            self.secret_headers.iter().map(|(name, value)| (name.as_bytes(), value.expose())).collect();
        let all = Credentials {
            key: key.as_ref().map(|key| key.as_slice()),
            proxy_login: login.as_ref().map(|login| login.as_slice()),
            headers: headers.iter().map(|(name, value)| (*name, value.as_slice())).collect(),
        };
        (!all.is_empty()).then(|| all.to_bytes())
    }

    fn router_entry(&self, standing: Standing) -> ipc::Provider {
        let standing = match self.enabled {
            Enabled::Yes => standing,
            Enabled::No => Standing {
                lane: None,
                state: WorkerState::Stopped,
                reason: "disabled in the configuration".to_owned(),
            },
        };
        ipc::Provider {
            name: self.name.clone(),
            preset: self.preset.clone(),
            priority: self.priority,
            models: self.models.clone(),
            fallback: self.fallback.clone(),
            dialects: self.dialects(),
            lane: standing.lane,
            state: standing.state,
            reason: standing.reason,
            max_concurrent: self.limits.max_streams,
            max_queue: self.max_queue,
            max_wait_ms: self.max_wait_ms,
            rates: self.rates,
        }
    }

    fn dialects(&self) -> Vec<protocol::dialect::Dialect> {
        match &self.upstream {
            Upstream::Demo => vec![protocol::dialect::Dialect::OpenAiChat],
            Upstream::Http(http) => http.endpoints.iter().map(|endpoint| endpoint.dialect).collect(),
        }
    }
}
