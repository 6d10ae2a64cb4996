//! What the router is told: the configured routing with the lanes, states and reasons of the moment.
//! Rebuilt whenever something changed; a push has the next revision, which is the epoch the router sees.

use super::spec::RouterSpec;
use super::tree::{Hold, Slot, Tree};
use protocol::ipc::configure::{Provider, RouterConfig, WorkerState};
use zeroize::Zeroizing;

/// The newest routing. Apps with thousands of keys are in it: only what changes is copied.
pub(crate) struct Routing {
    /// As configured, without what the moment adds.
    providers: Vec<Provider>,
    /// Another configuration, until the next rebuild.
    waiting: Option<RouterConfig>,
    current: RouterConfig,
}

impl Routing {
    /// Nothing is known of any worker yet.
    pub(crate) fn new(template: RouterConfig) -> Self {
        let providers = template.providers.clone();
        Self { providers, waiting: None, current: RouterConfig { epoch: 0, ..template } }
    }

    /// Another configuration; in force with the next rebuild.
    pub(crate) fn replace(&mut self, template: RouterConfig) {
        self.waiting = Some(template);
    }

    /// Goes on counting from here: a router knows that revision already.
    pub(crate) fn resume(&mut self, revision: u64) {
        self.current.epoch = revision;
    }

    /// The number of the newest routing.
    pub(crate) fn revision(&self) -> u64 {
        self.current.epoch
    }

    /// Takes the tree as it is now; makes a new revision if that differs.
    pub(crate) fn rebuild(&mut self, tree: &Tree) {
        let mut differs = self.current.epoch == 0;
        if let Some(mut next) = self.waiting.take() {
            self.providers = std::mem::take(&mut next.providers);
            let present = std::mem::take(&mut self.current.providers);
            next.epoch = self.current.epoch;
            differs |= next != self.current;
            self.current = RouterConfig { providers: present, ..next };
        }
        let next: Vec<Provider> =
            self.providers.iter().map(|p| provider(p, tree.providers.get(&p.name))).collect();
        if differs || next != self.current.providers {
            self.current.providers = next;
            self.current.epoch += 1;
        }
    }

    /// As it travels to that router. It holds tokens, so it is wiped after use.
    ///
    /// # Errors
    /// When it has no JSON form, which a type of strings and numbers always has.
    pub(crate) fn body(&self, router: &RouterSpec) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
        serde_json::to_vec(&router.own(self.current.clone())).map(Zeroizing::new)
    }
}

fn provider(template: &Provider, slot: Option<&Slot>) -> Provider {
    let mut provider = template.clone();
    let Some(slot) = slot.filter(|slot| slot.hold != Hold::Disabled) else { return provider };
    provider.state = slot.active.state();
    provider.lane = slot.active.lane();
    provider.reason = match (slot.hold, provider.state) {
        (Hold::Operator, WorkerState::Stopped) => "drained by the operator".to_owned(),
        // The steps of a start are of no use to the router and would each cost a push.
        (_, WorkerState::Starting) => "starting".to_owned(),
        _ => slot.active.machine.explain(),
    };
    provider
}
