use super::*;
use crate::router::admin::route::sample;
use std::collections::BTreeMap;
use std::fmt::Write;

fn parsed() -> Value {
    serde_json::from_slice(&document()).unwrap()
}

/// Every `$ref` of a value.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(target) = fields.get("$ref").and_then(Value::as_str) {
                found.insert(target.to_owned());
            }
            fields.values().for_each(|v| references(v, found));
        }
        Value::Array(items) => items.iter().for_each(|v| references(v, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    let document = parsed();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for target in &found {
        let name = target.strip_prefix(SCHEMAS).unwrap_or_else(|| panic!("{target}"));
        assert!(schemas.contains_key(name), "{target}");
    }
    for name in schemas.keys().filter(|n| *n != "LiveFrame") {
        assert!(found.contains(&format!("{SCHEMAS}{name}")), "{name} is not used");
    }
}

#[test]
fn what_is_read_may_miss_what_is_always_given() {
    let schemas = &parsed()["components"]["schemas"];
    let required = |name: &str| schemas[name]["required"].as_array().cloned().unwrap_or_default();
    assert_eq!(required("ProviderSpecInput"), [json!("name"), json!("preset")]);
    assert!(required("ProviderSpec").len() > 10);
    assert!(schemas.get("DialectInput").is_none(), "the same both ways");
    assert_eq!(
        schemas["ProviderSpecInput"]["properties"]["limits"]["$ref"],
        "#/components/schemas/ProviderLimitsInput"
    );
}

#[test]
fn parameters_are_the_fields_of_their_types() {
    let document = parsed();
    let parameters = document["paths"]["/calls"]["get"]["parameters"].as_array().unwrap();
    let limit = parameters.iter().find(|p| p["name"] == "limit").unwrap();
    assert_eq!((&limit["in"], &limit["schema"]["type"]), (&json!("query"), &json!("integer")));
    let failure = parameters.iter().find(|p| p["name"] == "failure").unwrap();
    assert_eq!(failure["schema"]["$ref"], "#/components/schemas/FailureKind");
}

/// The page that says who may do what, as it must stand in `docs/`.
fn permissions_page() -> String {
    let mut page = String::from(
        "# Who may do what\n\nMade from the routes of the admin API and checked by a test; do not edit by hand.\n\
         `none`: nobody need be logged in. `login`: anybody who is logged in, for what is their own. Else the \
         permission a user needs.\nThe command line on the machine itself may do everything. Every path is below \
         `/api/v1`, and below `/api`.\n",
    );
    let mut nouns: BTreeMap<&str, Vec<&Route>> = BTreeMap::new();
    for route in all() {
        nouns.entry(route.path.split('/').nth(1).unwrap()).or_default().push(route);
    }
    for (noun, routes) in nouns {
        let _ = write!(page, "\n## {noun}\n\n| request | what it does | permission |\n| --- | --- | --- |\n");
        for route in routes {
            let verb = route.verb.name().to_uppercase();
            let needed = permission(route.access().unwrap());
            let _ = writeln!(page, "| `{verb} {}` | {} | {needed} |", route.path, route.about);
        }
    }
    page
}

#[test]
fn the_page_of_permissions_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/permissions.md");
    let page = permissions_page();
    if std::env::var_os("LLM_LINK_WRITE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == page, "docs/permissions.md is out of date: run this test with LLM_LINK_WRITE_DOCS=1");
}

#[test]
fn samples_fill_every_path() {
    for name in all().flat_map(Route::names) {
        assert!(!sample(name).is_empty());
    }
}
