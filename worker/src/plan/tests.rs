//! Which way a call takes, for every dialect, operation and kind of provider.

use super::*;
use protocol::dialect::openai_chat::quirks::{LimitField, Roles, ToolChoices, ToolIds};

fn endpoints(dialects: &[Dialect]) -> Vec<Endpoint> {
    let endpoint = |dialect: &Dialect| Endpoint { dialect: *dialect, base_url: format!("http://{dialect}") };
    dialects.iter().map(endpoint).collect()
}

fn head(dialect: Dialect, operation: Operation, stream: bool) -> CallHead {
    CallHead {
        call_id: "c".to_owned(),
        attempt: 1,
        dialect,
        operation,
        method: "POST".to_owned(),
        path: String::new(),
        headers: Vec::new(),
        model: "m".to_owned(),
        model_span: None,
        stream,
        wants_usage: false,
        usage_edit: None,
        strict: false,
        body_len: 0,
        deadline_ms: None,
    }
}

fn plain(endpoints: &[Endpoint]) -> Offer<'_> {
    static NONE: std::sync::LazyLock<Quirks> = std::sync::LazyLock::new(Quirks::default);
    Offer { endpoints, range: Range::Everything, quirks: &NONE }
}

#[test]
fn the_clients_own_dialect_passes_wherever_it_is_offered() {
    let all = endpoints(&Dialect::ALL);
    for dialect in Dialect::ALL {
        for stream in [false, true] {
            let chat = head(dialect, Operation::Chat, stream);
            let plan = Plan::of(&chat, &plain(&all)).unwrap();
            let Plan::PassThrough(endpoint) = plan else { panic!("{dialect}: {plan:?}") };
            assert_eq!(endpoint.dialect, dialect);
        }
    }
}

#[test]
fn the_first_dialect_offered_is_what_others_are_told_in() {
    let some = endpoints(&[Dialect::Anthropic, Dialect::OpenAiChat]);
    for (stream, upstream) in [(true, Transport::Stream), (false, Transport::Document)] {
        let gemini = head(Dialect::Gemini, Operation::Chat, stream);
        let endpoint = &some[0];
        assert_eq!(Plan::of(&gemini, &plain(&some)), Ok(Plan::Translate { endpoint, upstream }));
    }
    // OpenAI's two dialects differ in their conversations.
    let chat = endpoints(&[Dialect::OpenAiChat]);
    let responses = head(Dialect::OpenAiResponses, Operation::Chat, false);
    assert!(matches!(Plan::of(&responses, &plain(&chat)), Ok(Plan::Translate { .. })));
}

#[test]
fn other_operations_go_where_they_are_known() {
    let chat = endpoints(&[Dialect::OpenAiChat]);
    let responses = endpoints(&[Dialect::OpenAiResponses]);
    let anthropic = endpoints(&[Dialect::Anthropic]);
    let of = |dialect, operation, endpoints| Plan::of(&head(dialect, operation, false), &plain(endpoints));
    let passes = |plan: &Result<Plan<'_>, Failure>| matches!(plan, Ok(Plan::PassThrough(_)));
    for operation in [Operation::Raw, Operation::Embed, Operation::Complete] {
        for offered in [&chat, &responses] {
            assert!(passes(&of(Dialect::OpenAiChat, operation, offered)), "{operation:?}");
        }
    }
    assert!(matches!(of(Dialect::Ollama, Operation::Embed, &chat), Ok(Plan::Embed(_))));
    assert!(matches!(of(Dialect::Ollama, Operation::Complete, &anthropic), Ok(Plan::Translate { .. })));
    assert!(matches!(of(Dialect::Anthropic, Operation::CountTokens, &anthropic), Ok(Plan::Count(Some(_)))));
    assert!(matches!(of(Dialect::Anthropic, Operation::CountTokens, &chat), Ok(Plan::Count(None))));
    for (operation, what) in [(Operation::Embed, "embeddings"), (Operation::Raw, "another dialect")] {
        let refused = of(Dialect::OpenAiChat, operation, &anthropic).unwrap_err();
        assert_eq!(refused.kind, FailureKind::Unsupported);
        assert!(refused.message.contains(what), "{refused}");
    }
    assert!(of(Dialect::OpenAiChat, Operation::Chat, &endpoints(&[])).is_err());
}

#[test]
fn who_only_converses_is_asked_for_nothing_else() {
    let all = endpoints(&Dialect::ALL);
    let offer = Offer { range: Range::Conversations, ..plain(&all) };
    let of = |operation| Plan::of(&head(Dialect::OpenAiChat, operation, false), &offer);
    assert!(matches!(of(Operation::Chat), Ok(Plan::PassThrough(_))));
    assert!(matches!(of(Operation::Raw), Ok(Plan::PassThrough(_))));
    assert_eq!(of(Operation::CountTokens), Ok(Plan::Count(None)));
    assert!(of(Operation::Embed).is_err());
    assert!(matches!(of(Operation::Complete), Ok(Plan::Translate { .. })));
}

fn with(openai_chat: ChatQuirks) -> Quirks {
    Quirks { openai_chat, ..Quirks::default() }
}

#[test]
fn a_vendor_that_only_streams_is_asked_for_a_stream() {
    let chat = endpoints(&[Dialect::OpenAiChat]);
    let quirks = with(ChatQuirks { stream_only: true, ..ChatQuirks::default() });
    let offer = Offer { quirks: &quirks, ..plain(&chat) };
    let of = |dialect, stream| Plan::of(&head(dialect, Operation::Chat, stream), &offer).unwrap();
    let stream = Plan::Translate { endpoint: &chat[0], upstream: Transport::Stream };
    assert_eq!(of(Dialect::OpenAiChat, false), stream);
    assert_eq!(of(Dialect::OpenAiChat, true), Plan::PassThrough(&chat[0]));
    assert_eq!(of(Dialect::Anthropic, false), stream);
}

#[test]
fn only_deviating_vendors_have_their_requests_looked_at() {
    let both = endpoints(&[Dialect::OpenAiChat, Dialect::Anthropic]);
    let quirks = with(ChatQuirks { roles: Roles::NoDeveloper, ..ChatQuirks::default() });
    let offer = Offer { quirks: &quirks, ..plain(&both) };
    let of = |dialect, operation| Plan::of(&head(dialect, operation, false), &offer).unwrap();
    assert_eq!(of(Dialect::OpenAiChat, Operation::Chat), Plan::Inspect(&both[0]));
    assert_eq!(of(Dialect::OpenAiChat, Operation::Complete), Plan::PassThrough(&both[0]));
    assert_eq!(of(Dialect::Anthropic, Operation::Chat), Plan::PassThrough(&both[1]));
    // A fact for people or for answers is no reason to look at requests.
    let harmless = with(ChatQuirks { stop_with_tools: true, echo_reasoning: true, ..ChatQuirks::default() });
    let offer = Offer { quirks: &harmless, ..plain(&both) };
    let plan = Plan::of(&head(Dialect::OpenAiChat, Operation::Chat, false), &offer);
    assert_eq!(plan, Ok(Plan::PassThrough(&both[0])));
}

#[test]
fn a_request_is_refused_only_for_what_it_says() {
    let q = ChatQuirks::default;
    let cases: [(ChatQuirks, &str, bool); 17] = [
        (q(), r#"{"max_tokens":1,"temperature":2,"tool_choice":"required"}"#, false),
        (ChatQuirks { max_tokens: Some(LimitField::MaxTokens), ..q() }, r#"{"max_tokens":1}"#, false),
        (
            ChatQuirks { max_tokens: Some(LimitField::MaxTokens), ..q() },
            r#"{"max_completion_tokens":1}"#,
            true,
        ),
        (
            ChatQuirks { max_tokens: Some(LimitField::MaxCompletionTokens), ..q() },
            r#"{"max_tokens":1}"#,
            true,
        ),
        (ChatQuirks { temperature_max: Some(1.0), ..q() }, r#"{"temperature":1}"#, false),
        (ChatQuirks { temperature_max: Some(1.0), ..q() }, r#"{"temperature":1.5}"#, true),
        (ChatQuirks { tool_choice: ToolChoices::Auto, ..q() }, r#"{"tool_choice":"auto"}"#, false),
        (ChatQuirks { tool_choice: ToolChoices::Auto, ..q() }, r#"{"tool_choice":"required"}"#, true),
        (ChatQuirks { tool_choice: ToolChoices::Any, ..q() }, r#"{"tool_choice":"required"}"#, false),
        (ChatQuirks { tool_choice: ToolChoices::Any, ..q() }, r#"{"tool_choice":{"type":"function"}}"#, true),
        (ChatQuirks { drop: vec!["seed".into()], ..q() }, r#"{"seed":1}"#, true),
        // A word inside a text, or deeper down, is no member of the request.
        (ChatQuirks { drop: vec!["seed".into()], ..q() }, r#"{"messages":[{"content":"\"seed\""}]}"#, false),
        (ChatQuirks { drop: vec!["seed".into()], ..q() }, r#"{"metadata":{"seed":1}}"#, false),
        (ChatQuirks { roles: Roles::NoDeveloper, ..q() }, r#"{"messages":[{"role":"developer"}]}"#, true),
        (ChatQuirks { text_content: true, ..q() }, r#"{"messages":[{"content":[{"type":"text"}]}]}"#, true),
        (ChatQuirks { tool_ids: ToolIds::Alnum9, ..q() }, r#"{"messages":[{"tool_call_id":"x"}]}"#, true),
        // What is not JSON is the upstream's to refuse.
        (ChatQuirks { temperature_max: Some(1.0), ..q() }, r#"{"temperature":"#, false),
    ];
    for (quirks, body, refused) in cases {
        assert_eq!(refuses(&quirks, body.as_bytes()), refused, "{body} with {quirks:?}");
    }
}
