use super::*;
use protocol::ipc::configure::{
    Alias, Candidate, ModelEntry, Provider, Rates, RouterConfig, RouterLimits, Rule, WorkerState,
};

fn table() -> Table {
    let model = |id: &str| ModelEntry::new(id, ModelFacts { context: Some(9), ..ModelFacts::default() });
    let provider = Provider {
        name: "p".into(),
        preset: "openai-compatible".into(),
        priority: 0,
        models: ["a", "b", "c"].map(model).to_vec(),
        fallback: vec![],
        dialects: vec![Dialect::OpenAiChat],
        lane: None,
        state: WorkerState::Ready,
        reason: String::new(),
        max_concurrent: 1,
        max_queue: 1,
        max_wait_ms: 0,
        rates: Rates::default(),
    };
    Table::new(&config(provider), None)
}

fn config(provider: Provider) -> RouterConfig {
    let candidate = Candidate { provider: "p".into(), model: "b".into(), weight: 1 };
    RouterConfig {
        epoch: 1,
        listeners: vec![],
        apps: vec![],
        providers: vec![provider],
        aliases: vec![Alias { name: "fast".into(), rule: Rule::Priority, candidates: vec![candidate] }],
        limits: RouterLimits {
            body_bytes: 0,
            hold_bytes: 0,
            header_bytes: 0,
            read_timeout_ms: 0,
            connections: 0,
            drain_ms: 0,
        },
        utc_offset_min: 0,
        runtime: Default::default(),
        threads: 1,
    }
}

fn ids(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect()
}

#[test]
fn anthropics_list_has_pages() {
    let table = table();
    let app = App::named("web");
    let shelf = Shelf { table: &table, started: 0, app: &app };
    let all = anthropic_page(shelf, "");
    assert_eq!(ids(&all), ["fast", "a", "b", "c", "p/a", "p/b", "p/c"]);
    assert_eq!(
        (&all["has_more"], &all["first_id"], &all["last_id"]),
        (&false.into(), &"fast".into(), &"p/c".into())
    );
    let page = anthropic_page(shelf, "limit=2&after_id=fast");
    assert_eq!((ids(&page), &page["has_more"]), (vec!["a", "b"], &true.into()));
    let last = anthropic_page(shelf, "limit=2&after_id=p/b");
    assert_eq!((ids(&last), &last["has_more"]), (vec!["p/c"], &false.into()));
    let before = anthropic_page(shelf, "limit=2&before_id=c");
    assert_eq!((ids(&before), &before["has_more"]), (vec!["a", "b"], &true.into()));
}

#[test]
fn an_app_is_shown_what_it_may_ask_for() {
    let table = table();
    let app = App { models: vec!["fast".into(), "p/*".into()], ..App::named("web") };
    let shelf = Shelf { table: &table, started: 0, app: &app };
    assert_eq!(ids(&anthropic_page(shelf, "")), ["fast", "p/a", "p/b", "p/c"]);
    assert_eq!(owner(shelf, "p/a").unwrap(), "p");
    assert_eq!(owner(shelf, "a").unwrap_err().kind, FailureKind::ModelNotFound);
}

#[test]
fn facts_are_of_what_a_name_reaches() {
    let table = table();
    assert_eq!(table.facts("fast").unwrap().context, Some(9));
    assert_eq!(gemini("fast", table.facts("fast"))["inputTokenLimit"], 9);
    assert_eq!(table.facts("p/gpt-4").unwrap().context, Some(8192), "known by a preset");
    assert_eq!(table.facts("nobody"), None);
    let app = App::named("web");
    let shelf = Shelf { table: &table, started: 0, app: &app };
    assert_eq!(owner(shelf, "p/b").unwrap(), "p");
    assert_eq!(owner(shelf, "p/unlisted").unwrap_err().kind, FailureKind::ModelNotFound);
}

#[test]
fn headers_tell_clients_apart() {
    let said = |name: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(name, "x".parse().unwrap());
        voice(&headers)
    };
    assert_eq!(said("anthropic-version"), Dialect::Anthropic);
    assert_eq!(said("x-goog-api-key"), Dialect::Gemini);
    assert_eq!(said("authorization"), Dialect::OpenAiChat);
}
