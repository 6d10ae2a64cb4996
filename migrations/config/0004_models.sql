-- What each provider serves, what it costs since when, and the public names in front of it.

CREATE TABLE models (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    provider_id  INTEGER NOT NULL REFERENCES providers (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    model_version TEXT,
    source       TEXT NOT NULL CHECK (source IN ('manual', 'preset', 'discovered')),
    enabled      INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    facts        TEXT NOT NULL CHECK (json_type(facts) = 'object'),
    deprecated   INTEGER NOT NULL CHECK (deprecated IN (0, 1)),
    sunset       INTEGER,
    alternatives TEXT NOT NULL CHECK (json_type(alternatives) = 'array'),
    version      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    UNIQUE (provider_id, name)
) STRICT;

-- Amounts are millionths of the currency unit per million tokens; null = not charged apart or unknown.
CREATE TABLE prices (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    model_id    INTEGER NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    since       INTEGER NOT NULL,
    currency    TEXT NOT NULL CHECK (length(currency) = 3),
    input_fresh INTEGER CHECK (input_fresh >= 0),
    cache_read  INTEGER CHECK (cache_read >= 0),
    cache_write INTEGER CHECK (cache_write >= 0),
    output      INTEGER CHECK (output >= 0),
    UNIQUE (model_id, since)
) STRICT;

CREATE TABLE aliases (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE,
    enabled    INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    note       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE alias_candidates (
    alias_id    INTEGER NOT NULL REFERENCES aliases (id) ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    provider_id INTEGER NOT NULL REFERENCES providers (id) ON DELETE RESTRICT,
    model       TEXT NOT NULL,
    weight      INTEGER NOT NULL CHECK (weight > 0),
    PRIMARY KEY (alias_id, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX alias_candidates_by_provider ON alias_candidates (provider_id);
