//! `logs` and `events`: the last ones, and with `-f` those to come. Follows through a restart of the supervisor.

use super::line::{Failure, Line};
use super::print::Printer;
use super::{Outcome, progress::Progress};
use crate::cli::exit::Exit;
use crate::cli::show;
use protocol::control::record::{EventFilter, EventView, LogFilter, LogLine, Page};
use protocol::control::{ControlReply, ControlRequest};
use std::time::{Duration, Instant};

/// How long one question waits for something to happen.
const WAIT_MS: u64 = 20_000;
/// How long a supervisor may be away: an upgrade or a restart by the service manager takes less.
const AWAY: Duration = Duration::from_secs(20);
const AGAIN: Duration = Duration::from_millis(250);
/// Rows of one page.
const MOST: u32 = 500;

/// A list that grows at its newest end.
trait Stream {
    type Row;
    fn request(&self, page: Page) -> ControlRequest;
    fn rows(&self, reply: ControlReply) -> Option<Vec<Self::Row>>;
    fn key(row: &Self::Row) -> i64;
    fn print(row: &Self::Row, printer: &Printer) -> Result<(), Failure>;
}

struct Lines(LogFilter);
struct Happenings(EventFilter);

impl Stream for Lines {
    type Row = LogLine;

    fn request(&self, page: Page) -> ControlRequest {
        ControlRequest::Logs { filter: self.0.clone(), page }
    }

    fn rows(&self, reply: ControlReply) -> Option<Vec<LogLine>> {
        if let ControlReply::Logs(lines) = reply { Some(lines) } else { None }
    }

    fn key(row: &LogLine) -> i64 {
        i64::try_from(row.seq).unwrap_or(i64::MAX)
    }

    fn print(row: &LogLine, printer: &Printer) -> Result<(), Failure> {
        printer.line(row, |sheet| show::log_line(row, sheet))
    }
}

impl Stream for Happenings {
    type Row = EventView;

    fn request(&self, page: Page) -> ControlRequest {
        ControlRequest::Events { filter: self.0.clone(), page }
    }

    fn rows(&self, reply: ControlReply) -> Option<Vec<EventView>> {
        if let ControlReply::Events(events) = reply { Some(events) } else { None }
    }

    fn key(row: &EventView) -> i64 {
        row.id
    }

    fn print(row: &EventView, printer: &Printer) -> Result<(), Failure> {
        printer.line(row, |sheet| show::event_line(row, sheet))
    }
}

pub(super) fn logs(filter: LogFilter, last: u32, follow: bool, line: &Line, printer: &Printer) -> Outcome {
    run(&Lines(filter), last, follow, line, printer)
}

pub(super) fn events(
    filter: EventFilter,
    last: u32,
    follow: bool,
    line: &Line,
    printer: &Printer,
) -> Outcome {
    run(&Happenings(filter), last, follow, line, printer)
}

fn run<S: Stream>(stream: &S, last: u32, follow: bool, line: &Line, printer: &Printer) -> Outcome {
    let mut seen = 0;
    for row in newest(stream, last, line)?.iter().rev() {
        seen = seen.max(S::key(row));
        S::print(row, printer)?;
    }
    if !follow {
        return Ok(Exit::Done);
    }
    loop {
        let page = Page { after: Some(seen.to_string()), limit: MOST, wait_ms: WAIT_MS, ..Page::default() };
        match line.ask(stream.request(page)) {
            Ok(reply) => {
                for row in &stream.rows(reply).ok_or(Failure::Unexpected)? {
                    seen = S::key(row);
                    S::print(row, printer)?;
                }
            }
            Err(Failure::Line(_)) => seen = returned(stream, seen, line)?,
            Err(other) => return Err(other),
        }
    }
}

/// Newest first, over as many pages as it takes.
fn newest<S: Stream>(stream: &S, last: u32, line: &Line) -> Result<Vec<S::Row>, Failure> {
    let mut all: Vec<S::Row> = Vec::new();
    loop {
        let left = last.saturating_sub(u32::try_from(all.len()).unwrap_or(u32::MAX));
        if left == 0 {
            return Ok(all);
        }
        let before = all.last().map(|row| S::key(row).to_string());
        let page = Page { before, limit: left.min(MOST), ..Page::default() };
        let rows = stream.rows(line.ask(stream.request(page))?).ok_or(Failure::Unexpected)?;
        let is_last = rows.len() < left.min(MOST) as usize;
        all.extend(rows);
        if is_last {
            return Ok(all);
        }
    }
}

/// Waits until the supervisor is back, and says from where to go on: a new one counts its lines from the start.
fn returned<S: Stream>(stream: &S, seen: i64, line: &Line) -> Result<i64, Failure> {
    let begin = Instant::now();
    let mut progress = Progress::none();
    progress.say("llm-link is away");
    let back = loop {
        match newest(stream, 1, line) {
            Err(Failure::Line(_)) if begin.elapsed() < AWAY => std::thread::sleep(AGAIN),
            other => break other,
        }
    };
    progress.over();
    let newest = back?.first().map_or(0, S::key);
    Ok(if newest < seen { 0 } else { seen })
}
