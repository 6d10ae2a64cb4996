//! A second candidate is asked because the first one is late: when, whom, and who of the two has the call in the end.
//!
//! A hedge takes what is free and nothing else: it waits in no queue, it spoils no later try at its candidate, and
//! nobody is told that it was not possible. The one that loses is let go at once; what it took is estimated.

use super::attempt::Tried;
use super::course::Step;
use super::dispatch::{Next, Run, standing};
use super::random;
use super::trial::Trial;
use super::tries::Try;
use crate::router::trace::Begun;
use protocol::ipc::configure::Hedge;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::timeout;

/// However fast a provider is: less is not worth a second call.
const LEAST: Duration = Duration::from_millis(50);

/// How long the first candidate has until then; `None` = for ever: it is not wanted, or nothing is known of how long
/// this candidate takes.
fn patience(hedge: &Hedge, trial: &Trial) -> Option<Duration> {
    if !hedge.enabled {
        return None;
    }
    let told = hedge.after_ms.map(Duration::from_millis);
    told.or_else(|| trial.p95().map(|p95| p95.max(LEAST)))
}

impl Run {
    /// Hands the call to a candidate, and to a second one as well if the first is late, until somebody answers or
    /// both have failed.
    pub(super) async fn attempt(&mut self, at: usize, force: bool) -> Next {
        let first = match self.begin(at, force).await {
            Ok(try_) => try_,
            Err(next) => return next,
        };
        let mut first = Box::pin(first);
        let Some(patience) = patience(&self.call.caller.policy.hedge, &first.trial) else {
            let tried = first.as_mut().await;
            return self.ended(first, tried);
        };
        if let Ok(tried) = timeout(patience, first.as_mut()).await {
            return self.ended(first, tried);
        }
        // A window of its app may hold back what has come: that is not late.
        let second = if first.heard.has_content() { None } else { self.hedge() };
        match second {
            Some(second) => self.race(first, Box::pin(second)).await,
            None => {
                let tried = first.as_mut().await;
                self.ended(first, tried)
            }
        }
    }

    /// A second candidate for a call whose first one is late, if there is one that takes it now and hedges are left.
    fn hedge(&mut self) -> Option<Try> {
        let Step::Go { at, force: false, .. } = self.course.next(|c| standing(&self.shard, c)) else {
            return None;
        };
        let candidate = self.course.candidate(at);
        if self.course.was_asked(at) || self.shard.lanes.sheds(&candidate.provider, random) {
            return None;
        }
        let place = self.shard.shared.snapshot().gate(&candidate.provider)?.enter_now()?;
        if !self.shard.shared.may_hedge() {
            return None;
        }
        let begun = Begun { candidate: at, at: self.record.elapsed(), queued: Duration::ZERO };
        self.hand_over(begun, place, false).ok()
    }

    /// Two candidates have the call: the first answer wins and the other one is told to stop. If one fails, the
    /// other one may still answer.
    async fn race(&mut self, mut first: Pin<Box<Try>>, mut second: Pin<Box<Try>>) -> Next {
        let (first_done, tried) = tokio::select! {
            biased;
            tried = first.as_mut() => (true, tried),
            tried = second.as_mut() => (false, tried),
        };
        let (done, mut other) = if first_done { (first, second) } else { (second, first) };
        match tried {
            Tried::Answered(_) => {
                self.let_go(other, &done);
                self.ended(done, tried)
            }
            Tried::Failed { .. } => {
                self.ended(done, tried);
                let tried = other.as_mut().await;
                self.ended(other, tried)
            }
            // They have one deadline.
            Tried::Late => {
                self.ended(other, Tried::Late);
                self.ended(done, tried)
            }
        }
    }

    /// Another one was faster: its stream is reset, its place is free.
    fn let_go(&mut self, loser: Pin<Box<Try>>, winner: &Try) {
        let Try { begun, trial, heard, running, .. } = *Pin::into_inner(loser);
        drop(running);
        drop(trial);
        let tokens = self.record.let_go(begun, &heard.portion());
        let name = |at: usize| self.course.candidate(at).address();
        let (won, lost) = (name(winner.begun.candidate), name(begun.candidate));
        self.record.note(|t| {
            t.notes.push(format!(
                "hedged: {won} was first, {lost} was cancelled and counts with about {tokens} tokens"
            ));
        });
    }
}
