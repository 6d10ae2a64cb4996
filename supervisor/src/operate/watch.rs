//! What is looked at again and again: the status, and a drain or restart until it is over.

use super::Outcome;
use super::line::{Failure, Line};
use super::print::Printer;
use super::progress::Progress;
use crate::cli::exit::Exit;
use protocol::control::{ChildStatus, ControlReply, ControlRequest, SystemStatus};
use protocol::ipc::configure::WorkerState;
use std::time::{Duration, Instant};

const LOOK: Duration = Duration::from_millis(300);
/// A start takes a part of a second; a store to be migrated more.
const START: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);

/// Until interrupted.
pub(super) fn status(line: &Line, printer: &Printer) -> Outcome {
    loop {
        let reply = line.ask(ControlRequest::Status)?;
        if printer.is_terminal() {
            // To the top left, and nothing below.
            printer.text("\u{1b}[H\u{1b}[2J")?;
        }
        printer.reply(&reply)?;
        std::thread::sleep(SECOND);
    }
}

/// Asks until somebody answers: a service that was just started may still open its store.
pub(super) fn patiently(line: &Line, request: &ControlRequest) -> Result<ControlReply, Failure> {
    let begin = Instant::now();
    loop {
        match line.ask(request.clone()) {
            Err(Failure::Line(_)) if begin.elapsed() < START => std::thread::sleep(LOOK),
            other => return other,
        }
    }
}

/// How far a drain or restart is.
enum Course {
    Under(String),
    Over(String),
    Failed(String),
}

/// Asks for it, then looks until it is over.
pub(super) fn to_its_end(request: ControlRequest, process: &str, line: &Line, printer: &Printer) -> Outcome {
    let drains = matches!(request, ControlRequest::Drain { .. });
    let before = generation(&system(line)?, process);
    line.ask(request)?;
    let mut progress = Progress::none();
    let mut idle = None;
    let end = loop {
        let system = system(line)?;
        let course = match drains {
            true => drain(&system, process, &mut idle),
            false => restart(&system, process, before),
        };
        match course {
            Course::Under(text) => progress.say(&text),
            Course::Over(text) => break Ok(text),
            Course::Failed(text) => break Err(text),
        }
        std::thread::sleep(LOOK);
    };
    progress.over();
    match end {
        Ok(text) => {
            printer.own(&format!("{text}\n"), &text)?;
            Ok(Exit::Done)
        }
        Err(text) => {
            printer.own(&format!("{text}\n"), &text)?;
            Ok(Exit::Failed)
        }
    }
}

fn system(line: &Line) -> Result<SystemStatus, Failure> {
    match line.ask(ControlRequest::Status)? {
        ControlReply::Status(system) => Ok(*system),
        _other => Err(Failure::Unexpected),
    }
}

/// The processes of that name: the one in service, and those that finish their calls.
fn children<'s>(system: &'s SystemStatus, process: &str) -> (Option<&'s ChildStatus>, Vec<&'s ChildStatus>) {
    if process == "router" {
        return (Some(&system.router), Vec::new());
    }
    let Some(provider) = system.providers.iter().find(|p| p.name == process) else {
        return (None, Vec::new());
    };
    (provider.current.as_ref(), provider.retiring.iter().collect())
}

fn generation(system: &SystemStatus, process: &str) -> u64 {
    children(system, process).0.map_or(0, |child| child.generation)
}

/// Over when two reports of its process in a row say that nothing is left.
fn drain(system: &SystemStatus, process: &str, idle: &mut Option<u64>) -> Course {
    let Some(provider) = system.providers.iter().find(|p| p.name == process) else {
        return Course::Over(format!("{process} is no longer configured"));
    };
    let (current, retiring) = children(system, process);
    let pulses = current.into_iter().chain(retiring).filter_map(|child| child.pulse);
    let (left, seq) = pulses.fold((0, 0), |(left, seq), pulse| (left + pulse.in_flight, seq.max(pulse.seq)));
    if provider.state == WorkerState::Ready {
        return Course::Failed(format!("{process} was resumed"));
    }
    if current.is_none() {
        return Course::Over(format!("{process} is drained"));
    }
    if left > 0 {
        *idle = None;
        return Course::Under(format!("draining {process}: {left} calls left"));
    }
    match idle {
        Some(since) if seq > *since => Course::Over(format!("{process} is drained")),
        Some(_) => Course::Under(format!("draining {process}: no call left")),
        None => {
            *idle = Some(seq);
            Course::Under(format!("draining {process}: no call left"))
        }
    }
}

fn restart(system: &SystemStatus, process: &str, before: u64) -> Course {
    let (current, retiring) = children(system, process);
    let state = current.map(|child| (child.generation, child.state));
    match state {
        Some((now, WorkerState::Ready)) if now > before => {
            let left = retiring.len();
            let old = if left > 0 { "; the old one finishes its calls" } else { "" };
            Course::Over(format!("generation {now} of {process} serves{old}"))
        }
        _ => {
            let failed = system.providers.iter().find(|p| p.name == process);
            match failed {
                Some(provider) if provider.state == WorkerState::Failed => {
                    Course::Failed(format!("{process}: {}", provider.reason))
                }
                _ => Course::Under(format!("starting a new generation of {process}")),
            }
        }
    }
}
