use super::*;

fn call(dialect: Dialect, operation: Operation) -> CallHead {
    CallHead {
        call_id: "c".into(),
        attempt: 1,
        dialect,
        operation,
        method: "POST".into(),
        path: String::new(),
        headers: vec![],
        model: "m-1".into(),
        model_span: None,
        stream: false,
        wants_usage: false,
        usage_edit: None,
        strict: false,
        body_len: 0,
        deadline_ms: None,
    }
}

fn endpoint(dialect: Dialect, base_url: &str) -> Endpoint {
    Endpoint { dialect, base_url: base_url.into() }
}

fn at(dialect: Dialect, base: &str, operation: Operation) -> String {
    for_call(&endpoint(dialect, base), &call(dialect, operation))
        .map_or_else(|f| f.message, |u| u.to_string())
}

#[test]
fn each_dialect_has_its_paths() {
    use Dialect as D;
    use Operation as O;
    let openai = "https://api.example.com/v1";
    let gemini = "https://g.example.com/v1beta";
    let local = "http://127.0.0.1:11434";
    let table = [
        (D::OpenAiChat, openai, O::Chat, "https://api.example.com/v1/chat/completions"),
        (D::OpenAiChat, openai, O::Complete, "https://api.example.com/v1/completions"),
        (D::OpenAiChat, openai, O::Embed, "https://api.example.com/v1/embeddings"),
        (D::OpenAiChat, openai, O::CountTokens, "openai-chat has no token counting"),
        (D::OpenAiResponses, openai, O::Chat, "https://api.example.com/v1/responses"),
        (D::OpenAiResponses, openai, O::CountTokens, "https://api.example.com/v1/responses/input_tokens"),
        (D::Anthropic, openai, O::Chat, "https://api.example.com/v1/messages"),
        (D::Anthropic, openai, O::CountTokens, "https://api.example.com/v1/messages/count_tokens"),
        (D::Anthropic, openai, O::Embed, "anthropic has no embeddings"),
        (D::Ollama, local, O::Chat, "http://127.0.0.1:11434/api/chat"),
        (D::Ollama, "http://127.0.0.1:11434/api/", O::Complete, "http://127.0.0.1:11434/api/generate"),
        (D::Ollama, local, O::Embed, "http://127.0.0.1:11434/api/embed"),
        (D::Gemini, gemini, O::Chat, "https://g.example.com/v1beta/models/m-1:generateContent"),
        (D::Gemini, gemini, O::Embed, "https://g.example.com/v1beta/models/m-1:embedContent"),
        (D::Gemini, gemini, O::CountTokens, "https://g.example.com/v1beta/models/m-1:countTokens"),
    ];
    for (dialect, base, operation, expected) in table {
        assert_eq!(at(dialect, base, operation), expected, "{dialect} {operation:?}");
    }
}

#[test]
fn a_streamed_gemini_call_and_odd_models() {
    let gemini = endpoint(Dialect::Gemini, "https://g.example.com/v1beta");
    let ask = |model: &str| {
        let call = CallHead { stream: true, model: model.into(), ..call(Dialect::Gemini, Operation::Chat) };
        for_call(&gemini, &call).unwrap().to_string()
    };
    let root = "https://g.example.com/v1beta";
    assert_eq!(ask("models/g-2"), format!("{root}/models/g-2:streamGenerateContent?alt=sse"));
    assert_eq!(ask("tunedModels/x"), format!("{root}/tunedModels/x:streamGenerateContent?alt=sse"));
    assert_eq!(ask("a b?c#d"), format!("{root}/models/a%20b%3Fc%23d:streamGenerateContent?alt=sse"));
}

#[test]
fn a_query_of_the_base_is_kept() {
    let base = "https://x.example.com/openai/deployments/d?api-version=2024-10-21";
    let expected = "https://x.example.com/openai/deployments/d/chat/completions?api-version=2024-10-21";
    assert_eq!(at(Dialect::OpenAiChat, base, Operation::Chat), expected);
    let call = CallHead { path: "files?limit=2".into(), ..call(Dialect::OpenAiChat, Operation::Raw) };
    let uri = for_call(&endpoint(Dialect::OpenAiChat, base), &call).unwrap();
    assert_eq!(uri.path_and_query().unwrap().query(), Some("limit=2&api-version=2024-10-21"));
}

#[test]
fn a_raw_path_stays_below_its_root() {
    let openai = endpoint(Dialect::OpenAiChat, "https://api.example.com/v1");
    let ask = |path: &str| {
        for_call(&openai, &CallHead { path: path.into(), ..call(Dialect::OpenAiChat, Operation::Raw) })
    };
    assert_eq!(ask("images/generations").unwrap(), "https://api.example.com/v1/images/generations");
    assert_eq!(ask("//evil.example/x").unwrap().host(), Some("api.example.com"));
    assert_eq!(ask("@evil.example/x").unwrap().host(), Some("api.example.com"));
    for bad in ["../admin", "a/../../admin", "a/%2e%2E/admin", "a/./b", "a\\..\\b", "a b", "a%2f../b"] {
        let failure = ask(bad).map(|u| u.to_string()).unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotFound, "{bad}");
    }
    let responses = endpoint(Dialect::OpenAiResponses, "https://api.example.com/v1");
    let files = CallHead { path: "files".into(), ..call(Dialect::OpenAiChat, Operation::Raw) };
    assert_eq!(for_call(&responses, &files).unwrap(), "https://api.example.com/v1/files");
    let other = CallHead { path: "files".into(), ..call(Dialect::Anthropic, Operation::Raw) };
    assert_eq!(for_call(&openai, &other).unwrap_err().kind, FailureKind::Unsupported);
}

#[test]
fn a_base_must_be_a_place_to_connect_to() {
    assert!(base("https://api.example.com/v1").is_ok());
    let refused = |url: &str| base(url).unwrap_err().to_string();
    assert!(refused("api.example.com/v1").contains("it is not a URL like https://"));
    assert!(refused("/v1").contains("does not begin with http"));
    assert!(refused("ftp://api.example.com").contains("neither http nor https"));
    assert!(!refused("https://user:secret@api.example.com").contains("secret"));
}

#[test]
fn models_are_listed_below_the_base() {
    let list = |dialect, base| models(&endpoint(dialect, base)).unwrap().to_string();
    assert_eq!(list(Dialect::OpenAiChat, "https://a.example/v1/"), "https://a.example/v1/models");
    assert_eq!(list(Dialect::Ollama, "http://h:1"), "http://h:1/api/tags");
}
