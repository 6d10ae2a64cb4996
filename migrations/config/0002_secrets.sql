-- Sealed values. One table for all of them, so that a new master key is one statement per row of one table.
-- `owner` is the table, `owner_id` the row and `field` the column a secret belongs to; together with `version`
-- they are the associated data of the seal: a ciphertext moved to another row does not open.

CREATE TABLE keyring (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    master_id  TEXT NOT NULL,
    adopted_at INTEGER NOT NULL
) STRICT;

CREATE TABLE secrets (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    owner      TEXT NOT NULL,
    owner_id   INTEGER NOT NULL,
    field      TEXT NOT NULL,
    version    INTEGER NOT NULL CHECK (version > 0),
    ciphertext BLOB NOT NULL,
    data_key   BLOB NOT NULL,
    master_id  TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (owner, owner_id, field)
) STRICT;

CREATE INDEX secrets_by_master ON secrets (master_id);
