-- What is secret of a provider besides its keys: the login at its proxy, and headers that carry a credential. Here is
-- only where each is kept, "kept" = sealed in `secrets` as field `proxy` or `header:NAME` of the provider.
-- And when keys of apps in the configuration file were last used: those of stored apps say it themselves.

ALTER TABLE providers ADD COLUMN proxy_login TEXT CHECK (proxy_login IS NULL OR json_valid(proxy_login));

ALTER TABLE providers ADD COLUMN secret_headers TEXT NOT NULL DEFAULT '{}' CHECK (json_type(secret_headers) = 'object');

CREATE TABLE file_keys (
    app          TEXT NOT NULL,
    label        TEXT NOT NULL,
    last_used_at INTEGER NOT NULL,
    PRIMARY KEY (app, label)
) STRICT, WITHOUT ROWID;
