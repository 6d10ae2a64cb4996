//! A stream whose answer lets itself be waited for: headers and comments go out, so that no proxy or client
//! in between gives up; the dispatch goes on behind them.
//!
//! Comments are no events: until the commit point everything is still open, only the status is not.

use super::dispatch::{Outcome, Running};
use super::reply::{Cut, ReplyBody};
use bytes::Bytes;
use http_body::Body;
use protocol::dialect::Dialect;
use protocol::model::{Failure, FailureKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Silence after which a stream begins with a comment, and the pause between two of them.
pub(crate) const SILENCE: Duration = Duration::from_secs(10);

const COMMENT: &[u8] = b": ping\n\n";

/// A body that began before its answer.
pub(crate) struct Late {
    dialect: Dialect,
    stage: Stage,
    beat: Interval,
}

enum Stage {
    Waiting(Running),
    Answering(ReplyBody),
    Over,
}

/// Whether a dialect's streams can hold comments.
pub(crate) fn has_comments(dialect: Dialect) -> bool {
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Anthropic => true,
        // One JSON value per line, or an array unless asked otherwise.
        Dialect::Ollama | Dialect::Gemini => false,
    }
}

impl Late {
    /// Goes on with a dispatch that runs. The first comment goes out at once.
    pub(crate) fn new(dialect: Dialect, running: Running) -> Self {
        let mut beat = interval(SILENCE);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { dialect, stage: Stage::Waiting(running), beat }
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        loop {
            match &mut self.stage {
                Stage::Over => return Poll::Ready(None),
                Stage::Answering(body) => {
                    let frame = ready!(Pin::new(body).poll_frame(cx));
                    return Poll::Ready(frame.map(|f| f.map(|f| f.into_data().unwrap_or_default())));
                }
                Stage::Waiting(running) => match running.as_mut().poll(cx) {
                    Poll::Pending => {
                        ready!(self.beat.poll_tick(cx));
                        return Poll::Ready(Some(Ok(Bytes::from_static(COMMENT))));
                    }
                    Poll::Ready(Outcome::Answered(answer)) if answer.head.stream => {
                        self.stage = Stage::Answering(answer.body);
                    }
                    Poll::Ready(outcome) => {
                        self.stage = Stage::Over;
                        let event = self.dialect.encode_stream_failure(&failure_of(outcome));
                        return Poll::Ready(Some(Ok(event.into())));
                    }
                },
            }
        }
    }
}

fn failure_of(outcome: Outcome) -> Failure {
    match outcome {
        Outcome::Failed(refusal) => refusal.failure,
        Outcome::Answered(_) => {
            Failure::new(FailureKind::BadAnswer, "the provider answered with a document instead of a stream")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::front::dispatch::Answered;
    use crate::router::front::refusal::Refusal;
    use crate::router::routing::{Candidate, Table};
    use http_body_util::BodyExt;
    use protocol::ipc::call::ReplyHead;
    use tokio::time::sleep;

    fn answered(stream: bool) -> Outcome {
        let candidate = Candidate::bare("a", "m");
        let head = ReplyHead { status: 200, headers: vec![], stream, losses: vec![] };
        let body = ReplyBody::whole(vec![Bytes::from_static(b"data: 1\n\n")]);
        Outcome::Answered(Answered { head, candidate, attempts: 1, body })
    }

    fn failed() -> Outcome {
        let failure = Table::default().resolve("x").unwrap_err();
        Outcome::Failed(Refusal { failure: *failure, upstream: None, candidate: None, attempts: 1 })
    }

    async fn told(outcome: Outcome) -> String {
        let running = async move {
            sleep(SILENCE + SILENCE / 2).await;
            outcome
        };
        let body = ReplyBody::late(Late::new(Dialect::OpenAiChat, Box::pin(running)));
        String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn comments_keep_a_silent_stream_alive_until_its_answer() {
        assert_eq!(told(answered(true)).await, ": ping\n\n: ping\n\ndata: 1\n\n");
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_failure_is_an_event() {
        let told = told(failed()).await;
        assert!(told.starts_with(": ping\n\n: ping\n\ndata: {\"error\""), "{told}");
        assert!(!told.contains("[DONE]"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_document_does_not_fit_a_stream_that_has_begun() {
        assert!(told(answered(false)).await.contains("a document instead of a stream"));
    }
}
