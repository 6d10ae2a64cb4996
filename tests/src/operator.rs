//! A person or script at the admin API: the setup link, a login, and requests with its token or its cookies.

use crate::client::{Client, Connection, Reply};
use crate::stack::Stack;
use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// How long the first lines of the log may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// The password of every user the tests make.
pub const PASSWORD: &str = "correct horse battery";

/// Somebody at the admin API. Keeps one connection open, as programs do.
#[derive(Clone)]
pub struct Operator {
    client: Client,
    access: String,
    refresh: String,
}

impl Operator {
    /// Nobody: without a token.
    pub fn nobody(stack: &Stack) -> Self {
        Self { client: stack.client(), access: String::new(), refresh: String::new() }
    }

    /// The first user, made with the link in the log.
    pub async fn first(stack: &Stack) -> Result<Self> {
        let token = setup_token(stack).await?;
        let body = json!({"token": token, "user": "ada", "password": PASSWORD, "cookie": false});
        let nobody = Self::nobody(stack);
        let reply = nobody.post("/setup", &body).await?;
        ensure!(reply.status == 200, "setup: {} {}", reply.status, reply.text());
        nobody.with_grant(&reply.json())
    }

    /// Another login.
    pub async fn login(stack: &Stack, user: &str) -> Result<Self> {
        let nobody = Self::nobody(stack);
        let reply = nobody.post("/auth/login", &json!({"user": user, "password": PASSWORD})).await?;
        ensure!(reply.status == 200, "login: {} {}", reply.status, reply.text());
        nobody.with_grant(&reply.json())
    }

    /// A new user with these permissions, logged in.
    pub async fn user(&self, stack: &Stack, name: &str, permissions: &[&str]) -> Result<Self> {
        let body = json!({"spec": {"name": name, "permissions": permissions}, "password": PASSWORD});
        let reply = self.post("/users", &body).await?;
        ensure!(reply.status == 201, "users: {} {}", reply.status, reply.text());
        Self::login(stack, name).await
    }

    /// The same person with the tokens of a grant.
    pub fn with_grant(&self, grant: &Value) -> Result<Self> {
        let text = |name: &str| Ok::<_, anyhow::Error>(grant[name].as_str().context("a token")?.to_owned());
        Ok(Self { client: self.client.clone(), access: text("access")?, refresh: text("refresh")? })
    }

    pub fn access(&self) -> &str {
        &self.access
    }

    pub fn refresh_token(&self) -> &str {
        &self.refresh
    }

    pub async fn get(&self, path: &str) -> Result<Reply> {
        self.send(Method::GET, path, None, &[]).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Result<Reply> {
        self.send(Method::POST, path, Some(body), &[]).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Result<Reply> {
        self.send(Method::PUT, path, Some(body), &[]).await
    }

    pub async fn delete(&self, path: &str) -> Result<Reply> {
        self.send(Method::DELETE, path, None, &[]).await
    }

    /// Any request below `/api/v1`.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Result<Reply> {
        let mut client = self.client.clone();
        if !self.access.is_empty() {
            client = client.with_key(&self.access);
        }
        for (name, value) in headers {
            client = client.with_header(name, value);
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = client.request(method, &format!("/api/v1{path}"), body)?;
        Connection::open(client.address()).await?.exchange(request).await
    }
}

/// The token of the setup link that the log shows.
pub async fn setup_token(stack: &Stack) -> Result<String> {
    let line = stack.logged(&["/setup#token="], PATIENCE).await?;
    let rest = line.split_once("#token=").context("a token")?.1;
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).unwrap_or(rest.len());
    Ok(rest[..end].to_owned())
}
