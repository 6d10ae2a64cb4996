//! What operators and the composition root ask of the fleet, and the answers for people.

use super::handover::FleetHandover;
use super::machine::Input;
use super::member::Work;
use super::owner::Owner;
use super::stop::Stage;
use super::tree::Hold;
use super::{Ask, Order, status};
use protocol::ipc::configure::WorkerState;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

impl Owner {
    pub(super) fn order(&mut self, order: Order) {
        // Whoever asked may be gone by now; that changes nothing.
        match order {
            Order::Adopt(spec, reply) => {
                let adopted = self.is_running().map(|()| self.adopt(*spec));
                let _ = reply.send(adopted);
            }
            Order::Ask(ask, reply) => {
                let answer = self.is_running().and_then(|()| self.ask(ask));
                let _ = reply.send(answer);
            }
            Order::Status(reply) => {
                let _ = reply.send(status::of(&self.tree, Instant::now()));
            }
            Order::Program(program) => self.shell.program = program,
            Order::Rest(reply) => {
                let _ = reply.send(Box::pin(self.rest()));
            }
            Order::HandOver(thaw, reply) => self.hand_over(thaw, reply),
            Order::Question(question) => self.question(question),
            Order::Answer { child, seq, body } => self.answer(child, seq, body),
            Order::Stop(mode) => self.begin_stop(mode),
        }
    }

    fn hand_over(
        &mut self,
        thaw: oneshot::Receiver<()>,
        reply: oneshot::Sender<Result<FleetHandover, String>>,
    ) {
        let described = self.is_running().and_then(|()| self.describe());
        if described.is_ok() {
            self.frozen = Some(thaw);
        } else {
            self.go_on();
        }
        let _ = reply.send(described);
    }

    fn is_running(&self) -> Result<(), String> {
        match self.stage {
            Stage::Running => Ok(()),
            Stage::Router { .. } | Stage::Last => Err("llm-link is stopping".to_owned()),
        }
    }

    fn ask(&mut self, ask: Ask) -> Result<String, String> {
        match ask {
            Ask::Restart { target } => self.restart(&target),
            Ask::Drain { provider, within } => self.drain_provider(&provider, within),
            Ask::Resume { provider } => self.resume(&provider),
        }
    }

    fn restart(&mut self, target: &str) -> Result<String, String> {
        let unknown = self.unknown(target);
        let slot = self.tree.find(target).ok_or(unknown)?;
        match slot.hold {
            Hold::Free => {}
            Hold::Operator => return Err(format!("{target} is drained; resume it instead")),
            Hold::Disabled => return Err(format!("{target} is disabled in the configuration")),
            Hold::Removed => return Err(format!("{target} is no longer in the configuration")),
        }
        if slot.successor.is_some() {
            return Err(format!("{target} is being replaced already"));
        }
        let (work, serving) = (slot.newest(), slot.active.machine.is_serving());
        self.replace(target, work);
        Ok(match serving {
            true => format!("{target}: a new generation is starting and takes over when it is ready"),
            false => format!("{target} is starting again"),
        })
    }

    fn drain_provider(&mut self, provider: &str, within: Option<Duration>) -> Result<String, String> {
        let unknown = self.unknown(provider);
        let within = within.unwrap_or(self.drain);
        let slot = self.tree.providers.get_mut(provider).ok_or(unknown)?;
        match slot.hold {
            Hold::Free => {}
            Hold::Operator => return Err(format!("{provider} is drained already")),
            Hold::Disabled => return Err(format!("{provider} is disabled in the configuration")),
            Hold::Removed => return Err(format!("{provider} is being removed already")),
        }
        let calls = slot.active.pulse.map_or(0, |pulse| pulse.in_flight);
        self.hold(provider, Hold::Operator, within);
        Ok(format!("{provider} takes no new calls; {calls} in flight get {} s", within.as_secs()))
    }

    fn resume(&mut self, provider: &str) -> Result<String, String> {
        let unknown = self.unknown(provider);
        let slot = self.tree.providers.get_mut(provider).ok_or(unknown)?;
        let (id, state) = (slot.active.id, slot.active.machine.state());
        match slot.hold {
            Hold::Free if state == WorkerState::Failed => {
                self.put(id, Input::Restart);
                return Ok(format!("{provider} is starting again"));
            }
            Hold::Free => return Err(format!("{provider} is not drained")),
            Hold::Disabled => return Err(format!("{provider} is disabled in the configuration")),
            Hold::Removed => return Err(format!("{provider} is no longer in the configuration")),
            Hold::Operator => slot.hold = Hold::Free,
        }
        self.dirty = true;
        self.come_back(id);
        Ok(format!("{provider} takes calls again"))
    }

    /// The refusal for a name nobody has.
    pub(super) fn unknown(&self, target: &str) -> String {
        let names = self.tree.providers.keys().map(String::as_str);
        let names: Vec<&str> = names.chain([self.tree.router.name.as_str()]).collect();
        format!("there is no \"{target}\"; there are: {}", names.join(", "))
    }
}

impl Work {
    /// For the status.
    pub(super) fn preset(&self) -> &str {
        match self {
            Self::Worker(spec) => &spec.preset,
            Self::Router(_) => "",
        }
    }
}
