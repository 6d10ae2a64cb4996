//! The OpenAPI 3.1 document, made from the table of routes and the types they read and give, once.

use super::answer::Done;
use super::problem::{CONTENT_TYPE, ProblemDocument};
use super::reply::JSON;
use super::route::{Does, Gives, Route, SchemaOf, Verb, is_number, schema};
use super::table::all;
use crate::BUILD;
use bytes::Bytes;
use http::StatusCode;
use protocol::control::live::LiveFrame;
use protocol::control::{Access, Changed};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::OnceLock;

const SCHEMAS: &str = "#/components/schemas/";
/// Where what is read stands until it is known which of it differs from what is given.
const INPUTS: &str = "#/components/inputs/";
const ABOUT: &str = "Everything an operator can do with LLM Link. The same paths answer below `/api`. Changes are \
answered when every process has taken them over (200, 201), or after five seconds with the list of those that have \
not (202). Lists go by key: `next` of one page is `before` of the next. Errors are problem documents (RFC 9457).";

/// The document's text.
pub(super) fn document() -> Bytes {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    TEXT.get_or_init(|| Maker::new().document().to_string().into()).clone()
}

/// Collects the schemas while it writes. What is read and what is given differ: a field with a default may be
/// missing in the one and never is in the other.
struct Maker {
    given: SchemaGenerator,
    read: SchemaGenerator,
}

impl Maker {
    fn new() -> Maker {
        let settings = |path: &'static str| {
            let mut settings = SchemaSettings::draft2020_12();
            settings.definitions_path = path.into();
            settings.meta_schema = None;
            settings
        };
        Maker {
            given: settings("/components/schemas").for_serialize().into_generator(),
            read: settings("/components/inputs").for_deserialize().into_generator(),
        }
    }

    fn document(mut self) -> Value {
        let mut paths = Map::new();
        for route in all() {
            let operation = self.operation(route);
            let item = paths.entry(route.path).or_insert_with(|| json!({}));
            item[route.verb.name()] = operation;
        }
        // What a WebSocket says is no response, but clients want its type.
        self.give(schema::<LiveFrame>());
        let given = self.given.take_definitions(true);
        let read = self.read.take_definitions(true);
        let mut document = json!({
            "openapi": "3.1.0",
            "info": { "title": "LLM Link admin API", "version": BUILD, "description": ABOUT },
            "servers": [{ "url": "/api/v1" }],
            "security": [{ "bearer": [] }, { "cookie": [] }],
            "paths": paths,
        });
        let schemas = merged(given, read, &mut document["paths"]);
        document["components"] = json!({
            "schemas": schemas,
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
                "cookie": { "type": "apiKey", "in": "cookie", "name": super::credentials::ACCESS_COOKIE },
            },
        });
        document
    }

    fn operation(&mut self, route: &Route) -> Value {
        let access = route.access().unwrap_or(Access::Person);
        let mut operation = json!({
            "operationId": route.id,
            "summary": route.about,
            "tags": [route.path.split('/').nth(1).unwrap_or_default()],
            "x-permission": permission(access),
            "parameters": self.parameters(route),
            "responses": self.responses(route),
        });
        if access == Access::Open {
            operation["security"] = json!([]);
        }
        if let Some(body) = route.body {
            let example: Value = serde_json::from_str(route.example).unwrap_or_default();
            operation["requestBody"] = json!({
                "required": !route.body_optional,
                "content": { JSON: { "schema": Value::from(body(&mut self.read)), "example": example } },
            });
        }
        operation
    }

    fn parameters(&mut self, route: &Route) -> Vec<Value> {
        let named = route.names().map(|name| {
            let schema = match is_number(name) {
                true => json!({ "type": "integer", "format": "int64" }),
                false => json!({ "type": "string", "minLength": 1 }),
            };
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        });
        let mut parameters: Vec<Value> = named.collect();
        parameters.extend(route.query.map(|query| self.query(query)).unwrap_or_default());
        let header = |name: &str, description: &str| json!({ "name": name, "in": "header", "description": description, "schema": { "type": "string" } });
        if route.versioned {
            parameters
                .push(header("if-match", "The `etag` of the thing as it was seen; another one is refused"));
        }
        let open = route.access() == Ok(Access::Open);
        if route.verb == Verb::Post && !open && matches!(route.does, Does::Ask(_)) {
            let about = "The same key and body again get the first answer and do nothing, for a day";
            parameters.push(header("idempotency-key", about));
        }
        parameters
    }

    /// The fields of a query type as parameters.
    fn query(&mut self, query: SchemaOf) -> Vec<Value> {
        let schema = query(&mut self.read);
        let name = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix(INPUTS));
        let definition = name.and_then(|name| self.read.definitions_mut().shift_remove(name));
        let properties =
            definition.and_then(|d| d.get("properties")?.as_object().cloned()).unwrap_or_default();
        let parameter = |(name, mut schema): (String, Value)| {
            let description = schema.as_object_mut().and_then(|s| s.shift_remove("description"));
            let mut parameter = json!({ "name": name, "in": "query", "schema": not_null(schema) });
            if let Some(description) = description {
                parameter["description"] = description;
            }
            parameter
        };
        properties.into_iter().map(parameter).collect()
    }

    fn responses(&mut self, route: &Route) -> Value {
        let mut responses = Map::new();
        for (status, content_type, schema) in self.successes(route) {
            let content = schema.map(|schema| json!({ content_type: { "schema": schema } }));
            put(&mut responses, status, content);
        }
        if let Gives::Figures(_) = route.gives {
            responses["200"]["content"]["text/csv"] = json!({ "schema": { "type": "string" } });
        }
        let problem = self.give(schema::<ProblemDocument<'static>>());
        for status in problems(route) {
            put(&mut responses, status, Some(json!({ CONTENT_TYPE: { "schema": problem } })));
        }
        Value::Object(responses)
    }

    /// Status, content type and schema of each good answer.
    fn successes(&mut self, route: &Route) -> Vec<(u16, &'static str, Option<Value>)> {
        let json = |status, schema| (status, JSON, Some(schema));
        match route.gives {
            Gives::Done => vec![json(200, self.give(schema::<Done>()))],
            Gives::Changed => {
                let changed = self.give(schema::<Changed>());
                vec![json(200, changed.clone()), json(202, changed)]
            }
            Gives::Created => {
                let changed = self.give(schema::<Changed>());
                vec![json(201, changed.clone()), json(202, changed)]
            }
            Gives::One(of) | Gives::Grant(of) | Gives::Figures(of) => vec![json(200, self.give(of))],
            Gives::List(of) | Gives::Pages(of) => {
                let items = json!({
                    "type": "object",
                    "required": ["items", "next"],
                    "properties": {
                        "items": { "type": "array", "items": self.give(of) },
                        "next": { "type": ["string", "null"] },
                    },
                });
                vec![json(200, items)]
            }
            Gives::Stream(content_type) => vec![(200, content_type, Some(json!({ "type": "string" })))],
            Gives::Socket => vec![(101, JSON, None)],
        }
    }

    fn give(&mut self, of: SchemaOf) -> Value {
        of(&mut self.given).into()
    }
}

/// Who may ask, in a word.
pub(super) fn permission(access: Access) -> String {
    match access {
        Access::Open => "none".to_owned(),
        Access::Person => "login".to_owned(),
        Access::Needs(permission) => format!("{permission:?}"),
    }
}

/// The refusals a route knows, in order.
pub(super) fn problems(route: &Route) -> Vec<u16> {
    if matches!(route.does, Does::Page(_)) {
        return vec![403, 431];
    }
    let mut all = vec![400, 401, 403, 404, 422, 431, 500, 503];
    if route.body.is_some() {
        all.extend([408, 413, 415]);
    }
    if route.verb != Verb::Get {
        all.extend([409, 507]);
    }
    if route.verb != Verb::Get || route.versioned {
        all.push(412);
    }
    if route.verb == Verb::Post || route.path.ends_with("/password") {
        all.push(429);
    }
    all.sort_unstable();
    all
}

fn put(responses: &mut Map<String, Value>, status: u16, content: Option<Value>) {
    let reason = StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("Answer");
    let mut response = json!({ "description": reason });
    if let Some(content) = content {
        response["content"] = content;
    }
    responses.insert(status.to_string(), response);
}

/// A parameter that may be missing is never null.
fn not_null(mut schema: Value) -> Value {
    let null = json!("null");
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|t| *t != null);
        if let [one] = types.as_slice() {
            schema["type"] = one.clone();
        }
    }
    let any = schema.get("anyOf").and_then(Value::as_array);
    let other = any.and_then(|any| any.iter().find(|s| s.get("type") != Some(&null)).cloned());
    other.unwrap_or(schema)
}

/// One set of schemas out of the two. What is read goes by another name where it is not what is given.
fn merged(given: Map<String, Value>, read: Map<String, Value>, paths: &mut Value) -> Map<String, Value> {
    let mut apart: BTreeSet<String> = BTreeSet::new();
    loop {
        let before = apart.len();
        for (name, definition) in &read {
            let mut plain = definition.clone();
            rename(&mut plain, &apart);
            if given.get(name).is_some_and(|other| *other != plain) {
                apart.insert(name.clone());
            }
        }
        if apart.len() == before {
            break;
        }
    }
    rename(paths, &apart);
    let mut all = given;
    for (name, mut definition) in read {
        rename(&mut definition, &apart);
        all.insert(if apart.contains(&name) { format!("{name}Input") } else { name }, definition);
    }
    all.sort_keys();
    all
}

/// Points what is read to where it stands in the end.
fn rename(value: &mut Value, apart: &BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(target)) = fields.get_mut("$ref")
                && let Some(name) = target.strip_prefix(INPUTS)
            {
                let suffix = if apart.contains(name) { "Input" } else { "" };
                *target = format!("{SCHEMAS}{name}{suffix}");
            }
            fields.values_mut().for_each(|field| rename(field, apart));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, apart)),
        _ => {}
    }
}

#[cfg(test)]
#[path = "openapi/tests.rs"]
mod tests;
