//! What routers say the next one must know.

use super::rig::{Rig, eventually, exists, hit};
use crate::fleet::{Ask, Upward};
use nix::sys::signal::Signal;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// What is kept of what routers say, one word after the other, up to one that begins so.
async fn kept(rig: &mut Rig, last: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    while all.last().is_none_or(|word| !word.starts_with(last)) {
        let told = tokio::time::timeout(PATIENCE, rig.asked.recv()).await;
        match told.unwrap_or_else(|_| panic!("{last}: only {all:?}")) {
            Some(Upward::Memory { body }) => all.push(String::from_utf8_lossy(&body).into_owned()),
            Some(_) => {}
            None => panic!("{last}: only {all:?}"),
        }
    }
    all
}

#[tokio::test]
async fn only_the_router_in_service_says_what_the_next_one_must_know() {
    let mut rig = Rig::start_with(&["a"], "router-remembers").await;
    assert_eq!(kept(&mut rig, "1").await, ["1(ready)"]);
    let first = rig.status().await.router.pid.unwrap();
    rig.fleet.ask(Ask::Restart { target: "router".to_owned() }).await.unwrap();
    // The second one hears it again when it takes over. What it said before is not kept, nor what the first one says
    // when it leaves.
    let mut words = kept(&mut rig, "2(1(ready))").await;
    eventually("the end of the first", async || (!exists(first)).then_some(())).await;
    hit(rig.status().await.router.pid.unwrap(), Signal::SIGKILL);
    words.extend(kept(&mut rig, "3(2(").await);
    assert!(words.iter().all(|word| word.starts_with("2(") || word.starts_with("3(")), "{words:?}");
    assert!(words.iter().all(|word| !word.contains("leaves")), "{words:?}");
}
