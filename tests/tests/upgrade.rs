//! Upgrades of a running system: nobody notices a good one (F5), and a bad one changes nothing (F6).
//! `LLM_LINK_FULL=1` asks for the full counts.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};
use tests::crowd::{Crowd, Outcome, count_ends};
use tests::scene::{Cast, Scene};
use tests::script::Script;
use tests::stack::{count, executable, limit, say};
use tests::stream::End;
use tests::wait;

/// The old generations finish within the scene's drain timeout (5 s); this is more.
const SETTLED: Duration = Duration::from_secs(20);

/// A scene with an executable of its own.
async fn replaceable(providers: &[&str]) -> Result<Scene> {
    let mut cast = Cast::new()?;
    cast.place().install(&executable()?)?;
    for provider in providers {
        cast = cast.provider(provider).await?;
    }
    cast.start().await
}

/// What the supervisor answers to an upgrade.
fn upgrade(scene: &Scene) -> Result<Value> {
    let mut socket = UnixStream::connect(scene.place().state().join("run/ctl.sock"))?;
    let ask = json!({"caller": {"who": "local", "uid": 0}, "request": {"do": "upgrade"}});
    writeln!(socket, "{ask}")?;
    let mut line = String::new();
    BufReader::new(socket).read_line(&mut line)?;
    serde_json::from_str(&line).with_context(|| format!("the answer {line:?}"))
}

/// Waits until the supervisor is another program and nothing of the old one is left.
async fn settled(scene: &Scene, upgrades: usize) -> Result<()> {
    let taken_over = || scene.log().iter().filter(|l| l.contains("taken over name=router")).count();
    wait::holds("the supervisor follows", SETTLED, || taken_over() >= upgrades).await?;
    wait::holds("one router", SETTLED, || scene.routers().len() == 1).await?;
    wait::holds("one worker", SETTLED, || scene.workers("a").len() == 1).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_upgrades_under_load_lose_nothing() -> Result<()> {
    let upgrades = count(3, 20);
    let calls_wanted = count(0, 100_000);
    let scene = replaceable(&["a"]).await?;
    scene.upstream("a")?.on("m1", Script::answer("fine"));
    scene.upstream("a")?.on("long", Script::paced(60, Duration::from_millis(20)));
    let (pid, client) = (scene.pid(), scene.client());
    let mut crowd = Crowd::new();
    crowd.keep(&client, "a/m1", 8);
    crowd.call(&client, "a/m1", 4);
    crowd.read(&client, "a/long", 8);
    let began = Instant::now();
    for n in 1..=upgrades {
        scene.place().install(&executable()?)?;
        let answer = upgrade(&scene)?;
        ensure!(answer["reply"] == "done", "upgrade {n}: {answer}");
        settled(&scene, n).await?;
    }
    wait::holds("enough calls", Duration::from_secs(1200), || {
        scene.upstream("a").is_ok_and(|u| u.request_count() >= calls_wanted)
    })
    .await?;
    let (calls, stories) = crowd.finish().await;
    let bad: Vec<_> = calls.iter().filter(|c| !c.is_answered()).collect();
    let refused = calls.iter().filter(|c| c.outcome == Outcome::NoConnection).count();
    let (done, worst) = (count_ends(&stories, |e| *e == End::Done), calls.iter().map(|c| c.took).max());
    say(&format!(
        "F5: {upgrades} upgrades in {:?}: {} calls, {refused} refused, {} not answered, slowest {worst:?}; {} streams, {} cut",
        began.elapsed(),
        calls.len(),
        bad.len(),
        stories.len(),
        stories.len() - done,
    ));
    assert!(bad.is_empty(), "{:?}", bad.first());
    assert_eq!(
        done,
        stories.len(),
        "{:?}",
        stories.iter().find(|s| s.as_ref().is_ok_and(|s| s.end != End::Done))
    );
    assert_eq!(scene.pid(), pid, "the service manager sees the same process");
    Ok(())
}

/// A program in place of the new version.
fn install_script(scene: &Scene, text: &str) -> Result<()> {
    let path = scene.place().path().join("bad");
    std::fs::write(&path, text)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    scene.place().install(&path)
}

/// A router that speaks only protocol 99: its hello in a frame as `protocol::ipc::frame` lays it out.
const STRANGER: &str = r#"#!/usr/bin/python3
import os, struct, sys, time
generation = int(sys.argv[sys.argv.index("--generation") + 1])
build = b"99.0"
# FromChild::Hello (variant 0): role (0 = router), min, max, build, generation; little endian, fixed width.
hello = struct.pack("<IIHHQ", 0, 0, 99, 99, len(build)) + build + struct.pack("<Q", generation)
os.write(3, struct.pack("<HBBBBHII", 0x4C4C, 1, KIND, 0, 0, len(hello), 0, 0) + hello)
time.sleep(60)
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f6_a_bad_version_is_refused_and_the_old_one_serves_on() -> Result<()> {
    let scene = replaceable(&["a"]).await?;
    scene.upstream("a")?.on("m1", Script::answer("fine"));
    let (router, worker) = (scene.router().await?, scene.worker("a").await?);
    let stranger = STRANGER.replace("KIND", &format!("{}", protocol::ipc::frame::FrameType::Control as u8));
    let versions = [
        ("panics", "#!/bin/sh\necho \"thread 'main' panicked at oh no\" >&2\nexit 101\n", "101"),
        ("is no program", "no program at all", "not become ready"),
        ("speaks another protocol", stranger.as_str(), "protocol 99"),
        ("hangs", "#!/bin/sh\nexec sleep 60\n", "not become ready"),
    ];
    let mut crowd = Crowd::new();
    crowd.keep(&scene.client(), "a/m1", 4);
    for (what, text, why) in versions {
        install_script(&scene, text)?;
        let at = Instant::now();
        let answer = upgrade(&scene)?;
        let message = answer["with"]["message"].as_str().unwrap_or_default();
        ensure!(answer["reply"] == "refused" && message.contains(why), "{what}: {answer}");
        ensure!(at.elapsed() < limit(Duration::from_secs(12)), "{what}: {:?}", at.elapsed());
        say(&format!("F6: a version that {what} was refused after {:?}: {message}", at.elapsed()));
        assert_eq!((scene.router().await?, scene.worker("a").await?), (router, worker), "{what}");
    }
    let (calls, _) = crowd.finish().await;
    assert!(
        calls.iter().all(tests::crowd::Call::is_answered),
        "{:?}",
        calls.iter().find(|c| !c.is_answered())
    );
    // And a good one is taken afterwards.
    scene.place().install(&executable()?)?;
    assert_eq!(upgrade(&scene)?["reply"], "done");
    settled(&scene, 1).await
}
