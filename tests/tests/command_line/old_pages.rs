//! What programs that drove llm-link 0.7 over HTTP ask of it, with the answers' keys that they read.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::config::{Config, Provider};
use tests::stack::{Place, Stack};

/// Every one of these members is there.
fn has(answer: &Value, members: &[&str]) -> Result<()> {
    for member in members {
        ensure!(answer.get(member).is_some(), "no `{member}` in {answer}");
    }
    Ok(())
}

#[tokio::test]
async fn a_program_that_drove_the_old_one_finds_its_pages() -> Result<()> {
    let mut stack = Stack::start(Place::new()?, Config::new().provider(Provider::demo("demo"))).await?;
    let client = stack.client();
    let health = client.get("/api/health").await?;
    ensure!(health.status == 200, "{}", health.text());
    let before = health.json();
    has(&before, &["status", "instance_id", "pid", "provider", "model"])?;
    ensure!(before["pid"] == json!(stack.pid()) && before["provider"] == "demo", "{before}");
    ensure!(before["instance_id"].is_u64(), "{before}");
    let pages: [(&str, &[&str]); 5] = [
        ("/health", &["status", "service", "version"]),
        ("/debug", &["debug", "timestamp"]),
        ("/api/info", &["service", "version", "current_provider", "current_model", "supported_providers"]),
        ("/api/config/current", &["provider", "model", "has_api_key", "has_base_url", "supports_hot_reload"]),
        ("/api/config/pid", &["pid", "message"]),
    ];
    for (path, members) in pages {
        let page = client.get(path).await?;
        ensure!(page.status == 200, "{path}: {}", page.text());
        has(&page.json(), members)?;
    }
    let current = client.get("/api/config/current").await?.json();
    ensure!(current["supports_hot_reload"] == false, "changes are refused here: {current}");
    for list in ["/v1/models", "/anthropic/v1/models"] {
        ensure!(client.get(list).await?.json()["provider"] == "demo", "{list}");
    }
    let info = client.get("/api/info").await?.json();
    ensure!(info["api_endpoints"]["anthropic"]["path"] == "/anthropic", "{info}");
    let known = info["supported_providers"].as_array().cloned().unwrap_or_default();
    ensure!(known.iter().any(|one| one["name"] == "zhipu" && one["models"][0]["id"].is_string()), "{info}");
    // A program that restarts the service waits until this is another one.
    stack.revive().await?;
    let after = stack.client().get("/api/health").await?.json();
    ensure!(after["instance_id"] != before["instance_id"], "{after}");
    Ok(())
}

#[tokio::test]
async fn a_change_says_where_it_is_made_now_and_the_rest_answers_as_before() -> Result<()> {
    let stack = Stack::start(Place::new()?, Config::new().provider(Provider::demo("demo"))).await?;
    let client = stack.client();
    let body = json!({ "provider": "zhipu", "api_key": "0123456789.abc", "model": "glm-4.6" });
    let update = client.post("/api/config/update", body.to_string()).await?;
    ensure!(update.status == 200, "{}", update.text());
    let update = update.json();
    has(&update, &["status", "message", "restart_required", "current_instance_id"])?;
    ensure!(update["env_vars"]["ZHIPU_API_KEY"] == "0123456789.abc", "{update}");
    ensure!(update["cli_args"] == json!({ "provider": "zhipu", "model": "glm-4.6" }), "{update}");
    for path in ["/api/config/validate", "/api/config/validate-key"] {
        let checked = client.post(path, body.to_string()).await?.json();
        has(&checked, &["status", "message", "models"])?;
        ensure!(checked["status"] == "valid", "{checked}");
        let empty = json!({ "provider": "zhipu", "api_key": "" }).to_string();
        ensure!(client.post(path, empty).await?.json()["status"] == "invalid");
        let unknown = json!({ "provider": "nobody", "api_key": "k" }).to_string();
        ensure!(client.post(path, unknown).await?.status == 400);
    }
    for path in ["/api/config/update-key", "/api/config/switch-provider", "/api/config/shutdown"] {
        let refused = client.post(path, body.to_string()).await?;
        ensure!(refused.status == 403 && refused.json()["status"] == "error", "{}", refused.text());
    }
    ensure!(client.get("/api/config/current").await?.json()["provider"] == "demo", "something changed");
    Ok(())
}

#[tokio::test]
async fn without_a_key_a_guarded_instance_says_only_that_it_is_there() -> Result<()> {
    let place = Place::new()?;
    let key = place.key("app", "ll-old-key")?;
    let config = Config::new().provider(Provider::demo("demo")).app("z", &key);
    let stack = Stack::start(place, config.server("open", false)).await?;
    let health = stack.client().get("/api/health").await?;
    ensure!(health.status == 200 && health.json().get("provider").is_none(), "{}", health.text());
    ensure!(stack.client().get("/api/info").await?.status == 401);
    let health = stack.client().with_key("ll-old-key").get("/api/health").await?.json();
    ensure!(health["provider"] == "demo", "{health}");
    Ok(())
}
