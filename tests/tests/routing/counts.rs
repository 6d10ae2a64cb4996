//! What is counted against limits, across the ends of routers: killed, or replaced while they serve.

use crate::{another_router, at_once, remembered, shares, two};
use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use protocol::control::record::{CallFilter, CallSummary};
use protocol::control::{ControlReply, ControlRequest};
use protocol::ipc::notice::Memory;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tests::client::Reply;
use tests::control;
use tests::crowd::Crowd;
use tests::scene::{Cast, Scene};
use tests::script::{Script, Step};
use tests::stack::{count, limit, say, send};
use tests::stream::Stream;
use tests::wait;

/// How a router ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Killed,
    Replaced,
}

/// Ends the router in service and waits until another one serves.
pub(crate) async fn end_router(scene: &Scene, how: End) -> Result<()> {
    let router = scene.router().await?;
    match how {
        End::Killed => send(router, Signal::SIGKILL)?,
        End::Replaced => replace(scene).await?,
    }
    another_router(scene, router).await
}

/// Another router takes over; the one in service finishes its calls.
async fn replace(scene: &Scene) -> Result<()> {
    let asked = ControlRequest::Restart { provider: "router".to_owned() };
    match control::ask(scene, asked).await? {
        ControlReply::Refused(refusal) => bail!("not replaced: {}", refusal.message),
        _ => Ok(()),
    }
}

/// How much of a limit of the default app is used, by the router that runs.
pub(crate) async fn used(scene: &Scene, limit: &str) -> Result<u64> {
    let asked = ControlRequest::App { app: "default".to_owned() };
    let ControlReply::App(app) = control::ask(scene, asked).await? else { bail!("no app") };
    Ok(app.levels.iter().find(|level| level.limit == limit).context("a level")?.used)
}

/// Calls that are answered until one is refused, fewer than that, and the refusal.
async fn until_refused(scene: &Scene, fewer_than: usize) -> Result<(usize, Reply)> {
    for answered in 0..fewer_than {
        let reply = scene.client().chat("m1").await?;
        if reply.status != 200 {
            assert_eq!(reply.status, 429, "{}", reply.text());
            return Ok((answered, reply));
        }
    }
    bail!("the budget was forgotten: {fewer_than} calls were answered")
}

/// What is on record when nothing comes any more.
async fn all_rows(scene: &Scene) -> Result<Vec<CallSummary>> {
    let (mut rows, mut before) = (Vec::new(), usize::MAX);
    while rows.len() != before {
        before = rows.len();
        tokio::time::sleep(Duration::from_millis(700)).await;
        rows = control::calls(scene, &CallFilter::default()).await?;
    }
    Ok(rows)
}

/// Provider `a` whose model has a price, and the default app with these lines.
async fn priced(lines: &str) -> Result<Scene> {
    let text = r#"models = [{ id = "m1", prices = [{ currency = "USD", input = 1000, output = 2000 }] }]"#;
    let models = toml::from_str::<toml::Table>(text)?.remove("models").context("models")?;
    let cast = Cast::new()?.provider_with("a", |p| p.set("models", models)).await?;
    let scene = cast.configure(|config, _| config.default_app(lines))?.start().await?;
    scene.upstream("a")?.on("m1", Script::answer("from a"));
    Ok(scene)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routers_that_end_under_load_lose_nothing_of_a_budget() -> Result<()> {
    let lines = "budgets = { daily_tokens = 100000000, daily_cost = \"1000000 USD\", monthly_cost = \"9000000 USD\" }";
    let mut scene = priced(lines).await?;
    scene.stack().hush();
    let ends = count(4, 20);
    let mut crowd = Crowd::new();
    crowd.call(&scene.client(), "m1", 8);
    crowd.read(&scene.client(), "m1", 4);
    for n in 0..ends {
        // Any moment between two words to the supervisor.
        tokio::time::sleep(Duration::from_millis(730)).await;
        end_router(&scene, if n % 2 == 0 { End::Killed } else { End::Replaced }).await?;
    }
    let (calls, stories) = crowd.finish().await;
    let rows = all_rows(&scene).await?;
    let tokens = |row: &CallSummary| row.usage.input_total().unwrap_or(0) + row.usage.output.unwrap_or(0);
    let recorded: u64 = rows.iter().map(tokens).sum();
    let paid: u64 = rows.iter().filter_map(|row| u64::try_from(row.cost_nano?).ok()).sum();
    let counted = used(&scene, "tokens_per_day").await?;
    let (day, month) = (used(&scene, "cost_per_day_nano").await?, used(&scene, "cost_per_month_nano").await?);
    say(&format!(
        "budget: {ends} routers ended, {} calls and streams, {} rows, {recorded} tokens and {paid} nano-USD on record, \
         {counted} tokens and {day} nano-USD counted for the day, {month} for the month",
        calls.len() + stories.len(),
        rows.len()
    ));
    assert!(rows.len() > ends * 20, "nothing was tested");
    assert_eq!(counted, recorded);
    assert_eq!((day, month), (paid, paid));
    Ok(())
}

#[tokio::test]
async fn rates_go_on_where_they_were() -> Result<()> {
    for how in [End::Killed, End::Replaced] {
        let scene = priced("limits = { requests_per_minute = 60, tokens_per_minute = 6000 }").await?;
        let began = Instant::now();
        let calls = at_once(&scene, 40).await;
        // Each is estimated at some 300 tokens before it uses 21: not all of them fit at once.
        let served = calls.iter().filter(|call| call.is_answered()).count() as u64;
        assert!((15..=40).contains(&served), "{served}");
        let before = (used(&scene, "requests_per_minute").await?, used(&scene, "tokens_per_minute").await?);
        end_router(&scene, how).await?;
        let after = (used(&scene, "requests_per_minute").await?, used(&scene, "tokens_per_minute").await?);
        let passed = began.elapsed().as_secs() + 1;
        say(&format!("{how:?}: {before:?} used before, {after:?} after, {passed} s from the first call on"));
        // What is found on the spool counts as if it were new: never less, and never more than there was.
        assert!(after.0 + passed >= served && after.0 <= served, "{how:?}: {before:?} {after:?}");
        assert!(
            after.1 + 100 * passed >= 21 * served && after.1 <= 21 * served,
            "{how:?}: {before:?} {after:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_key_has_bounds_of_its_own_within_those_of_its_app() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?;
    let cast = cast.configure(|config, place| {
        let (narrow, wide) = (place.key("narrow", "sk-narrow")?, place.key("wide", "sk-wide")?);
        let lines = format!(
            "limits = {{ requests_per_minute = 6 }}\nkeys = [{{ file = {narrow:?}, label = \"narrow\", limits = {{ \
             requests_per_minute = 2 }} }}, {{ file = {wide:?}, label = \"wide\" }}]"
        );
        config.app_with("team", &lines)
    })?;
    let scene = cast.start().await?;
    let (narrow, wide) = (scene.client().with_key("sk-narrow"), scene.client().with_key("sk-wide"));
    let turns = async |client: &tests::client::Client, calls: usize| -> Result<Vec<u16>> {
        let mut statuses = Vec::new();
        for _ in 0..calls {
            statuses.push(client.chat("m1").await?.status);
        }
        Ok(statuses)
    };
    assert_eq!(turns(&narrow, 3).await?, [200, 200, 429]);
    let why = narrow.chat("m1").await?;
    assert!(
        why.text().contains("the key `team/narrow` has used its 2 requests per minute"),
        "{}",
        why.text()
    );
    // What the key used counts for its app too.
    assert_eq!(turns(&wide, 5).await?, [200, 200, 200, 200, 429]);
    let why = wide.chat("m1").await?;
    assert!(why.text().contains("the app `team` has used its 6 requests per minute"), "{}", why.text());
    Ok(())
}

#[tokio::test]
async fn the_rate_of_a_provider_goes_on_where_it_was() -> Result<()> {
    for how in [End::Killed, End::Replaced] {
        let rates: toml::Table = toml::from_str("requests_per_minute = 30")?;
        let cast = Cast::new()?.provider_with("a", |p| p.set("rates", rates).fallback(&["b"])).await?;
        let scene = cast.provider_with("b", |p| p.priority(10)).await?.start().await?;
        let began = Instant::now();
        let began_ms = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
        assert_eq!(shares(&scene, 20).await?.get("a"), Some(&20));
        // Each call takes two seconds to be forgotten: the last of them is in memory.
        let last = began_ms + 39_000;
        let full = |memory: &Memory| memory.rates.iter().any(|r| r.of == "provider:a" && r.empty_ms > last);
        remembered(&scene, "the rate of twenty calls in memory", full).await?;
        end_router(&scene, how).await?;
        let more = shares(&scene, 30).await?.get("a").copied().unwrap_or(0);
        let given = began.elapsed().as_secs() as usize / 2 + 1;
        say(&format!("{how:?}: {more} more of 30 a minute after 20, {:?} after the first", began.elapsed()));
        assert!((8..=10 + given).contains(&more), "{how:?}: {more}, {given}");
    }
    Ok(())
}

#[tokio::test]
async fn places_of_calls_that_died_with_their_router_are_free() -> Result<()> {
    let scene =
        two("limits = { concurrent = 2, queue = 1, wait = \"100ms\", requests_per_minute = 600 }").await?;
    let upstream = scene.upstream("a")?;
    upstream.on("m1", Script::broken_stream(1, [Step::Hang]));
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut stream = scene.client().stream("m1").await?;
        stream.read_content(1).await?;
        streams.push(stream);
    }
    let over = scene.client().chat("m1").await?;
    assert_eq!(over.status, 429, "{}", over.text());
    end_router(&scene, End::Killed).await?;
    upstream.on("m1", Script::answer("from a"));
    let calls = at_once(&scene, 2).await;
    assert!(calls.iter().all(tests::crowd::Call::is_answered), "{calls:?}");
    drop(streams);
    wait::holds("the end of the old calls", Duration::from_secs(10), || upstream.busy() == 0).await?;
    Ok(())
}

#[tokio::test]
async fn a_budget_is_settled_by_what_was_used_and_outlives_the_router() -> Result<()> {
    for how in [End::Killed, End::Replaced] {
        // Each call is estimated at some 300 tokens and uses 21.
        let scene = two("budgets = { daily_tokens = 1000 }").await?;
        for _ in 0..20 {
            assert_eq!(scene.client().chat("m1").await?.status, 200, "20 × 21 and one estimate fit");
        }
        end_router(&scene, how).await?;
        let (more, refused) = until_refused(&scene, 40).await?;
        assert!(refused.text().contains("budget of 1000 tokens a day"), "{}", refused.text());
        assert!(more <= 20, "{more} more: 420 were used before");
    }
    Ok(())
}

#[tokio::test]
async fn a_budget_of_money_is_kept_and_outlives_the_router() -> Result<()> {
    for how in [End::Killed, End::Replaced] {
        // Each call is estimated at some 0.55 USD and costs 0.033.
        let scene = priced("budgets = { daily_cost = \"1 USD\" }").await?;
        for _ in 0..10 {
            assert_eq!(scene.client().chat("m1").await?.status, 200);
        }
        let before = used(&scene, "cost_per_day_nano").await?;
        assert_eq!(before, 330_000_000);
        end_router(&scene, how).await?;
        assert_eq!(used(&scene, "cost_per_day_nano").await?, before, "{how:?}");
        let (_, refused) = until_refused(&scene, 20).await?;
        assert!(refused.text().contains("budget of 1.00 USD a day"), "{}", refused.text());
        assert!(refused.header("retry-after").is_some());
    }
    Ok(())
}

/// So many streams that have begun, one after the other.
async fn begin(scene: &Scene, count: usize) -> Result<Vec<Stream>> {
    let mut begun = Vec::new();
    for _ in 0..count {
        let mut stream = scene.client().stream("m1").await?;
        stream.read_content(1).await?;
        begun.push(stream);
    }
    Ok(begun)
}

/// A second router is in service, and the first one finishes its calls.
async fn succeed(scene: &Scene) -> Result<i32> {
    replace(scene).await?;
    wait::until("the successor in service", Duration::from_secs(20), async || {
        scene.log().iter().any(|line| line.contains("takes over from")).then_some(())
    })
    .await?;
    scene.router().await
}

/// How long the router in service may take to hear what the other one gives back.
const HEARD: Duration = Duration::from_millis(100);

#[tokio::test]
async fn calls_at_once_are_counted_together_while_a_router_leaves() -> Result<()> {
    let lines = "limits = { concurrent = 4, queue = 0 }";
    let cast = Cast::new()?.provider("a").await?;
    let scene = cast.configure(|config, _| config.default_app(lines))?.start().await?;
    let upstream = scene.upstream("a")?;
    upstream.on("m1", Script::broken_stream(1, [Step::Hang]));
    let mut old = begin(&scene, 3).await?;
    let router = scene.router().await?;
    let successor = succeed(&scene).await?;
    assert_ne!(successor, router);
    // The old one finishes three streams; the new one has the fourth place and no other.
    let fourth = begin(&scene, 1).await?;
    for _ in 0..2 {
        let over = scene.client().chat("m1").await?;
        assert_eq!(over.status, 429, "{}", over.text());
        assert!(over.text().contains("4 calls at once"), "{}", over.text());
    }
    assert_eq!(used(&scene, "concurrent").await?, 4);
    upstream.on("m1", Script::answer("from a"));
    let mut slowest = Duration::ZERO;
    for _ in 0..3 {
        drop(old.pop());
        let began = Instant::now();
        let reply = wait::until("the place of an ended stream", Duration::from_secs(5), async || {
            scene.client().chat("m1").await.ok().filter(|reply| reply.status == 200)
        })
        .await?;
        assert_eq!(reply.content(), "from a");
        slowest = slowest.max(began.elapsed());
    }
    say(&format!(
        "concurrent: a place that the leaving router gives back is taken after {slowest:.1?} (slowest of 3)"
    ));
    assert!(slowest <= limit(HEARD), "{slowest:?}");
    drop(fourth);
    another_router(&scene, router).await?;
    // Alone again, the new one has all of them.
    let calls = at_once(&scene, 4).await;
    assert!(calls.iter().all(tests::crowd::Call::is_answered), "{calls:?}");
    Ok(())
}

/// A call is turned away, soon: one that comes before the router knows what others hold is taken, and ends with its client.
async fn turned_away(scene: &Scene) -> Result<()> {
    let turned_away = async || {
        let asked = scene.client();
        let reply = tokio::time::timeout(Duration::from_millis(500), asked.chat("m1")).await.ok()?;
        reply.ok().filter(|reply| reply.status == 429)
    };
    wait::until("a call that is turned away", Duration::from_secs(10), turned_away).await?;
    Ok(())
}

#[tokio::test]
async fn places_of_a_router_that_dies_beside_another_one_are_free() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?;
    let lines = "limits = { concurrent = 2, queue = 0 }";
    let scene = cast.configure(|config, _| config.default_app(lines))?.start().await?;
    let upstream = scene.upstream("a")?;
    upstream.on("m1", Script::broken_stream(1, [Step::Hang]));
    let old = begin(&scene, 2).await?;
    let router = scene.router().await?;
    let successor = succeed(&scene).await?;
    turned_away(&scene).await?;
    // The one in service dies, too: the next one knows of the one that leaves.
    send(successor, Signal::SIGKILL)?;
    wait::until("a third router", Duration::from_secs(20), async || {
        scene.router().await.ok().filter(|pid| *pid != router && *pid != successor)
    })
    .await?;
    scene.ready().await?;
    turned_away(&scene).await?;
    send(router, Signal::SIGKILL)?;
    upstream.on("m1", Script::answer("from a"));
    wait::until("the places of the dead", Duration::from_secs(5), async || {
        scene.client().chat("m1").await.ok().filter(|reply| reply.status == 200)
    })
    .await?;
    drop(old);
    Ok(())
}
