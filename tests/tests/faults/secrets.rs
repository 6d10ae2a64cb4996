//! F25, F26: where a key may be, and what a worker may do.

use anyhow::{Context, Result};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tests::config::Provider;
use tests::memory;
use tests::operator::Operator;
use tests::proc;
use tests::scene::{Cast, Scene, key_of};
use tests::stack::say;
use tests::wait;

/// Files below `dir` that hold the needle, except `key`.
fn files_with(dir: &Path, needle: &[u8], key: &Path, found: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            files_with(&path, needle, key, found)?;
        } else if entry.file_type()?.is_file() && path != key {
            let content = fs::read(&path)?;
            if content.windows(needle.len()).any(|w| w == needle) {
                found.push(path.display().to_string());
            }
        }
    }
    Ok(())
}

/// Makes every way of saying something go off: calls, streams, failures, a status, a reload.
async fn stir(scene: &Scene) -> Result<()> {
    let client = scene.client();
    for model in ["a/m1", "b/m1", "none-such"] {
        client.chat(model).await?;
        client.stream(model).await?.finish().await?;
    }
    scene.upstream("a")?.once("m1", tests::script::Script::error(401, "wrong key"));
    client.chat("a/m1").await?;
    scene.status()?;
    client.get("/metrics").await?;
    scene.signal(nix::sys::signal::Signal::SIGHUP)?;
    scene.ready().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f25_a_key_is_in_its_own_workers_memory_only() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?.provider("b").await?;
    let scene = cast.configure(|c, _| Ok(c.log_level("trace")))?.start().await?;
    stir(&scene).await?;
    let canary = key_of("a");
    let needle = canary.as_bytes();
    let own = scene.worker("a").await?;
    let mut looked = 0;
    for process in scene.processes() {
        let arguments = proc::arguments(process.pid);
        assert!(!arguments.iter().any(|a| a.contains(&canary)), "in argv of {process:?}");
        let environment = proc::environment(process.pid)?;
        assert!(!environment.windows(needle.len()).any(|w| w == needle), "in environ of {process:?}");
        let found = memory::count(process.pid, needle).with_context(|| format!("{arguments:?}"))?;
        say(&format!("F25: {found} times in the memory of {}", arguments.join(" ")));
        match process.pid == own {
            true => assert!(found > 0, "the search finds nothing even where the key must be"),
            false => assert_eq!(found, 0, "in the memory of {arguments:?}"),
        }
        looked += 1;
    }
    assert!(looked >= 4, "supervisor, router and two workers");
    assert!(!scene.log().iter().any(|l| l.contains(&canary)), "in the log");
    let mut files = Vec::new();
    let place = scene.place().path().to_owned();
    files_with(&place, needle, &place.join("a.key"), &mut files)?;
    assert!(files.is_empty(), "in {files:?}");
    Ok(())
}

/// Everything that can be read over HTTP.
const ANSWERS: [&str; 17] = [
    "/status",
    "/providers",
    "/providers/s",
    "/providers/s/why",
    "/presets",
    "/models",
    "/aliases",
    "/apps",
    "/users",
    "/calls",
    "/events",
    "/logs",
    "/audit",
    "/config",
    "/config/export",
    "/monitoring/metrics",
    "/about",
];

/// Where a key is that it must not be: answers, files, the log.
async fn leaks(scene: &Scene, ada: &Operator, canary: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for path in ANSWERS {
        let answer = ada.get(path).await?;
        anyhow::ensure!(answer.status == 200, "{path}: {} {}", answer.status, answer.text());
        if answer.text().contains(canary) {
            found.push(format!("the answer of {path}"));
        }
    }
    for words in [&["export"][..], &["config", "show"], &["audit"], &["providers", "show", "s", "--json"]] {
        let output = scene.command(words)?;
        if String::from_utf8_lossy(&output.stdout).contains(canary) {
            found.push(format!("the output of {words:?}"));
        }
    }
    found.extend(scene.log().into_iter().filter(|line| line.contains(canary)));
    let nothing = scene.place().path().join("none");
    files_with(scene.place().path(), canary.as_bytes(), &nothing, &mut found)?;
    Ok(found)
}

/// Times a needle is in the memory of each process, by what the process is.
fn in_memory(scene: &Scene, needle: &str) -> Result<Vec<(i32, String, usize)>> {
    let count = |process: &proc::Stat| {
        let role = proc::arguments(process.pid).into_iter().nth(1).unwrap_or_default();
        Ok((process.pid, role, memory::count(process.pid, needle.as_bytes())?))
    };
    scene.processes().iter().map(count).collect()
}

/// A key that is kept in the store: sealed in the database and its log, in no answer, export or audit row, also
/// while it comes in, and after that in the memory of its worker only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f25_a_stored_key_is_in_its_own_workers_memory_only() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?;
    let mut scene = cast.configure(|c, _| Ok(c.log_level("trace")))?.start().await?;
    let ada = Operator::first(&scene).await?;
    // Not one text of this binary: it is searched for.
    let canary: String = ["sk-stored", "canary", "9f27c1d4e6"].join("-");
    let spec = json!({
        "name": "s", "preset": "openai-compatible", "dialect": "openai-chat", "base_url": scene.upstream("a")?.url(),
        "proxy": "direct",
    });
    let made = ada.post("/providers", &json!({"spec": spec, "key": {"text": canary}})).await?;
    assert_eq!(made.status, 201, "{}", made.text());
    assert!(!made.text().contains(&canary), "{}", made.text());
    assert_eq!(scene.client().chat("s/m1").await?.status, 200);
    scene.upstream("a")?.once("m1", tests::script::Script::error(401, "wrong key"));
    scene.client().chat("s/m1").await?;
    let wrong = ada.post("/providers", &json!({"spec": spec, "key": {"text": canary}})).await?;
    assert_eq!(wrong.status, 409, "{}", wrong.text());
    assert!(!wrong.text().contains(&canary), "{}", wrong.text());
    assert_eq!(leaks(&scene, &ada, &canary).await?, Vec::<String>::new());
    scene.command(&["rotate-master-key"])?;
    assert_eq!(leaks(&scene, &ada, &canary).await?, Vec::<String>::new());
    for (_, role, times) in in_memory(&scene, &canary)? {
        say(&format!("F25: {times} times in the memory of the {role} while it came in"));
    }
    scene.stack().revive().await?;
    let ready = async || (scene.client().get("/ready").await.ok()?.status == 200).then_some(());
    wait::until("readiness", Duration::from_secs(20), ready).await?;
    let own = scene.worker("s").await?;
    wait::until("the key in its worker", Duration::from_secs(20), async || {
        (memory::count(own, canary.as_bytes()).ok()? > 0).then_some(())
    })
    .await?;
    for (pid, role, times) in in_memory(&scene, &canary)? {
        say(&format!("F25: {times} times in the memory of the {role}"));
        assert_eq!(times > 0, pid == own, "in the memory of the {role} {pid}");
    }
    let ada = Operator::login(&scene, "ada").await?;
    assert_eq!(leaks(&scene, &ada, &canary).await?, Vec::<String>::new());
    Ok(())
}

/// What is secret besides a key: the same rules.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f25_a_proxys_login_and_secret_headers_are_kept_like_keys() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?;
    let mut scene = cast.configure(|c, _| Ok(c.log_level("trace")))?.start().await?;
    let ada = Operator::first(&scene).await?;
    let token: String = ["Team", "token", "canary", "41d7"].join("-");
    let password: String = ["proxy", "password", "canary", "b80e"].join("-");
    // The scripted upstream takes requests as a proxy does, whatever host they are for.
    let proxy = format!("http://{}", scene.upstream("a")?.address());
    let mut spec = json!({
        "name": "s", "preset": "openai-compatible", "dialect": "openai-chat", "base_url": "http://models.example/v1",
        "proxy": {"url": proxy}, "proxy_login": {"text": format!("team:{password}")},
        "secret_headers": {"x-team-token": {"text": token}},
    });
    let made = ada.post("/providers", &json!({ "spec": spec })).await?;
    assert_eq!(made.status, 201, "{}", made.text());
    let shown = ada.get("/providers/s").await?.json();
    assert_eq!(shown["spec"]["secret_headers"], json!({"x-team-token": "kept"}));
    assert_eq!(shown["spec"]["proxy_login"], "kept");
    let presented = |scene: &Scene| -> Result<(Option<String>, Option<String>)> {
        let requests = scene.upstream("a")?.requests();
        let last = requests.last().context("a request")?;
        let header = |name| last.header(name).map(str::to_owned);
        Ok((header("x-team-token"), header("proxy-authorization")))
    };
    let answer = scene.client().chat("s/m1").await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (sent, login) = presented(&scene)?;
    assert_eq!(sent.as_deref(), Some(token.as_str()));
    assert!(login.is_some_and(|login| login.starts_with("Basic ")), "no login at the proxy");
    // As it was read, written back: everything stays.
    spec = shown["spec"].clone();
    spec["priority"] = 3.into();
    let changed = ada.put("/providers/s", &json!({ "spec": spec })).await?;
    assert_eq!(changed.status, 200, "{}", changed.text());
    scene.command(&["rotate-master-key"])?;
    for canary in [&token, &password] {
        assert_eq!(leaks(&scene, &ada, canary).await?, Vec::<String>::new());
    }
    scene.stack().revive().await?;
    let ready = async || (scene.client().get("/ready").await.ok()?.status == 200).then_some(());
    wait::until("readiness", Duration::from_secs(20), ready).await?;
    let own = scene.worker("s").await?;
    wait::until("a call through it", Duration::from_secs(20), async || {
        (scene.client().chat("s/m1").await.ok()?.status == 200).then_some(())
    })
    .await?;
    assert_eq!(presented(&scene)?.0.as_deref(), Some(token.as_str()), "another master key opens it");
    for canary in [&token, &password] {
        for (pid, role, times) in in_memory(&scene, canary)? {
            say(&format!("F25: {times} times in the memory of the {role}"));
            assert!(times == 0 || pid == own, "in the memory of the {role} {pid}");
        }
    }
    let ada = Operator::login(&scene, "ada").await?;
    // Another value, then none.
    spec["secret_headers"]["x-team-token"] = json!({"text": "another"});
    assert_eq!(ada.put("/providers/s", &json!({ "spec": spec })).await?.status, 200);
    wait::until("the new value", Duration::from_secs(20), async || {
        scene.client().chat("s/m1").await.ok()?;
        (presented(&scene).ok()?.0.as_deref() == Some("another")).then_some(())
    })
    .await?;
    spec["secret_headers"] = json!({});
    assert_eq!(ada.put("/providers/s", &json!({ "spec": spec })).await?.status, 200);
    wait::until("no value", Duration::from_secs(20), async || {
        scene.client().chat("s/m1").await.ok()?;
        presented(&scene).ok()?.0.is_none().then_some(())
    })
    .await?;
    spec["secret_headers"] = json!({"x-team-token": "kept"});
    let nothing = ada.put("/providers/s", &json!({ "spec": spec })).await?;
    assert_eq!(nothing.status, 422, "{}", nothing.text());
    Ok(())
}

#[tokio::test]
async fn f25_a_workers_environment_is_clean() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?.environment("CANARY_VARIABLE", "canary-value");
    let scene = cast.start().await?;
    for pid in [scene.worker("a").await?, scene.router().await?] {
        let environment = String::from_utf8_lossy(&proc::environment(pid)?).into_owned();
        assert!(!environment.contains("canary-value"), "{environment:?}");
        let foreign =
            proc::open_targets(pid).into_iter().filter(|t| t.ends_with(".key") || t.ends_with(".toml"));
        assert_eq!(foreign.collect::<Vec<_>>(), Vec::<String>::new());
    }
    Ok(())
}

#[tokio::test]
async fn f26_a_worker_can_do_nothing_but_its_work() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?;
    let scene = cast.configure(|c, _| Ok(c.provider(Provider::demo("d"))))?.start().await?;
    let status = scene.provider_status("d")?;
    say(&format!("F26: sandbox {}", status["sandbox"]));
    let place = scene.place();
    let file = |path: std::path::PathBuf| path.display().to_string();
    let upstream = scene.upstream("a")?.address().to_string();
    let probes = [
        ("exec", String::new()),
        ("open-passwd", String::new()),
        ("open-state", file(place.config())),
        ("open-state", file(place.path().join("a.key"))),
        ("write", file(place.state().join("written"))),
        ("write", "/tmp/llm-link-written".to_owned()),
        ("connect", upstream),
        ("bind", String::new()),
        ("fork", String::new()),
        ("signal-parent", String::new()),
        ("unix-socket", String::new()),
        ("ptrace-parent", String::new()),
        ("read-parent-mem", String::new()),
        ("outrank", String::new()),
    ];
    let mut allowed = Vec::new();
    for (probe, argument) in probes {
        let model = format!("d/demo-probe={probe}");
        let ask = json!({"model": model, "messages": [{"role": "user", "content": argument}]});
        let reply = scene.client().post("/v1/chat/completions", ask.to_string()).await?;
        assert_eq!(reply.status, 200, "{probe}: {}", reply.text());
        let said = reply.content();
        say(&format!("F26: {probe} {argument}: {said}"));
        if !said.contains("denied") {
            allowed.push(format!("{probe} {argument}: {said}"));
        }
    }
    assert!(allowed.is_empty() || status["sandbox"].to_string().contains("none"), "{allowed:?}");
    assert_eq!(scene.client().chat("a/m1").await?.status, 200, "a real provider works in the same sandbox");
    Ok(())
}
