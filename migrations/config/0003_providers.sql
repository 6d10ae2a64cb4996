-- Configured upstream accounts and their keys. A key's plaintext is in `secrets`, sealed; here is only what
-- may be shown.

CREATE TABLE providers (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE COLLATE NOCASE,
    preset     TEXT NOT NULL,
    dialect    TEXT,
    base_url   TEXT,
    endpoints  TEXT NOT NULL CHECK (json_type(endpoints) = 'object'),
    enabled    INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    priority   INTEGER NOT NULL,
    fallback   TEXT NOT NULL CHECK (json_type(fallback) = 'array'),
    limits     TEXT NOT NULL CHECK (json_type(limits) = 'object'),
    timeouts   TEXT NOT NULL CHECK (json_type(timeouts) = 'object'),
    sandbox    TEXT CHECK (sandbox IN ('best-effort', 'required', 'off')),
    proxy      TEXT NOT NULL CHECK (json_valid(proxy)),
    headers    TEXT NOT NULL CHECK (json_type(headers) = 'object'),
    quirks     TEXT NOT NULL CHECK (json_type(quirks) = 'object'),
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TRIGGER provider_takes_its_secrets AFTER DELETE ON providers
BEGIN
    DELETE FROM secrets WHERE owner = 'providers' AND owner_id = OLD.id;
END;

CREATE TABLE provider_keys (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    provider_id    INTEGER NOT NULL REFERENCES providers (id) ON DELETE CASCADE,
    label          TEXT NOT NULL,
    tail           TEXT NOT NULL CHECK (length(tail) <= 4),
    reference      TEXT CHECK (reference IS NULL OR json_type(reference) = 'object'),
    enabled        INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    state          TEXT NOT NULL CHECK (state IN ('unproven', 'good', 'cooling', 'rejected')),
    cooldown_until INTEGER,
    failures       INTEGER NOT NULL DEFAULT 0,
    last_used_at   INTEGER,
    version        INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    UNIQUE (provider_id, label)
) STRICT;

CREATE TRIGGER provider_key_takes_its_secrets AFTER DELETE ON provider_keys
BEGIN
    DELETE FROM secrets WHERE owner = 'provider_keys' AND owner_id = OLD.id;
END;
