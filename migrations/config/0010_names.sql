-- Routes and aliases name providers instead of pointing at rows, as a provider may stand in the configuration file.
-- What is said about a route is one document; apps say which models they may ask for.

ALTER TABLE apps ADD COLUMN models TEXT NOT NULL DEFAULT '[]' CHECK (json_type(models) = 'array');

ALTER TABLE aliases ADD COLUMN candidates TEXT NOT NULL DEFAULT '[]' CHECK (json_type(candidates) = 'array');

UPDATE aliases SET candidates = coalesce((
    SELECT json_group_array(json_object('provider', c.name, 'model', c.model, 'weight', c.weight))
    FROM (SELECT p.name, a.model, a.weight FROM alias_candidates a JOIN providers p ON p.id = a.provider_id
          WHERE a.alias_id = aliases.id ORDER BY a.position) c
), '[]');

DROP TABLE alias_candidates;

CREATE TABLE routes (
    app_id     INTEGER PRIMARY KEY REFERENCES apps (id) ON DELETE CASCADE,
    spec       TEXT NOT NULL CHECK (json_type(spec) = 'object'),
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

INSERT INTO routes (app_id, spec, version, created_at, updated_at)
SELECT r.app_id,
       json_object(
           'rule', r.rule,
           'retry', json(r.retry),
           'candidates', (SELECT json(coalesce(json_group_array(
               json_object('provider', c.name, 'model', c.model, 'weight', c.weight)), '[]'))
               FROM (SELECT p.name, s.model, s.weight FROM app_route_steps s JOIN providers p ON p.id = s.provider_id
                     WHERE s.app_id = r.app_id AND s.part = 'candidate' ORDER BY s.position) c),
           'fallback', (SELECT json(coalesce(json_group_array(
               json_object('provider', c.name, 'model', c.model, 'weight', c.weight)), '[]'))
               FROM (SELECT p.name, s.model, s.weight FROM app_route_steps s JOIN providers p ON p.id = s.provider_id
                     WHERE s.app_id = r.app_id AND s.part = 'fallback' ORDER BY s.position) c)
       ),
       r.version, r.created_at, r.updated_at
FROM app_routes r;

DROP TABLE app_route_steps;
DROP TABLE app_routes;
