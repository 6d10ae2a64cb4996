//! Which path does what: a table. A new dialect's paths are new rows.
//!
//! Prefixes that client libraries and people put in front by habit are tolerated: `/openai/v1/...`, a doubled
//! `/v1/v1/...`, doubled and trailing slashes.

use http::Method;
use protocol::dialect::{Dialect, Operation};
use std::borrow::Cow;

/// What a request asks of the router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A call to be dispatched.
    Call(Dialect, Operation),
    /// Every model, in this dialect.
    Models(Dialect),
    /// One model by its name, decoded from the path.
    Model(Dialect, String),
    Page(Page),
    /// The path exists, for these methods.
    OtherMethod(Dialect, &'static str),
    Nothing,
}

/// A page that needs no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Home,
    Health,
    Ready,
}

/// One row: a method, a path (a last segment `*` takes the whole rest) and what it does.
struct Row {
    verb: Verb,
    path: &'static str,
    action: Action,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    /// GET, and HEAD with it.
    Get,
    Post,
}

#[derive(Clone, Copy)]
enum Action {
    Call(Dialect, Operation),
    Models(Dialect),
    Model(Dialect),
    Page(Page),
}

const fn row(verb: Verb, path: &'static str, action: Action) -> Row {
    Row { verb, path, action }
}

static ROWS: [Row; 8] = [
    row(Verb::Post, "/v1/chat/completions", Action::Call(Dialect::OpenAiChat, Operation::Chat)),
    row(Verb::Post, "/v1/completions", Action::Call(Dialect::OpenAiChat, Operation::Complete)),
    row(Verb::Post, "/v1/embeddings", Action::Call(Dialect::OpenAiChat, Operation::Embed)),
    row(Verb::Get, "/v1/models", Action::Models(Dialect::OpenAiChat)),
    row(Verb::Get, "/v1/models/*", Action::Model(Dialect::OpenAiChat)),
    row(Verb::Get, "/health", Action::Page(Page::Health)),
    row(Verb::Get, "/ready", Action::Page(Page::Ready)),
    row(Verb::Get, "/", Action::Page(Page::Home)),
];

/// Looks a request up. `path` is the request target's path, without its query.
pub(crate) fn find(method: &Method, path: &str) -> Found {
    match lookup(method, path) {
        Found::Nothing => match tolerated(path) {
            Cow::Owned(path) => lookup(method, &path),
            Cow::Borrowed(_) => Found::Nothing,
        },
        found => found,
    }
}

fn lookup(method: &Method, path: &str) -> Found {
    let mut other = Found::Nothing;
    for row in &ROWS {
        let Some(rest) = matches(row.path, path) else { continue };
        if row.verb.takes(method) {
            return row.action.found(rest);
        }
        other = Found::OtherMethod(row.action.dialect(), row.verb.allow());
    }
    other
}

/// The part of `path` that stands for the `*`, if the row is for this path.
fn matches<'a>(row: &str, path: &'a str) -> Option<&'a str> {
    match row.strip_suffix('*') {
        None => (row == path).then_some(""),
        Some(prefix) => path.strip_prefix(prefix).filter(|rest| !rest.is_empty()),
    }
}

/// The path as it was meant, if that is another.
fn tolerated(path: &str) -> Cow<'_, str> {
    let mut segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
    if segments.first() == Some(&"openai") {
        segments.remove(0);
    }
    while segments.len() > 1 && segments[0] == "v1" && segments[1] == "v1" {
        segments.remove(0);
    }
    let meant = format!("/{}", segments.join("/"));
    if meant == path { Cow::Borrowed(path) } else { Cow::Owned(meant) }
}

impl Verb {
    fn takes(self, method: &Method) -> bool {
        match self {
            Verb::Get => method == Method::GET || method == Method::HEAD,
            Verb::Post => method == Method::POST,
        }
    }

    /// The value of an `allow` header.
    fn allow(self) -> &'static str {
        match self {
            Verb::Get => "GET, HEAD",
            Verb::Post => "POST",
        }
    }
}

impl Action {
    fn found(self, rest: &str) -> Found {
        match self {
            Action::Call(dialect, operation) => Found::Call(dialect, operation),
            Action::Models(dialect) => Found::Models(dialect),
            Action::Model(dialect) => Found::Model(dialect, decoded(rest)),
            Action::Page(page) => Found::Page(page),
        }
    }

    fn dialect(self) -> Dialect {
        match self {
            Action::Call(dialect, _) | Action::Models(dialect) | Action::Model(dialect) => dialect,
            Action::Page(_) => Dialect::OpenAiChat,
        }
    }
}

/// Percent-decoded (RFC 3986); what does not decode stays as it is.
fn decoded(text: &str) -> String {
    let hex = |b: u8| char::from(b).to_digit(16);
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = match &bytes[at..] {
            [b'%', high, low, ..] => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match pair {
            Some((high, low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: Found = Found::Call(Dialect::OpenAiChat, Operation::Chat);

    #[test]
    fn paths_and_their_tolerated_forms() {
        for path in [
            "/v1/chat/completions",
            "/openai/v1/chat/completions",
            "/v1/v1/chat/completions",
            "/v1/v1/v1/chat/completions",
            "//v1/chat/completions/",
            "/openai/v1/v1/chat/completions",
        ] {
            assert_eq!(find(&Method::POST, path), CHAT, "{path}");
        }
        for path in ["", "/v2/chat/completions", "/v1/chat", "/chat/completions", "/openai", "/v1"] {
            let found = find(&Method::POST, path);
            assert!(matches!(found, Found::Nothing | Found::OtherMethod(..)), "{path}: {found:?}");
        }
    }

    #[test]
    fn model_names_keep_their_slashes() {
        let model = |name: &str| Found::Model(Dialect::OpenAiChat, name.to_owned());
        assert_eq!(find(&Method::GET, "/v1/models/a/b:c"), model("a/b:c"));
        assert_eq!(find(&Method::GET, "/v1/models/a%2Fb%20c%zz%"), model("a/b c%zz%"));
        assert_eq!(find(&Method::GET, "/v1/models/"), Found::Models(Dialect::OpenAiChat));
    }

    #[test]
    fn the_wrong_method_learns_the_right_one() {
        assert_eq!(
            find(&Method::GET, "/v1/chat/completions"),
            Found::OtherMethod(Dialect::OpenAiChat, "POST")
        );
        assert_eq!(find(&Method::DELETE, "/health"), Found::OtherMethod(Dialect::OpenAiChat, "GET, HEAD"));
        assert_eq!(find(&Method::HEAD, "/"), Found::Page(Page::Home));
        assert_eq!(find(&Method::OPTIONS, "/nowhere"), Found::Nothing);
    }
}
