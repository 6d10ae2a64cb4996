//! A second candidate for a call whose first one is late.

use crate::counts::used;
use crate::two;
use anyhow::{Context, Result, bail};
use protocol::control::record::{CallDetail, CallFilter};
use protocol::control::{ControlReply, ControlRequest};
use protocol::model::{FailureKind, UsageSource};
use serde_json::json;
use std::time::Duration;
use tests::control;
use tests::crowd::{one_call, quantile};
use tests::scene::Scene;
use tests::script::{Script, Step, delta, done, event, stream_head};
use tests::stack::{count, limit, say};
use tests::stream::End;
use tests::upstream::Upstream;
use tests::wait;
use tokio::task::JoinSet;

/// The hedged calls on record with their traces, when all are there.
async fn details(scene: &Scene, hedged: usize, others: usize) -> Result<Vec<CallDetail>> {
    let rows = wait::until("the calls on record", Duration::from_secs(20), async || {
        let rows = control::calls(scene, &CallFilter::default()).await.ok()?;
        (rows.len() == hedged + others).then_some(rows)
    })
    .await?;
    let mut all = Vec::new();
    for row in rows.into_iter().filter(|row| row.model == "m1") {
        match control::ask(scene, ControlRequest::Call { call: row.id }).await? {
            ControlReply::Call(detail) => all.push(*detail),
            other => bail!("no call: {other:?}"),
        }
    }
    Ok(all)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_loser_of_a_hedge_is_let_go_at_once_and_is_on_record() -> Result<()> {
    let lines = "hedge = { after = \"100ms\" }\nbudgets = { daily_tokens = 100000000 }";
    let scene = two(lines).await?;
    let (slow, fast) = (scene.upstream("a")?, scene.upstream("b")?);
    slow.on("m1", Script::just([Step::Hang]));
    // The winner takes its time: the loser goes when it begins, not when it ends.
    fast.on("m1", Script::paced(10, Duration::from_millis(30)));
    // One call in twenty may be hedged, and one more.
    let (calls, mut plain) = (count(5, 20), 0);
    while plain < calls * 20 {
        let mut others = JoinSet::new();
        for _ in 0..20 {
            let client = scene.client();
            others.spawn(async move { one_call(&client, "b/m1").await });
        }
        plain += others.join_all().await.iter().filter(|call| call.is_answered()).count();
    }
    let mut let_go = Vec::new();
    for n in 0..calls {
        let mut stream = scene.client().stream("m1").await?;
        let first = stream.read_content(1).await?.last().context("a first word")?.at;
        wait::holds("the loser to be let go", Duration::from_secs(5), || slow.aborts().len() > n).await?;
        let_go.push(slow.aborts()[n].at.saturating_duration_since(first));
        let story = stream.finish().await?;
        assert_eq!(story.end, End::Done);
    }
    assert_eq!(slow.request_count(), calls, "each was asked once");
    let slowest = let_go.iter().max().copied().unwrap_or_default();
    say(&format!(
        "hedge: {calls} losers, their upstream sees the end {:.1?} (p50), {slowest:.1?} (slowest) after the first content is at the client",
        quantile(let_go, 0.5)
    ));
    assert!(slowest <= limit(Duration::from_millis(50)), "{slowest:?}");
    let details = details(&scene, calls, plain).await?;
    assert_eq!(details.len(), calls);
    let mut aside = 0;
    for detail in details {
        let (call, trace) = (&detail.call, detail.trace.as_ref().context("a trace")?);
        assert_eq!((call.status, call.attempts, call.provider.as_deref()), (200, 2, Some("b")), "{call:?}");
        assert_eq!(call.usage.output, Some(12), "what was delivered, once: {call:?}");
        let loser = trace.attempts.iter().find(|attempt| attempt.candidate == "a/m1").context("the loser")?;
        assert_eq!(loser.failure, Some(FailureKind::Cancelled), "{loser:?}");
        let input = call.request_bytes.div_ceil(4);
        let took = loser.usage.context("what the loser took")?;
        assert_eq!((took.input_fresh, took.output), (Some(input), Some(0)), "it had begun with nothing");
        assert_eq!(loser.usage_source, Some(UsageSource::Estimated));
        let note = format!("a/m1 was cancelled and counts with about {input} tokens");
        assert!(trace.notes.iter().any(|n| n.contains(&note)), "{:?}", trace.notes);
        aside += input;
    }
    // Each answer says that it took 21; what its loser took is the app's too.
    let counted = used(&scene, "tokens_per_day").await?;
    assert_eq!(counted, 21 * (calls + plain) as u64 + aside);
    // Its place is free, and nothing was held against it.
    slow.on("m1", Script::answer("from a"));
    assert_eq!(scene.client().chat("m1").await?.content(), "from a");
    Ok(())
}

/// A stream whose first token comes after so long.
fn after(wait: Duration) -> Script {
    let chunk = |content, reason| Step::Chunk(event(&delta(content, reason)));
    let words = [chunk(json!({"content": "word"}), None), chunk(json!({}), Some("stop"))];
    let end = [Step::Chunk(done()), Step::End];
    Script::just([stream_head(), Step::Wait(wait)].into_iter().chain(words).chain(end))
}

/// 20 calls of which so many are late, and then one that is not answered: when is another candidate asked?
async fn patience(usual: Duration, late: (usize, Duration)) -> Result<Duration> {
    let scene = two("hedge = true").await?;
    let (slow, fast) = (scene.upstream("a")?, scene.upstream("b")?);
    let times = (0..20).map(|n| if n < late.0 { late.1 } else { usual });
    times.for_each(|time| slow.once("m1", after(time)));
    slow.on("m1", Script::just([Step::Hang]));
    let mut samples = JoinSet::new();
    for _ in 0..20 {
        let client = scene.client();
        samples.spawn(async move { client.stream("m1").await?.finish().await });
    }
    for story in samples.join_all().await {
        assert_eq!(story?.end, End::Done);
    }
    assert_eq!(fast.request_count(), 0, "too little was known of how long it takes");
    let reply = scene.client().chat("m1").await?;
    assert_eq!(reply.header("x-llm-link-provider"), Some("b"), "{}", reply.text());
    let asked = |of: &Upstream| of.requests().last().map(|request| request.at).context("a request");
    Ok(asked(fast)?.saturating_duration_since(asked(slow)?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_time_of_its_own_a_hedge_comes_after_what_nineteen_of_twenty_took() -> Result<()> {
    let ms = Duration::from_millis;
    for (usual, late, least, most) in [
        // One that is late is the twentieth: neither the longest counts nor the mean. Two are among the nineteen.
        (ms(300), (1, ms(2000)), ms(300), ms(1500)),
        (ms(150), (2, ms(700)), ms(700), ms(700) + limit(ms(250))),
        // Less than this is never waited.
        (ms(0), (0, ms(0)), ms(50), ms(50) + limit(ms(100))),
    ] {
        let waited = patience(usual, late).await?;
        say(&format!(
            "hedge: 20 first tokens of {usual:?}, but {late:?}: asked another one after {waited:.1?}"
        ));
        assert!((least - ms(5)..most).contains(&waited), "{waited:?} is not from {least:?} to {most:?}");
    }
    Ok(())
}
