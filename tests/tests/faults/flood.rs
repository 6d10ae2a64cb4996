//! F30: a worker that floods its error output.

use anyhow::Result;
use std::time::{Duration, Instant};
use tests::config::Provider;
use tests::crowd::{Call, Crowd, quantile};
use tests::proc;
use tests::scene::Cast;
use tests::stack::{count, full_counts, limit, say};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f30_a_flood_of_log_lines_drowns_nobody() -> Result<()> {
    let cast = Cast::new()?.provider("a").await?;
    let cast = cast.configure(|c, _| Ok(c.provider(Provider::demo("d").timeout("first_token", "60s"))))?;
    let mut scene = cast.start().await?;
    scene.stack().hush();
    let (worker, megabytes) = (scene.worker("d").await?, count(20, 100));
    let lines = scene.log().len();
    let cpu = proc::stat(scene.pid()).map(|s| s.cpu).unwrap_or_default();
    let mut crowd = Crowd::new();
    crowd.call(&scene.client(), "a/m1", 2);
    let begin = Instant::now();
    let reply = scene.client().chat(&format!("d/demo-flood={megabytes}")).await?;
    tokio::time::sleep(Duration::from_secs(3).saturating_sub(begin.elapsed())).await;
    let wall = begin.elapsed();
    let share =
        (proc::stat(scene.pid()).map(|s| s.cpu).unwrap_or_default() - cpu).as_secs_f64() / wall.as_secs_f64();
    let (calls, _) = crowd.finish().await;
    let p99 = quantile(calls.iter().map(|c| c.took).collect(), 0.99);
    let kept: usize = scene.log()[lines..].iter().map(String::len).sum();
    say(&format!(
        "F30: {megabytes} MB: supervisor {:.0} % CPU over {wall:?}, {kept} bytes of log kept, sibling p99 {p99:?}",
        share * 100.0
    ));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(scene.worker("d").await?, worker, "pings went through: the worker was not replaced");
    assert_eq!(scene.provider_status("d")?["state"], "ready");
    assert!(calls.iter().all(Call::is_answered));
    assert!(p99 < limit(Duration::from_millis(100)), "{p99:?}");
    // A debug build costs several times as much, and is asked only not to drown.
    let most = if full_counts() { 0.2 } else { 0.8 };
    assert!(share < most, "{:.0} % CPU", share * 100.0);
    assert!(kept < 8 << 20, "{kept} bytes of log");
    assert!(
        scene.log()[lines..].iter().any(|l| l.contains("drop") || l.contains("suppress")),
        "what was left out is counted"
    );
    Ok(())
}
