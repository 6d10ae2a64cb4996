//! schemathesis over the served OpenAPI document, with a token and without: it makes requests that the document
//! allows and some that it forbids, and looks for answers that it does not describe. `tests/schema/install.sh`
//! installs it; its absence is a failure.

use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::time::Duration;
use tests::config::{Config, Provider};
use tests::operator::Operator;
use tests::stack::{Place, Stack, count, say};
use tokio::process::Command;

/// What would end the program, the session that asks (its number is found in answers), or never ends by itself.
const NOT_ASKED: [&str; 11] = [
    "shutdown",
    "upgrade",
    "restartRouter",
    "logout",
    "revokeSession",
    "updateUser",
    "deleteUser",
    "setOwnPassword",
    "setPassword",
    "realtime",
    "streamLogs",
];
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,unsupported_method,ignored_auth";

async fn explore(stack: &Stack, token: Option<&str>, seconds: usize) -> Result<()> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    let mut command = Command::new(home.join(".venv/bin/schemathesis"));
    command.arg("run").arg(format!("http://{}/api/v1/openapi.json", stack.address()));
    command.args(["--max-time", &seconds.to_string(), "--checks", CHECKS, "--workers", "2"]);
    command.args(["--phases", "examples,coverage,fuzzing", "--warnings", "off", "--seed", "7"]);
    for id in NOT_ASKED {
        command.args(["--exclude-operation-id", id]);
    }
    if let Some(token) = token {
        command.args(["--header", &format!("Authorization: Bearer {token}")]);
    }
    command.current_dir(stack.place().path()).env("NO_COLOR", "1").kill_on_drop(true);
    let patience = Duration::from_secs(120 + 3 * seconds as u64);
    let output =
        tokio::time::timeout(patience, command.output()).await.context("schemathesis does not end")?;
    let output = output.context("schemathesis: run tests/schema/install.sh")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for line in text.lines().rev().take(12).collect::<Vec<_>>().into_iter().rev() {
        say(line);
    }
    ensure!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[tokio::test]
async fn no_answer_is_undocumented_and_none_is_a_failure_of_ours() -> Result<()> {
    let stack = Stack::start(Place::new()?, Config::new().provider(Provider::demo("demo"))).await?;
    let ada = Operator::first(&stack).await?;
    explore(&stack, None, count(15, 120)).await?;
    explore(&stack, Some(ada.access()), count(45, 480)).await?;
    ensure!(ada.get("/auth/me").await?.status == 200, "the session is still there");
    Ok(())
}
