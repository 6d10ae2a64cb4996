//! Who stands behind at the processors: a worker that takes more of them than its calls explain ([`greed`]) lets
//! everybody else go first, until it takes little again; one whose calls explain nothing of it is stopped and let run
//! in turns (SIGSTOP, SIGCONT). Nobody's calls wait for the end of its turns then. One that starts, and for a while one
//! whose provider's processes crash, has less than a share: what it does is over before it could be judged.
//!
//! A timer on each worker's own processor clock (timer_create(2), clock_getcpuclockid(3)) says when it has spent a
//! step; so an idle gateway looks at nobody. A greedy one is looked at by the clock on the wall, for it may get no
//! processor at all.
//!
//! [`greed`]: super::greed

use super::alarm::Due;
use super::child::ChildId;
use super::greed::{Account, Greed, REST, Reading, STEP, Standing};
use super::happening::{HELD, Happening};
use super::member::{Live, MemberId};
use super::owner::Owner;
use super::tree::Slot;
use nix::errno::Errno;
use nix::sys::signal::{SigEvent, SigevNotify, Signal};
use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
use nix::time::ClockId;
use nix::unistd::Pid;
use protocol::ipc::configure::WorkerState;
use protocol::ipc::control::Role;
use protocol::transport::precedence::{Precedence, set_precedence, set_precedence_of_process};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{self, SignalKind};

/// What timers send: ignored by a program that knows nothing of them.
const SPENT: Signal = Signal::SIGURG;

/// For so long after a crash one is not trusted.
const DISTRUST: Duration = Duration::from_secs(30);

/// That one is held is said no more than once in this time.
const REPEAT: Duration = Duration::from_secs(60);

thread_local! {
    /// The timers of children. Here and not with their children: a timer cannot move to another thread, and the
    /// fleet does not leave its own.
    static TIMERS: RefCell<BTreeMap<ChildId, Timer>> = const { RefCell::new(BTreeMap::new()) };
}

/// The means of looking.
pub(super) struct Ranks {
    /// Some worker has spent a step. None: the system has no such signal for us, and nobody is looked at.
    spent: Option<unix::Signal>,
    places: Places,
    /// Says whether there are lower ones.
    trial: mpsc::Receiver<Places>,
}

/// The places of those who do not stand as usual.
#[derive(Clone, Copy)]
struct Places {
    /// Of whoever starts or is not trusted.
    low: Precedence,
    /// Of whoever is greedy.
    lowest: Precedence,
}

impl Places {
    /// From which one comes back everywhere.
    const NEAR: Self = Self { low: Precedence::Later, lowest: Precedence::Later };
    /// From which one must be let come back.
    const FAR: Self = Self { low: Precedence::Lesser, lowest: Precedence::Last };

    /// Where one stands who is taken for that.
    fn of(self, standing: Standing, trusted: bool) -> Precedence {
        match standing {
            Standing::New { .. } => self.low,
            Standing::Modest if trusted => Precedence::Usual,
            Standing::Modest => self.low,
            Standing::Greedy | Standing::Held | Standing::Turn => self.lowest,
        }
    }
}

impl Ranks {
    pub(super) fn new() -> Self {
        let spent = unix::signal(SignalKind::from_raw(SPENT as i32));
        let spent = spent.inspect_err(|error| tracing::warn!("what workers spend is not seen: {error}")).ok();
        Self { spent, places: Places::NEAR, trial: try_the_last() }
    }

    /// Waits until some worker has spent a step. Cancel-safe.
    pub(super) async fn spent(&mut self) {
        let heard = match &mut self.spent {
            Some(spent) => spent.recv().await,
            None => None,
        };
        if heard.is_none() {
            std::future::pending::<()>().await;
        }
    }

    fn places(&mut self) -> Places {
        if let Ok(found) = self.trial.try_recv() {
            self.places = found;
        }
        self.places
    }
}

/// Whether one comes back from the last place (sched(7): `RLIMIT_NICE`), found out by a thread that has nothing
/// else to do: it may have to wait there for long.
fn try_the_last() -> mpsc::Receiver<Places> {
    let (tell, told) = mpsc::channel();
    let oneself = Pid::from_raw(0);
    let attempt = move || {
        let back = set_precedence(oneself, Precedence::Last)
            .and_then(|()| set_precedence(oneself, Precedence::Usual));
        // A fleet that has ended does not ask any more.
        let _ = tell.send(if back.is_ok() { Places::FAR } else { Places::NEAR });
    };
    let began = std::thread::Builder::new().name("precedence".to_owned()).spawn(attempt);
    if let Err(error) = began {
        tracing::debug!("the last place was not tried: {error}");
    }
    told
}

impl Owner {
    /// A worker starts: that is much work, and nobody's calls are to wait for it. (What it does before it is the worker's
    /// program, it does as we stand: we wait for that.)
    pub(super) fn starts(&mut self, id: MemberId) {
        let place = self.ranks.places().low;
        let Some(member) = self.tree.member(id) else { return };
        if let Some(live) = member.live.as_mut().filter(|_| member.work.role() == Role::Worker) {
            stand(live, place);
        }
    }

    /// As [`Owner::watch`], of those who were ready before. The program that we were may have held one.
    pub(super) fn watch_all(&mut self) {
        for id in self.workers() {
            if let Some(live) = self.tree.member(id).and_then(|member| member.live.as_ref()) {
                live.child.signal(Signal::SIGCONT);
            }
            self.watch(id);
        }
    }

    /// A worker has become ready: what it spends is looked at from now on.
    pub(super) fn watch(&mut self, id: MemberId) {
        let router = self.router_clock();
        let place = self.ranks.places().low;
        let distrust = self.distrust(id);
        let Some(member) = self.tree.member(id) else { return };
        let held = member.held;
        let Some(live) = member.live.as_mut().filter(|_| member.work.role() == Role::Worker) else { return };
        // It stands there since its start.
        stand(live, place);
        let began = read(live, router).and_then(|now| {
            arm(live)?;
            Ok(Greed::new(now, held))
        });
        live.greed = began.inspect_err(|error| debug(live, error)).ok();
        match live.greed {
            Some(_) => {
                for at in [Some(Instant::now() + REST), distrust].into_iter().flatten() {
                    self.shell.alarms.set(at, Due::Rest { member: id });
                }
            }
            // Nobody will look.
            None => stand(live, Precedence::Usual),
        }
    }

    /// Nothing is looked at any more.
    pub(super) fn unwatch(&self, child: ChildId) {
        TIMERS.with_borrow_mut(|timers| timers.remove(&child));
    }

    /// Somebody has spent a step.
    pub(super) fn look_around(&mut self) {
        self.workers().into_iter().for_each(|id| self.look_at(id));
    }

    /// One has said what it does.
    pub(super) fn weigh(&mut self, id: MemberId, calls: u64, body: &[u8]) {
        let Some(live) = self.tree.member(id).and_then(|member| member.live.as_mut()) else { return };
        let (Some(mut greed), Ok(moved), Ok(spent)) =
            (live.greed, serde_json::from_slice(body), clock(live).and_then(|clock| clock.now()))
        else {
            return;
        };
        greed.weigh(Account::new(Instant::now(), calls, moved, spent.into()));
        live.greed = Some(greed);
    }

    /// Looks at one, and lets it stand and run as it should.
    pub(super) fn look_at(&mut self, id: MemberId) {
        let router = self.router_clock();
        let places = self.ranks.places();
        let trusted = self.distrust(id).is_none_or(|until| until <= Instant::now());
        let Some(member) = self.tree.member(id) else { return };
        // One that does not answer is to show whether it still does anything.
        let serves = member.machine.state() == WorkerState::Ready;
        let Some(live) = member.live.as_mut() else { return };
        let Some(mut greed) = live.greed else { return };
        let before = greed.standing();
        let Ok(now) = read(live, router).map(|now| Reading { serves, ..now }) else { return };
        let judged = greed.look(now);
        let after = greed.standing();
        stand(live, places.of(after, trusted));
        if !judged {
            return;
        }
        live.greed = Some(greed);
        run(live, before, after);
        match after.again() {
            Some(wait) => self.shell.alarms.set(Instant::now() + wait, Due::Rest { member: id }),
            None => {
                if let Err(error) = arm(live) {
                    debug(live, &error);
                }
            }
        }
        let known = std::mem::replace(&mut member.held, greed.held());
        if after.is_held() && known.is_none_or(|before| now.at.saturating_duration_since(before) > REPEAT) {
            tracing::warn!(name = %member.name(), generation = member.generation, "{HELD}");
            (self.shell.grounds.tell)(Happening::held(member));
        }
    }

    /// Until when one is not trusted, if it was not.
    fn distrust(&mut self, id: MemberId) -> Option<Instant> {
        self.tree.slot_of(id)?.crashed.map(|crash| crash + DISTRUST)
    }

    fn workers(&self) -> Vec<MemberId> {
        self.tree.providers.values().flat_map(Slot::members).map(|member| member.id).collect()
    }

    fn router_clock(&self) -> Option<ClockId> {
        let live = self.tree.router.active.live.as_ref()?;
        clock(live).ok()
    }
}

/// Stops it or lets it go on.
fn run(live: &Live, before: Standing, after: Standing) {
    match (before, after) {
        (_, Standing::Held) => live.child.signal(Signal::SIGSTOP),
        // Once more at the end of a turn that it may not have had: a signal may be lost.
        (Standing::Held | Standing::Turn, _) => live.child.signal(Signal::SIGCONT),
        (Standing::New { .. } | Standing::Modest | Standing::Greedy, _) => {}
    }
}

fn debug(live: &Live, error: &Errno) {
    tracing::debug!(pid = live.child.pid, "what a worker spends is not seen: {error}");
}

fn pid(live: &Live) -> Pid {
    Pid::from_raw(live.child.pid.cast_signed())
}

fn clock(live: &Live) -> Result<ClockId, Errno> {
    ClockId::pid_cpu_clock_id(pid(live))
}

fn read(live: &Live, router: Option<ClockId>) -> Result<Reading, Errno> {
    let worker = Duration::from(clock(live)?.now()?);
    // There may be none just now.
    let router = router.and_then(|clock| clock.now().ok()).map_or(Duration::ZERO, Duration::from);
    Ok(Reading { at: Instant::now(), worker, router, serves: true })
}

/// Has it said when the worker has spent the next step.
fn arm(live: &Live) -> Result<(), Errno> {
    let clock = clock(live)?;
    TIMERS.with_borrow_mut(|timers| {
        let timer = match timers.remove(&live.child.id) {
            Some(timer) => timer,
            None => {
                let notify = SigevNotify::SigevSignal { signal: SPENT, si_value: 0 };
                Timer::new(clock, SigEvent::new(notify))?
            }
        };
        let timer = timers.entry(live.child.id).or_insert(timer);
        timer.set(Expiration::OneShot(STEP.into()), TimerSetTimeFlags::empty())
    })
}

/// Every thread of it stands there from now on, and those that it starts.
fn stand(live: &mut Live, precedence: Precedence) {
    if std::mem::replace(&mut live.stands, precedence) == precedence {
        return;
    }
    match set_precedence_of_process(pid(live), precedence) {
        // Its end is on its way.
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => {
            tracing::debug!(pid = live.child.pid, ?precedence, "a worker does not stand there: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_stands_as_usual_who_is_new_or_greedy_or_not_trusted() {
        let new = Standing::New { until: Instant::now() };
        let standings = [new, Standing::Modest, Standing::Greedy, Standing::Held, Standing::Turn];
        for places in [Places::NEAR, Places::FAR] {
            let stand = |trusted| standings.map(|standing| places.of(standing, trusted));
            let (low, lowest) = (places.low, places.lowest);
            assert_eq!(stand(true), [low, Precedence::Usual, lowest, lowest, lowest]);
            assert_eq!(stand(false), [low, low, lowest, lowest, lowest]);
        }
        assert_eq!(Places::FAR.low, Precedence::Lesser);
    }
}
