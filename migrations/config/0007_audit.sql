-- Who did what. Rows are only ever added, and removed when their retention ends.

CREATE TABLE audit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    epoch      INTEGER,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('user', 'command_line', 'file', 'system', 'anonymous')),
    actor      TEXT NOT NULL,
    origin     TEXT NOT NULL,
    verb       TEXT NOT NULL,
    object     TEXT NOT NULL,
    object_id  TEXT NOT NULL,
    name       TEXT NOT NULL,
    before     TEXT CHECK (before IS NULL OR json_valid(before)),
    after      TEXT CHECK (after IS NULL OR json_valid(after))
) STRICT;

CREATE INDEX audit_by_object ON audit (object, object_id, id);
CREATE INDEX audit_by_actor ON audit (actor, id);
CREATE INDEX audit_by_epoch ON audit (epoch);
CREATE INDEX audit_by_time ON audit (at);

CREATE TRIGGER audit_is_not_rewritten BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'an audit row cannot be changed');
END;

-- Answers to repeated POSTs. `reply` never holds what is shown once.
CREATE TABLE idempotency_keys (
    actor      TEXT NOT NULL,
    key        TEXT NOT NULL,
    request    BLOB NOT NULL CHECK (length(request) = 32),
    status     INTEGER,
    reply      TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (actor, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);
