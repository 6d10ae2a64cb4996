//! Setup, login, sessions, theft, throttling, browsers.

use anyhow::Result;
use http::Method;
use serde_json::{Value, json};
use tests::client::Reply;
use tests::config::{Config, Provider};
use tests::operator::{Operator, PASSWORD, setup_token};
use tests::stack::{Place, Stack};

async fn stack() -> Result<Stack> {
    Stack::start(Place::new()?, Config::new().provider(Provider::demo("demo"))).await
}

fn cookies(reply: &Reply) -> Vec<(String, String)> {
    let lines = reply.headers.get_all("set-cookie").iter().filter_map(|v| v.to_str().ok());
    let pair =
        |line: &str| line.split(';').next()?.split_once('=').map(|(n, v)| (n.to_owned(), v.to_owned()));
    lines.filter_map(pair).collect()
}

#[tokio::test]
async fn the_first_user_is_made_once_with_the_link_in_the_log() -> Result<()> {
    let stack = stack().await?;
    let nobody = Operator::nobody(&stack);
    assert_eq!(nobody.get("/setup").await?.json(), json!({"needed": true}));
    let token = setup_token(&stack).await?;
    let body = |token: &str, password: &str| json!({"token": token, "user": "ada", "password": password});
    assert_eq!(nobody.post("/setup", &body("llo_wrong", PASSWORD)).await?.status, 401);
    let weak = nobody.post("/setup", &body(&token, "12345678")).await?;
    assert_eq!((weak.status, &weak.json()["errors"][0]["field"]), (422, &json!("password")));
    let made = nobody.post("/setup", &body(&token, PASSWORD)).await?;
    assert_eq!((made.status, &made.json()["person"]["name"]), (200, &json!("ada")));
    assert_eq!(cookies(&made).len(), 2);
    assert!(made.json().get("access").is_none(), "a browser's page never sees its tokens");
    assert_eq!(nobody.get("/setup").await?.json(), json!({"needed": false}));
    assert_eq!(nobody.post("/setup", &body(&token, PASSWORD)).await?.status, 409);
    Ok(())
}

#[tokio::test]
async fn a_session_ends_at_once_for_its_user_and_for_nobody_else() -> Result<()> {
    let stack = stack().await?;
    let ada = Operator::first(&stack).await?;
    let second = Operator::login(&stack, "ADA").await?;
    let sessions = ada.get("/auth/sessions").await?.json();
    let items = sessions["items"].as_array().cloned().unwrap_or_default();
    assert_eq!((items.len(), items.iter().filter(|s| s["current"] == true).count()), (2, 1), "{sessions}");
    let other =
        items.iter().find(|s| s["current"] == false).and_then(|s| s["id"].as_str()).unwrap_or_default();
    assert_eq!(second.get("/auth/me").await?.status, 200);
    assert_eq!(ada.delete(&format!("/auth/sessions/{other}")).await?.status, 200);
    assert_eq!(second.get("/auth/me").await?.status, 401, "at once, although its token has not expired");
    assert_eq!(ada.get("/auth/me").await?.json()["name"], "ada");
    assert_eq!(ada.post("/auth/logout", &json!({})).await?.status, 200);
    let over = ada.get("/status").await?;
    assert_eq!((over.status, over.header("www-authenticate").is_some()), (401, true));
    Ok(())
}

#[tokio::test]
async fn a_stolen_refresh_token_ends_the_session() -> Result<()> {
    let stack = stack().await?;
    let ada = Operator::first(&stack).await?;
    let exchange = async |token: &str| ada.post("/auth/refresh", &json!({"token": token})).await;
    let second = ada.with_grant(&exchange(ada.refresh_token()).await?.json())?;
    assert_eq!(exchange(ada.refresh_token()).await?.status, 429, "two windows at once are no theft");
    let third = ada.with_grant(&exchange(second.refresh_token()).await?.json())?;
    assert_eq!(third.get("/auth/me").await?.status, 200);
    assert_eq!(exchange(ada.refresh_token()).await?.status, 401, "an old one is");
    assert_eq!(third.get("/auth/me").await?.status, 401);
    assert_eq!(exchange(third.refresh_token()).await?.status, 401);
    let again = Operator::login(&stack, "ada").await?;
    assert_eq!(again.get("/auth/me").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn wrong_passwords_cost_time_and_are_written_down() -> Result<()> {
    let stack = stack().await?;
    let ada = Operator::first(&stack).await?;
    let wrong = json!({"user": "ada", "password": "wrong horse"});
    let mut last = 0;
    for _ in 0..6 {
        let reply = ada.post("/auth/login", &wrong).await?;
        last = reply.status;
        if last == 429 {
            assert!(reply.header("retry-after").is_some());
        }
    }
    assert_eq!(last, 429);
    let right = json!({"user": "ada", "password": PASSWORD});
    assert_eq!(ada.post("/auth/login", &right).await?.status, 429, "the right one waits too");
    assert_eq!(ada.get("/auth/me").await?.status, 200, "who is logged in goes on");
    let users = ada.get("/users").await?.json();
    assert_eq!(users["items"][0]["failed_logins"], 5, "{users}");
    let audit = ada.get("/audit?object=user").await?.json();
    let rows = audit["items"].as_array().cloned().unwrap_or_default();
    let refused = |row: &&Value| row["verb"] == "login_refused" && row["name"] == "ada";
    let (away, wrong): (Vec<&Value>, Vec<&Value>) =
        rows.iter().filter(refused).partition(|row| !row["after"].is_null());
    // Turned away twice, newest first.
    let counts: Vec<&Value> = away.iter().map(|row| &row["after"]["turned_away"]).collect();
    assert_eq!((wrong.len(), counts), (5, vec![&json!(2), &json!(1)]), "{audit}");
    assert!(away.iter().all(|row| row["after"]["wait_ms"].as_u64() > Some(0)), "{audit}");
    assert!(!audit.to_string().contains("wrong horse"), "{audit}");
    Ok(())
}

#[tokio::test]
async fn unknown_names_look_like_wrong_passwords() -> Result<()> {
    let stack = stack().await?;
    let ada = Operator::first(&stack).await?;
    let tried = |user: &str| json!({"user": user, "password": "wrong horse"});
    let mut known = ada.post("/auth/login", &tried("ada")).await?.json();
    let mut unknown = ada.post("/auth/login", &tried("eve")).await?.json();
    known["instance"] = Value::Null;
    unknown["instance"] = Value::Null;
    assert_eq!(known, unknown);
    Ok(())
}

#[tokio::test]
async fn a_browser_changes_nothing_for_another_site() -> Result<()> {
    let stack = stack().await?;
    let ada = Operator::first(&stack).await?;
    let login = json!({"user": "ada", "password": PASSWORD, "cookie": true});
    let pairs = cookies(&ada.post("/auth/login", &login).await?);
    let line = pairs.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join("; ");
    let nobody = Operator::nobody(&stack);
    let origin = format!("http://{}", stack.address());
    let ours = [("cookie", line.as_str()), ("origin", origin.as_str()), ("x-llm-link-csrf", "1")];
    let restart = async |headers: &[(&str, &str)]| {
        nobody.send(Method::POST, "/providers/demo/restart", None, headers).await
    };
    assert_eq!(restart(&ours).await?.status, 200);
    assert_eq!(restart(&ours[..2]).await?.status, 403, "without the header");
    assert_eq!(restart(&[ours[0], ("origin", "http://evil.example"), ours[2]]).await?.status, 403);
    let read = nobody.send(Method::GET, "/status", None, &ours[..1]).await?;
    assert_eq!(read.status, 200);
    let rebound =
        nobody.send(Method::GET, "/status", None, &[ours[0], ("x-forwarded-for", "10.0.0.1")]).await?;
    assert_eq!(rebound.status, 200);
    let refreshed = nobody.send(Method::POST, "/auth/refresh", None, &ours).await?;
    assert_eq!((refreshed.status, cookies(&refreshed).len()), (200, 2));
    let left = nobody.send(Method::POST, "/auth/logout", None, &ours).await?;
    assert!(cookies(&left).iter().all(|(_, value)| value.is_empty()), "{:?}", left.headers);
    Ok(())
}

#[tokio::test]
async fn a_name_that_is_not_local_is_not_answered() -> Result<()> {
    let stack = stack().await?;
    let raw = "GET /api/v1/setup HTTP/1.1\r\nhost: rebind.example\r\nconnection: close\r\n\r\n";
    let answer = stack.client().raw(raw.as_bytes(), std::time::Duration::from_secs(10)).await?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn passwords_are_changed_by_who_knows_or_rules_them() -> Result<()> {
    let stack = stack().await?;
    let ada = Operator::first(&stack).await?;
    let bob = ada.user(&stack, "bob", &["ViewMetrics"]).await?;
    let other = Operator::login(&stack, "bob").await?;
    let new = "another battery staple";
    let own = |current: &str| json!({"current": current, "password": new});
    assert_eq!(bob.put("/auth/password", &own("wrong horse")).await?.status, 422);
    assert_eq!(bob.put("/auth/password", &own(PASSWORD)).await?.status, 200);
    assert_eq!(bob.get("/auth/me").await?.status, 200, "the session that did it goes on");
    assert_eq!(other.get("/auth/me").await?.status, 401, "the others do not");
    assert_eq!(bob.put("/users/ada/password", &json!({"password": new})).await?.status, 403);
    assert_eq!(bob.get("/users/ada/sessions").await?.status, 403);
    assert_eq!(ada.put("/users/bob/password", &json!({"password": PASSWORD})).await?.status, 200);
    assert_eq!(bob.get("/auth/me").await?.status, 401);
    Operator::login(&stack, "bob").await?;
    Ok(())
}

#[tokio::test]
async fn rights_and_users_go_at_once() -> Result<()> {
    let stack = stack().await?;
    let ada = Operator::first(&stack).await?;
    let bob = ada.user(&stack, "bob", &["ViewProviders"]).await?;
    assert_eq!(bob.get("/status").await?.status, 200);
    let spec = |permissions: &[&str], enabled: bool| json!({"spec": {"name": "bob", "permissions": permissions, "enabled": enabled}});
    let stale =
        ada.send(Method::PUT, "/users/bob", Some(&spec(&[], true)), &[("if-match", "\"99\"")]).await?;
    assert_eq!(stale.status, 412);
    let changed = ada.put("/users/bob", &spec(&[], true)).await?;
    assert_eq!((changed.status, changed.header("etag").is_some()), (200, true), "{}", changed.text());
    assert_eq!(bob.get("/status").await?.status, 403);
    assert_eq!(bob.get("/auth/me").await?.status, 200);
    assert_eq!(ada.put("/users/bob", &spec(&[], false)).await?.status, 200);
    assert_eq!(bob.get("/auth/me").await?.status, 401);
    assert_eq!(ada.delete("/users/ada").await?.status, 422, "somebody must be left who can do everything");
    assert_eq!(ada.delete("/users/bob").await?.status, 200);
    assert_eq!(ada.delete("/users/bob").await?.status, 404);
    Ok(())
}
