//! Overload: when there is more to do than can be done, the excess is told so at once and what is taken is answered
//! in bounded time; when it is over, everybody is taken again. Prints a table.

use anyhow::{Context, Result};
use bytes::Bytes;
use protocol::control::record::CallFilter;
use protocol::model::FailureKind;
use serde_json::json;
use std::time::{Duration, Instant};
use tests::client::Client;
use tests::config::Provider;
use tests::crowd::{Call, Crowd, Outcome, quantile};
use tests::scene::{Cast, Scene};
use tests::stack::{count, limit, say};
use tests::{control, proc, wait};

/// Enough to have many times as much under way as can be done. Were all of it taken, each would wait for all others.
const CALLERS: usize = 1500;
/// The beginning is a burst, which is not turned away.
const BURST: Duration = Duration::from_secs(4);

/// The gateway has one processor of its own, as those who offer the load need the rest.
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
    over: Duration,
    /// Of the gateway, in cores.
    cpu: f64,
}

async fn offer(scene: &Scene, rate: f64) -> Result<Seen> {
    let client = &scene.client();
    let over = Duration::from_secs(count(5, 15) as u64);
    let mut crowd = Crowd::new();
    crowd.pace(client, (PATH, &conversation()), CALLERS, Duration::from_secs_f64(CALLERS as f64 / rate));
    tokio::time::sleep(BURST).await;
    let before = proc::tree_cpu(scene.pid());
    tokio::time::sleep(over).await;
    let cpu = (proc::tree_cpu(scene.pid()) - before).as_secs_f64() / over.as_secs_f64();
    let (calls, _) = crowd.finish().await;
    let first = calls.first().context("no call")?.began;
    let later: Vec<&Call> =
        calls.iter().filter(|c| (BURST..BURST + over).contains(&(c.began - first))).collect();
    let other = later.iter().find(|call| !call.is_answered() && !told(call));
    assert!(other.is_none(), "nothing else happens to a call: {other:?}");
    let times = |which: &dyn Fn(&Call) -> bool| -> Vec<Duration> {
        later.iter().filter(|c| which(c)).map(|c| c.took).collect()
    };
    let (taken, told) = (times(&Call::is_answered), times(&told));
    Ok(Seen { offered: later.len() as f64 / over.as_secs_f64(), taken, told, over, cpu })
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
    let scene =
        Cast::new()?.started_by(&ON_ONE_CORE).configure(|c, _| Ok(c.provider(Provider::demo("d"))))?;
    let mut scene = scene.start().await?;
    scene.stack().hush();
    let client = scene.client();
    let capacity = capacity(&client).await?;
    say(&format!("overload: {capacity:.0} calls a second can be done"));
    say("overload | load  | came/s | done/s | p50ms | p99ms | told/s | p99ms | cores |");
    let calm = offer(&scene, 0.7 * capacity).await?;
    calm.row(0.7);
    assert!(calm.told.is_empty(), "{} were turned away without need", calm.told.len());
    for load in [1.0, 2.0, 3.0] {
        let seen = offer(&scene, load * capacity).await?;
        seen.row(load);
        assert!(!seen.taken.is_empty());
        assert!(quantile(seen.taken, 0.99) < limit(Duration::from_secs(1)), "taken and late");
        assert!(quantile(seen.told, 0.99) < limit(Duration::from_secs(1)), "told late");
    }
    wait::until("calm", Duration::from_secs(20), async || {
        for _ in 0..20 {
            client.chat("d/demo").await.ok().filter(|reply| reply.status == 200)?;
        }
        Some(())
    })
    .await?;
    on_record(&scene).await
}

/// A call that was turned away has a row, a reason in its trace, and counts in the metrics.
async fn on_record(scene: &Scene) -> Result<()> {
    let filter = CallFilter { failure: Some(FailureKind::Unavailable), ..CallFilter::default() };
    let rows = control::calls(scene, &filter).await?;
    let row = rows.first().context("a call that was turned away is on record")?;
    assert_eq!((row.status, row.model.as_str(), row.attempts), (503, "d/demo", 0), "{row:?}");
    let asked = protocol::control::ControlRequest::Call { call: row.id.clone() };
    let protocol::control::ControlReply::Call(detail) = control::ask(scene, asked).await? else {
        anyhow::bail!("no detail of {}", row.id)
    };
    let trace = detail.trace.context("its trace")?;
    let words = format!("{trace:?}");
    assert!(words.contains("turned away") || words.contains("more to do"), "{words}");
    Ok(())
}
