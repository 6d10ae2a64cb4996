//! Each toxic does what it says.

use super::*;
use crate::client::Client;
use crate::script::Script;
use crate::stream::End;
use crate::upstream::Upstream;
use anyhow::Context;
use std::time::Instant;

async fn setup() -> Result<(Upstream, Chaos, Client)> {
    let upstream = Upstream::start().await?;
    let chaos = Chaos::tcp(upstream.address()).await?;
    let client = Client::new(chaos.address().context("an address")?);
    Ok((upstream, chaos, client))
}

#[tokio::test]
async fn latency_slices_and_bandwidth_only_take_time() -> Result<()> {
    let (_upstream, chaos, client) = setup().await?;
    let fast = client.chat("m1").await?;
    for toxic in [
        Toxic::Latency(Duration::from_millis(60)),
        Toxic::Slicer { size: 7, pause: Duration::from_millis(1) },
        Toxic::Bandwidth(8000),
    ] {
        chaos.set(Some(toxic));
        let slow = client.chat("m1").await?;
        assert_eq!(slow.body, fast.body, "{toxic:?}");
        assert!(slow.took > Duration::from_millis(50), "{toxic:?} took {:?}", slow.took);
    }
    Ok(())
}

#[tokio::test]
async fn limits_and_resets_cut_a_stream() -> Result<()> {
    let (upstream, chaos, client) = setup().await?;
    upstream.on("m1", Script::paced(500, Duration::from_millis(2)));
    for toxic in [Toxic::LimitData(4000), Toxic::ResetPeer(Duration::from_millis(100))] {
        chaos.set(Some(toxic));
        assert_eq!(client.stream("m1").await?.finish().await?.end, End::Cut, "{toxic:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_timeout_passes_nothing_and_corruption_changes_bytes() -> Result<()> {
    let (_upstream, chaos, client) = setup().await?;
    chaos.set(Some(Toxic::Timeout(Duration::from_millis(80))));
    let begin = Instant::now();
    assert!(client.chat("m1").await.is_err());
    assert!(begin.elapsed() >= Duration::from_millis(75));
    let mut bytes = [0u8; 10];
    assert_eq!(
        harm(&mut bytes, Some(Toxic::Corrupt(4)), 3).await,
        Some(&[0, 255, 0, 0, 0, 255, 0, 0, 0, 255][..])
    );
    Ok(())
}

#[tokio::test]
async fn a_unix_socket_can_be_harmed_too() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (server, proxy) = (dir.path().join("server"), dir.path().join("proxy"));
    let listener = UnixListener::bind(&server)?;
    let chaos = Chaos::unix(&proxy, server).await?;
    assert_eq!(chaos.url(), format!("unix:{}", proxy.display()));
    let mut client = UnixStream::connect(&proxy).await?;
    let (mut peer, _) = listener.accept().await?;
    client.write_all(b"abc").await?;
    let mut got = [0u8; 3];
    peer.read_exact(&mut got).await?;
    assert_eq!(&got, b"abc");
    chaos.set(Some(Toxic::LimitData(2)));
    client.write_all(b"abc").await?;
    assert_eq!(peer.read(&mut got).await?, 0);
    Ok(())
}
