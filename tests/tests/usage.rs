//! The record of calls: each once, whatever is killed; with what was delivered; unknown as unknown.

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use protocol::control::meter::{MeterGroup, MeterQuery};
use protocol::control::record::{CallFilter, CallSummary, EventFilter, LogFilter, Page};
use protocol::control::{ControlReply, ControlRequest};
use protocol::model::{FailureKind, Usage, UsageSource};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tests::client::{Client, ask};
use tests::control;
use tests::scene::{Cast, Scene};
use tests::script::Script;
use tests::stack::{count, say, send};
use tests::stream::End;
use tests::wait;
use tokio::sync::watch;
use tokio::task::JoinSet;

const CLIENTS: usize = 6;
const CALL_ID: &str = "x-llm-link-call-id";
/// The longest a call may take to be on record.
const SOON: Duration = Duration::from_secs(20);

/// Calls of one client, one after the other, at the address of the moment; gives the ids of those it saw to the end.
async fn client(
    number: usize,
    address: watch::Receiver<SocketAddr>,
    stop: watch::Receiver<bool>,
) -> Vec<String> {
    let mut settled = Vec::new();
    let mut n = number;
    while !*stop.borrow() {
        n += 1;
        let client = Client::new(*address.borrow());
        let id = match n % 3 {
            0 => streamed(&client).await,
            _ => whole(&client).await,
        };
        match id {
            Some(id) => settled.push(id),
            // Nobody listens for a moment.
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
    settled
}

async fn whole(client: &Client) -> Option<String> {
    let reply = client.chat("m1").await.ok()?;
    reply.header(CALL_ID).map(str::to_owned)
}

async fn streamed(client: &Client) -> Option<String> {
    let stream = client.stream("m1").await.ok()?;
    let id = stream.headers.get(CALL_ID)?.to_str().ok()?.to_owned();
    let story = stream.finish().await.ok()?;
    matches!(story.end, End::Done | End::Error(_)).then_some(id)
}

/// Waits until all of these are on record; gives every row.
async fn recorded(scene: &Scene, ids: &HashSet<String>) -> Result<Vec<CallSummary>> {
    let deadline = Instant::now() + SOON;
    loop {
        let rows = control::calls(scene, &CallFilter::default()).await?;
        let missing = ids.iter().filter(|id| !rows.iter().any(|row| row.id == **id)).count();
        if missing == 0 {
            return Ok(rows);
        }
        if Instant::now() > deadline {
            bail!("{missing} of {} settled calls are not among {} rows", ids.len(), rows.len());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn counted(scene: &Scene) -> Result<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
    let (since_ms, until_ms, by) = (now - 3_600_000, now + 60_000, MeterGroup::Provider);
    let query = MeterQuery { since_ms, until_ms, slot_s: 0, by, app: None, provider: None, model: None };
    match control::ask(scene, ControlRequest::Meter { query }).await? {
        ControlReply::Meter(report) => Ok(report.total.calls),
        other => bail!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_settled_call_is_on_record_once_whatever_is_killed() -> Result<()> {
    let mut scene = Cast::new()?.provider("a").await?.start().await?;
    scene.upstream("a")?.on("m1", Script::paced(3, Duration::from_millis(2)));
    let (address, addresses) = watch::channel(scene.address());
    let (stop, stopped) = watch::channel(false);
    let mut clients = JoinSet::new();
    for n in 0..CLIENTS {
        clients.spawn(client(n, addresses.clone(), stopped.clone()));
    }
    let kills = count(20, 500);
    for n in 0..kills {
        // Not in step with anything of theirs.
        tokio::time::sleep(Duration::from_millis(60 + (n as u64 * 37) % 170)).await;
        if n % 4 == 3 {
            scene.stack().revive().await?;
            scene.ready().await?;
            address.send_replace(scene.address());
        } else {
            send(scene.router().await?, Signal::SIGKILL)?;
        }
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.send_replace(true);
    let mut settled = HashSet::new();
    while let Some(ids) = clients.join_next().await {
        settled.extend(ids?);
    }
    let rows = recorded(&scene, &settled).await?;
    let ids: HashSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let extra = rows.len() - settled.len();
    say(&format!("usage: {kills} kills, {} settled, {} rows, {extra} beyond", settled.len(), rows.len()));
    assert_eq!(ids.len(), rows.len(), "a call is on record twice");
    assert_eq!(counted(&scene).await?, rows.len() as u64, "sums and rows differ");
    // Rows without a settled call: recorded, and the kill came before its client saw the end.
    assert!(extra <= kills * CLIENTS, "{extra}");
    assert!(settled.len() > kills, "nothing was tested");
    for row in rows.iter().filter(|row| row.failure.is_none()) {
        assert_eq!((row.usage.input_fresh, row.usage.output), (Some(9), Some(12)), "{row:?}");
        assert_eq!(row.usage_source, Some(UsageSource::Reported));
    }
    let spools = scene.place().state().join("spool");
    let few = || std::fs::read_dir(&spools).is_ok_and(|left| left.count() <= 2);
    wait::holds("the spools of dead routers go", Duration::from_secs(20), few).await?;
    Ok(())
}

/// The row of the call that this does.
async fn row_of(scene: &Scene, known: &mut HashSet<String>) -> Result<CallSummary> {
    let row = wait::until("a row", SOON, async || {
        let rows = control::calls(scene, &CallFilter::default()).await.ok()?;
        rows.into_iter().find(|row| !known.contains(&row.id))
    });
    let row = row.await?;
    known.insert(row.id.clone());
    Ok(row)
}

#[tokio::test]
async fn a_row_says_what_was_delivered_and_nothing_that_is_not_known() -> Result<()> {
    let scene = Cast::new()?.provider("a").await?.start().await?;
    let upstream = scene.upstream("a")?;
    let (client, mut known) = (scene.client(), HashSet::new());

    assert_eq!(client.chat("m1").await?.status, 200);
    let row = row_of(&scene, &mut known).await?;
    assert_eq!((row.status, row.failure, row.attempts, row.stream), (200, None, 1, false));
    assert_eq!((row.provider.as_deref(), row.upstream_model.as_deref()), (Some("a"), Some("m1")));
    assert_eq!((row.usage.input_fresh, row.usage.output), (Some(9), Some(12)));
    assert_eq!(row.request_bytes, ask("m1").to_string().len() as u64);
    assert!(row.timings.upstream_us.is_some_and(|us| us <= row.timings.total_us), "{:?}", row.timings);

    assert_eq!(client.chat("nobody-has-it").await?.status, 404);
    let row = row_of(&scene, &mut known).await?;
    assert_eq!((row.status, row.failure), (404, Some(FailureKind::ModelNotFound)));
    assert_eq!((row.provider, row.attempts, row.timings.upstream_us), (None, 0, None));

    let wrong = r#"{"error":{"message":"no","type":"invalid_request_error","param":null,"code":null}}"#;
    upstream.once("m1", Script::status(400, "application/json", wrong));
    assert_eq!(client.chat("m1").await?.status, 400);
    let row = row_of(&scene, &mut known).await?;
    assert_eq!((row.status, row.failure), (400, Some(FailureKind::InvalidRequest)));
    assert_eq!((row.usage, row.usage_source), (Usage::default(), None));

    upstream.on("m1", Script::paced(400, Duration::from_millis(20)));
    let mut stream = client.stream("m1").await?;
    stream.next().await.context("an event")?;
    let id = stream.headers[CALL_ID].to_str()?.to_owned();
    drop(stream);
    let row = row_of(&scene, &mut known).await?;
    assert_eq!((row.id.as_str(), row.status, row.failure), (id.as_str(), 200, Some(FailureKind::Cancelled)));
    // Nobody said what it took: the request's size, and what was delivered.
    assert!(row.stream && row.usage_source == Some(UsageSource::Estimated), "{row:?}");
    assert_eq!(row.usage.input_fresh, Some(row.request_bytes.div_ceil(4)), "{row:?}");
    assert!(row.usage.output.is_some_and(|tokens| (1..=20).contains(&tokens)), "{row:?}");

    upstream.on("m1", Script::broken_stream(3, [tests::script::Step::Reset]));
    let story = client.stream("m1").await?.finish().await?;
    assert!(matches!(story.end, End::Error(_)), "{:?}", story.end);
    let row = row_of(&scene, &mut known).await?;
    assert_eq!((row.status, row.failure), (200, Some(FailureKind::Interrupted)));

    let ControlReply::Call(detail) = control::ask(&scene, ControlRequest::Call { call: row.id }).await?
    else {
        bail!("no call");
    };
    let trace = detail.trace.context("its trace")?;
    assert_eq!((trace.candidates, trace.attempts.len()), (vec!["a/m1".to_owned()], 1));
    assert!(trace.committed_us.is_some());
    let failed = CallFilter { failed: Some(true), ..CallFilter::default() };
    assert_eq!(control::calls(&scene, &failed).await?.len(), 4);
    let served = CallFilter { failed: Some(false), ..CallFilter::default() };
    assert_eq!(control::calls(&scene, &served).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn what_happens_to_processes_and_who_did_it_is_kept() -> Result<()> {
    let mut scene = Cast::new()?.provider("a").await?.start().await?;
    let of_a = EventFilter { subject: Some("a".to_owned()), ..EventFilter::default() };
    let has = async |scene: &Scene, kind: &str| {
        wait::until(kind, SOON, async || {
            let events = control::events(scene, of_a.clone()).await.ok()?;
            events.into_iter().rev().find(|event| event.kind == kind)
        })
        .await
    };
    has(&scene, "worker.ready").await?;
    send(scene.worker("a").await?, Signal::SIGKILL)?;
    let exited = has(&scene, "worker.exited").await?;
    assert!(exited.message.contains("SIGKILL") && exited.severity == "warning", "{exited:?}");
    let provider = "a".to_owned();
    let drained = control::ask(&scene, ControlRequest::Drain { provider, within_ms: Some(100) }).await?;
    assert!(matches!(drained, ControlReply::Done(_)), "{drained:?}");
    let drain = has(&scene, "operator.drain").await?;
    assert_eq!(drain.actor, Some(format!("uid {}", nix::unistd::geteuid())));
    has(&scene, "worker.stopped").await?;
    // A follower gets what comes after, and waits for it.
    let page = Page { after: Some(drain.id.to_string()), wait_ms: 20_000, ..Page::default() };
    let filter = EventFilter { kind: Some("operator.resume".to_owned()), ..EventFilter::default() };
    let following = control::ask(&scene, ControlRequest::Events { filter, page });
    let resuming = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        control::ask(&scene, ControlRequest::Resume { provider: "a".to_owned() }).await
    };
    let (followed, _) = tokio::join!(following, resuming);
    let ControlReply::Events(followed) = followed? else { bail!("no events") };
    assert_eq!(followed.len(), 1);
    // They outlive the supervisor.
    scene.stack().revive().await?;
    has(&scene, "operator.drain").await?;
    Ok(())
}

#[tokio::test]
async fn log_lines_of_all_processes_can_be_read_and_followed() -> Result<()> {
    let scene = Cast::new()?.provider("a").await?.start().await?;
    let read = async |filter: LogFilter, page: Page| match control::ask(
        &scene,
        ControlRequest::Logs { filter, page },
    )
    .await?
    {
        ControlReply::Logs(lines) => Ok(lines),
        other => bail!("{other:?}"),
    };
    let ready = LogFilter { text: Some("READY".to_owned()), ..LogFilter::default() };
    let lines = read(ready, Page::default()).await?;
    assert!(lines.iter().any(|line| line.process == "supervisor" && line.level == "info"), "{lines:?}");
    let newest = read(LogFilter::default(), Page { limit: 1, ..Page::default() }).await?;
    let after = newest.first().context("a line")?.seq.to_string();
    let page = Page { after: Some(after), wait_ms: 20_000, ..Page::default() };
    let killing = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        send(scene.worker("a").await?, Signal::SIGKILL)
    };
    let died =
        LogFilter { level: Some("warn".to_owned()), text: Some("died".to_owned()), ..LogFilter::default() };
    let (lines, killed) = tokio::join!(read(died, page), killing);
    killed?;
    let lines = lines?;
    assert!(lines.iter().any(|line| line.text.contains("died")), "{lines:?}");
    Ok(())
}
