-- Pages of calls by two or three of app, provider, model and failure, also when few or none fit: what else is asked for
-- stands in the index, so that a row is looked up only when it is one of the answer.

DROP INDEX calls_by_app;
DROP INDEX calls_by_provider;
DROP INDEX calls_by_model;
CREATE INDEX calls_by_app ON calls (app, id, provider, model, failure);
CREATE INDEX calls_by_provider ON calls (provider, id, model, failure);
CREATE INDEX calls_by_model ON calls (model, id, failure);
