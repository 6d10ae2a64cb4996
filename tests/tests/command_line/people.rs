//! People and records on the command line: users and their passwords (asked for on a terminal, or given), sessions,
//! calls, usage, settings, the master key.

use super::stored::{done, fed, json};
use super::{code, err};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tests::scene::Scene;
use tests::script::Script;
use tests::stack::executable;
use tests::wait;

const PATIENCE: Duration = Duration::from_secs(20);
const PASSWORD: &str = "correct horse battery";

/// What a command on a terminal of its own said, and its exit code. Each answer is typed when its question is there.
async fn typed(scene: &Scene, words: &[&str], answers: &[(&str, &str)]) -> Result<(i32, String)> {
    let (program, state) = (executable()?.display().to_string(), scene.place().state().display().to_string());
    let quoted = [&[program.as_str()], words, &["--state-dir", &state]].concat();
    let line = quoted.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let mut command = Command::new("script");
    command.args(["-q", "-e", "-c", &line, "/dev/null"]);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", scene.place().path()).env("TERM", "dumb");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().context("script(1)")?;
    let mut input = child.stdin.take().context("its input")?;
    let said = Arc::new(Mutex::new(Vec::new()));
    let (mut output, heard) = (child.stdout.take().context("its output")?, Arc::clone(&said));
    let reader = std::thread::Builder::new().name("terminal".to_owned()).spawn(move || {
        let mut piece = [0; 1024];
        while let Ok(read @ 1..) = output.read(&mut piece) {
            heard.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&piece[..read]);
        }
    })?;
    let text = || String::from_utf8_lossy(&said.lock().unwrap_or_else(PoisonError::into_inner)).into_owned();
    for (question, answer) in answers {
        wait::holds(question, PATIENCE, || text().contains(question)).await?;
        input.write_all(format!("{answer}\n").as_bytes())?;
        input.flush()?;
    }
    let mut status = None;
    wait::holds("its end", PATIENCE, || {
        status = child.try_wait().ok().flatten();
        status.is_some()
    })
    .await?;
    drop(input);
    let _joined = reader.join();
    Ok((status.and_then(|status| status.code()).unwrap_or(-1), text()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_made_with_a_password_that_is_typed_or_given() -> Result<()> {
    let scene = Scene::one().await?;
    done(&fed(
        &scene,
        &["users", "add", "ada", "--may", "all", "--password-stdin"],
        &format!("{PASSWORD}\n"),
    )?)?;
    let (first, again) = ("Password: ", "The same again: ");
    let words = ["users", "add", "bob", "--may", "view-metrics"];
    let (added, said) = typed(&scene, &words, &[(first, PASSWORD), (again, PASSWORD)]).await?;
    ensure!(added == 0 && !said.contains(PASSWORD), "{added}: {said}");
    let (differ, said) =
        typed(&scene, &["users", "password", "bob"], &[(first, PASSWORD), (again, "other")]).await?;
    ensure!(differ == 2 && said.contains("the two passwords differ"), "{differ}: {said}");
    let nobody_asks = scene.command(&["users", "add", "eve"])?;
    assert_eq!(code(&nobody_asks), 2, "{}", err(&nobody_asks));
    let weak = fed(&scene, &["users", "add", "eve", "--password-stdin"], "12345678\n")?;
    assert_eq!(code(&weak), 6, "{}", err(&weak));
    let listed = json(&scene.command(&["users", "list", "--json"])?)?;
    let names: Vec<&str> =
        listed.as_array().into_iter().flatten().filter_map(|u| u["spec"]["name"].as_str()).collect();
    assert_eq!(names, ["ada", "bob"], "{listed}");
    let login = serde_json::json!({"user": "bob", "password": PASSWORD}).to_string();
    let answer = scene.client().post("/api/v1/auth/login", login.clone()).await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sessions = json(&scene.command(&["sessions", "list", "bob", "--json"])?)?;
    let session = sessions[0]["id"].as_str().context("a session")?.to_owned();
    done(&scene.command(&["sessions", "revoke", &session])?)?;
    done(&scene.command(&["users", "edit", "bob", "--may", "view-providers", "--enabled", "false"])?)?;
    assert_eq!(scene.client().post("/api/v1/auth/login", login.clone()).await?.status, 401);
    let people = done(&scene.command(&["users", "list"])?)?;
    assert!(people.contains("locked out") && people.contains("ViewProviders"), "{people}");
    done(&scene.command(&["users", "remove", "bob"])?)?;
    assert_eq!(code(&scene.command(&["users", "remove", "bob"])?), 4);
    assert_eq!(
        code(&scene.command(&["users", "remove", "ada"])?),
        6,
        "somebody must be left who can do everything"
    );
    let audit = done(&scene.command(&["audit"])?)?;
    assert!(audit.contains("delete user") && !audit.contains(PASSWORD), "{audit}");
    Ok(())
}

#[tokio::test]
async fn calls_and_usage_are_shown_for_people_and_programs() -> Result<()> {
    let scene = Scene::one().await?;
    scene.upstream("a")?.on("m1", Script::answer("hello"));
    scene.upstream("a")?.on("m2", Script::status(400, "application/json", r#"{"error":{"message":"no"}}"#));
    assert_eq!(scene.client().chat("a/m1").await?.status, 200);
    assert_eq!(scene.client().chat("a/m2").await?.status, 400);
    let calls = wait::until("two calls on record", Duration::from_secs(20), async || {
        let calls = json(&scene.command(&["calls", "--json"]).ok()?).ok()?;
        (calls.as_array()?.len() == 2).then_some(calls)
    })
    .await?;
    let (newest, id) = (&calls[0], calls[1]["id"].as_str().context("an id")?);
    assert_eq!(newest["status"], 400, "newest first: {calls}");
    let shown = done(&scene.command(&["calls", "show", id])?)?;
    for expected in ["asked for", "a/m1", "Decisions", "Attempts", "answered", "of it ours"] {
        assert!(shown.contains(expected), "{expected} in\n{shown}");
    }
    let detail = json(&scene.command(&["calls", "show", id, "--json"])?)?;
    assert_eq!(
        (&detail["call"]["id"], &detail["trace"]["attempts"][0]["candidate"]),
        (&Value::from(id), &Value::from("a/m1"))
    );
    assert_eq!(code(&scene.command(&["calls", "show", "00000000-0000-7000-8000-000000000000"])?), 4);
    let failed = json(&scene.command(&["calls", "--failed", "--json"])?)?;
    assert_eq!(failed.as_array().map(Vec::len), Some(1), "{failed}");
    let usage = done(&scene.command(&["usage"])?)?;
    assert!(usage.contains("CALLS") || usage.contains("calls"), "{usage}");
    let meter = json(&scene.command(&["usage", "--by", "model", "--json"])?)?;
    let groups = &meter["groups"];
    assert_eq!((&groups["m1"]["calls"], &groups["m2"]["failed"]), (&1.into(), &1.into()), "{groups}");
    Ok(())
}

#[tokio::test]
async fn settings_and_the_master_key_are_changed_while_calls_go_on() -> Result<()> {
    let scene = Scene::one().await?;
    scene.upstream("a")?.on("m1", Script::answer("hello"));
    done(&scene.command(&["config", "set", "defaults.max_queue", "77"])?)?;
    done(&scene.command(&["config", "set", "retention.calls", "3"])?)?;
    let shown = done(&scene.command(&["config", "get", "retention"])?)?;
    assert!(shown.lines().any(|line| line.contains("retention.calls") && line.contains("store")), "{shown}");
    assert!(
        shown.lines().any(|line| line.contains("retention.traces") && line.contains("default")),
        "{shown}"
    );
    let unknown = scene.command(&["config", "set", "retention.cals", "3"])?;
    assert_eq!(code(&unknown), 6);
    assert!(err(&unknown).contains("retention.calls"), "{}", err(&unknown));
    done(&scene.command(&["config", "unset", "retention.calls"])?)?;
    let before = std::fs::read(scene.place().state().join("master.key"))?;
    let url = scene.upstream("a")?.url();
    let words = ["providers", "add", "b", "--preset", "openai-compatible", "--base-url", &url, "--key-stdin"];
    done(&fed(&scene, &words, "sk-sealed-under-the-old-one\n")?)?;
    done(&scene.command(&["rotate-master-key"])?)?;
    assert_ne!(std::fs::read(scene.place().state().join("master.key"))?, before, "there is a new one");
    for model in ["a/m1", "b/m1"] {
        assert_eq!(scene.client().chat(model).await?.status, 200, "{model}");
    }
    Ok(())
}
