//! Keys of providers: a refused one gives way to the next, rotation of the master key stops nothing, and nobody
//! but the worker ever sees one.

use super::{bare, create, text};
use anyhow::{Result, bail};
use protocol::control::{ControlReply, ControlRequest as R};
use std::time::Duration;
use tests::script::Script;
use tests::upstream::Upstream;
use tests::wait;

const CANARY: &str = "sk-canary-7f3a9b-0123456789";

#[tokio::test]
async fn a_refused_key_gives_way_to_the_next() -> Result<()> {
    let upstream = Upstream::start().await?;
    let (stack, control) = bare().await?;
    control.change(create("a", &upstream.url(), "sk-first-key")).await?;
    let second = R::AddProviderKey {
        provider: "a".to_owned(),
        label: "second".to_owned(),
        value: text("sk-second-key"),
    };
    control.change(second).await?;
    let refusal = r#"{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","code":"invalid_api_key"}}"#;
    upstream.on("m1", Script::status(401, "application/json", refusal));
    wait::until("the second key", Duration::from_secs(20), async || {
        stack.client().chat("a/m1").await.ok()?;
        let requests = upstream.requests();
        let last = requests.last()?.header("authorization")?.to_owned();
        (last == "Bearer sk-second-key").then_some(())
    })
    .await?;
    let ControlReply::Provider(view) = control.ask(R::Provider { provider: "a".to_owned() }).await? else {
        bail!("no provider")
    };
    assert_eq!(view.keys[0].state, "rejected");
    Ok(())
}

#[tokio::test]
async fn nobody_but_the_worker_sees_a_key_and_a_new_master_key_changes_nothing() -> Result<()> {
    let upstream = Upstream::start().await?;
    let (stack, control) = bare().await?;
    control.change(create("a", &upstream.url(), CANARY)).await?;
    let worker = stack.worker("a").await?;
    control.change(R::RotateMasterKey).await?;
    assert_eq!(stack.worker("a").await?, worker, "the worker goes on");
    assert_eq!(stack.client().chat("a/m1").await?.status, 200);
    let page = protocol::control::record::Page::default();
    for request in [
        R::Providers,
        R::Provider { provider: "a".to_owned() },
        R::Config,
        R::Export,
        R::Status,
        R::Audit { filter: Default::default(), page },
    ] {
        let said = serde_json::to_string(&control.ask(request).await?)?;
        assert!(!said.contains(CANARY), "{said}");
    }
    for entry in std::fs::read_dir(stack.place().state())? {
        let path = entry?.path();
        if path.is_file() {
            let content = std::fs::read(&path)?;
            let found = memchr::memmem::find(&content, CANARY.as_bytes()).is_some();
            assert!(!found, "{} holds the key", path.display());
        }
    }
    assert!(!stack.log().iter().any(|line| line.contains(CANARY)));
    let stack = stack.restart().await?;
    assert_eq!(stack.client().chat("a/m1").await?.status, 200, "the new master key opens it");
    Ok(())
}
