//! What upstreams do: each way to fail, before the first content and after the second piece of it.

use super::inbound::Inbound;
use super::record::{Fate, Ledger};
use super::table::{self, Row};
use anyhow::{Context, Result};
use bytes::Bytes;
use serde_json::json;
use std::time::Duration;
use tests::scene::{Cast, Scene};
use tests::script::{self, Script, Step};
use tests::stack::{limit, say};
use tests::upstream::{BlackHole, Refusal, Upstream, Welcome};
use tokio::task::JoinSet;

/// After which an upstream's silence is a fault here.
const SILENCE: Duration = Duration::from_millis(700);
/// How soon an answer must be over once its upstream has failed.
const ENDING: Duration = Duration::from_millis(100);

/// Its name, what the upstream does before the first content, and what after it; the models are named after it.
struct Fault {
    name: &'static str,
    before: Script,
    after: Vec<Step>,
    /// It is noticed only by its silence.
    silent: bool,
}

impl Fault {
    fn new(name: &'static str, before: Script, after: Vec<Step>) -> Self {
        Self { name, before, after, silent: false }
    }

    fn model(&self, phase: &str, inbound: Inbound) -> String {
        format!("{}-{phase}-{}", self.name.replace(' ', "-").to_lowercase(), inbound.name())
    }
}

fn in_band(kind: &str, message: &str) -> Step {
    Step::Chunk(script::event(&json!({"error": {"message": message, "type": kind, "code": kind}})))
}

fn faults() -> Vec<Fault> {
    let status = |s| Script::error(s, "no");
    let told = |kind, message| vec![in_band(kind, message), Step::End];
    let tls = Step::Raw(Bytes::from_static(b"\x15\x03\x03\x00\x02\x02\x28"));
    let utf8 =
        Step::Chunk(Bytes::from_static(b"data: {\"choices\":[{\"delta\":{\"content\":\"\xff\xfe\"}}]}\n\n"));
    let broken = |step: Step| Script::broken_stream(0, [step, Step::End]);
    let silent = |fault: Fault| Fault { silent: true, ..fault };
    let overloaded = in_band("server_error", "overloaded");
    vec![
        Fault::new("reset", Script::just([Step::Reset]), vec![Step::Reset]),
        Fault::new("close", Script::just([Step::Close]), vec![Step::Close]),
        Fault::new("TLS garbage", Script::just([tls.clone(), Step::Close]), vec![tls, Step::Close]),
        Fault::new("429", status(429), told("rate_limit_exceeded", "slow down")),
        Fault::new("500", status(500), told("server_error", "boom")),
        Fault::new("503", status(503), told("service_unavailable", "not now")),
        Fault::new("529", status(529), told("overloaded_error", "too many")),
        silent(Fault::new("black hole", Script::just([Step::Hang]), vec![Step::Hang])),
        silent(Fault::new(
            "hang after the head",
            Script::just([script::stream_head(), Step::Hang]),
            vec![Step::Raw(Bytes::from_static(b"ff\r\n")), Step::Hang],
        )),
        Fault::new("in-band error", broken(overloaded.clone()), vec![overloaded, Step::End]),
        Fault::new("empty stream", Script::broken_stream(0, [Step::End]), vec![Step::End]),
        Fault::new("invalid UTF-8", broken(utf8.clone()), vec![utf8, Step::Reset]),
    ]
}

/// Provider `a` with a model for each case, so that no breaker remembers another one, and `b` that takes over.
async fn scene(models: &[String], first_token: &str) -> Result<Scene> {
    let models: Vec<&str> = models.iter().map(String::as_str).collect();
    let idle = format!("{}ms", SILENCE.as_millis());
    let cast = Cast::new()?.provider_with("a", |p| {
        p.models(&models).fallback(&["b"]).timeout("first_token", first_token).timeout("idle", &idle)
    });
    let scene = cast.await?.provider_with("b", |p| p.models(&models).priority(10)).await?.start().await?;
    for model in &models {
        scene.upstream("b")?.on(model, Script::answer("saved by b"));
    }
    Ok(scene)
}

/// Asks in all dialects at once; those that ended well count as saved. Gives the longest time.
async fn saved(
    scene: &Scene,
    ledger: &mut Ledger,
    case: &str,
    model: impl Fn(Inbound) -> String,
) -> Result<(usize, Duration)> {
    let mut asking = JoinSet::new();
    for inbound in Inbound::ALL {
        let (client, model) = (scene.client(), model(inbound));
        asking.spawn(async move { (inbound, inbound.ask(&client, &model).await) });
    }
    let mut slowest = Duration::ZERO;
    while let Some(asked) = asking.join_next().await {
        let (inbound, heard) = asked?;
        let heard = heard?;
        inbound.check_saved(&heard, case)?;
        ledger.note(&heard, Fate::Saved)?;
        slowest = slowest.max(heard.took());
    }
    Ok((Inbound::ALL.len(), slowest))
}

/// Nobody notices any of these.
async fn before(faults: &[Fault], rows: &mut [Row]) -> Result<usize> {
    let mut calls = 0;
    // Each scene begins with a fresh retry budget: here every single call needs some of it.
    for (some, rows) in faults.chunks(6).zip(rows.chunks_mut(6)) {
        let cases = some.iter().flat_map(|f| Inbound::ALL.map(|i| (f.model("before", i), f.before.clone())));
        let cases: Vec<_> = cases.collect();
        let models: Vec<String> = cases.iter().map(|(model, _)| model.clone()).collect();
        let scene = scene(&models, &format!("{}ms", SILENCE.as_millis())).await?;
        for (model, script) in &cases {
            scene.upstream("a")?.on(model, script.clone());
        }
        let mut ledger = Ledger::default();
        for (fault, row) in some.iter().zip(rows) {
            row.before = Some(saved(&scene, &mut ledger, fault.name, |i| fault.model("before", i)).await?);
        }
        calls += ledger.check(&scene).await?;
    }
    Ok(calls)
}

/// Every stream ends with an error.
async fn after(faults: &[Fault], rows: &mut [Row]) -> Result<usize> {
    let models: Vec<String> = faults.iter().flat_map(|f| Inbound::ALL.map(|i| f.model("after", i))).collect();
    // A slow start is no fault here: only what comes after it.
    let scene = scene(&models, "30s").await?;
    let mut ledger = Ledger::default();
    for (fault, row) in faults.iter().zip(rows) {
        let mut longest = Duration::ZERO;
        for inbound in Inbound::ALL {
            let model = fault.model("after", inbound);
            scene.upstream("a")?.on(&model, Script::broken_stream(2, fault.after.clone()));
            let heard = inbound.ask(&scene.client(), &model).await?;
            inbound.check_honest(&heard, fault.name)?;
            ledger.note(&heard, Fate::Broken { told: Some(false) })?;
            let ending = heard.ended - heard.said("c1 ").context("its content")?;
            longest = longest.max(ending.saturating_sub(if fault.silent { SILENCE } else { Duration::ZERO }));
        }
        row.after = Some((Inbound::ALL.len(), longest));
    }
    ledger.check(&scene).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_fails_in_any_way_before_and_after_the_first_content() -> Result<()> {
    let faults = faults();
    let mut rows: Vec<Row> = faults.iter().map(|_| Row::default()).collect();
    let calls = before(&faults, &mut rows).await? + after(&faults, &mut rows).await?;
    table::head();
    for (fault, row) in faults.iter().zip(&rows) {
        table::row(fault.name, row);
    }
    say(&format!(
        "{calls} calls, as many rows, each with the tokens that were delivered; silence is counted from"
    ));
    say(&format!("its timeout of {SILENCE:?} on"));
    for (fault, row) in faults.iter().zip(&rows) {
        let (_, ending) = row.after.context("an ending")?;
        assert!(ending < limit(ENDING), "{}: {ending:?}", fault.name);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_cannot_be_reached_is_not_noticed() -> Result<()> {
    let (refusal, hole, garbage) = (Refusal::new()?, BlackHole::new().await?, Upstream::start().await?);
    garbage.welcome(Welcome::Say(Bytes::from_static(b"\x15\x03\x03\x00\x02\x02\x28SSH-2.0-OpenSSH\r\n")));
    let models: Vec<String> = Inbound::ALL.iter().map(|i| i.name().to_owned()).collect();
    let models: Vec<&str> = models.iter().map(String::as_str).collect();
    let places = [
        ("connect refused", "refused", refusal.url()?),
        ("connect black hole", "hole", hole.url()),
        ("TLS handshake garbage", "garbage", garbage.url().replace("http:", "https:")),
    ];
    let mut cast = Cast::new()?;
    for (_, provider, url) in &places {
        cast = cast.provider_at(provider, url, |p| {
            p.models(&models).fallback(&["b"]).timeout("connect", "700ms").timeout("first_token", "2s")
        })?;
    }
    let mut scene = cast.provider_with("b", |p| p.models(&models).priority(10)).await?.start().await?;
    scene.stack().hush();
    for model in &models {
        scene.upstream("b")?.on(model, Script::answer("saved by b"));
    }
    let mut ledger = Ledger::default();
    table::head();
    for (case, provider, _) in &places {
        let before = saved(&scene, &mut ledger, case, |i| format!("{provider}/{}", i.name())).await?;
        table::row(case, &Row { before: Some(before), after: None });
    }
    ledger.check(&scene).await?;
    Ok(())
}
