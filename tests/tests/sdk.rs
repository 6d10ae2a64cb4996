//! The official OpenAI SDKs for Python and JavaScript, unchanged, against the real executable: streams,
//! tools with streamed arguments, errors, hang-ups. `tests/sdk/install.sh` installs them; their absence is
//! a failure.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tests::config::Provider;
use tests::scene::{Cast, Scene};
use tests::script::{self, Script, Step};
use tests::stack::say;
use tests::wait;
use tokio::process::Command;

const CITIES: [&str; 2] = ["Paris", "Rome"];

fn completion_with_tools() -> Script {
    let call = |i: usize, city: &str| {
        let arguments = json!({ "city": city }).to_string();
        json!({"id": format!("call_{i}"), "type": "function", "function": {"name": "get_weather", "arguments": arguments}})
    };
    let calls: Vec<Value> = CITIES.iter().enumerate().map(|(i, c)| call(i + 1, c)).collect();
    let mut body = script::completion("");
    body["choices"][0]["message"] = json!({"role": "assistant", "content": null, "tool_calls": calls});
    body["choices"][0]["finish_reason"] = "tool_calls".into();
    Script::status(200, "application/json", body.to_string())
}

fn stream_with_tools() -> Script {
    let mut steps = vec![script::stream_head()];
    let mut say = |delta: Value, end: Option<&str>| {
        steps.push(Step::Chunk(script::event(&script::delta(delta, end))));
    };
    say(json!({"role": "assistant", "content": null}), None);
    for (i, city) in CITIES.iter().enumerate() {
        let open = json!({"index": i, "id": format!("call_{}", i + 1), "type": "function",
                          "function": {"name": "get_weather", "arguments": ""}});
        say(json!({"tool_calls": [open]}), None);
        for piece in ["{\"ci", "ty\":", "\"", city, "\"}"] {
            say(json!({"tool_calls": [{"index": i, "function": {"arguments": piece}}]}), None);
        }
    }
    say(json!({}), Some("tool_calls"));
    steps.extend([Step::Chunk(script::done()), Step::End]);
    Script::just(steps)
}

/// The provider that the scripts expect.
async fn scene() -> Result<Scene> {
    let models = [
        "text",
        "tools",
        "tools-stream",
        "bad",
        "limited",
        "limited-once",
        "broken",
        "cut",
        "embed",
        "endless",
    ];
    let cast = Cast::new()?.provider_with("a", |p| p.models(&models)).await?;
    let scene = cast.configure(|c, _| Ok(c.provider(Provider::demo("demo"))))?.start().await?;
    let upstream = scene.upstream("a")?;
    upstream.on("tools", completion_with_tools());
    upstream.on("tools-stream", stream_with_tools());
    let bad = json!({"error": {"message": "temperature is out of range", "type": "invalid_request_error",
                               "param": "temperature", "code": "invalid_value"}});
    upstream.on("bad", Script::status(400, "application/json", bad.to_string()));
    upstream.on("limited", Script::error(429, "slow down").with_header("retry-after", "3"));
    upstream.once("limited-once", Script::error(429, "slow down").with_header("retry-after", "1"));
    upstream.on("broken", Script::error(500, "boom"));
    upstream.on("cut", Script::broken_stream(3, [Step::Close]));
    upstream.on("endless", Script::paced(5000, Duration::from_millis(10)));
    // 0.5 and -1.0 as little-endian f32, which both SDKs ask for by default.
    let embedding = json!({"object": "list", "model": "embed", "usage": {"prompt_tokens": 1, "total_tokens": 1},
                           "data": [{"object": "embedding", "index": 0, "embedding": "AAAAPwAAgL8="}]});
    upstream.on("embed", Script::status(200, "application/json", Bytes::from(embedding.to_string())));
    Ok(scene)
}

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk")
}

async fn run(program: &Path, script: &str, scene: &Scene) -> Result<()> {
    let installed = program.exists() || program.components().count() == 1;
    ensure!(installed, "{} is missing: run tests/sdk/install.sh", program.display());
    let output = Command::new(program)
        .arg(home().join(script))
        .current_dir(home())
        .env("BASE_URL", format!("http://{}/v1", scene.address()))
        .env_remove("http_proxy")
        .env_remove("HTTP_PROXY")
        .env_remove("all_proxy")
        .env_remove("ALL_PROXY")
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| program.display().to_string())?;
    say(&String::from_utf8_lossy(&output.stdout));
    say(&String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{script}: {}", output.status);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_sdk_is_at_home() -> Result<()> {
    let scene = scene().await?;
    run(&home().join(".venv/bin/python"), "openai_chat.py", &scene).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_javascript_sdk_is_at_home() -> Result<()> {
    let scene = scene().await?;
    ensure!(home().join("node_modules/openai").exists(), "the SDK is missing: run tests/sdk/install.sh");
    run(Path::new("node"), "openai_chat.mjs", &scene).await?;
    let upstream = scene.upstream("a")?;
    wait::holds("the hang-up upstream", Duration::from_secs(2), || upstream.busy() == 0).await?;
    Ok(())
}
