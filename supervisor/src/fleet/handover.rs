//! The fleet across an exec of the supervisor: described as a value with descriptors beside it, and made again from
//! that by the program that comes. Children notice nothing but a pause between two messages.
//!
//! Only what runs and rests is handed over (serving, or finishing calls). What waits to be started, or was given up,
//! begins anew.

use super::child::{self, Adoption, ChildId};
use super::machine::Input;
use super::member::{Live, Member, Work};
use super::output::Tag;
use super::owner::Owner;
use super::shell::{millis, role_name};
use super::spec::{FleetSpec, Key, ProviderSpec, Switch};
use super::tree::{Hold, Slot};
use protocol::ipc::configure::WorkerConfig;
use protocol::ipc::control::{Pulse, Role, SandboxReport};
use protocol::ipc::notice::SavedPlaces;
use protocol::transport::inherit::{InheritError, keep, resume};
use protocol::transport::local::LocalListener;
use protocol::transport::precedence::Precedence;
use serde::{Deserialize, Serialize};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// A whole fleet in words. Holds tokens of data connections: it never leaves this process's memory.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct FleetImage {
    /// The newest routing pushed.
    revision: u64,
    /// Questions asked so far: an answer that comes late must not fit a new one.
    asked: u64,
    slots: Vec<SlotImage>,
}

#[derive(Serialize, Deserialize)]
struct SlotImage {
    /// A provider's name; none for the router.
    provider: Option<String>,
    generations: u64,
    restarts: u64,
    /// The operator drained it.
    drained: bool,
    /// The one in service first.
    members: Vec<MemberImage>,
}

#[derive(Serialize, Deserialize)]
struct MemberImage {
    generation: u64,
    pid: u32,
    control: RawFd,
    stderr: RawFd,
    /// Milliseconds it still has to finish its calls; none while it serves.
    draining_ms: Option<u64>,
    report: Option<SandboxReport>,
    pulse: Option<Pulse>,
    #[serde(default)]
    places: Vec<SavedPlaces>,
    worker: Option<WorkerImage>,
}

/// What only a worker has.
#[derive(Serialize, Deserialize)]
struct WorkerImage {
    preset: String,
    fingerprint: String,
    config: WorkerConfig,
    socket: RawFd,
    path: PathBuf,
    token: Vec<u8>,
}

/// The image and the descriptors it names, kept open across the exec; dropped, they are closed again.
pub(crate) struct FleetHandover {
    pub(crate) image: FleetImage,
    kept: Vec<OwnedFd>,
}

impl FleetHandover {
    fn keep(&mut self, fd: impl std::os::fd::AsFd) -> Result<RawFd, InheritError> {
        let kept = keep(fd)?;
        let number = kept.as_raw_fd();
        self.kept.push(kept);
        Ok(number)
    }

    fn member(&mut self, member: &Member, now: Instant) -> Result<Option<MemberImage>, String> {
        let Some(live) = &member.live else { return Ok(None) };
        let settled = member.machine.settled(now);
        let draining =
            settled.map_err(|()| format!("{} is just {}", member.name(), member.machine.explain()))?;
        let image = self.running(member, live, draining);
        image.map(Some).map_err(|error| format!("{} cannot be handed over: {error}", member.name()))
    }

    fn running(
        &mut self,
        member: &Member,
        live: &Live,
        draining: Option<Duration>,
    ) -> io::Result<MemberImage> {
        let worker = match (&member.work, &live.socket) {
            (Work::Worker(spec), Some(socket)) => Some(WorkerImage {
                preset: spec.preset.clone(),
                fingerprint: spec.fingerprint.clone(),
                config: spec.config.clone(),
                socket: self.keep(socket.descriptor()?)?,
                path: socket.path().to_owned(),
                token: live.token.to_vec(),
            }),
            (Work::Worker(_), None) | (Work::Router(_), _) => None,
        };
        Ok(MemberImage {
            generation: member.generation,
            pid: live.child.pid,
            control: self.keep(&live.child.control)?,
            stderr: self.keep(&live.child.stderr)?,
            draining_ms: draining.map(millis),
            report: member.report.clone(),
            pulse: member.pulse,
            places: member.places.clone(),
            worker,
        })
    }
}

impl Owner {
    /// Describes the fleet for the program that comes.
    ///
    /// # Errors
    /// Something is just starting or ending: to be tried again in a moment.
    pub(super) fn describe(&mut self) -> Result<FleetHandover, String> {
        let now = Instant::now();
        self.catch_up();
        let mut lives = self.tree.slots().flat_map(Slot::members).filter_map(|m| m.live.as_ref());
        if lives.any(|live| !live.child.is_quiet()) {
            return Err("messages are on their way".to_owned());
        }
        let image = FleetImage {
            revision: self.routing.revision(),
            asked: self.questions.asked(),
            slots: Vec::new(),
        };
        let mut handover = FleetHandover { image, kept: Vec::new() };
        for slot in self.tree.slots() {
            if slot.successor.is_some() {
                return Err(format!("{} is being replaced", slot.name));
            }
            let members = slot.members().filter_map(|m| handover.member(m, now).transpose());
            let members = members.collect::<Result<Vec<_>, _>>()?;
            let image = SlotImage {
                provider: (slot.role() == Role::Worker).then(|| slot.name.clone()),
                generations: slot.generations,
                restarts: slot.restarts(),
                drained: slot.hold == Hold::Operator,
                members,
            };
            handover.image.slots.push(image);
        }
        Ok(handover)
    }

    /// Brings all conversations to rest; resolves when they do.
    pub(super) fn rest(&self) -> impl Future<Output = ()> + Send + 'static {
        let lives = self.tree.slots().flat_map(Slot::members).filter_map(|m| m.live.as_ref());
        let resting: Vec<_> = lives.map(|live| live.child.rest()).collect();
        async move {
            for rest in resting {
                rest.await;
            }
        }
    }

    /// The exec failed: everything goes on.
    pub(super) fn go_on(&self) {
        let lives = self.tree.slots().flat_map(Slot::members).filter_map(|m| m.live.as_ref());
        lives.for_each(|live| live.child.go_on());
    }

    /// Takes over the children of the former program. To be called before the first turn; the configuration is
    /// adopted afterwards, and replaces what differs from it.
    pub(super) fn inherit(&mut self, image: FleetImage, spec: &FleetSpec) {
        self.routing.resume(image.revision);
        self.questions.resume(image.asked);
        for slot in image.slots {
            match slot.provider.clone() {
                None => self.inherit_router(slot, spec),
                Some(name) => self.inherit_provider(name, slot, spec),
            }
        }
        self.dirty = true;
    }

    fn inherit_router(&mut self, image: SlotImage, spec: &FleetSpec) {
        let slot = &mut self.tree.router;
        (slot.generations, slot.former_restarts) = (image.generations, image.restarts);
        for member in image.members {
            let serves = member.draining_ms.is_none();
            let work = Work::Router(spec.router.clone());
            let Some((member, input)) = self.shell.adopt(member, work, None) else { continue };
            let id = member.id;
            match serves {
                true => self.tree.router.active = member,
                false => self.tree.router.retiring.push(member),
            }
            self.put(id, input);
        }
    }

    fn inherit_provider(&mut self, name: String, image: SlotImage, spec: &FleetSpec) {
        let wanted = spec.providers.iter().find(|p| p.name == name);
        let key = wanted.and_then(|p| p.key.clone());
        let mut adopted = Vec::new();
        for member in image.members {
            let Some(worker) = &member.worker else { continue };
            let work = Work::Worker(Box::new(worker.spec(&name, key.clone())));
            let serves = member.draining_ms.is_none();
            if let Some((member, input)) = self.shell.adopt(member, work, key.clone()) {
                adopted.push((serves, member, input));
            }
        }
        let active = adopted.iter().position(|(serves, ..)| *serves);
        let mut inputs = Vec::new();
        let active = match (active, wanted) {
            // Without one in service, one that finishes stands in its place; the configuration decides what follows.
            _ if !adopted.is_empty() => {
                let (_, member, input) = adopted.swap_remove(active.unwrap_or(0));
                inputs.push((member.id, input));
                member
            }
            (_, Some(spec)) => {
                Member::new(self.shell.next_member(), Work::Worker(Box::new(spec.clone())), Instant::now())
            }
            (_, None) => return,
        };
        let mut slot = Slot::new(name.clone(), active);
        (slot.generations, slot.former_restarts) = (image.generations, image.restarts);
        if image.drained {
            slot.hold = Hold::Operator;
        }
        for (_, member, input) in adopted {
            inputs.push((member.id, input));
            slot.retiring.push(member);
        }
        self.tree.providers.insert(name, slot);
        inputs.into_iter().for_each(|(id, input)| self.put(id, input));
    }
}

impl WorkerImage {
    fn spec(&self, name: &str, key: Option<Key>) -> ProviderSpec {
        ProviderSpec {
            name: name.to_owned(),
            preset: self.preset.clone(),
            fingerprint: self.fingerprint.clone(),
            config: self.config.clone(),
            key,
            switch: Switch::On,
        }
    }
}

impl super::shell::Shell {
    /// One child of the former program as a member, and its machine's first input. None when its descriptors are of
    /// no use: it is left to die of its closed control socket.
    fn adopt(&mut self, image: MemberImage, work: Work, secret: Option<Key>) -> Option<(Member, Input)> {
        let mut member = Member::new(self.next_member(), work, Instant::now());
        let (pid, generation) = (image.pid, image.generation);
        let draining = image.draining_ms.map(Duration::from_millis);
        match self.take(&mut member, image, secret) {
            Ok(live) => {
                tracing::info!(name = %member.name(), generation, pid, "taken over");
                member.live = Some(live);
                Some((member, Input::Adopted { generation, draining }))
            }
            Err(error) => {
                tracing::error!(name = %member.name(), generation, pid, "cannot be taken over: {error}");
                None
            }
        }
    }

    fn take(&mut self, member: &mut Member, image: MemberImage, secret: Option<Key>) -> io::Result<Live> {
        self.children += 1;
        let role = member.work.role();
        let tag = Tag { role: role_name(role), name: member.name().to_owned(), generation: image.generation };
        let adoption = Adoption {
            id: ChildId(self.children),
            pid: image.pid,
            control: resume(image.control)?,
            stderr: resume(image.stderr)?,
            tag,
            secret,
        };
        let (socket, token) = match image.worker {
            Some(worker) => {
                let socket = LocalListener::adopt(resume(worker.socket)?, &worker.path)?;
                (Some(socket), Zeroizing::new(worker.token))
            }
            None => (None, Zeroizing::default()),
        };
        (member.generation, member.report, member.pulse) = (image.generation, image.report, image.pulse);
        member.places = image.places;
        let child = child::adopt(adoption, &self.tasks, self.events.clone())?;
        Ok(Live { child, socket, token, stands: Precedence::Usual, greed: None })
    }
}
