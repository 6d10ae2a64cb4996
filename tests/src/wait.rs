//! Waiting for a condition: asked again and again until it holds or the deadline passes. Never a bare sleep.

use anyhow::{Result, bail};
use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// The first value that `probe` gives, within that time.
pub async fn until<T>(what: &str, within: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    let deadline = Instant::now() + within;
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(value) = probe().await {
            return Ok(value);
        }
        if Instant::now() >= deadline {
            bail!("waited {within:?} for {what}");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The condition holds within that time; says how long it took.
pub async fn holds(what: &str, within: Duration, mut condition: impl FnMut() -> bool) -> Result<Duration> {
    let begin = Instant::now();
    until(what, within, async || condition().then_some(())).await?;
    Ok(begin.elapsed())
}

/// The condition holds during all of that time.
pub async fn stays(what: &str, during: Duration, mut condition: impl FnMut() -> bool) -> Result<()> {
    let end = Instant::now() + during;
    while Instant::now() < end {
        if !condition() {
            bail!("{what} did not last");
        }
        tokio::time::sleep(LONGEST_PAUSE).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_condition_is_waited_for_and_a_late_one_is_an_error() -> Result<()> {
        let mut left = 3;
        let took = holds("three looks", Duration::from_secs(5), || {
            left -= 1;
            left == 0
        });
        assert!(took.await? < Duration::from_secs(5));
        let late = holds("never", Duration::from_millis(5), || false).await;
        assert_eq!(late.err().map(|e| e.to_string()).as_deref(), Some("waited 5ms for never"));
        assert!(stays("a short truth", Duration::from_millis(50), || false).await.is_err());
        Ok(())
    }
}
