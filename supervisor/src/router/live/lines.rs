//! Log lines as they come (server-sent events): `id` is a line's number, and a client that comes back says the last
//! one it saw. Every batch is asked for with the viewer's own token, so one whose rights end sees no more.

use crate::router::shared::Shared;
use bytes::Bytes;
use protocol::control::ask::Caller;
use protocol::control::record::{LogFilter, LogLine, Page};
use protocol::control::{Ask, ControlReply, ControlRequest};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A question waits this long; then a comment keeps the connection alive.
const WAIT_MS: u64 = 10_000;
/// Lines of one batch.
const LINES: u32 = 200;
/// Batches that wait for a viewer, and how long one may.
const BATCHES: usize = 4;
const PATIENCE: Duration = Duration::from_secs(20);

/// The stream of lines after a number (of the newest ones without), and the task that feeds it.
pub(crate) fn log_stream(
    shared: Arc<Shared>,
    caller: Caller,
    filter: LogFilter,
    after: Option<u64>,
) -> (mpsc::Receiver<Bytes>, impl Future<Output = ()>) {
    let (sender, receiver) = mpsc::channel(BATCHES);
    let feed = Feed { shared, caller, filter, sender };
    (receiver, feed.run(after))
}

struct Feed {
    shared: Arc<Shared>,
    caller: Caller,
    filter: LogFilter,
    sender: mpsc::Sender<Bytes>,
}

impl Feed {
    async fn run(self, after: Option<u64>) {
        let cut = self.shared.cut.clone();
        tokio::select! {
            () = self.follow(after) => {}
            () = cut.cancelled() => {}
            // Nobody reads any more.
            () = self.sender.closed() => {}
        }
    }

    async fn follow(&self, after: Option<u64>) {
        let mut page = match after {
            Some(seen) => Page { after: Some(seen.to_string()), ..Page::default() },
            None => Page::default(),
        };
        (page.limit, page.wait_ms) = (LINES, WAIT_MS);
        loop {
            let request = ControlRequest::Logs { filter: self.filter.clone(), page: page.clone() };
            let ask = Ask { caller: self.caller.clone(), request, idempotency_key: None };
            let ControlReply::Logs(mut lines) = self.shared.asker.ask(&ask).await else { return };
            if page.after.is_none() {
                // The newest come newest first.
                lines.reverse();
            }
            if let Some(last) = lines.last() {
                page.after = Some(last.seq.to_string());
            } else if page.after.is_none() {
                page.after = Some("0".to_owned());
            }
            // A viewer that does not read for so long is gone, or as good as.
            match timeout(PATIENCE, self.sender.send(events(&lines))).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return,
            }
        }
    }
}

fn events(lines: &[LogLine]) -> Bytes {
    if lines.is_empty() {
        return Bytes::from_static(b": still here\n\n");
    }
    let mut out = String::new();
    for line in lines {
        if let Ok(data) = serde_json::to_string(line) {
            // A string cannot refuse to be written to.
            let _ = write!(out, "id: {}\nevent: log\ndata: {data}\n\n", line.seq);
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_event_with_its_number() {
        let line = LogLine {
            seq: 7,
            at: 1,
            process: "a".into(),
            generation: None,
            level: "info".into(),
            text: "two\nlines".into(),
            call: None,
        };
        let bytes = events(&[line]);
        let text = std::str::from_utf8(&bytes).unwrap();
        assert!(text.starts_with("id: 7\nevent: log\ndata: {\"seq\":7,"), "{text}");
        assert!(text.ends_with("}\n\n") && text.contains("two\\nlines"), "{text}");
        assert_eq!(&events(&[])[..], b": still here\n\n");
    }
}
