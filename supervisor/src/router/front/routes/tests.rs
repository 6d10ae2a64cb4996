use super::*;

fn entry(dialect: Dialect, operation: Operation) -> Found {
    Found::Call(Entry { dialect, operation, named: None, path: String::new() })
}

fn posted(path: &str) -> Found {
    find(&Method::POST, path)
}

fn got(path: &str) -> Found {
    find(&Method::GET, path)
}

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
        assert_eq!(posted(path), entry(Dialect::OpenAiChat, Operation::Chat), "{path}");
    }
    for path in ["/v1/messages", "/anthropic/v1/messages", "/anthropic/v1/v1/messages"] {
        assert_eq!(posted(path), entry(Dialect::Anthropic, Operation::Chat), "{path}");
    }
    for path in ["/api/chat", "/ollama/api/chat", "/ollama//api/chat/"] {
        assert_eq!(posted(path), entry(Dialect::Ollama, Operation::Chat), "{path}");
    }
    for path in ["", "/v2/chat/completions", "/v1/chat", "/chat/completions", "/openai", "/v1"] {
        let found = posted(path);
        assert!(matches!(found, Found::Nothing(_) | Found::OtherMethod(..)), "{path}: {found:?}");
    }
}

#[test]
fn every_operation_has_its_path() {
    use Operation as O;
    for (path, dialect, operation) in [
        ("/v1/completions", Dialect::OpenAiChat, O::Complete),
        ("/v1/embeddings", Dialect::OpenAiChat, O::Embed),
        ("/v1/responses", Dialect::OpenAiResponses, O::Chat),
        ("/v1/responses/input_tokens", Dialect::OpenAiResponses, O::CountTokens),
        ("/v1/messages/count_tokens", Dialect::Anthropic, O::CountTokens),
        ("/api/generate", Dialect::Ollama, O::Complete),
        ("/api/embed", Dialect::Ollama, O::Embed),
    ] {
        assert_eq!(posted(path), entry(dialect, operation), "{path}");
    }
    let Found::Call(old) = posted("/api/embeddings") else { panic!("no call") };
    assert_eq!((old.operation, old.path.as_str()), (O::Embed, embed::OLD));
}

#[test]
fn gemini_says_model_and_verb_in_the_path() {
    let named = |model: &str, delivery| Some((model.to_owned(), delivery));
    for (path, operation, model, delivery) in [
        ("/v1beta/models/g:generateContent", Operation::Chat, "g", Delivery::Whole),
        ("/v1/models/p/g:streamGenerateContent", Operation::Chat, "p/g", Delivery::Stream),
        ("/v1beta/models/p%2Fq:7b:generateContent", Operation::Chat, "p/q:7b", Delivery::Whole),
        ("/v1beta/models/g:countTokens", Operation::CountTokens, "g", Delivery::Whole),
        ("/gemini/v1beta/models/g:embedContent", Operation::Embed, "g", Delivery::Whole),
        ("/v1beta/p/g:streamGenerateContent", Operation::Chat, "p/g", Delivery::Stream),
        ("/gemini/v1beta/p%2Fg:generateContent", Operation::Chat, "p/g", Delivery::Whole),
    ] {
        let Found::Call(found) = posted(path) else { panic!("{path}") };
        assert_eq!((found.dialect, found.operation), (Dialect::Gemini, operation), "{path}");
        assert_eq!(found.named, named(model, delivery), "{path}");
    }
    let nothing =
        |path| matches!(posted(path), Found::Nothing(Some(Dialect::Gemini)) | Found::OtherMethod(..));
    assert!(nothing("/v1beta/models/g:dance") && nothing("/v1beta/models/g"));
    assert!(nothing("/v1beta/p/g:dance") && nothing("/v1beta/cachedContents"));
}

#[test]
fn lists_of_models_by_prefix_or_header() {
    assert_eq!(got("/v1/models"), Found::Models(Voice::ByHeaders));
    assert_eq!(got("/anthropic/v1/models"), Found::Models(ANTHROPIC));
    assert_eq!(got("/v1beta/models"), Found::Models(GEMINI));
    let model = |name: &str| Found::Model(Voice::ByHeaders, name.to_owned());
    assert_eq!(got("/v1/models/a/b:c"), model("a/b:c"));
    assert_eq!(got("/v1/models/a%2Fb%20c%zz%"), model("a/b c%zz%"));
    assert_eq!(got("/v1/models/"), Found::Models(Voice::ByHeaders));
    assert_eq!(got("/ollama/api/tags"), Found::Ollama(OllamaPage::Tags));
    assert_eq!(find(&Method::DELETE, "/api/delete"), Found::Ollama(OllamaPage::Store));
}

#[test]
fn other_paths_of_openai_pass_raw_and_unknown_ones_do_not() {
    let path = |found| match found {
        Found::Call(Entry { operation: Operation::Raw, dialect, path, .. }) => Some((dialect, path)),
        _ => None,
    };
    let openai = |rest: &str| Some((Dialect::OpenAiChat, rest.to_owned()));
    assert_eq!(path(posted("/v1/images/generations")), openai("images/generations"));
    assert_eq!(path(posted("/openai/v1/audio/speech")), openai("audio/speech"));
    assert_eq!(path(got("/v1/files/f/content")), openai("files/f/content"));
    assert_eq!(path(find(&Method::DELETE, "/v1/files/f")), openai("files/f"));
    let responses = Some((Dialect::OpenAiResponses, "responses/r".to_owned()));
    assert_eq!(path(got("/v1/responses/r")), responses);
    let batches = Some((Dialect::Anthropic, "messages/batches".to_owned()));
    assert_eq!(path(posted("/v1/messages/batches")), batches);
    assert_eq!(posted("/v1/organization/users"), Found::Nothing(None));
}

#[test]
fn the_wrong_method_learns_the_right_one() {
    assert_eq!(got("/v1/chat/completions"), Found::OtherMethod(Dialect::OpenAiChat, "POST"));
    assert_eq!(find(&Method::DELETE, "/health"), Found::OtherMethod(Dialect::OpenAiChat, "GET, HEAD"));
    assert_eq!(find(&Method::HEAD, "/"), Found::Page(Page::Home));
    assert_eq!(find(&Method::HEAD, "/ollama"), Found::Page(Page::Home));
    assert_eq!(find(&Method::OPTIONS, "/nowhere"), Found::Nothing(None));
    assert_eq!(posted("/anthropic/nowhere"), Found::Nothing(Some(Dialect::Anthropic)));
}

#[test]
fn nothing_is_said_in_the_dialect_of_whoever_looks_there() {
    for (path, dialect) in [
        ("/v1beta/nothing", Some(Dialect::Gemini)),
        ("/v1beta", Some(Dialect::Gemini)),
        ("//v1beta/nothing/", Some(Dialect::Gemini)),
        ("/gemini/v1/nothing", Some(Dialect::Gemini)),
        ("/api/nothing", Some(Dialect::Ollama)),
        ("/ollama/nothing", Some(Dialect::Ollama)),
        ("/v1/messages/nothing", Some(Dialect::Anthropic)),
        ("/anthropic/v1/nothing", Some(Dialect::Anthropic)),
        ("/openai/v1/nothing", Some(Dialect::OpenAiChat)),
        ("/v1/nothing", None),
        ("/v1betas", None),
        ("/apis", None),
    ] {
        assert_eq!(posted(path), Found::Nothing(dialect), "{path}");
    }
}
