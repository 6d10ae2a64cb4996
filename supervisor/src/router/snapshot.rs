//! One configuration, worked out for the calls: routes, gates, callers, bounds. Immutable; a call keeps the
//! one it began with for its names and looks at the newest for who is fit.

use super::front::{Callers, CallersError, Gate, model_list};
use super::routing::Table;
use bytes::Bytes;
use protocol::ipc::configure::{RouterConfig, RouterLimits};
use std::collections::HashMap;
use std::sync::Arc;

/// See the module.
pub(crate) struct Snapshot {
    pub(crate) table: Table,
    pub(crate) callers: Callers,
    pub(crate) limits: RouterLimits,
    /// The answer to a request for all models.
    pub(crate) models: Bytes,
    gates: HashMap<String, Arc<Gate>>,
    /// Listeners that serve callers without a key.
    open: Vec<u32>,
}

impl Snapshot {
    /// Works out `config`. Gates of providers that `before` knew go on with their calls. `started` is the
    /// process's start in seconds since 1970, shown as the age of every model.
    ///
    /// # Errors
    /// When a key hash is none; nothing of the configuration is used then.
    pub(crate) fn new(
        config: &RouterConfig,
        before: Option<&Snapshot>,
        started: u64,
    ) -> Result<Self, CallersError> {
        let callers = Callers::new(&config.apps)?;
        let table = Table::new(config);
        let gates = table
            .providers()
            .iter()
            .map(|p| {
                let gate = match before.and_then(|b| b.gates.get(&p.name)) {
                    Some(gate) => {
                        gate.resize(p.max_concurrent, p.max_queue);
                        Arc::clone(gate)
                    }
                    None => Gate::new(p.max_concurrent, p.max_queue),
                };
                (p.name.clone(), gate)
            })
            .collect();
        Ok(Self {
            models: model_list(&table, started),
            table,
            callers,
            limits: config.limits,
            gates,
            open: config.listeners.iter().filter(|l| l.open).map(|l| l.index).collect(),
        })
    }

    /// The gate of a provider, while it is configured.
    pub(crate) fn gate(&self, provider: &str) -> Option<&Arc<Gate>> {
        self.gates.get(provider)
    }

    /// Whether a listener serves callers without a key.
    pub(crate) fn is_open(&self, listener: u32) -> bool {
        self.open.contains(&listener)
    }
}
