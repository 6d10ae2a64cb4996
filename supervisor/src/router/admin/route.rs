//! One row of the admin API, as data: how it is reached, what it reads, what it gives, and which question to the
//! supervisor it is. The router, the OpenAPI document and the tables in the documentation are all made from it.

use super::incoming::Incoming;
use super::problem::Problem;
use http::Method;
use protocol::control::{Access, ControlRequest, Permission};
use schemars::{JsonSchema, Schema, SchemaGenerator};

/// The JSON Schema of a type, within a document.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// The schema of `T`.
pub(super) const fn schema<T: JsonSchema>() -> SchemaOf {
    SchemaGenerator::subschema_for::<T>
}

/// See the module.
#[derive(Clone, Copy)]
pub(super) struct Route {
    pub(super) verb: Verb,
    /// Below `/api/v1`.
    pub(super) path: &'static str,
    /// Its name in the OpenAPI document and in clients made from that.
    pub(super) id: &'static str,
    /// One sentence.
    pub(super) about: &'static str,
    pub(super) query: Option<SchemaOf>,
    pub(super) body: Option<SchemaOf>,
    /// Whether the body may be missing.
    pub(super) body_optional: bool,
    /// A body that is taken, and that shows which question this row is; `{}` where there is none.
    pub(super) example: &'static str,
    /// Reads `if-match`.
    pub(super) versioned: bool,
    pub(super) gives: Gives,
    pub(super) does: Does,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// GET, and HEAD with it.
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// What answers when it went well.
#[derive(Clone, Copy)]
pub(super) enum Gives {
    /// `{"message": ...}`
    Done,
    /// A change that is in force (200) or goes into force (202).
    Changed,
    /// The same for something new (201, 202).
    Created,
    One(SchemaOf),
    /// Everything there is.
    List(SchemaOf),
    /// A part, with the key of the next one.
    Pages(SchemaOf),
    /// A login.
    Grant(SchemaOf),
    /// Figures, as JSON or CSV.
    Figures(SchemaOf),
    /// Something that goes on; the content type.
    Stream(&'static str),
    /// The connection becomes a WebSocket.
    Socket,
}

/// What is done with it.
#[derive(Clone, Copy)]
pub(super) enum Does {
    /// The supervisor is asked.
    Ask(fn(&Incoming) -> Result<ControlRequest, Problem>),
    Page(Page),
    /// Answered as it happens, by `router::live`, to whoever may ask this question.
    Live(Live, ControlRequestMaker),
}

/// The question whose permission a live answer needs.
pub(super) type ControlRequestMaker = fn() -> ControlRequest;

/// What the router knows by itself; nothing secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    OpenApi,
    About,
}

/// What is answered as it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Live {
    Realtime,
    Logs,
}

impl Live {
    /// Somebody with these permissions may see something of it, beyond what its question asks for.
    pub(super) fn is_open_to(self, permissions: &[Permission]) -> bool {
        match self {
            Live::Realtime => {
                permissions.iter().any(|p| matches!(p, Permission::ViewProviders | Permission::ViewMetrics))
            }
            Live::Logs => true,
        }
    }
}

impl Route {
    const fn new(
        verb: Verb,
        path: &'static str,
        id: &'static str,
        about: &'static str,
        gives: Gives,
    ) -> Self {
        Self {
            verb,
            path,
            id,
            about,
            query: None,
            body: None,
            body_optional: false,
            example: "{}",
            versioned: false,
            gives,
            does: Does::Page(Page::About),
        }
    }

    pub(super) const fn get(path: &'static str, id: &'static str, about: &'static str, gives: Gives) -> Self {
        Self::new(Verb::Get, path, id, about, gives)
    }

    pub(super) const fn post(
        path: &'static str,
        id: &'static str,
        about: &'static str,
        gives: Gives,
    ) -> Self {
        Self::new(Verb::Post, path, id, about, gives)
    }

    pub(super) const fn put(path: &'static str, id: &'static str, about: &'static str, gives: Gives) -> Self {
        Self::new(Verb::Put, path, id, about, gives)
    }

    pub(super) const fn patch(
        path: &'static str,
        id: &'static str,
        about: &'static str,
        gives: Gives,
    ) -> Self {
        Self::new(Verb::Patch, path, id, about, gives)
    }

    pub(super) const fn delete(
        path: &'static str,
        id: &'static str,
        about: &'static str,
        gives: Gives,
    ) -> Self {
        Self::new(Verb::Delete, path, id, about, gives)
    }

    pub(super) const fn query<T: JsonSchema>(self) -> Self {
        Self { query: Some(schema::<T>()), ..self }
    }

    pub(super) const fn body<T: JsonSchema>(self, example: &'static str) -> Self {
        Self { body: Some(schema::<T>()), example, ..self }
    }

    /// A body that may be missing.
    pub(super) const fn maybe_body<T: JsonSchema>(self, example: &'static str) -> Self {
        Self { body_optional: true, ..self.body::<T>(example) }
    }

    pub(super) const fn versioned(self) -> Self {
        Self { versioned: true, ..self }
    }

    pub(super) const fn asks(self, make: fn(&Incoming) -> Result<ControlRequest, Problem>) -> Self {
        Self { does: Does::Ask(make), ..self }
    }

    pub(super) const fn does(self, does: Does) -> Self {
        Self { does, ..self }
    }

    /// Who may ask it, found by asking it with the example.
    ///
    /// # Errors
    /// When the example is not taken; tests see to it that it is.
    pub(super) fn access(&self) -> Result<Access, Problem> {
        match self.does {
            Does::Page(_) => Ok(Access::Open),
            Does::Live(_, make) => Ok(make().access()),
            Does::Ask(make) => {
                let path = self.names().map(|name| (name, sample(name).to_owned())).collect();
                let body = self.example.as_bytes().to_vec();
                let refresh_cookie = Some("llr_x".to_owned());
                Ok(make(&Incoming { path, body, refresh_cookie, ..Incoming::default() })?.access())
            }
        }
    }

    /// The `{names}` of the path.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// The decoded parts of `path` that stand for the names, if the row is for this path.
    pub(super) fn matches(&self, path: &str) -> Option<Vec<(&'static str, String)>> {
        let mut parts = path.split('/');
        let mut found = Vec::new();
        for expected in self.path.split('/') {
            let part = parts.next()?;
            match expected.strip_prefix('{').and_then(|e| e.strip_suffix('}')) {
                Some(name) if !part.is_empty() => found.push((name, decoded(part)?)),
                None if part == expected => {}
                _ => return None,
            }
        }
        parts.next().is_none().then_some(found)
    }
}

impl Verb {
    pub(super) fn takes(self, method: &Method) -> bool {
        match self {
            Verb::Get => method == Method::GET || method == Method::HEAD,
            Verb::Post => method == Method::POST,
            Verb::Put => method == Method::PUT,
            Verb::Patch => method == Method::PATCH,
            Verb::Delete => method == Method::DELETE,
        }
    }

    /// As an `allow` header has it.
    pub(super) fn allow(self) -> &'static str {
        match self {
            Verb::Get => "GET, HEAD",
            Verb::Post => "POST",
            Verb::Put => "PUT",
            Verb::Patch => "PATCH",
            Verb::Delete => "DELETE",
        }
    }

    /// In lower case, as OpenAPI writes it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Verb::Get => "get",
            Verb::Post => "post",
            Verb::Put => "put",
            Verb::Patch => "patch",
            Verb::Delete => "delete",
        }
    }
}

/// Whether a part of a path is the number of a row.
pub(super) fn is_number(name: &str) -> bool {
    matches!(name, "key" | "price")
}

/// Something to put in place of a name.
pub(super) fn sample(name: &str) -> &'static str {
    match name {
        "key" | "price" => "1",
        "provider" => "deepseek",
        "model" => "deepseek-chat",
        "alias" => "fast",
        "app" => "editor",
        "user" => "ann",
        "setting" => "log.level",
        "call" => "01980a5c-6c1e-7000-8000-000000000000",
        _ => "x",
    }
}

/// Percent-decoded; nothing if it is no text then.
fn decoded(part: &str) -> Option<String> {
    percent_encoding::percent_decode_str(part).decode_utf8().ok().map(|text| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(row: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
        Route::get(row, "x", "x", Gives::Done).matches(path)
    }

    #[test]
    fn names_stand_for_one_decoded_part() {
        assert_eq!(found("/providers", "/providers"), Some(vec![]));
        let model = found("/providers/{provider}/models/{model}", "/providers/a/models/org%2Fname%3Alatest");
        assert_eq!(model, Some(vec![("provider", "a".to_owned()), ("model", "org/name:latest".to_owned())]));
        for other in ["/providers/", "/providers//models/x", "/providers/a/models", "/providers/a/models/x/y"]
        {
            assert_eq!(found("/providers/{provider}/models/{model}", other), None, "{other}");
        }
        assert_eq!(found("/providers/{provider}", "/providers/%ff"), None);
    }
}
