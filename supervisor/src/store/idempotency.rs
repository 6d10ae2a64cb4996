//! Answers to repeated POSTs: the same key and request get the first answer again. What is shown once (an app
//! key) must not be in the reply given here.

use super::edit::Note;
use super::error::StoreError;
use super::words::UnixMs;
use rusqlite::params;

/// How long a key is remembered.
pub(crate) const KEPT_MS: i64 = 24 * 60 * 60 * 1000;

/// What a key stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// The first time: do it, then [`Note::finish_once`].
    First,
    /// Another request is doing it now.
    Underway,
    /// Done before, with this answer.
    Done { status: u16, reply: String },
    /// The key came with another request before.
    Mismatch,
}

impl Note<'_> {
    /// Claims a key for a request (`request` = SHA-256 of method, path and body).
    pub(crate) fn begin_once(
        &mut self,
        actor: &str,
        key: &str,
        request: &[u8; 32],
        at: UnixMs,
    ) -> Result<Repeat, StoreError> {
        self.execute(
            "DELETE FROM idempotency_keys WHERE actor = ?1 AND key = ?2 AND expires_at <= ?3",
            (actor, key, at),
        )?;
        let claimed = self.execute(
            "INSERT INTO idempotency_keys (actor, key, request, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO NOTHING",
            params![actor, key, request, at, at.plus_ms(KEPT_MS)],
        )?;
        if claimed == 1 {
            return Ok(Repeat::First);
        }
        let found = self.one(
            "SELECT request, status, reply FROM idempotency_keys WHERE actor = ?1 AND key = ?2",
            (actor, key),
            |row| {
                Ok((
                    row.get::<_, [u8; 32]>(0)?,
                    row.get::<_, Option<u16>>(1)?,
                    row.get::<_, Option<String>>(2)?,
                ))
            },
        )?;
        Ok(match found {
            None => Repeat::First,
            Some((first, _, _)) if first != *request => Repeat::Mismatch,
            Some((_, Some(status), reply)) => Repeat::Done { status, reply: reply.unwrap_or_default() },
            Some((_, None, _)) => Repeat::Underway,
        })
    }

    /// Keeps the answer.
    pub(crate) fn finish_once(
        &mut self,
        actor: &str,
        key: &str,
        status: u16,
        reply: &str,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE idempotency_keys SET status = ?3, reply = ?4 WHERE actor = ?1 AND key = ?2";
        self.execute(sql, (actor, key, status, reply))?;
        Ok(())
    }

    /// Lets go of a key whose request failed before it did anything.
    pub(crate) fn abandon_once(&mut self, actor: &str, key: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM idempotency_keys WHERE actor = ?1 AND key = ?2 AND status IS NULL";
        self.execute(sql, (actor, key))?;
        Ok(())
    }

    /// Lets go of every key whose request a stop or a crash has cut off: nobody answers it any more. To be called
    /// before the first question.
    pub(crate) fn abandon_all_once(&mut self) -> Result<usize, StoreError> {
        Ok(self.execute("DELETE FROM idempotency_keys WHERE status IS NULL", [])?)
    }

    /// Forgets old keys, at most `limit`; those left underway by a crash too. Returns how many.
    pub(crate) fn prune_once(&mut self, at: UnixMs, limit: u32) -> Result<usize, StoreError> {
        Ok(self.execute(
            "DELETE FROM idempotency_keys WHERE (actor, key) IN
             (SELECT actor, key FROM idempotency_keys WHERE expires_at <= ?1 LIMIT ?2)",
            (at, limit),
        )?)
    }
}
