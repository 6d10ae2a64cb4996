-- When to tell whom, and what was told.

CREATE TABLE alert_channels (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE COLLATE NOCASE,
    kind       TEXT NOT NULL CHECK (kind IN ('webhook', 'log', 'email')),
    enabled    INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    options    TEXT NOT NULL CHECK (json_type(options) = 'object'),
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TRIGGER alert_channel_takes_its_secrets AFTER DELETE ON alert_channels
BEGIN
    DELETE FROM secrets WHERE owner = 'alert_channels' AND owner_id = OLD.id;
END;

CREATE TABLE alert_rules (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE COLLATE NOCASE,
    enabled    INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    severity   TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    measure    TEXT NOT NULL,
    comparison TEXT NOT NULL CHECK (comparison IN ('above', 'below')),
    threshold  REAL NOT NULL,
    window_s   INTEGER NOT NULL CHECK (window_s > 0),
    hold_s     INTEGER NOT NULL CHECK (hold_s >= 0),
    repeat_s   INTEGER NOT NULL CHECK (repeat_s >= 0),
    provider   TEXT,
    app        TEXT,
    model      TEXT,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE alert_rule_channels (
    rule_id    INTEGER NOT NULL REFERENCES alert_rules (id) ON DELETE CASCADE,
    channel_id INTEGER NOT NULL REFERENCES alert_channels (id) ON DELETE RESTRICT,
    PRIMARY KEY (rule_id, channel_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX alert_rule_channels_by_channel ON alert_rule_channels (channel_id);

-- The rule's name and severity are copied: history outlives its rule.
CREATE TABLE alert_history (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    rule_id     INTEGER REFERENCES alert_rules (id) ON DELETE SET NULL,
    rule_name   TEXT NOT NULL,
    severity    TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    subject     TEXT NOT NULL,
    value       REAL NOT NULL,
    message     TEXT NOT NULL,
    started_at  INTEGER NOT NULL,
    resolved_at INTEGER,
    told        TEXT NOT NULL CHECK (json_type(told) = 'array')
) STRICT;

CREATE INDEX alert_history_firing ON alert_history (rule_id, subject) WHERE resolved_at IS NULL;
CREATE INDEX alert_history_by_start ON alert_history (started_at);
