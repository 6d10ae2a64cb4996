//! Settings as the fleet wants them.

use super::ground::Ground;
use crate::fleet::{Bound, FleetSpec, Key, ProviderSpec, RouterSpec, Switch};
use crate::settings::{Enabled, Provider, Settings, Standing};
use protocol::ipc::configure::{Listener, WorkerState};
use std::time::Duration;

/// What the fleet is to be.
pub(super) fn spec(settings: &Settings, ground: &Ground, epoch: u64) -> FleetSpec {
    let unknown = |_: &Provider| Standing {
        lane: None,
        state: WorkerState::Starting,
        reason: "it is being started".to_owned(),
    };
    let routing = settings.router_config(epoch, unknown);
    let bound = |(socket, told): (_, &Listener)| Bound { socket, told: told.clone() };
    let listeners = ground.sockets.all().into_iter().zip(&routing.listeners).map(bound).collect();
    FleetSpec {
        epoch,
        providers: settings.providers.iter().map(provider).collect(),
        router: RouterSpec { listeners, runtime: routing.runtime, threads: routing.threads },
        routing,
        drain: Duration::from_millis(settings.server.limits.drain_ms),
    }
}

fn provider(provider: &Provider) -> ProviderSpec {
    ProviderSpec {
        name: provider.name.clone(),
        preset: provider.preset.clone(),
        fingerprint: provider.fingerprint(),
        config: provider.worker_config(0, &[]),
        key: provider.credentials().map(|secret| Key::new(&secret)),
        switch: match provider.enabled {
            Enabled::Yes => Switch::On,
            Enabled::No => Switch::Off,
        },
    }
}
