//! Sessions of people, their rotating refresh tokens, and one-time tokens (setup link, password reset). Tokens
//! are here as SHA-256 only. None of it is configuration: no epoch.

use super::edit::{Edit, Note, View};
use super::error::{Object, StoreError, dangling};
use super::words::{UnixMs, UserId, words};
use rusqlite::{Row, params};
use serde::Serialize;

words! {
    /// What a one-time token is good for.
    Purpose {
        /// Making the first user.
        Setup = "setup",
        PasswordReset = "password_reset",
    }
}

/// SHA-256 of a token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TokenHash(pub(crate) [u8; 32]);

/// A login that lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Session {
    /// Random, given by the caller.
    pub(crate) id: String,
    pub(crate) user_id: UserId,
    /// The browser or script, as it names itself.
    pub(crate) agent: String,
    pub(crate) address: String,
    pub(crate) created_at: UnixMs,
    pub(crate) expires_at: UnixMs,
    pub(crate) seen_at: UnixMs,
    pub(crate) revoked_at: Option<UnixMs>,
}

/// What showing a refresh token came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refreshed {
    /// The token was exchanged for the next one.
    Next(Session),
    /// The token was exchanged a moment ago and the next one is unused: two windows of one browser asked at once.
    /// Nothing is given, nothing is ended.
    JustUsed,
    /// The token had been used before: somebody has a copy. The session is over now.
    Replayed(Session),
    /// Unknown, expired, or its session is over.
    Refused,
}

/// How long a token that was just exchanged may be shown again without being taken for stolen.
const GRACE_MS: i64 = 10_000;

const SELECT: &str =
    "SELECT id, user_id, agent, address, created_at, expires_at, seen_at, revoked_at FROM sessions";

impl View<'_> {
    /// A session that is neither over nor expired, of a user who is enabled.
    pub(crate) fn live_session(&self, id: &str, at: UnixMs) -> Result<Option<Session>, StoreError> {
        let sql = format!(
            "{SELECT} WHERE id = ?1 AND revoked_at IS NULL AND expires_at > ?2
             AND (SELECT enabled FROM users WHERE users.id = user_id)"
        );
        self.one(&sql, (id, at), from_row)
    }

    /// A user's sessions that are not over, newest first.
    pub(crate) fn sessions(&self, user: UserId, at: UnixMs) -> Result<Vec<Session>, StoreError> {
        let sql = format!(
            "{SELECT} WHERE user_id = ?1 AND revoked_at IS NULL AND expires_at > ?2 ORDER BY created_at DESC, id"
        );
        self.all(&sql, (user, at), from_row)
    }

    fn session(&self, id: &str) -> Result<Session, StoreError> {
        self.one(&format!("{SELECT} WHERE id = ?1"), [id], from_row)?
            .ok_or_else(|| StoreError::not_found(Object::Session, id))
    }
}

impl Edit<'_> {
    /// Uses up a one-time token, together with what it is good for. `None` = unknown, used, or expired; else the
    /// user it was for.
    pub(crate) fn redeem_one_time(
        &mut self,
        hash: TokenHash,
        purpose: Purpose,
    ) -> Result<Option<Option<UserId>>, StoreError> {
        self.one(
            "UPDATE one_time_tokens SET used_at = ?3 WHERE hash = ?1 AND purpose = ?2 AND used_at IS NULL
             AND expires_at > ?3 RETURNING user_id",
            (hash.0, purpose, self.now()),
            |row| row.get(0),
        )
    }
}

impl Note<'_> {
    /// Begins a session with its first refresh token.
    pub(crate) fn begin_session(&mut self, session: &Session, first: TokenHash) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO sessions (id, user_id, agent, address, created_at, expires_at, seen_at, revoked_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL)",
            params![
                session.id,
                session.user_id,
                session.agent,
                session.address,
                session.created_at,
                session.expires_at,
                session.seen_at,
            ],
        )
        .map_err(dangling(Object::User, session.user_id))?;
        self.add_refresh_token(&session.id, first, session.created_at, session.expires_at)
    }

    /// Exchanges a refresh token for the next one. A token shown a second time ends the session.
    pub(crate) fn refresh(
        &mut self,
        shown: TokenHash,
        next: TokenHash,
        at: UnixMs,
    ) -> Result<Refreshed, StoreError> {
        let found: Option<(String, UnixMs, Option<UnixMs>)> = self.one(
            "SELECT session_id, expires_at, used_at FROM refresh_tokens WHERE hash = ?1",
            [shown.0],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?;
        let Some((id, expires_at, used_at)) = found else { return Ok(Refreshed::Refused) };
        if let Some(used_at) = used_at {
            if used_at.plus_ms(GRACE_MS) > at && self.is_last_used(&id, shown, used_at)? {
                return Ok(Refreshed::JustUsed);
            }
            self.end_session(&id, at)?;
            return Ok(Refreshed::Replayed(self.session(&id)?));
        }
        let Some(session) = self.live_session(&id, at)?.filter(|_| expires_at > at) else {
            return Ok(Refreshed::Refused);
        };
        self.execute("UPDATE refresh_tokens SET used_at = ?2 WHERE hash = ?1", (shown.0, at))?;
        self.execute("UPDATE sessions SET seen_at = ?2 WHERE id = ?1", (&id, at))?;
        self.add_refresh_token(&id, next, at, session.expires_at)?;
        Ok(Refreshed::Next(session))
    }

    /// Whether no token of the session was used after this one.
    fn is_last_used(&self, session: &str, shown: TokenHash, used_at: UnixMs) -> Result<bool, StoreError> {
        let sql =
            "SELECT 1 FROM refresh_tokens WHERE session_id = ?1 AND hash <> ?2 AND used_at >= ?3 LIMIT 1";
        Ok(self.one(sql, params![session, shown.0, used_at], |_| Ok(()))?.is_none())
    }

    /// Ends a session. Ending it twice is the same as once.
    pub(crate) fn end_session(&mut self, id: &str, at: UnixMs) -> Result<(), StoreError> {
        self.execute("UPDATE sessions SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL", (id, at))?;
        Ok(())
    }

    /// Ends every session of a user. Returns how many.
    pub(crate) fn end_sessions(&mut self, user: UserId, at: UnixMs) -> Result<usize, StoreError> {
        let sql = "UPDATE sessions SET revoked_at = ?2 WHERE user_id = ?1 AND revoked_at IS NULL";
        Ok(self.execute(sql, (user, at))?)
    }

    /// Keeps a one-time token; those of the same purpose and user that were not used lapse.
    pub(crate) fn issue_one_time(
        &mut self,
        hash: TokenHash,
        purpose: Purpose,
        user: Option<UserId>,
        (at, expires_at): (UnixMs, UnixMs),
    ) -> Result<(), StoreError> {
        let sql = "DELETE FROM one_time_tokens WHERE purpose = ?1 AND user_id IS ?2 AND used_at IS NULL";
        self.execute(sql, (purpose, user))?;
        self.execute(
            "INSERT INTO one_time_tokens (hash, purpose, user_id, issued_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![hash.0, purpose, user, at, expires_at],
        )?;
        Ok(())
    }

    /// Removes sessions and tokens that ended before an instant, at most `limit` of each. Returns how many.
    pub(crate) fn prune_sessions(&mut self, before: UnixMs, limit: u32) -> Result<usize, StoreError> {
        let sessions = self.execute(
            "DELETE FROM sessions WHERE id IN
             (SELECT id FROM sessions WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)",
            (before, limit),
        )?;
        let tokens = self.execute(
            "DELETE FROM one_time_tokens WHERE hash IN
             (SELECT hash FROM one_time_tokens WHERE expires_at < ?1 LIMIT ?2)",
            (before, limit),
        )?;
        Ok(sessions + tokens)
    }

    fn add_refresh_token(
        &mut self,
        session: &str,
        hash: TokenHash,
        at: UnixMs,
        expires_at: UnixMs,
    ) -> Result<(), StoreError> {
        let sql =
            "INSERT INTO refresh_tokens (hash, session_id, issued_at, expires_at) VALUES (?1, ?2, ?3, ?4)";
        self.execute(sql, (hash.0, session, at, expires_at))?;
        Ok(())
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: row.get(0)?,
        user_id: row.get(1)?,
        agent: row.get(2)?,
        address: row.get(3)?,
        created_at: row.get(4)?,
        expires_at: row.get(5)?,
        seen_at: row.get(6)?,
        revoked_at: row.get(7)?,
    })
}
