//! A second candidate for a call whose first one is late.

use crate::two;
use anyhow::{Context, Result, bail};
use protocol::control::record::{CallDetail, CallFilter};
use protocol::control::{ControlReply, ControlRequest};
use protocol::model::FailureKind;
use std::time::Duration;
use tests::control;
use tests::crowd::{one_call, quantile};
use tests::scene::Scene;
use tests::script::{Script, Step};
use tests::stack::{count, limit, say};
use tests::stream::End;
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
    let scene = two("hedge = { after = \"100ms\" }").await?;
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
    for detail in details {
        let (call, trace) = (&detail.call, detail.trace.as_ref().context("a trace")?);
        assert_eq!((call.status, call.attempts, call.provider.as_deref()), (200, 2, Some("b")), "{call:?}");
        assert_eq!(call.usage.output, Some(12), "what was delivered, once: {call:?}");
        let loser = trace.attempts.iter().find(|attempt| attempt.candidate == "a/m1").context("the loser")?;
        assert_eq!(loser.failure, Some(FailureKind::Cancelled), "{loser:?}");
        assert!(trace.notes.iter().any(|note| note.contains("a/m1 was cancelled")), "{:?}", trace.notes);
    }
    // Its place is free, and nothing was held against it.
    slow.on("m1", Script::answer("from a"));
    assert_eq!(scene.client().chat("m1").await?.content(), "from a");
    Ok(())
}
