-- One row per call. The key is a UUIDv7, so key order is time order: a page is a range of the primary key, or
-- of one index that ends in it. Null = unknown, never 0. Times of a call are microseconds.

CREATE TABLE calls (
    id             BLOB PRIMARY KEY CHECK (length(id) = 16),
    at             INTEGER NOT NULL,
    app            TEXT NOT NULL,
    provider       TEXT,
    model          TEXT NOT NULL,
    upstream_model TEXT,
    dialect        TEXT NOT NULL,
    operation      TEXT NOT NULL,
    status         INTEGER NOT NULL,
    failure        TEXT,
    attempts       INTEGER NOT NULL,
    stream         INTEGER NOT NULL CHECK (stream IN (0, 1)),
    request_bytes  INTEGER NOT NULL,
    input_fresh    INTEGER,
    cache_read     INTEGER,
    cache_write    INTEGER,
    output         INTEGER,
    reasoning      INTEGER,
    usage_source   TEXT CHECK (usage_source IN ('reported', 'estimated')),
    cost_nano      INTEGER,
    currency       TEXT,
    queue_us       INTEGER,
    ipc_us         INTEGER,
    connect_us     INTEGER,
    first_byte_us  INTEGER,
    first_token_us INTEGER,
    upstream_us    INTEGER,
    total_us       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX calls_by_app ON calls (app, id);
CREATE INDEX calls_by_provider ON calls (provider, id);
CREATE INDEX calls_by_model ON calls (model, id);
CREATE INDEX calls_failed ON calls (id) WHERE failure IS NOT NULL;
CREATE INDEX calls_by_failure ON calls (failure, id) WHERE failure IS NOT NULL;

-- Decision traces are large and read one at a time: apart, so that pages of calls stay dense.
CREATE TABLE traces (
    call_id BLOB PRIMARY KEY CHECK (length(call_id) = 16),
    trace   TEXT NOT NULL CHECK (json_valid(trace))
) STRICT;
