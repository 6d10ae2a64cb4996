//! The thread that hashes passwords. One hash takes tens of milliseconds and 19 MiB on purpose; on a thread of its
//! own it holds up nobody but the next login, and there is never more than one at a time.

use crate::store::users::PasswordHash;
use crate::vault::error::VaultError;
use crate::vault::password::{Verdict, hash_password, verify_password};
use crate::vault::secret::Secret;
use protocol::control::SecretText;
use protocol::transport::precedence::give_way;
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

/// Passwords that may wait; beyond it callers are told to come back.
const QUEUE: usize = 32;

/// What is to be done with a password.
enum Job {
    Hash(Secret, oneshot::Sender<Result<PasswordHash, VaultError>>),
    Verify(Secret, Option<PasswordHash>, oneshot::Sender<Result<Verdict, VaultError>>),
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashingError {
    #[error("too many passwords are being checked; try again in a moment")]
    Busy,
    #[error("passwords cannot be checked any more")]
    Gone,
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// The owner of the thread. Dropping it ends the thread after what it was given, and waits for it.
pub(crate) struct Hashing {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Hashing {
    /// Starts the thread.
    pub(crate) fn start() -> std::io::Result<Hashing> {
        let (jobs, inbox) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new().name("passwords".to_owned()).spawn(move || work(inbox))?;
        Ok(Hashing { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Hashes a new password.
    pub(crate) async fn hash(&self, password: &SecretText) -> Result<PasswordHash, HashingError> {
        let (reply, hashed) = oneshot::channel();
        self.give(Job::Hash(secret(password), reply))?;
        Ok(hashed.await.map_err(|_| HashingError::Gone)??)
    }

    /// Compares a password with a hash. Without one (no such user) it takes the same time and is wrong.
    pub(crate) async fn verify(
        &self,
        password: &SecretText,
        hash: Option<PasswordHash>,
    ) -> Result<Verdict, HashingError> {
        let (reply, verdict) = oneshot::channel();
        self.give(Job::Verify(secret(password), hash, reply))?;
        Ok(verdict.await.map_err(|_| HashingError::Gone)??)
    }

    fn give(&self, job: Job) -> Result<(), HashingError> {
        let jobs = self.jobs.as_ref().ok_or(HashingError::Gone)?;
        jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => HashingError::Busy,
            mpsc::error::TrySendError::Closed(_) => HashingError::Gone,
        })
    }
}

impl Drop for Hashing {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

fn work(mut inbox: mpsc::Receiver<Job>) {
    // Calls are not to wait for somebody who logs in.
    give_way();
    while let Some(job) = inbox.blocking_recv() {
        match job {
            Job::Hash(password, reply) if !reply.is_closed() => {
                let _gone = reply.send(hash_password(&password));
            }
            Job::Verify(password, hash, reply) if !reply.is_closed() => {
                let _gone = reply.send(verify_password(&password, hash.as_ref()));
            }
            // Whoever asked went away.
            Job::Hash(..) | Job::Verify(..) => {}
        }
    }
}

fn secret(text: &SecretText) -> Secret {
    Secret::new(text.expose().as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hashes_and_verifies_off_the_main_thread() {
        let hashing = Hashing::start().unwrap();
        let text = |t: &str| SecretText::new(t.to_owned());
        let hash = hashing.hash(&text("correct horse")).await.unwrap();
        let verdict = hashing.verify(&text("correct horse"), Some(hash.clone())).await.unwrap();
        assert_eq!(verdict, Verdict::Right);
        assert_eq!(hashing.verify(&text("wrong horse"), Some(hash)).await.unwrap(), Verdict::Wrong);
        assert_eq!(hashing.verify(&text("correct horse"), None).await.unwrap(), Verdict::Wrong);
    }

    #[tokio::test]
    async fn more_than_it_can_take_is_sent_away() {
        let hashing = Hashing::start().unwrap();
        let password = SecretText::new("correct horse".to_owned());
        let tries = (0..3 * QUEUE).map(|_| hashing.verify(&password, None));
        let done = futures_util::future::join_all(tries).await;
        let busy = done.iter().filter(|d| matches!(d, Err(HashingError::Busy))).count();
        assert!((QUEUE..=2 * QUEUE).contains(&busy), "{busy} of {} were sent away", done.len());
    }
}
