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
