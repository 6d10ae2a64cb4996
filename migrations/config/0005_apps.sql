-- Named clients, their keys (hashes only) and how their calls are routed.

CREATE TABLE apps (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE COLLATE NOCASE,
    enabled    INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    strict     INTEGER NOT NULL CHECK (strict IN (0, 1)),
    note       TEXT NOT NULL,
    limits     TEXT NOT NULL CHECK (json_type(limits) = 'object'),
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE app_keys (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id       INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    label        TEXT NOT NULL,
    prefix       TEXT NOT NULL,
    hash         BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER,
    version      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX app_keys_by_app ON app_keys (app_id);

CREATE TABLE app_routes (
    app_id     INTEGER PRIMARY KEY REFERENCES apps (id) ON DELETE CASCADE,
    rule       TEXT NOT NULL CHECK (rule IN
               ('priority', 'round_robin', 'weighted', 'least_connections', 'latency')),
    retry      TEXT NOT NULL CHECK (json_type(retry) = 'object'),
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- `model` null = the model the client asked for.
CREATE TABLE app_route_steps (
    app_id      INTEGER NOT NULL REFERENCES app_routes (app_id) ON DELETE CASCADE,
    part        TEXT NOT NULL CHECK (part IN ('candidate', 'fallback')),
    position    INTEGER NOT NULL,
    provider_id INTEGER NOT NULL REFERENCES providers (id) ON DELETE RESTRICT,
    model       TEXT,
    weight      INTEGER NOT NULL CHECK (weight > 0),
    PRIMARY KEY (app_id, part, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX app_route_steps_by_provider ON app_route_steps (provider_id);
