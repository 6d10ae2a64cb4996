-- The number of the configuration, and single values that belong to no other table.

CREATE TABLE epoch (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    number     INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

INSERT INTO epoch (one, number, changed_at) VALUES (1, 0, 0);

-- Every change makes the next epoch: never the same one twice, never a gap, never backwards.
CREATE TRIGGER epoch_grows_by_one BEFORE UPDATE ON epoch
WHEN NEW.number <> OLD.number + 1
BEGIN
    SELECT RAISE(ABORT, 'the epoch must grow by one');
END;

CREATE TRIGGER epoch_stays BEFORE DELETE ON epoch
BEGIN
    SELECT RAISE(ABORT, 'the epoch cannot be removed');
END;

CREATE TABLE settings (
    name       TEXT PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 128),
    value      TEXT NOT NULL CHECK (json_valid(value)),
    version    INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
