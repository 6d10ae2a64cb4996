//! What is held back of an answer before the commit point, so that a failure there can be hidden behind
//! another attempt. Pure: answers go in, decisions come out.
//!
//! A stream commits with its first content-bearing chunk; a document only when it is complete, so that one
//! that breaks off can be tried again. Either commits early when more than the limit would have to be held.

use bytes::Bytes;
use protocol::ipc::call::{ReplyHead, Reset, Trailer};
use protocol::transport::link::Answer;

/// The part of an answer that the client has not seen.
#[derive(Debug)]
pub(crate) struct Hold {
    limit: usize,
    head: Option<ReplyHead>,
    held: Vec<Bytes>,
    bytes: usize,
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
    /// Holds up to `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, head: None, held: Vec::new(), bytes: 0 }
    }

    /// Takes the next part. After anything but [`Verdict::Wait`] the hold is empty and done.
    pub(crate) fn take(&mut self, answer: Answer) -> Verdict {
        match answer {
            Answer::Head(_) if self.head.is_some() => Verdict::Nonsense("a second head"),
            Answer::Head(head) => {
                self.head = Some(head);
                Verdict::Wait
            }
            Answer::Data { bytes, committed } => {
                self.bytes += bytes.len();
                self.held.push(bytes);
                if committed || self.bytes > self.limit {
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
        let mut hold = Hold::new(100);
        assert_eq!(hold.take(Answer::Head(head())), Verdict::Wait);
        assert_eq!(hold.take(data("role", false)), Verdict::Wait);
        assert_eq!(hold.take(data("content", true)), Verdict::Commit(held(&["role", "content"])));
    }

    #[test]
    fn a_document_commits_when_it_is_complete() {
        let mut hold = Hold::new(100);
        hold.take(Answer::Head(head()));
        hold.take(data("{", false));
        hold.take(data("}", false));
        let complete = hold.take(Answer::End(Trailer::default()));
        assert_eq!(complete, Verdict::Complete(held(&["{", "}"]), Trailer::default()));
    }

    #[test]
    fn an_answer_larger_than_the_hold_commits_early() {
        let mut hold = Hold::new(4);
        hold.take(Answer::Head(head()));
        assert_eq!(hold.take(data("1234", false)), Verdict::Wait);
        assert_eq!(hold.take(data("5", false)), Verdict::Commit(held(&["1234", "5"])));
    }

    #[test]
    fn failures_pass_through_and_hide_what_was_held() {
        let reset = Reset { code: ResetCode::Upstream, failure: None, headers: vec![], trailer: None };
        let mut hold = Hold::new(100);
        hold.take(Answer::Head(head()));
        hold.take(data("x", false));
        assert_eq!(
            hold.take(Answer::Reset(reset.clone(), Bytes::from_static(b"data: {}"))),
            Verdict::Broken(reset.clone(), Bytes::new())
        );
        let document = Bytes::from_static(b"{}");
        assert_eq!(
            Hold::new(1).take(Answer::Reset(reset.clone(), document.clone())),
            Verdict::Broken(reset, document)
        );
        assert_eq!(Hold::new(1).take(Answer::Lost), Verdict::Lost);
    }

    #[test]
    fn nonsense_is_called_so() {
        let mut twice = Hold::new(1);
        twice.take(Answer::Head(head()));
        assert_eq!(twice.take(Answer::Head(head())), Verdict::Nonsense("a second head"));
        assert!(matches!(Hold::new(9).take(data("x", true)), Verdict::Nonsense(_)));
        assert!(matches!(Hold::new(9).take(Answer::End(Trailer::default())), Verdict::Nonsense(_)));
    }
}
