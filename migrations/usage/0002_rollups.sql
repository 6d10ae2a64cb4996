-- Sums of calls by time slot, provider, app and model, kept in the transaction that adds the calls.
-- `span` is the slot's length and `start` its beginning, both in seconds. '' = no provider was reached.
-- The histograms are (bucket u8, count u32 little-endian) pairs; the bucket bounds are the program's.

CREATE TABLE rollups (
    span          INTEGER NOT NULL CHECK (span IN (60, 3600, 86400)),
    start         INTEGER NOT NULL CHECK (start % span = 0),
    provider      TEXT NOT NULL,
    app           TEXT NOT NULL,
    model         TEXT NOT NULL,
    currency      TEXT NOT NULL,
    calls         INTEGER NOT NULL,
    failed        INTEGER NOT NULL,
    streams       INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,
    input_fresh   INTEGER NOT NULL,
    cache_read    INTEGER NOT NULL,
    cache_write   INTEGER NOT NULL,
    output        INTEGER NOT NULL,
    reasoning     INTEGER NOT NULL,
    unmeasured    INTEGER NOT NULL,
    estimated     INTEGER NOT NULL,
    cost_nano     INTEGER NOT NULL,
    unpriced      INTEGER NOT NULL,
    total_us      INTEGER NOT NULL,
    upstream_us   INTEGER NOT NULL,
    failures      TEXT NOT NULL CHECK (json_type(failures) = 'object'),
    total_hist    BLOB NOT NULL,
    token_hist    BLOB NOT NULL,
    overhead_hist BLOB NOT NULL,
    PRIMARY KEY (span, start, provider, app, model, currency)
) STRICT, WITHOUT ROWID;
