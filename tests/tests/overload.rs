//! Overload: when there is more to do than can be done, the excess is told so at once and what is taken is answered
//! in bounded time; when it is over, everybody is taken again. Prints a table.

use anyhow::{Context, Result};
use bytes::Bytes;
use protocol::control::record::{CallFilter, EventFilter};
use protocol::control::{ControlReply, ControlRequest};
use protocol::model::FailureKind;
use serde_json::json;
use std::time::{Duration, Instant};
use tests::client::Client;
use tests::config::Provider;
use tests::crowd::{Call, Crowd, Outcome, quantile};
use tests::scene::{Cast, Scene};
use tests::stack::{count, full_counts, limit, say};
use tests::{control, proc, wait};

/// Enough to have many times as much under way as can be done. Were all of it taken, each would wait for all others.
const CALLERS: usize = 1500;
/// The beginning is a burst, which is not turned away, and what came in it is still answered.
const BEGINNING: Duration = Duration::from_secs(6);

/// The gateway has one processor, as those who offer the load need the rest.
const ON_ONE_CORE: [&str; 3] = ["taskset", "-c", "0"];
const PATH: &str = "/v1/messages";

/// A conversation that is to be translated: most of its work is the gateway's.
fn conversation() -> Bytes {
    let turn = |n: usize| {
        let role = if n.is_multiple_of(2) { "user" } else { "assistant" };
        json!({"role": role, "content": [{"type": "text", "text": "all work and no play ".repeat(6)}]})
    };
    let messages: Vec<_> = (0..201).map(turn).collect();
    json!({"model": "d/demo", "max_tokens": 64, "messages": messages}).to_string().into()
}

/// Calls a second that can be done.
async fn capacity(client: &Client) -> Result<f64> {
    let mut crowd = Crowd::new();
    crowd.pace(client, (PATH, &conversation()), 16, Duration::from_millis(1));
    let began = Instant::now();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (calls, _) = crowd.finish().await;
    assert!(calls.iter().all(Call::is_answered), "nobody is turned away when all are served");
    Ok(calls.len() as f64 / began.elapsed().as_secs_f64())
}

fn told(call: &Call) -> bool {
    matches!(&call.outcome, Outcome::Refused { status: 503, retry_after: true, text } if text.contains("more to do"))
}

/// What a load of so many times the capacity saw after its beginning.
struct Seen {
    offered: f64,
    taken: Vec<Duration>,
    told: Vec<Duration>,
    /// All that were told so, the beginning included.
    away: usize,
    over: Duration,
    /// Of the gateway, in cores.
    cpu: f64,
}

async fn offer(scene: &Scene, callers: usize, rate: f64) -> Result<Seen> {
    let client = &scene.client();
    let over = Duration::from_secs(count(5, 15) as u64);
    let mut crowd = Crowd::new();
    crowd.pace(client, (PATH, &conversation()), callers, Duration::from_secs_f64(callers as f64 / rate));
    tokio::time::sleep(BEGINNING).await;
    let before = proc::tree_cpu(scene.pid());
    tokio::time::sleep(over).await;
    let cpu = (proc::tree_cpu(scene.pid()) - before).as_secs_f64() / over.as_secs_f64();
    let (calls, _) = crowd.finish().await;
    let first = calls.first().context("no call")?.began;
    let in_time = |c: &&Call| (BEGINNING..BEGINNING + over).contains(&(c.began - first));
    let later: Vec<&Call> = calls.iter().filter(in_time).collect();
    let other = later.iter().find(|call| !call.is_answered() && !told(call));
    assert!(other.is_none(), "nothing else happens to a call: {other:?}");
    let times = |which: &dyn Fn(&Call) -> bool| -> Vec<Duration> {
        later.iter().filter(|c| which(c)).map(|c| c.took).collect()
    };
    let away = calls.iter().filter(|call| told(call)).count();
    let (taken, told) = (times(&Call::is_answered), times(&told));
    Ok(Seen { offered: later.len() as f64 / over.as_secs_f64(), taken, told, away, over, cpu })
}

impl Seen {
    fn row(&self, load: f64) {
        let each = |n: usize| n as f64 / self.over.as_secs_f64();
        let at = |times: &[Duration], share| quantile(times.to_vec(), share).as_millis();
        say(&format!(
            "overload | {load:>3.1} x | {:>6.0} | {:>6.0} | {:>5} | {:>5} | {:>6.0} | {:>5} | {:.2} |",
            self.offered,
            each(self.taken.len()),
            at(&self.taken, 0.5),
            at(&self.taken, 0.99),
            each(self.told.len()),
            at(&self.told, 0.99),
            self.cpu,
        ));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_excess_is_told_and_what_is_taken_is_answered_in_bounded_time() -> Result<()> {
    let cast = Cast::new()?.started_by(&ON_ONE_CORE);
    let mut scene = cast.configure(|c, _| Ok(c.provider(Provider::demo("d"))))?.start().await?;
    scene.stack().hush();
    let client = scene.client();
    let capacity = capacity(&client).await?;
    let all = CALLERS as f64 / capacity;
    say(&format!("overload: {capacity:.0} calls a second can be done, {CALLERS} at once take {all:.1} s"));
    say("overload | load  | came/s | done/s | p50ms | p99ms | told/s | p99ms | cores |");
    let calm = offer(&scene, CALLERS / 20, 0.5 * capacity).await?;
    calm.row(0.5);
    assert!(calm.told.is_empty(), "{} were turned away without need", calm.told.len());
    let mut away = 0;
    let loads: &[f64] = if full_counts() { &[1.0, 2.0, 3.0, 5.0] } else { &[3.0] };
    for &load in loads {
        let seen = offer(&scene, CALLERS, load * capacity).await?;
        seen.row(load);
        away += seen.away;
        assert!(!seen.taken.is_empty(), "nobody is served");
        if load < 2.0 {
            continue;
        }
        assert!(!seen.told.is_empty(), "nobody was turned away, and {} were taken", seen.taken.len());
        let usual = quantile(seen.taken, 0.5);
        assert!(usual.as_secs_f64() < all / 3.0, "who is taken waits for everybody else: {usual:?}");
        let late = quantile(seen.told, 0.99);
        assert!(late < limit(Duration::from_secs(1)), "told late: {late:?}");
    }
    on_record(&scene, away).await?;
    away += everybody_is_taken_again(&client).await?;
    each_is_counted(&scene, away).await
}

/// How many were turned away until then.
async fn everybody_is_taken_again(client: &Client) -> Result<usize> {
    let mut away = 0;
    wait::until("calm", Duration::from_secs(20), async || {
        for _ in 0..20 {
            let reply = client.chat("d/demo").await.ok()?;
            away += usize::from(reply.status == 503);
            (reply.status == 200).then_some(())?;
        }
        Some(())
    })
    .await?;
    Ok(away)
}

async fn turned_away(scene: &Scene) -> Result<usize> {
    let metrics = scene.client().get("/metrics").await?.text();
    let counted = metrics.lines().find_map(|l| l.strip_prefix("llm_link_calls_turned_away_total "));
    Ok(counted.context("the counter")?.parse::<f64>()? as usize)
}

/// Whoever was told so counts once, with a row or without; and the event at the end of it says how many they were.
async fn each_is_counted(scene: &Scene, away: usize) -> Result<()> {
    assert_eq!(turned_away(scene).await?, away);
    let filter = || EventFilter { kind: Some("overload.ended".to_owned()), ..EventFilter::default() };
    let ended = wait::until("the end of it", Duration::from_secs(60), async || {
        let events = control::events(scene, filter()).await.ok()?;
        let began = EventFilter { kind: Some("overload.began".to_owned()), ..EventFilter::default() };
        let began = control::events(scene, began).await.ok()?;
        (!events.is_empty() && events.len() == began.len()).then_some(events)
    })
    .await?;
    say(&format!("overload: {away} calls were turned away; {ended:?}"));
    let said = ended.iter().filter_map(|event| event.detail["turned_away"].as_u64());
    // The spells of the router and of its worker overlap; the longer one has all of them.
    assert_eq!(said.max(), Some(away as u64));
    Ok(())
}

/// A call that was turned away has a row, a reason in its trace, and counts in the metrics; the operator is told.
async fn on_record(scene: &Scene, away: usize) -> Result<()> {
    let filter = CallFilter { failure: Some(FailureKind::Unavailable), ..CallFilter::default() };
    let rows = control::calls(scene, &filter).await?;
    let row = rows.first().context("a call that was turned away is on record")?;
    assert_eq!((row.status, row.model.as_str(), row.usage.is_empty()), (503, "d/demo", true), "{row:?}");
    let ControlReply::Call(detail) =
        control::ask(scene, ControlRequest::Call { call: row.id.clone() }).await?
    else {
        anyhow::bail!("no detail of {}", row.id)
    };
    let trace = format!("{:?}", detail.trace.context("its trace")?);
    assert!(trace.contains("turned away: LLM Link was "), "{trace}");
    assert_eq!(turned_away(scene).await?, away, "exactly, though few of them have a row");
    let events = control::events(scene, EventFilter::default()).await?;
    assert!(events.iter().any(|e| e.kind == "overload.began" && e.subject == "d"), "{events:?}");
    Ok(())
}
