//! One configuration, worked out for the calls: routes, gates, callers, bounds. Immutable; a call keeps the
//! one it began with for its names and looks at the newest for who is fit.

use super::front::{Caller, Callers, CallersError, Door, Gate, model_list};
use super::limits::Meters;
use super::routing::{Table, of_provider};
use bytes::Bytes;
use protocol::ipc::configure::{Listener, RouterConfig, RouterLimits};
use protocol::ipc::notice::{Beside, SavedPlaces};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// See the module.
pub(crate) struct Snapshot {
    pub(crate) table: Table,
    pub(crate) callers: Callers,
    pub(crate) limits: RouterLimits,
    /// The answer to a request for all models.
    pub(crate) models: Bytes,
    /// How much each app may do.
    pub(crate) meters: Meters,
    gates: HashMap<String, Arc<Gate>>,
    /// By listener; one that is not configured any more asks for keys.
    doors: Vec<(u32, Door)>,
    /// Callers without a key, where a listener names their app.
    hosts: Vec<(u32, Caller)>,
    /// Listeners that serve the admin API.
    admin: Vec<u32>,
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
        let host = |l: &Listener| Some((l.index, callers.named(l.app.as_deref()?)?));
        let hosts: Vec<(u32, Caller)> = config.listeners.iter().filter_map(host).collect();
        let is_there = |l: &Listener| l.app.is_none() || hosts.iter().any(|(index, _)| *index == l.index);
        // A listener whose app is gone is nobody else's.
        let door = |l: &Listener| (l.index, if is_there(l) { door(l) } else { Door::Nobody });
        let doors = config.listeners.iter().map(door).collect();
        let table = Table::new(config, before.map(|b| &b.table));
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
            meters: Meters::new(config, before.map(|b| &b.meters)),
            limits: config.limits,
            gates,
            doors,
            hosts,
            admin: config.listeners.iter().filter(|l| l.admin).map(|l| l.index).collect(),
        })
    }

    /// Places that are taken here, of apps, their keys and providers; in order.
    pub(crate) fn places(&self) -> Vec<SavedPlaces> {
        let of_providers = self.gates.iter().filter_map(|(name, gate)| {
            let taken = gate.taken();
            (taken > 0).then(|| SavedPlaces { of: of_provider(name), taken })
        });
        let mut all: Vec<SavedPlaces> = self.meters.places().chain(of_providers).collect();
        all.sort_by(|a, b| a.of.cmp(&b.of));
        all
    }

    /// Other routers have so many of them.
    pub(crate) fn share(&self, beside: &Beside) {
        self.meters.share(beside);
        self.gates.iter().for_each(|(name, gate)| gate.share(beside.taken(&of_provider(name))));
    }

    /// The gate of a provider, while it is configured.
    pub(crate) fn gate(&self, provider: &str) -> Option<&Arc<Gate>> {
        self.gates.get(provider)
    }

    /// Whether a listener serves the admin API.
    pub(crate) fn serves_admin(&self, listener: u32) -> bool {
        self.admin.contains(&listener)
    }

    /// Who callers without a key are at a listener; none = the default app.
    pub(crate) fn host(&self, listener: u32) -> Option<&Caller> {
        self.hosts.iter().find(|(index, _)| *index == listener).map(|(_, caller)| caller)
    }

    /// Whom a listener lets in.
    pub(crate) fn door(&self, listener: u32) -> Door {
        let known = self.doors.iter().find(|(index, _)| *index == listener);
        known.map_or(Door::Nobody, |(_, door)| *door)
    }
}

/// A loopback address is open to this machine only; any other one was opened on purpose.
fn door(listener: &Listener) -> Door {
    let loopback = listener.address.parse::<SocketAddr>().is_ok_and(|a| a.ip().is_loopback());
    match (listener.open, loopback) {
        (false, _) => Door::Nobody,
        (true, true) => Door::Local,
        (true, false) => Door::Everybody,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doors_of_listeners() {
        let door = |address: &str, open| {
            door(&Listener { index: 0, address: address.into(), open, app: None, admin: true })
        };
        assert_eq!(door("127.0.0.1:80", false), Door::Nobody);
        assert_eq!((door("127.0.0.1:80", true), door("[::1]:80", true)), (Door::Local, Door::Local));
        assert_eq!((door("0.0.0.0:80", true), door("10.0.0.1:80", true)), (Door::Everybody, Door::Everybody));
    }
}
