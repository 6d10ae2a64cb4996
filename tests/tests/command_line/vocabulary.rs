//! What is asked of a running instance, and the exit codes of every outcome.

use super::{code, err, out, run};
use anyhow::Result;
use serde_json::Value;
use std::time::Duration;
use tests::scene::Scene;
use tests::script::Script;
use tests::wait;

#[tokio::test]
async fn nobody_answers() -> Result<()> {
    let home = tempfile::tempdir()?;
    let state = home.path().join("state").display().to_string();
    for words in
        [&["status"][..], &["providers", "list"], &["ctl", "ask", "{\"do\":\"status\"}"], &["logs", "-f"]]
    {
        let words = [words, &["--state-dir", &state]].concat();
        let output = run(home.path(), &words, &[])?;
        assert_eq!(code(&output), 3, "{words:?}: {}", err(&output));
        assert!(err(&output).starts_with("llm-link: no llm-link answers at "), "{}", err(&output));
    }
    Ok(())
}

#[tokio::test]
async fn the_status_for_people_and_programs() -> Result<()> {
    let scene = Scene::one().await?;
    let text = scene.command(&["status"])?;
    assert_eq!(code(&text), 0);
    let lines = out(&text);
    assert!(lines.contains("PROCESS  STATE") && lines.contains("\na        ready"), "{lines}");
    assert!(!lines.contains('\u{1b}'), "colours without a terminal");
    let json: Value = serde_json::from_str(&out(&scene.command(&["status", "--json"])?))?;
    assert_eq!(json["providers"][0]["name"], "a");
    // The same through the namespace, and as a request of the vocabulary.
    let through: Value = serde_json::from_str(&out(&scene.command(&["ctl", "status", "--json"])?))?;
    assert_eq!(through["pid"], json["pid"]);
    let asked: Value = serde_json::from_str(&out(&scene.command(&["ctl", "ask", "{\"do\":\"status\"}"])?))?;
    assert_eq!((&asked["reply"], &asked["with"]["pid"]), (&Value::from("status"), &json["pid"]));
    let nonsense = scene.command(&["ctl", "ask", "{\"do\":\"dance\"}"])?;
    assert_eq!(code(&nonsense), 2);
    assert!(err(&nonsense).contains("unknown variant `dance`"), "{}", err(&nonsense));
    Ok(())
}

#[tokio::test]
async fn a_refusal_says_why_in_either_form() -> Result<()> {
    let scene = Scene::one().await?;
    let text = scene.command(&["drain", "nobody"])?;
    assert!([4, 5].contains(&code(&text)), "{}", code(&text));
    assert!(err(&text).starts_with("llm-link: "), "{}", err(&text));
    let json = scene.command(&["drain", "nobody", "--json"])?;
    let refusal: Value = serde_json::from_str(&err(&json))?;
    assert!(refusal["message"].as_str().is_some_and(|message| message.contains("nobody")), "{refusal}");
    assert!(out(&json).is_empty());
    Ok(())
}

// The upstream goes on while the command is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_is_waited_for_and_undone() -> Result<()> {
    let scene = Scene::one().await?;
    scene.upstream("a")?.on("m1", Script::paced(40, Duration::from_millis(25)));
    let mut stream = scene.client().stream("a/m1").await?;
    stream.read_content(3).await?;
    let drained = scene.command(&["drain", "a", "--within", "20s", "--wait"])?;
    assert_eq!((code(&drained), out(&drained).as_str()), (0, "a is drained\n"), "{}", err(&drained));
    let story = stream.finish().await?;
    assert!(story.text().ends_with("c39 "), "the stream was cut: {}", story.text());
    assert_eq!(code(&scene.command(&["resume", "a"])?), 0);
    scene.provider_is("a", "ready", Duration::from_secs(5)).await?;
    Ok(())
}

#[tokio::test]
async fn a_restart_is_waited_for() -> Result<()> {
    let scene = Scene::one().await?;
    let before = scene.worker("a").await?;
    let done = scene.command(&["restart", "a", "--wait"])?;
    assert_eq!(code(&done), 0, "{}", err(&done));
    assert!(out(&done).starts_with("generation ") && out(&done).contains(" of a serves"), "{}", out(&done));
    let gone = || !scene.workers("a").iter().any(|process| process.pid == before);
    wait::holds("the end of the old one", Duration::from_secs(10), gone).await?;
    Ok(())
}

#[test]
fn manual_and_completions_are_written_without_an_instance() -> Result<()> {
    let home = tempfile::tempdir()?;
    let directory = home.path().join("man").display().to_string();
    let man = run(home.path(), &["man", &directory], &[])?;
    assert_eq!(code(&man), 0, "{}", err(&man));
    let page = std::fs::read_to_string(home.path().join("man/llm-link-providers-add.1"))?;
    assert!(page.contains(".TH"), "{page}");
    let bash = run(home.path(), &["completions", "bash"], &[])?;
    assert!(out(&bash).contains("complete -F"), "{}", out(&bash));
    Ok(())
}
