//! What is held back of an answer before the commit point, so that a failure there can be hidden behind
//! another attempt. Pure: answers go in, decisions come out.
//!
//! A stream commits with its first content-bearing chunk; a document only when it is complete, so that one
//! that breaks off can be tried again. Either commits early when more than the limit would have to be held. A stream
//! may be held longer, for a window of chunks, bytes or time, if its app says so.

use crate::router::portion::Portion;
use bytes::Bytes;
use protocol::dialect::Dialect;
use protocol::ipc::call::{ReplyHead, Reset, Trailer};
pub(crate) use protocol::ipc::configure::Hold as Window;
use protocol::transport::link::Answer;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// A window without a time of its own ends after this.
const LONGEST: Duration = Duration::from_secs(60);

/// The part of an answer that the client has not seen.
#[derive(Debug)]
pub(crate) struct Hold {
    limit: usize,
    window: Window,
    /// When the window ends, once the first content is there.
    ends: Option<Instant>,
    /// Chunks and bytes since then.
    since: (u32, usize),
    head: Option<ReplyHead>,
    held: Vec<Bytes>,
    bytes: usize,
    heard: Option<(Dialect, Heard)>,
}

/// What has come of an answer that the client has not seen, for somebody else to look at meanwhile.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Arc<Mutex<Coming>>);

#[derive(Clone, Copy, Debug, Default)]
struct Coming {
    portion: Portion,
    content: bool,
}

impl Heard {
    /// How much it is.
    pub(crate) fn portion(&self) -> Portion {
        self.look(|coming| coming.portion)
    }

    /// The answer proper has begun to come.
    pub(crate) fn has_content(&self) -> bool {
        self.look(|coming| coming.content)
    }

    fn look<T>(&self, at: impl FnOnce(&mut Coming) -> T) -> T {
        at(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What follows from one more part of the answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing for the client yet.
    Wait,
    /// The client may see this; the rest follows as it comes.
    Commit(Held),
    /// The answer is complete.
    Complete(Held, Trailer),
    /// The attempt failed; the bytes are the upstream's own error body.
    Broken(Reset, Bytes),
    /// The worker is gone, or answers nothing.
    Lost,
    /// The worker says what makes no sense.
    Nonsense(&'static str),
}

/// The beginning of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) head: ReplyHead,
    pub(crate) chunks: Vec<Bytes>,
}

impl Hold {
    /// Holds up to `limit` bytes, and the beginning of a stream as long as `window` says.
    pub(crate) fn new(limit: usize, window: Window) -> Self {
        let (ends, since, head, held, bytes, heard) = (None, (0, 0), None, Vec::new(), 0, None);
        Self { limit, window, ends, since, head, held, bytes, heard }
    }

    /// What comes, of this dialect, can be seen there.
    pub(crate) fn heard_by(mut self, dialect: Dialect, heard: &Heard) -> Self {
        self.heard = Some((dialect, heard.clone()));
        self
    }

    fn note(&self, bytes: &Bytes, committed: bool) {
        let Some((dialect, heard)) = &self.heard else { return };
        let streams = self.head.as_ref().is_some_and(|head| head.stream);
        heard.look(|coming| {
            coming.content |= committed;
            match streams {
                true => coming.portion.events(*dialect, bytes),
                false => coming.portion.document(bytes.len() as u64),
            }
        });
    }

    /// When what is held must be shown, whatever has come.
    pub(crate) fn ends(&self) -> Option<Instant> {
        self.ends
    }

    /// The window has ended.
    pub(crate) fn expire(&mut self) -> Verdict {
        self.ends = None;
        self.release().map_or(Verdict::Nonsense("a body without a head"), Verdict::Commit)
    }

    /// The first content came, or more of it: whether the client may see it.
    fn is_over(&mut self, bytes: usize, now: Instant) -> bool {
        self.since = (self.since.0 + 1, self.since.1 + bytes);
        let Window { chunks, bytes, ms } = self.window;
        self.ends.get_or_insert_with(|| match ms {
            0 => now + LONGEST,
            ms => now + Duration::from_millis(u64::from(ms)),
        });
        let streams = self.head.as_ref().is_some_and(|head| head.stream);
        let enough = (chunks > 0 && self.since.0 > chunks) || (bytes > 0 && self.since.1 > bytes as usize);
        !streams || enough || self.window == Window::default()
    }

    /// Takes the next part. After anything but [`Verdict::Wait`] the hold is empty and done.
    pub(crate) fn take(&mut self, answer: Answer, now: Instant) -> Verdict {
        match answer {
            Answer::Head(_) if self.head.is_some() => Verdict::Nonsense("a second head"),
            Answer::Head(head) => {
                self.head = Some(head);
                Verdict::Wait
            }
            Answer::Data { bytes, committed } => {
                self.bytes += bytes.len();
                self.note(&bytes, committed);
                let over = (committed || self.ends.is_some()) && self.is_over(bytes.len(), now);
                self.held.push(bytes);
                if over || self.bytes > self.limit {
                    self.release().map_or(Verdict::Nonsense("a body without a head"), Verdict::Commit)
                } else {
                    Verdict::Wait
                }
            }
            Answer::End(trailer) => match self.release() {
                Some(held) => Verdict::Complete(held, trailer),
                None => Verdict::Nonsense("an end without a head"),
            },
            // Once the answer has begun, the bytes are an event of its stream: no body for an error of its own.
            Answer::Reset(reset, _) if self.head.is_some() => Verdict::Broken(reset, Bytes::new()),
            Answer::Reset(reset, body) => Verdict::Broken(reset, body),
            Answer::Lost => Verdict::Lost,
        }
    }

    fn release(&mut self) -> Option<Held> {
        let chunks = std::mem::take(&mut self.held);
        self.head.take().map(|head| Held { head, chunks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ipc::call::ResetCode;

    fn head() -> ReplyHead {
        ReplyHead { status: 200, headers: vec![], stream: true, losses: vec![] }
    }

    fn data(text: &'static str, committed: bool) -> Answer {
        Answer::Data { bytes: Bytes::from_static(text.as_bytes()), committed }
    }

    fn held(chunks: &[&'static str]) -> Held {
        Held { head: head(), chunks: chunks.iter().map(|c| Bytes::from_static(c.as_bytes())).collect() }
    }

    #[test]
    fn nothing_before_the_first_content() {
        let mut hold = Hold::new(100, Window::default());
        assert_eq!(hold.take(Answer::Head(head()), Instant::now()), Verdict::Wait);
        assert_eq!(hold.take(data("role", false), Instant::now()), Verdict::Wait);
        assert_eq!(
            hold.take(data("content", true), Instant::now()),
            Verdict::Commit(held(&["role", "content"]))
        );
    }

    #[test]
    fn a_document_commits_when_it_is_complete() {
        let mut hold = Hold::new(100, Window::default());
        hold.take(Answer::Head(head()), Instant::now());
        hold.take(data("{", false), Instant::now());
        hold.take(data("}", false), Instant::now());
        let complete = hold.take(Answer::End(Trailer::default()), Instant::now());
        assert_eq!(complete, Verdict::Complete(held(&["{", "}"]), Trailer::default()));
    }

    #[test]
    fn an_answer_larger_than_the_hold_commits_early() {
        let mut hold = Hold::new(4, Window::default());
        hold.take(Answer::Head(head()), Instant::now());
        assert_eq!(hold.take(data("1234", false), Instant::now()), Verdict::Wait);
        assert_eq!(hold.take(data("5", false), Instant::now()), Verdict::Commit(held(&["1234", "5"])));
    }

    #[test]
    fn failures_pass_through_and_hide_what_was_held() {
        let reset = Reset { code: ResetCode::Upstream, failure: None, headers: vec![], trailer: None };
        let mut hold = Hold::new(100, Window::default());
        hold.take(Answer::Head(head()), Instant::now());
        hold.take(data("x", false), Instant::now());
        assert_eq!(
            hold.take(Answer::Reset(reset.clone(), Bytes::from_static(b"data: {}")), Instant::now()),
            Verdict::Broken(reset.clone(), Bytes::new())
        );
        let document = Bytes::from_static(b"{}");
        assert_eq!(
            Hold::new(1, Window::default())
                .take(Answer::Reset(reset.clone(), document.clone()), Instant::now()),
            Verdict::Broken(reset, document)
        );
        assert_eq!(Hold::new(1, Window::default()).take(Answer::Lost, Instant::now()), Verdict::Lost);
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_holds_the_beginning_until_its_first_bound() {
        let window = Window { chunks: 2, bytes: 0, ms: 500 };
        let begun = |window| {
            let mut hold = Hold::new(1000, window);
            hold.take(Answer::Head(head()), Instant::now());
            assert_eq!(hold.ends(), None);
            assert_eq!(hold.take(data("one", true), Instant::now()), Verdict::Wait);
            hold
        };
        let mut hold = begun(window);
        assert_eq!(hold.ends(), Some(Instant::now() + Duration::from_millis(500)));
        assert_eq!(hold.take(data("two", true), Instant::now()), Verdict::Wait);
        let all = Verdict::Commit(held(&["one", "two", "three"]));
        assert_eq!(hold.take(data("three", true), Instant::now()), all);
        assert_eq!(begun(window).expire(), Verdict::Commit(held(&["one"])));
        let reset = Reset { code: ResetCode::Upstream, failure: None, headers: vec![], trailer: None };
        let broken = begun(window).take(Answer::Reset(reset.clone(), Bytes::new()), Instant::now());
        assert_eq!(broken, Verdict::Broken(reset, Bytes::new()), "hidden, though content had come");
        let mut small = begun(Window { chunks: 0, bytes: 5, ms: 0 });
        assert_eq!(small.take(data("456", true), Instant::now()), Verdict::Commit(held(&["one", "456"])));
    }

    #[test]
    fn nonsense_is_called_so() {
        let mut twice = Hold::new(1, Window::default());
        twice.take(Answer::Head(head()), Instant::now());
        assert_eq!(twice.take(Answer::Head(head()), Instant::now()), Verdict::Nonsense("a second head"));
        assert!(matches!(
            Hold::new(9, Window::default()).take(data("x", true), Instant::now()),
            Verdict::Nonsense(_)
        ));
        assert!(matches!(
            Hold::new(9, Window::default()).take(Answer::End(Trailer::default()), Instant::now()),
            Verdict::Nonsense(_)
        ));
    }
}
