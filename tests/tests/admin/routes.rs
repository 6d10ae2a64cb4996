//! Every route of the served document: what it needs, and that it answers as documented.

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::Value;
use tests::client::Reply;
use tests::config::{Config, Provider};
use tests::operator::Operator;
use tests::stack::{Place, Stack};

/// One operation of the document.
struct Operation {
    method: Method,
    path: String,
    id: String,
    permission: String,
    body: Option<Value>,
    statuses: Vec<u16>,
}

/// What would end the program, the session that asks, or the connection.
const NOT_ASKED: [&str; 4] = ["shutdown", "upgrade", "logout", "realtime"];

fn operations(document: &Value) -> Result<Vec<Operation>> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().context("paths")? {
        for (verb, operation) in item.as_object().context("operations")? {
            let content = &operation["requestBody"]["content"]["application/json"];
            let statuses = operation["responses"].as_object().context("responses")?;
            found.push(Operation {
                method: verb.to_uppercase().parse()?,
                path: filled(path),
                id: operation["operationId"].as_str().context("an id")?.to_owned(),
                permission: operation["x-permission"].as_str().context("a permission")?.to_owned(),
                body: content.get("example").cloned(),
                statuses: statuses.keys().filter_map(|s| s.parse().ok()).collect(),
            });
        }
    }
    Ok(found)
}

/// A path with something in place of its names.
fn filled(path: &str) -> String {
    let part = |part: &str| match part {
        "{key}" | "{price}" => "1".to_owned(),
        "{model}" => "deepseek-chat".to_owned(),
        "{alias}" => "fast".to_owned(),
        "{setting}" => "log.level".to_owned(),
        name if name.starts_with('{') => "nobody".to_owned(),
        fixed => fixed.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

async fn ask(operator: &Operator, operation: &Operation) -> Result<Reply> {
    operator.send(operation.method.clone(), &operation.path, operation.body.as_ref(), &[]).await
}

fn check(operation: &Operation, reply: &Reply) -> Result<()> {
    let Operation { id, statuses, .. } = operation;
    ensure!(statuses.contains(&reply.status), "{id} answered {}: {}", reply.status, reply.text());
    ensure!(reply.status < 500 || reply.status == 503, "{id} answered {}: {}", reply.status, reply.text());
    let kind = reply.header("content-type").unwrap_or_default();
    let expected = if reply.status >= 400 { "application/problem+json" } else { "application/json" };
    ensure!(reply.status == 101 || kind == expected, "{id} answered {kind}");
    ensure!(reply.header("cache-control") == Some("no-store"), "{id} may be cached");
    Ok(())
}

async fn stack() -> Result<Stack> {
    Stack::start(Place::new()?, Config::new().provider(Provider::demo("demo"))).await
}

#[tokio::test]
async fn every_route_asks_for_its_permission_and_answers_as_documented() -> Result<()> {
    let stack = stack().await?;
    let ada = Operator::first(&stack).await?;
    let document = Operator::nobody(&stack).get("/openapi.json").await?.json();
    let all = operations(&document)?;
    ensure!(all.len() > 60, "{} operations", all.len());
    let permissions = ["ViewProviders", "EditProviders", "ViewMetrics", "SystemConfig"];
    let mut people = Vec::new();
    for permission in permissions {
        let others: Vec<_> = permissions.into_iter().filter(|p| *p != permission).collect();
        people.push((permission, ada.user(&stack, &format!("no-{permission}"), &others).await?));
    }
    let nobody = Operator::nobody(&stack);
    for operation in all.iter().filter(|o| o.permission != "none") {
        let refused = ask(&nobody, operation).await?;
        ensure!(refused.status == 401, "{} without a token: {}", operation.id, refused.status);
        check(operation, &refused)?;
        let lacking = people.iter().filter(|(p, _)| *p == operation.permission);
        for (permission, person) in lacking {
            let refused = ask(person, operation).await?;
            let is_refused = refused.status == 403 && refused.json()["kind"] == "forbidden";
            ensure!(
                is_refused,
                "{} without {permission}: {} {}",
                operation.id,
                refused.status,
                refused.text()
            );
        }
    }
    // Somebody who may do everything; `ada` must be there to be asked about.
    for operation in all.iter().filter(|o| !NOT_ASKED.contains(&o.id.as_str()) && o.id != "streamLogs") {
        let reply = ask(&ada, operation).await?;
        check(operation, &reply)?;
        ensure!(
            !matches!(reply.status, 401 | 403) || operation.permission == "none",
            "{} with every permission: {} {}",
            operation.id,
            reply.status,
            reply.text()
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_is_said_as_a_problem() -> Result<()> {
    let stack = stack().await?;
    let ada = Operator::first(&stack).await?;
    let none = ada.get("/nothing").await?;
    assert_eq!((none.status, none.header("content-type")), (404, Some("application/problem+json")));
    let other = ada.delete("/status").await?;
    assert_eq!((other.status, other.header("allow")), (405, Some("GET, HEAD")));
    let large = ada.post("/config/diff", &Value::from("x".repeat(3 << 20))).await?;
    assert_eq!(large.status, 413);
    let plain = stack.client().with_key(ada.access()).with_header("content-type", "text/plain");
    let mut request = plain.request(Method::POST, "/api/v1/providers", "")?;
    *request.body_mut() = http_body_util::Full::new("{}".into());
    assert_eq!(plain.send(request).await?.status, 415);
    Ok(())
}

#[tokio::test]
async fn the_paths_without_a_version_answer_the_same() -> Result<()> {
    let stack = stack().await?;
    let ada = Operator::first(&stack).await?;
    let client = stack.client().with_key(ada.access());
    let about = client.get("/api/about").await?;
    assert_eq!(about.json(), ada.get("/about").await?.json());
    assert_eq!(client.get("/api/status").await?.status, 200);
    let ollama = stack.client().get("/api/tags").await?;
    assert!(ollama.json()["models"].is_array(), "{}", ollama.text());
    Ok(())
}

#[tokio::test]
async fn an_address_serves_the_admin_api_only_if_it_is_to() -> Result<()> {
    let config = Config::new().provider(Provider::demo("demo"));
    let none: Vec<toml::Value> = Vec::new();
    let stack = Stack::start(Place::new()?, config.server("admin", none)).await?;
    let closed = stack.client().get("/api/v1/about").await?;
    assert_eq!(closed.status, 404, "{}", closed.text());
    assert_eq!(stack.client().get("/api/tags").await?.status, 200);
    Ok(())
}
