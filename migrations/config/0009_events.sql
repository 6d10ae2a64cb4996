-- What happened to processes and providers, for people to read.

CREATE TABLE events (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    severity   TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    kind       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    generation INTEGER,
    message    TEXT NOT NULL,
    detail     TEXT NOT NULL CHECK (json_type(detail) = 'object')
) STRICT;

CREATE INDEX events_by_subject ON events (subject, id);
CREATE INDEX events_by_time ON events (at);
