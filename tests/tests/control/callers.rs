//! Callers that go on as long as they are let, and to whom nothing but an answer may happen.

use anyhow::{Result, ensure};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tests::client::Client;
use tokio::task::JoinSet;

pub(crate) struct Callers {
    over: Arc<AtomicBool>,
    running: JoinSet<Result<u32>>,
}

impl Callers {
    /// So many, each resting between two calls.
    pub(crate) fn start(client: &Client, many: usize, rest: Duration) -> Callers {
        let (over, mut running) = (Arc::<AtomicBool>::default(), JoinSet::new());
        for _ in 0..many {
            let (client, over) = (client.clone(), Arc::clone(&over));
            running.spawn(async move {
                let mut calls = 0_u32;
                while !over.load(Ordering::Relaxed) {
                    let status = client.chat("a/m1").await?.status;
                    ensure!(status == 200, "a call was answered {status}");
                    calls += 1;
                    tokio::time::sleep(rest).await;
                }
                Ok(calls)
            });
        }
        Callers { over, running }
    }

    /// Ends them. How many calls they made, none of which failed.
    pub(crate) async fn end(mut self) -> Result<u32> {
        self.over.store(true, Ordering::Relaxed);
        let mut calls = 0;
        while let Some(caller) = self.running.join_next().await {
            calls += caller??;
        }
        Ok(calls)
    }
}
