//! Which path does what: a table. A new dialect's paths are new rows.
//!
//! Prefixes that client libraries and people put in front by habit are tolerated: `/openai/v1/...`,
//! `/anthropic/v1/...`, `/ollama/api/...`, a doubled `/v1/v1/...`, doubled and trailing slashes.

use http::Method;
use protocol::dialect::{Dialect, Operation, embed};

/// What a request asks of the router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A call to be dispatched.
    Call(Entry),
    /// Every model.
    Models(Voice),
    /// One model by its name, decoded from the path.
    Model(Voice, String),
    /// What Ollama's clients ask about the server and its models.
    Ollama(OllamaPage),
    Page(Page),
    /// What programs that drove llm-link 0.7 ask of it.
    Old(OldPage),
    /// The path exists, for these methods.
    OtherMethod(Dialect, &'static str),
    /// Nothing here; the dialect is the prefix's, if it had one.
    Nothing(Option<Dialect>),
}

/// The dialect of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    Fixed(Dialect),
    /// Several dialects have this path: the headers of their clients tell them apart.
    ByHeaders,
}

/// What the path of a call says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) dialect: Dialect,
    pub(crate) operation: Operation,
    /// The model and whether to stream, where the path says it and not the body.
    pub(crate) named: Option<(String, Delivery)>,
    /// For the worker, see `CallHead::path`.
    pub(crate) path: String,
}

/// How an answer is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Stream,
    Whole,
}

/// A page that needs no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Home,
    Health,
    Ready,
}

/// Ollama's own pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OllamaPage {
    Tags,
    Show,
    Running,
    Version,
    /// Pulling, creating and deleting models: nothing of the kind happens here.
    Store,
}

/// The pages of llm-link 0.7 about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OldPage {
    Debug,
    Health,
    Info,
    Current,
    Pid,
    /// What a restart would need to be started with; changes nothing.
    Update,
    Validate,
    ValidateKey,
    /// A change, which needs more than an app's key now.
    Change,
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
    Any,
}

#[derive(Clone, Copy)]
enum Action {
    Call(Dialect, Operation),
    /// A path of the provider's own.
    Raw(Voice),
    /// `{model}:{verb}`, in Gemini's dialect.
    Gemini,
    Models(Voice),
    Model(Voice),
    Ollama(OllamaPage),
    Page(Page),
    Old(OldPage),
}

const fn row(verb: Verb, path: &'static str, action: Action) -> Row {
    Row { verb, path, action }
}

const fn call(path: &'static str, dialect: Dialect, operation: Operation) -> Row {
    row(Verb::Post, path, Action::Call(dialect, operation))
}

const fn ollama(verb: Verb, path: &'static str, page: OllamaPage) -> Row {
    row(verb, path, Action::Ollama(page))
}

const fn old(verb: Verb, path: &'static str, page: OldPage) -> Row {
    row(verb, path, Action::Old(page))
}

const GEMINI: Voice = Voice::Fixed(Dialect::Gemini);
const RESPONSES: Voice = Voice::Fixed(Dialect::OpenAiResponses);
const ANTHROPIC: Voice = Voice::Fixed(Dialect::Anthropic);

static ROWS: [Row; 47] = [
    call("/v1/chat/completions", Dialect::OpenAiChat, Operation::Chat),
    call("/v1/completions", Dialect::OpenAiChat, Operation::Complete),
    call("/v1/embeddings", Dialect::OpenAiChat, Operation::Embed),
    call("/v1/responses", Dialect::OpenAiResponses, Operation::Chat),
    call("/v1/responses/input_tokens", Dialect::OpenAiResponses, Operation::CountTokens),
    row(Verb::Any, "/v1/responses/*", Action::Raw(RESPONSES)),
    call("/v1/messages", Dialect::Anthropic, Operation::Chat),
    call("/v1/messages/count_tokens", Dialect::Anthropic, Operation::CountTokens),
    row(Verb::Any, "/v1/messages/batches", Action::Raw(ANTHROPIC)),
    row(Verb::Any, "/v1/messages/batches/*", Action::Raw(ANTHROPIC)),
    call("/api/chat", Dialect::Ollama, Operation::Chat),
    call("/api/generate", Dialect::Ollama, Operation::Complete),
    call("/api/embed", Dialect::Ollama, Operation::Embed),
    call("/api/embeddings", Dialect::Ollama, Operation::Embed),
    ollama(Verb::Get, "/api/tags", OllamaPage::Tags),
    ollama(Verb::Post, "/api/show", OllamaPage::Show),
    ollama(Verb::Get, "/api/ps", OllamaPage::Running),
    ollama(Verb::Get, "/api/version", OllamaPage::Version),
    ollama(Verb::Post, "/api/pull", OllamaPage::Store),
    ollama(Verb::Post, "/api/push", OllamaPage::Store),
    ollama(Verb::Post, "/api/create", OllamaPage::Store),
    ollama(Verb::Post, "/api/copy", OllamaPage::Store),
    ollama(Verb::Any, "/api/delete", OllamaPage::Store),
    ollama(Verb::Any, "/api/blobs/*", OllamaPage::Store),
    row(Verb::Get, "/v1/models", Action::Models(Voice::ByHeaders)),
    row(Verb::Post, "/v1/models/*", Action::Gemini),
    row(Verb::Get, "/v1/models/*", Action::Model(Voice::ByHeaders)),
    row(Verb::Get, "/v1beta/models", Action::Models(GEMINI)),
    row(Verb::Post, "/v1beta/models/*", Action::Gemini),
    row(Verb::Get, "/v1beta/models/*", Action::Model(GEMINI)),
    row(Verb::Post, "/v1beta/tunedModels/*", Action::Gemini),
    row(Verb::Get, "/health", Action::Page(Page::Health)),
    row(Verb::Get, "/ready", Action::Page(Page::Ready)),
    row(Verb::Get, "/", Action::Page(Page::Home)),
    old(Verb::Get, "/debug", OldPage::Debug),
    old(Verb::Get, "/api/health", OldPage::Health),
    old(Verb::Get, "/api/info", OldPage::Info),
    old(Verb::Get, "/api/config/current", OldPage::Current),
    old(Verb::Get, "/api/config/pid", OldPage::Pid),
    old(Verb::Post, "/api/config/update", OldPage::Update),
    old(Verb::Post, "/api/config/validate", OldPage::Validate),
    old(Verb::Post, "/api/config/validate-key", OldPage::ValidateKey),
    old(Verb::Post, "/api/config/update-key", OldPage::Change),
    old(Verb::Post, "/api/config/switch-provider", OldPage::Change),
    old(Verb::Post, "/api/config/shutdown", OldPage::Change),
    row(Verb::Any, "/v1/files", Action::Raw(Voice::ByHeaders)),
    row(Verb::Any, "/v1/files/*", Action::Raw(Voice::ByHeaders)),
];

/// What providers of OpenAI's dialect have below `/v1` besides conversations; passed through unread.
const RAW: [&str; 20] = [
    "audio",
    "batches",
    "containers",
    "conversations",
    "detokenize",
    "evals",
    "fim",
    "fine_tuning",
    "images",
    "moderations",
    "ocr",
    "pooling",
    "rerank",
    "score",
    "threads",
    "assistants",
    "tokenize",
    "uploads",
    "vector_stores",
    "videos",
];

/// Looks a request up. `path` is the request target's path, without its query.
pub(crate) fn find(method: &Method, path: &str) -> Found {
    match lookup(method, path) {
        Found::Nothing(dialect) => match Meant::of(path) {
            Some(meant) => meant.voiced(lookup(method, &meant.path)),
            None => Found::Nothing(dialect),
        },
        found => found,
    }
}

fn lookup(method: &Method, path: &str) -> Found {
    let mut other = Found::Nothing(None);
    for row in &ROWS {
        let Some(rest) = matches(row.path, path) else { continue };
        if row.verb.takes(method) {
            match row.action.found(row.path, rest) {
                Found::Nothing(_) => continue,
                found => return found,
            }
        }
        if let Found::Nothing(_) = other {
            other = Found::OtherMethod(row.action.dialect(), row.verb.allow());
        }
    }
    match (other, path.strip_prefix("/v1/")) {
        (Found::Nothing(_), Some(rest)) if RAW.contains(&rest.split('/').next().unwrap_or_default()) => {
            raw(Dialect::OpenAiChat, rest)
        }
        (Found::Nothing(_), _) if method == Method::POST => short_gemini(path),
        (Found::Nothing(_), _) => Found::Nothing(owner(path)),
        (other, _) => other,
    }
}

/// A client library leaves `models/` out of the path where the model's name has a slash in it.
fn short_gemini(path: &str) -> Found {
    match path.strip_prefix("/v1beta/").map(gemini) {
        Some(found @ Found::Call(_)) => found,
        Some(_) | None => Found::Nothing(owner(path)),
    }
}

/// The dialect whose clients alone look below a path: they are told in their own words that nothing is there.
fn owner(path: &str) -> Option<Dialect> {
    const OWNERS: [(&str, Dialect); 4] = [
        ("/v1beta", Dialect::Gemini),
        ("/api", Dialect::Ollama),
        ("/v1/messages", Dialect::Anthropic),
        ("/v1/responses", Dialect::OpenAiResponses),
    ];
    let below =
        |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    OWNERS.into_iter().find(|(prefix, _)| below(prefix)).map(|(_, dialect)| dialect)
}

fn raw(dialect: Dialect, path: &str) -> Found {
    Found::Call(Entry { dialect, operation: Operation::Raw, named: None, path: path.to_owned() })
}

/// The part of `path` that stands for the `*`, if the row is for this path.
fn matches<'a>(row: &str, path: &'a str) -> Option<&'a str> {
    match row.strip_suffix('*') {
        None => (row == path).then_some(""),
        Some(prefix) => path.strip_prefix(prefix).filter(|rest| !rest.is_empty()),
    }
}

/// A path as it was meant, where that is another than was written.
struct Meant {
    path: String,
    prefix: Option<Dialect>,
}

impl Meant {
    fn of(path: &str) -> Option<Self> {
        let mut segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
        let prefix = match segments.first().copied() {
            Some("openai") => Some(Dialect::OpenAiChat),
            Some("anthropic") => Some(Dialect::Anthropic),
            Some("ollama") => Some(Dialect::Ollama),
            Some("gemini") => Some(Dialect::Gemini),
            _ => None,
        };
        if prefix.is_some() {
            segments.remove(0);
        }
        while segments.len() > 1 && segments[0] == "v1" && segments[1] == "v1" {
            segments.remove(0);
        }
        let meant = format!("/{}", segments.join("/"));
        (meant != path).then_some(Self { path: meant, prefix })
    }

    /// A prefix decides what the path alone does not.
    fn voiced(&self, found: Found) -> Found {
        match (found, self.prefix) {
            (Found::Models(Voice::ByHeaders), Some(dialect)) => Found::Models(Voice::Fixed(dialect)),
            (Found::Model(Voice::ByHeaders, name), Some(dialect)) => {
                Found::Model(Voice::Fixed(dialect), name)
            }
            (Found::Nothing(own), prefix) => Found::Nothing(prefix.or(own)),
            (found, _) => found,
        }
    }
}

impl Verb {
    fn takes(self, method: &Method) -> bool {
        match self {
            Verb::Get => method == Method::GET || method == Method::HEAD,
            Verb::Post => method == Method::POST,
            Verb::Any => method != Method::OPTIONS,
        }
    }

    /// The value of an `allow` header.
    fn allow(self) -> &'static str {
        match self {
            Verb::Get => "GET, HEAD",
            Verb::Post => "POST",
            Verb::Any => "GET, HEAD, POST, PUT, PATCH, DELETE",
        }
    }
}

impl Voice {
    /// The dialect most clients of this path read.
    fn usual(self) -> Dialect {
        match self {
            Voice::Fixed(dialect) => dialect,
            Voice::ByHeaders => Dialect::OpenAiChat,
        }
    }
}

impl Action {
    fn found(self, row: &str, rest: &str) -> Found {
        match self {
            Action::Call(dialect, operation) => {
                let path = if row == "/api/embeddings" { embed::OLD } else { "" };
                Found::Call(Entry { dialect, operation, named: None, path: path.to_owned() })
            }
            Action::Raw(voice) => {
                let below = row.trim_start_matches("/v1/").trim_end_matches('*');
                raw(voice.usual(), &format!("{below}{rest}"))
            }
            Action::Gemini => gemini(rest),
            Action::Models(voice) => Found::Models(voice),
            Action::Model(voice) => Found::Model(voice, decoded(rest)),
            Action::Ollama(page) => Found::Ollama(page),
            Action::Page(page) => Found::Page(page),
            Action::Old(page) => Found::Old(page),
        }
    }

    fn dialect(self) -> Dialect {
        match self {
            Action::Call(dialect, _) => dialect,
            Action::Raw(voice) | Action::Models(voice) | Action::Model(voice) => voice.usual(),
            Action::Gemini => Dialect::Gemini,
            Action::Ollama(_) => Dialect::Ollama,
            Action::Page(_) | Action::Old(_) => Dialect::OpenAiChat,
        }
    }
}

/// `{model}:{verb}`; names of models may hold colons and slashes themselves.
fn gemini(rest: &str) -> Found {
    let rest = decoded(rest);
    let Some((model, verb)) = rest.rsplit_once(':') else { return Found::Nothing(Some(Dialect::Gemini)) };
    let (operation, delivery, path) = match verb {
        "generateContent" => (Operation::Chat, Delivery::Whole, ""),
        "streamGenerateContent" => (Operation::Chat, Delivery::Stream, ""),
        "countTokens" => (Operation::CountTokens, Delivery::Whole, ""),
        "embedContent" => (Operation::Embed, Delivery::Whole, ""),
        "batchEmbedContents" => (Operation::Embed, Delivery::Whole, embed::BATCH),
        _ => return Found::Nothing(Some(Dialect::Gemini)),
    };
    let named = Some((model.to_owned(), delivery));
    Found::Call(Entry { dialect: Dialect::Gemini, operation, named, path: path.to_owned() })
}

/// Percent-decoded (RFC 3986); what does not decode stays as it is.
pub(crate) fn decoded(text: &str) -> String {
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
#[path = "routes/tests.rs"]
mod tests;
